"""What a candidate can see of the host: libraries and the interpreter, and nothing that anybody owns."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

import discovery
from discovery.sandbox import Slot, open_sandbox
from discovery.sandbox.testing import KIT_LIMITS, kit_harness, run_program

PROJECT = Path(discovery.__file__).resolve().parents[1]
_SECRET = "planted-8c1f"


def test_files_of_the_host_do_not_exist(slot: Slot, tmp_path: Path) -> None:
    """Of a home that holds the interpreter, the way there is all that shows."""
    canary = tmp_path / "canary"
    canary.write_text(_SECRET)
    own = [PROJECT / name for name in ("pyproject.toml", "discovery", "sandbox", "runs", ".git")]
    folders = [Path.home(), *(Path(name) for name in ("/root", "/home", "/var", "/sys", "/run", "/boot", "/mnt"))]
    files = [canary, Path.home() / ".ssh", *own, *(Path("/etc", name) for name in ("passwd", "shadow", "hosts"))]
    prefixes = {Path(prefix).resolve() for prefix in (sys.prefix, sys.base_prefix)} | {Path(sys.prefix)}
    source = """
    import os
    def run():
        return {
            "stat": {path: attempt(os.stat, path) for path in payload["files"] + payload["folders"]},
            "within": {path: os.listdir(path) for path in payload["folders"] if os.path.isdir(path)},
        }
    """
    answer = run_program(slot, source, files=[*map(str, files), "/oldroot"], folders=[*map(str, folders)])
    assert answer.value is not None, answer
    shown = {
        str(folder): {prefix.relative_to(folder).parts[0] for prefix in prefixes if prefix.is_relative_to(folder)}
        for folder in folders
    }
    on_the_way = {name: parts for name, parts in shown.items() if parts}
    assert {name: set(entries) for name, entries in answer.value["within"].items()} == on_the_way
    absent = {path: result for path, result in answer.value["stat"].items() if path not in on_the_way}
    assert set(absent.values()) == {"ENOENT"}, answer


def test_the_owners_environment_is_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED_KEY", _SECRET)
    source = """
    import glob, os
    def run():
        found = [name for name, value in os.environ.items() if payload["secret"] in value]
        readable = 0
        for path in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline"):
            try: content = open(path, "rb").read()
            except OSError: continue
            readable += 1
            if payload["secret"].encode() in content: found.append(path)
        return {"found": found, "readable": readable, "names": sorted(os.environ)}
    """
    with open_sandbox("bubblewrap").open(kit_harness(), KIT_LIMITS) as slot:
        answer = run_program(slot, source, secret=_SECRET)
    assert answer.value["found"] == []
    assert answer.value["readable"] >= 1
    assert "PLANTED_KEY" not in answer.value["names"]


def test_the_environment_of_the_first_process_is_empty_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen from outside, where it can be read: what bubblewrap was started with, too."""
    monkeypatch.setenv("PLANTED_KEY", _SECRET)
    read = 0
    with open_sandbox("bubblewrap").open(kit_harness(), KIT_LIMITS):
        for process in psutil.Process().children(recursive=True):
            try:
                content = Path(f"/proc/{process.pid}/environ").read_bytes()
            except (PermissionError, FileNotFoundError, ProcessLookupError):
                continue
            read += 1
            assert _SECRET.encode() not in content, process
    assert read or os.geteuid() != 0, "root can read them, so none may be missing"


def test_the_user_inside_is_nobody_and_outside_not_root(slot: Slot, others: set[psutil.Process]) -> None:
    answer = run_program(
        slot, "import os\ndef run(): return {'ids': [*os.getresuid(), *os.getresgid()], 'groups': os.getgroups()}"
    )
    assert set(answer.value["ids"]) == {65534}
    assert set(answer.value["groups"]) <= {65534}
    family = set(psutil.Process().children(recursive=True)) - others
    assert len(family) == 2
    for process in family:
        assert 0 not in process.uids() and 0 not in process.gids()
        if os.geteuid() == 0:
            status = Path(f"/proc/{process.pid}/status").read_text()
            assert re.search(r"^Groups:\s*$", status, re.MULTILINE), "root's groups are given up as well"


def test_only_a_local_interface_exists(slot: Slot) -> None:
    answer = run_program(slot, "def run(): return {'n': [l.split(':')[0].strip() for l in open('/proc/net/dev')][2:]}")
    assert answer.value == {"n": ["lo"]}


