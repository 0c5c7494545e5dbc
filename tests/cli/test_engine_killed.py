"""A real container engine is killed in mid-run, and then its disk is full: one clear error each time, and the run is
completed afterwards as if nothing had been.

The engine is the test's own, in namespaces of mounts and network of its own, with its data in a small file system in
memory: nobody else's containers, disk or network are touched.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest

from discovery.sandbox import SandboxError
from discovery.sandbox.engine import LABEL, connect
from discovery.store import Journal, find_run

from .conftest import Result

_PATIENCE = 120.0
_PROPOSALS = 200
_CALL = """
        from discovery.tasks.python.plain import encode
        answer = ctx.slot.call({"source": "def f(): return 1", "entry": "f", "inputs": encode({}, {})})
        assert answer.status == "ok", answer
"""


class Engine:
    """A container engine below `folder`, whose path has to be short, as those of sockets do."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = f"unix://{folder}/sock"
        script = f"mkdir {folder}/data && mount -t tmpfs -o size=64m none {folder}/data && echo ready && exec sleep inf"
        command = ["unshare", "--mount", "--net", "sh", "-c", script]
        self._holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._holder.stdout is not None and self._holder.stdout.readline() == "ready\n"
        self.data = Path(f"/proc/{self._holder.pid}/root{folder}/data")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        enter = ["nsenter", "--target", str(self._holder.pid), "--mount", "--net"]
        places = [f"--data-root={self.folder}/data", f"--exec-root={self.folder}/exec", f"--pidfile={self.folder}/pid"]
        network = ["--bridge=none", "--iptables=false", "--ip6tables=false"]
        with (self.folder / "log").open("ab") as log:
            command = [*enter, "dockerd", f"--host={self.address}", *places, *network]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        end = time.monotonic() + _PATIENCE
        while not self._answers():
            assert self._process.poll() is None and time.monotonic() < end, (self.folder / "log").read_text()[-2000:]
            time.sleep(0.05)

    def _answers(self) -> bool:
        with contextlib.suppress(SandboxError), pytest.MonkeyPatch.context() as patch:
            patch.setenv("DOCKER_HOST", self.address)
            connect().close()
            return True
        return False

    def containers(self) -> list[str]:
        """Of ours."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DOCKER_HOST", self.address)
            with contextlib.closing(connect()) as client:
                return [found["Id"] for found in client.containers(all=True, filters={"label": LABEL})]

    def end(self, number: signal.Signals) -> None:
        """Send it a signal of which it ends."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(_PATIENCE)
            self._process = None
            # Where the first process of the machine reaps late, a new engine takes the dead part of the old for alive.
            (self.folder / "exec" / "containerd" / "containerd.pid").unlink(missing_ok=True)

    def close(self) -> None:
        """End it, and whatever it started."""
        self.end(signal.SIGTERM)
        namespace = os.readlink(f"/proc/{self._holder.pid}/ns/mnt")
        for process in psutil.process_iter():
            with contextlib.suppress(OSError, psutil.Error):
                if os.readlink(f"/proc/{process.pid}/ns/mnt") == namespace and process.pid != self._holder.pid:
                    process.kill()
        self._holder.kill()
        self._holder.wait()


@pytest.fixture
def engine() -> Iterator[Engine]:
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        pytest.skip("an engine of one's own takes root and dockerd; `scripts/engine.sh` installs it")
    with TemporaryDirectory(prefix="own", dir="/tmp", ignore_cleanup_errors=True) as name:
        engine = Engine(Path(name))
        try:
            engine.start()
            yield engine
        finally:
            engine.close()


def _discovery(home: Path, engine: Engine, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"DOCKER_HOST": engine.address}
    command = [sys.executable, "-m", "discovery", *arguments]
    return subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, check=False)


def _programs(home: Path, name: str) -> list[tuple[int, str | None]]:
    with Journal.open(find_run("@last", home / name)) as journal:
        return [(row.proposal.index, row.key) for row in journal.proposals()]


def _verdicts(home: Path) -> int:
    if not list((home / "runs").glob("*/run.db")):
        return 0
    with Journal.open(find_run("@last", home / "runs")) as journal:
        return journal.verdict_count()


def test_a_killed_engine_and_a_full_disk_of_it_cost_nothing_but_time(
    home: Path, here: Callable[..., Result], engine: Engine
) -> None:
    file = home / "toy" / "task.py"
    there = "        value = value_of(program)\n        if value % 13"
    assert there in file.read_text()
    file.write_text(file.read_text().replace(there, _CALL + there))
    arguments = ["run", "./toy", "--seed", "5", "--max-proposals", str(_PROPOSALS), "--display", "none"]
    assert here(*arguments, "--out", "undisturbed", cwd=home).returncode == 0

    command = [sys.executable, "-m", "discovery", *arguments, "--sandbox", "docker"]
    environment = os.environ | {"DOCKER_HOST": engine.address}
    with subprocess.Popen(
        command, cwd=home, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        try:
            end = time.monotonic() + _PATIENCE
            while _verdicts(home) < 10:
                assert run.poll() is None and time.monotonic() < end, run.stderr and run.stderr.read()
                time.sleep(0.02)
            engine.end(signal.SIGKILL)
            _, said = run.communicate(timeout=_PATIENCE)
        finally:
            run.kill()
    assert run.returncode == 5 and said.count("error: ") == 1, said
    assert "engine" in said and "discovery resume" in said and "Traceback" not in said
    known = _programs(home, "runs")
    assert 10 <= len(known) < _PROPOSALS

    engine.start()
    with contextlib.suppress(OSError), (engine.data / "others").open("wb") as others:
        while True:
            others.write(bytes(1 << 16))
    full = _discovery(home, engine, "resume", "@last", "--display", "none")
    assert full.returncode == 5 and full.stderr.count("error: ") == 1, full.stderr
    assert "no space left" in full.stderr and "discovery resume" in full.stderr
    (engine.data / "others").unlink()

    again = _discovery(home, engine, "resume", "@last", "--display", "none")
    assert again.returncode == 0, again.stderr
    assert _programs(home, "runs") == _programs(home, "undisturbed")
    assert _programs(home, "runs")[: len(known)] == known
    assert engine.containers() == []
    shown = json.loads(_discovery(home, engine, "show", "@last", "--json").stdout)
    assert shown["state"] == "finished" and shown["judged"] == _PROPOSALS
