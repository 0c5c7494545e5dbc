"""The container engine is lost in mid-run: one clear error, nothing scored by it, and the run goes on later.

The engine is reached through a forwarder, which is what dies: so nobody else's containers do.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from discovery.sandbox import Sandbox
from discovery.store import Journal, find_run

_PATIENCE = 60.0

_FORWARDER = """
import os, socket, sys, threading
there, here = sys.argv[1:]
server = socket.socket(socket.AF_UNIX)
server.bind(here)
server.listen(64)
print("ready", flush=True)
def pour(source, target):
    try:
        while data := source.recv(1 << 16): target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass
while True:
    client, _ = server.accept()
    engine = socket.socket(socket.AF_UNIX)
    engine.connect(there)
    for pair in ((client, engine), (engine, client)):
        threading.Thread(target=pour, args=pair, daemon=True).start()
"""


@pytest.fixture
def engine(docker: Sandbox) -> str:
    """Path of the socket of an engine that answers."""
    address = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if not address.startswith("unix://"):
        pytest.skip(f"forwards local sockets only; the engine is at {address}")
    return address.removeprefix("unix://")


@pytest.fixture
def forwarder(engine: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that forwards to the engine, and the DOCKER_HOST of its end; below a short path, as sockets need."""
    with TemporaryDirectory(prefix="fwd", dir="/tmp") as folder:
        path = f"{folder}/sock"
        command = [sys.executable, "-c", _FORWARDER, engine, path]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None and process.stdout.readline() == "ready\n"
                yield process, f"unix://{path}"
            finally:
                process.kill()


def _calling(home: Path) -> None:
    """Make the task call the sandbox in each evaluation, as tasks do."""
    file = home / "toy" / "task.py"
    text = file.read_text()
    there = "        value = value_of(program)\n        if value % 13"
    assert there in text
    nothing = "        from discovery.tasks.python.plain import encode\n        nothing = encode({}, {})\n"
    call = 'ctx.slot.call({"source": "def f(): return 1", "entry": "f", "inputs": nothing})'
    status = f'{nothing}        answer = {call}\n        assert answer.status == "ok", answer\n'
    file.write_text(text.replace(there, status + there))


def _verdicts(home: Path) -> int:
    with Journal.open(find_run("@last", home / "runs")) as journal:
        return journal.verdict_count()


def test_an_engine_lost_in_mid_run_is_no_verdict_and_the_run_goes_on_with_it(
    home: Path, forwarder: tuple[subprocess.Popen[str], str]
) -> None:
    process, address = forwarder
    _calling(home)
    command = [sys.executable, "-m", "discovery", "run", "./toy", "--sandbox", "docker", "--max-proposals", "100000"]
    lost = os.environ | {"DOCKER_HOST": address}
    with subprocess.Popen(
        command, cwd=home, env=lost, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as run:
        try:
            end = time.monotonic() + _PATIENCE
            while not (home / "runs").exists() or not list((home / "runs").glob("*/run.db")) or _verdicts(home) < 10:
                assert run.poll() is None and time.monotonic() < end, run.stderr and run.stderr.read()
                time.sleep(0.05)
            process.kill()
            _, said = run.communicate(timeout=_PATIENCE)
        finally:
            run.kill()
    assert run.returncode == 5, said
    assert "engine" in said and "Traceback" not in said
    assert "discovery resume" in said
    with Journal.open(find_run("@last", home / "runs")) as journal:
        statuses = {outcome.verdict.status for outcome in journal.outcomes()}
        known = {outcome.index: outcome.verdict for outcome in journal.outcomes()}
        target = journal.proposal_count() + 40
    assert statuses <= {"scored", "error", "rejected"} and known
    resume = [sys.executable, "-m", "discovery", "resume", "@last", "--max-proposals", str(target)]
    gone = subprocess.run(resume, cwd=home, env=lost, capture_output=True, text=True, timeout=_PATIENCE)
    assert gone.returncode == 5 and "no container engine answers" in gone.stderr, "and never in a weaker one"
    again = subprocess.run(resume, cwd=home, capture_output=True, text=True, timeout=2 * _PATIENCE)
    assert again.returncode == 0, again.stderr
    with Journal.open(find_run("@last", home / "runs")) as journal:
        assert journal.proposal_count() == journal.outcome_count() == target
        now = {outcome.index: outcome.verdict for outcome in journal.outcomes()}
    assert known.items() <= now.items()
