"""`kill -9` of the controller, at every commit boundary and at random moments, then resume: nothing lost or redone."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from discovery.config import RunConfig
from discovery.model import Program
from discovery.store import Journal

from .conftest import drive, new_journal, programs

CONFIG = RunConfig(seed=3, max_proposals=14, window=4)


def _uneven(program: Program) -> int:
    """Evaluations end in another order than they began, so that a killed run has gaps in what was judged."""
    return random.Random(program.key).randrange(9)


def _die_at(boundary: int, after: bool) -> None:
    """From now on, this process kills itself at its `boundary`-th commit: just before or just after it."""
    original, count = Journal._commit, 0

    @contextmanager
    def commit(self: Journal) -> Iterator[None]:
        nonlocal count
        count += 1
        with original(self):
            yield
            if count == boundary and not after:
                os.kill(os.getpid(), signal.SIGKILL)
        if count == boundary and after:
            os.kill(os.getpid(), signal.SIGKILL)

    Journal._commit = commit  # type: ignore[method-assign]


def _killed_run(folder: Path, spec: str, boundary: int, after: bool) -> bool:
    """Drive the run in a child that dies at the boundary; False when it had fewer commits and finished."""
    child = os.fork()
    if child == 0:
        try:
            _die_at(boundary, after)
            with Journal.open(folder, write=True) as journal:
                drive(journal, spec, CONFIG, _uneven)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_every_commit_boundary(tmp_path: Path, toy: Path, after: bool) -> None:
    with new_journal(tmp_path / "undisturbed", str(toy), CONFIG) as journal:
        drive(journal, str(toy), CONFIG)
        expected = programs(journal)
        outcomes = {outcome.index: outcome.verdict for outcome in journal.outcomes()}
    boundary = 0
    while True:
        boundary += 1
        folder = tmp_path / f"run-{boundary}"
        new_journal(folder, str(toy), CONFIG).close()
        if not _killed_run(folder, str(toy), boundary, after):
            break
        with Journal.open(folder) as journal:
            kept = [(key, verdict) for _, _, key in programs(journal) if key for verdict in journal.verdicts(key)]
        with Journal.open(folder, write=True) as journal:
            _, _, pool = drive(journal, str(toy), CONFIG, _uneven)
            assert programs(journal) == expected, f"killed at commit {boundary}"
            assert {outcome.index: outcome.verdict for outcome in journal.outcomes()} == outcomes
            for key, verdict in kept:
                assert verdict in journal.verdicts(key)
                assert (key, verdict.stage, verdict.replicate) not in pool.evaluated
    assert boundary > 40, "the run has too few commits to test anything"


def _start(*arguments: str, cwd: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "discovery", *arguments]
    return subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def _finish(process: subprocess.Popen[bytes]) -> None:
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors.decode()


def test_killed_at_random_moments(tmp_path: Path, toy: Path) -> None:
    """Twenty kills of one run, with real evaluators in the default sandbox: while it starts, and while it works."""
    config = RunConfig(seed=3, max_proposals=600)
    with new_journal(tmp_path / "undisturbed", str(toy), config) as journal:
        drive(journal, str(toy), config)
    (toy / "evaluations.log").unlink()
    rng = random.Random(0)
    arguments = ["run", str(toy), "--seed", "3", "--max-proposals", "600", "--display", "none"]
    for number in range(20):
        process = _start(*arguments, cwd=tmp_path)
        if number % 3 == 2:
            _wait_for_outcomes(process, tmp_path / "runs", 1, rng.random())
        else:
            _wait_for_outcomes(process, tmp_path / "runs", rng.randrange(1, 8), 120)
        assert process.poll() is None, "it ended before it could be killed"
        descendants = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.communicate()
        _, alive = psutil.wait_procs(descendants, timeout=60)
        assert not alive, "processes were left behind"
        arguments = ["resume", "@last", "--display", "none"]
    _finish(_start("resume", "@last", "--display", "none", cwd=tmp_path))
    killed = next((tmp_path / "runs").iterdir())
    with Journal.open(tmp_path / "undisturbed") as one, Journal.open(killed) as other:
        assert programs(one) == programs(other)
        keys = {key for _, _, key in programs(other) if key}
        committed = Counter((key, verdict.stage, verdict.replicate) for key in keys for verdict in other.verdicts(key))
    assert set(committed.values()) == {1}
    evaluated = Counter((toy / "evaluations.log").read_text().splitlines())
    assert sum(evaluated.values()) <= len(committed) + 20 * 2, "more was evaluated again than two workers had in flight"


def _wait_for_outcomes(process: subprocess.Popen[bytes], runs: Path, more: int, seconds: float) -> None:
    """Until the run has that many outcomes more than it had at first, or the seconds are over."""
    database = next(iter(runs.glob("*/run.db")), None)
    target = more + (_outcomes(database) if database else 0)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and (database is None or _outcomes(database) < target):
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.003)
            return
        database = next(iter(runs.glob("*/run.db")), None)


def _outcomes(database: Path) -> int:
    with Journal.open(database.parent) as journal:
        return journal.outcome_count()
