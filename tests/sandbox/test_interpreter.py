"""A sandbox starts by whatever path this interpreter was started: through `..`, links, names of any characters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

_SCRIPT = """
import json, sys
from discovery.sandbox import Harness, Limits, open_sandbox
with open_sandbox(sys.argv[1]).open(Harness("own_harness", ()), Limits()) as slot:
    answer = slot.call({})
print(json.dumps([sys.executable, answer.status, answer.message, dict(answer.value)]))
"""
_HARNESS = """
import sys
import own_package  # installed there and nowhere else
def call(payload, arrays):
    return {"prefix": sys.prefix}, {}
"""

#: How the environment's interpreter is named, relative to the folder `start`, and what of it Python keeps.
_WAYS = {
    "relative": ("../räume & wörter/umgebung/bin/python", "/../"),
    "linked environment": ("{folder}/link/bin/python", "/link/"),
    "linked environment, relative": ("../link/bin/python", "/../link/"),
    "environment of a linked interpreter": ("{folder}/by-alias/bin/python", "/by-alias/"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment in a folder with spaces and letters beyond ASCII, a link to it, and one that goes by a link."""
    folder = tmp_path_factory.mktemp("places")
    environment = folder / "räume & wörter" / "umgebung"
    by_alias = folder / "by-alias"
    (folder / "start").mkdir()
    (folder / "link").symlink_to(environment)
    (folder / "alias").symlink_to(sys.base_prefix)
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for base, target in ((Path(sys.base_prefix), environment), (folder / "alias", by_alias)):
        subprocess.run([base / "bin" / name, "-m", "venv", "--symlinks", "--without-pip", target], check=True)
        packages = next(target.glob("lib/python*/site-packages"))
        (packages / "own_package.py").write_text("")
        (packages / "own_harness.py").write_text(_HARNESS)
    return folder


@pytest.mark.parametrize("way", _WAYS)
@pytest.mark.parametrize("backend", ["bubblewrap", "docker", "inner", "unsafe"])
def test_a_sandbox_starts_by_any_path(request: pytest.FixtureRequest, folder: Path, backend: str, way: str) -> None:
    if backend == "docker":
        request.getfixturevalue("docker")
    path, kept = _WAYS[way]
    done = subprocess.run(
        [path.format(folder=folder), "-c", _SCRIPT, backend],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)},
        cwd=folder / "start",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    executable, status, message, value = json.loads(done.stdout)
    assert kept in executable, "the interpreter knows itself by the path it was started by"
    assert (status, message) == ("ok", "")
    environment = "by-alias" if "by-alias" in path else "räume & wörter/umgebung"
    assert value["prefix"] == str(folder / environment)