_SCRIPT = """
import json, os, sys
from discovery.sandbox import Harness, Limits, open_sandbox
harness = Harness("family.inner.entry", ("family.tools",))
limits = Limits(memory_bytes=1 << 28, scratch_bytes=1 << 20)
with open_sandbox("bubblewrap").open(harness, limits) as slot:
    answer = slot.call({"paths": sys.argv[1:]})
    assert answer.status == "ok", answer
    print(json.dumps(answer.value))
"""

_ENTRY = """
import importlib, os, sys
from family.tools import double
from family.tools.deep import name
def seen(path):
    try: return sorted(os.listdir(path)) if os.path.isdir(path) else open(path).read()
    except OSError as error: return type(error).__name__
def loads(module):
    try: importlib.import_module(module)
    except ImportError: return False
    return True
def call(payload, arrays):
    return {
        "double": double(21), "deep": name, "prefix": sys.prefix, "uid": os.getuid(),
        "seen": {path: seen(path) for path in payload["paths"]},
        "loads": {m: loads(m) for m in ("discovery.sandbox", "family.private", "family.inner.other", "third_party")},
    }, {}
"""


def users() -> list[str]:
    """Ourselves; and, where root can become one that reaches the interpreter, an ordinary user."""
    parents = (Path(sys.base_prefix) / "lib").resolve().parents
    public = all(folder.stat().st_mode & 0o001 for folder in parents)
    return ["ourselves", "ordinary"] if os.geteuid() == 0 and public else ["ourselves"]


@pytest.fixture
def private_home(public_folder: Path) -> Path:
    """A home of mode 0700 with an environment in it, into which the packages are installed as a wheel would."""
    home = public_folder / "home"
    environment = home / "environment"
    home.mkdir(mode=0o700)
    (home / "secret").write_text(_SECRET)
    interpreter = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    subprocess.run([interpreter, "-m", "venv", "--without-pip", environment], check=True)
    packages = next(environment.glob("lib/python*/site-packages"))
    (packages / "discovery").mkdir()
    shutil.copy(PROJECT / "discovery" / "__init__.py", packages / "discovery")
    shutil.copytree(
        PROJECT / "sandbox", packages / "discovery" / "sandbox", ignore=shutil.ignore_patterns("__pycache__")
    )
    import pyseccomp

    shutil.copy(pyseccomp.__file__, packages)
    (packages / "third_party.py").write_text("")
    for path, text in {
        "family/__init__.py": "",
        "family/private.py": "",
        "family/inner/__init__.py": "",
        "family/inner/entry.py": _ENTRY,
        "family/inner/other.py": "",
        "family/inner/data.txt": _SECRET,
        "family/tools/__init__.py": "def double(x): return 2 * x",
        "family/tools/deep.py": "name = __name__",
    }.items():
        (packages / path).parent.mkdir(exist_ok=True)
        (packages / path).write_text(text)
    return home


@pytest.mark.parametrize("user", users())
def test_an_installation_below_a_private_home_works_and_stays_private(private_home: Path, user: str) -> None:
    packages = next(private_home.glob("environment/lib/python*/site-packages"))
    identity = {}
    if user == "ordinary":
        identity = {"user": 12345, "group": 12345, "extra_groups": []}
        for path in (private_home, *private_home.rglob("*")):
            os.chown(path, 12345, 12345, follow_symlinks=False)
    hidden = [packages / "discovery", packages / "family"]
    absent = [private_home / "secret", packages / "family" / "inner" / "data.txt"]
    done = subprocess.run(
        [private_home / "environment" / "bin" / "python", "-c", _SCRIPT, *map(str, (*hidden, *absent, private_home))],
        env={"PATH": os.environ["PATH"], "HOME": str(private_home)},
        cwd="/",
        capture_output=True,
        text=True,
        **identity,
    )
    assert done.returncode == 0, done.stderr
    value = json.loads(done.stdout)
    assert (value["double"], value["deep"], value["uid"]) == (42, "family.tools.deep", 65534)
    assert value["prefix"] == str(private_home / "environment")
    assert value["loads"] == {
        "discovery.sandbox": False,
        "family.private": False,
        "family.inner.other": False,
        "third_party": True,
    }
    assert [value["seen"][str(path)] for path in hidden] == [[], []]
    assert [value["seen"][str(path)] for path in absent] == ["FileNotFoundError"] * 2
    assert value["seen"][str(private_home)] == ["environment"]
