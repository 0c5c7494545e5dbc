from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from discovery.cli._leftovers import remove_leftovers
from discovery.sandbox import Sandbox, engine
from discovery.sandbox.alone import FOLDER_PREFIX, scratch_parents
from discovery.sandbox.owner import owner_name


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
        "z3-solver",
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


@pytest.fixture
def dead_owner() -> str:
    """Name of a process that has ended."""
    command = [sys.executable, "-c", "from discovery.sandbox.owner import owner_name; print(owner_name())"]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def test_containers_and_folders_of_dead_owners_are_removed(dead_owner: str, docker: Sandbox) -> None:
    """Whatever else this machine's dead runs have left, and whoever else removes it meanwhile."""
    folders = [Path(scratch_parents()[0]) / f"{FOLDER_PREFIX}{owner}-x" for owner in (dead_owner, owner_name())]
    with contextlib.closing(engine.connect()) as client:
        engine.make_empty_image(client)
        request = {"Image": engine.EMPTY_IMAGE, "Cmd": ["x"]}
        dead, living = (
            client.create_container_from_config({**request, "Labels": {engine.LABEL: owner}})["Id"]
            for owner in (dead_owner, owner_name())
        )
        for folder in folders:
            folder.mkdir()
        try:
            removed = json.loads(doctor("--clean", "--json").stdout)["cleaned"]
            there = {container["Id"] for container in client.containers(all=True, filters={"label": engine.LABEL})}
            assert dead not in there and living in there
            assert [folder.exists() for folder in folders] == [False, True]
            assert f"container {living[:12]}" not in removed and f"folder {folders[1]}" not in removed
        finally:
            folders[1].rmdir()
            client.remove_container(living, force=True)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def start_in(folder: Path) -> subprocess.Popen[bytes]:
    """A process as the `unsafe` backend starts it: its home is the folder."""
    folder.mkdir()
    (folder / "file").write_text("x")
    return subprocess.Popen(["sleep", "600"], env={"HOME": str(folder), "PATH": "/usr/bin:/bin"})


def test_unsafe_processes_of_dead_owners_are_killed_and_those_of_living_ones_stay(
    temporary: Path, dead_owner: str
) -> None:
    names = (f"discovery-unsafe-{dead_owner}-a", f"discovery-unsafe-{owner_name()}-b", "discovery-unsafe-c", "mine")
    folders = [temporary / name for name in names]
    processes = [start_in(folder) for folder in folders]
    try:
        removed = remove_leftovers()
        assert processes[0].wait(timeout=60) == -9
        assert [folder.exists() for folder in folders] == [False, True, True, True]
        assert [line for line in removed if "unsafe" in line or line == f"process {processes[0].pid}"] == [
            f"process {processes[0].pid}",
            f"folder {folders[0]}",
        ]
        assert [process.poll() for process in processes[1:]] == [None] * 3
    finally:
        for process in processes:
            process.kill()
            process.wait()
