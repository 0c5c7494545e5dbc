"""The backend of the inner layer alone: the conformance kit, and what it does without namespaces around it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from discovery.sandbox import Sandbox, Slot, open_sandbox
from discovery.sandbox.alone import FOLDER_PREFIX, scratch_parents
from discovery.sandbox.testing import KIT_LIMITS, SandboxConformance, kit_harness, run_program

from .observing import below, dead, poll, struck_before_its_deadline

_SECRET = "planted-51aa"
_FORKS = """
import os, time
def run():
    for _ in range(2): os.fork()
    os.setsid()
    time.sleep(600)
"""
_OWNER = f"""
from discovery.sandbox import open_sandbox
from discovery.sandbox.testing import KIT_LIMITS, kit_harness, run_program
slot = open_sandbox("inner").open(kit_harness(), KIT_LIMITS)
run_program(slot, {_FORKS!r})
"""


class TestInner(SandboxConformance):
    @pytest.fixture(scope="class")
    @classmethod
    def sandbox(cls) -> Sandbox:
        return open_sandbox("inner")


@pytest.fixture
def slot(others: set[psutil.Process]) -> Iterator[Slot]:
    with open_sandbox("inner").open(kit_harness(), KIT_LIMITS) as slot:
        yield slot


def folders_of(pid: int) -> list[Path]:
    return list(Path(scratch_parents()[0]).glob(f"{FOLDER_PREFIX}*.{pid}.*"))


def test_nothing_survives_an_owner_killed_during_a_call_but_an_empty_folder() -> None:
    owner = subprocess.Popen([sys.executable, "-c", _OWNER])
    family: list[psutil.Process] = []
    try:
        poll(lambda: owner.poll() is None and len(below(psutil.Process(owner.pid))) == 1 + 4)
        family = below(psutil.Process(owner.pid))
        folders = folders_of(owner.pid)
        assert len(folders) == 1
        owner.kill()
        poll(lambda: all(map(dead, family)))
    finally:
        for process in (owner, *family):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        owner.wait()
    with contextlib.suppress(FileNotFoundError):  # another run may have removed it already
        assert os.listdir(folders[0]) == []


def test_a_warm_process_that_does_not_react_is_ended_after_its_tree(others: set[psutil.Process]) -> None:
    def own() -> list[psutil.Process]:
        return [process for process in below(psutil.Process()) if process not in others]

    def strike() -> None:
        family[:] = own()
        family[0].suspend()

    family: list[psutil.Process] = []
    with struck_before_its_deadline(open_sandbox("inner"), _FORKS, lambda: len(own()) == 1 + 4, strike) as found:
        slot, answer = found
        assert answer.status == "timeout"
        assert len(family) == 5 and all(map(dead, family))
        assert run_program(slot, "def run(): return {'n': 1}").value == {"n": 1}


def test_other_processes_show_nothing_of_themselves(slot: Slot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED_KEY", _SECRET)
    witness = subprocess.Popen(["sleep", "600"], env=os.environ | {"PLANTED_KEY": _SECRET})
    source = """
    def run():
        parts = ("environ", "cmdline", "maps", "mem", "status", "root/etc/passwd", "cwd/x", "fd/0")
        found = {f"{pid} {part}": attempt(lambda: open(f"/proc/{pid}/{part}", "rb").read(1))
                 for pid in payload["pids"] for part in parts}
        return found | {str(pid): attempt(os.kill, pid, 0) for pid in payload["pids"]}
    import os
    """
    try:
        answer = run_program(slot, source, pids=[1, os.getpid(), os.getppid(), witness.pid])
    finally:
        witness.kill()
        witness.wait()
    assert answer.status == "ok"
    assert set(answer.value.values()) <= {"EACCES", "EPERM", "ENOENT"}, answer.value


def test_files_outside_are_neither_read_nor_written_nor_changed(slot: Slot, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    canary.write_text(_SECRET)
    canary.chmod(0o640)
    before = canary.stat()
    source = """
    import os, socket
    def run():
        path = payload["canary"]
        folder = os.path.dirname(path)
        return {
            "read": attempt(open, path), "write": attempt(open, path, "r+"), "list": attempt(os.listdir, folder),
            "make": attempt(open, path + "x", "w"), "folder": attempt(os.mkdir, path + "x"),
            "link": attempt(os.link, path, "x"), "symbolic": attempt(lambda: (os.symlink(path, "y"), open("y"))),
            "rename": attempt(os.rename, path, path + "x"), "remove": attempt(os.unlink, path),
            "truncate": attempt(os.truncate, path, 0), "mode": attempt(os.chmod, path, 0o777),
            "owner": attempt(os.chown, path, 1, 1), "times": attempt(os.utime, path, (0, 0)),
            "attribute": attempt(os.setxattr, path, "user.x", b"x"), "fifo": attempt(os.mkfifo, path + "x"),
            "out of scratch": attempt(os.rename, ".", folder + "/moved"), "network": attempt(socket.socket),
        }
    """
    answer = run_program(slot, source, canary=str(canary))
    assert answer.status == "ok"
    assert set(answer.value.values()) <= {"EACCES", "EPERM", "EXDEV", "EAFNOSUPPORT", "EBUSY"}, answer.value
    after = canary.stat()
    assert canary.read_text() == _SECRET
    assert (before.st_mode, before.st_mtime, before.st_uid) == (after.st_mode, after.st_mtime, after.st_uid)
    assert list(tmp_path.iterdir()) == [canary]


def test_a_closed_slot_leaves_no_folder() -> None:
    before = folders_of(os.getpid())
    with open_sandbox("inner").open(kit_harness(), KIT_LIMITS) as slot:
        run_program(slot, "import os\ndef run():\n    for _ in range(3000): os.mkdir('d'); os.chdir('d')")
    assert folders_of(os.getpid()) == before
