from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from discovery.cli._leftovers import remove_leftovers
from discovery.sandbox import engine, open_sandbox
from discovery.sandbox.alone import FOLDER_PREFIX, scratch_parent


def doctor(*flags: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    nothing = {"PATH": path, "DOCKER_HOST": "unix:///nonexistent/docker.sock"}
    environment = os.environ | ({} if path is None else nothing)
    command = [sys.executable, "-m", "discovery", "doctor", *flags]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_it_reports_this_machine() -> None:
    done = doctor("--json")
    report = json.loads(done.stdout)
    assert done.returncode == 0 and report["schema"] == "discovery.doctor/1" and report["ok"]
    assert report["machine"]["cores"] >= 1 and report["machine"]["memory_bytes"] > 1 << 28
    assert report["default"] == "bubblewrap" and report["kernel"]["bwrap"]
    assert report["backends"]["bubblewrap"]["capabilities"]["fs_isolated"]["level"] == "enforced"
    assert report["backends"]["inner"]["capabilities"]["net_isolated"]["mechanism"]
    assert isinstance(report["cards"], list)
    assert (report["engine"] is None) == (not report["backends"]["docker"]["works"])
    assert report["backends"]["unsafe"]["capabilities"]["fs_isolated"]["level"] == "none"


def test_the_table_names_every_property() -> None:
    done = doctor()
    assert done.returncode == 0
    for text in (
        "bubblewrap",
        "docker",
        "inner",
        "engine",
        "cards",
        "Landlock",
        "fs_isolated",
        "net_isolated",
        "torch",
        "GiB free",
    ):
        assert text in done.stdout


def test_without_bubblewrap_it_names_the_remedy_and_exits_with_5(tmp_path: Path) -> None:
    done = doctor(path=str(tmp_path))
    assert done.returncode == 5
    assert "bubblewrap is not installed" in done.stdout and "remedy: apt-get install bubblewrap" in done.stdout
    report = json.loads(doctor("--json", path=str(tmp_path)).stdout)
    assert not report["ok"] and report["default"] is None and report["problems"][0]["remedy"]
    assert not report["backends"]["bubblewrap"]["works"]


def test_containers_and_folders_of_dead_owners_are_removed(tmp_path: Path) -> None:
    problem = open_sandbox("docker").unavailable()
    if problem is not None:
        pytest.skip(f"{problem.message}; `scripts/engine.sh` starts one as root")
    with contextlib.closing(engine.connect()) as client:
        engine.make_empty_image(client)
        request = {"Image": engine.EMPTY_IMAGE, "Cmd": ["x"]}
        labels = {"dead": "another-boot/1/1", "living": engine.owner_label()}
        made = {
            name: client.create_container_from_config({**request, "Labels": {engine.LABEL: label}})["Id"]
            for name, label in labels.items()
        }
        ended = subprocess.Popen(["true"])
        ended.wait()
        folder = Path(scratch_parent()) / f"{FOLDER_PREFIX}{ended.pid}-x"
        folder.mkdir()
        mine = Path(scratch_parent()) / f"{FOLDER_PREFIX}{os.getpid()}-x"
        mine.mkdir()
        try:
            removed = json.loads(doctor("--clean", "--json").stdout)["cleaned"]
            assert f"container {made['dead'][:12]}" in removed and f"folder {folder}" in removed
            assert f"container {made['living'][:12]}" not in removed and not folder.exists() and mine.exists()
        finally:
            mine.rmdir()
            client.remove_container(made["living"], force=True)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def start_in(folder: Path, orphaned: bool) -> int:
    """A process as the backend starts it: its home is the folder. Orphaned: the one that started it has ended."""
    environment = {"HOME": str(folder), "PATH": "/usr/bin:/bin"}
    if not orphaned:
        return subprocess.Popen(["sleep", "600"], env=environment).pid
    starter = "import subprocess, sys; print(subprocess.Popen(['sleep', '600'], stdout=2).pid)"
    command = [sys.executable, "-c", starter]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    return int(done.stdout)


def test_leftovers_of_dead_owners_go_and_those_of_living_ones_stay(temporary: Path) -> None:
    dead, living, empty, other = (
        temporary / name for name in ("discovery-unsafe-a", "discovery-unsafe-b", "discovery-unsafe-c", "mine")
    )
    for folder in (dead, living, empty, other):
        folder.mkdir()
        (folder / "file").write_text("x")
    orphan, child = start_in(dead, True), start_in(living, False)
    try:
        removed = remove_leftovers(now=time.time())
        assert removed == [f"process {orphan}", f"folder {dead}"]
        assert not dead.exists() and living.exists() and other.exists()
        os.kill(child, 0)
        assert empty.exists(), "its process may be about to start"
        assert remove_leftovers(now=time.time() + 120) == [f"folder {empty}"]
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
