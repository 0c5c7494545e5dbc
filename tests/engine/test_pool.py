"""Evaluator workers: what they make of a task's faults, and what happens when one is lost."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from discovery.errors import DiscoveryError, EnvironmentMissing, EvaluatorFailed, EvaluatorLost, TaskError
from discovery.evaluate import Pool
from discovery.model import Program, Verdict, content_key
from discovery.task import Stage

#: Seconds after which what has not ended is taken not to end.
PATIENCE = 60.0
HERE = Path(__file__).parent
ONLY, HURRIED, LAST = Stage("only", backstop=30), Stage("hurried", backstop=0.5), Stage("last", backstop=30)


def _copy(folder: Path) -> Path:
    """The faulty task, and the toy that it is made of, in a folder of this test's own."""
    for name in ("toy", "faulty"):
        shutil.copytree(HERE / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.log"))
    return folder / "faulty"


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    return _copy(tmp_path)


def _program(source: str) -> Program:
    return Program(source, content_key(source))


def _use(task: Path, act: Callable[[Pool], Awaitable[Any]], workers: int = 1, sandbox: str = "unsafe") -> list[str]:
    """Run `act` on a pool for `task`; what was said of lost workers. Nothing of the pool may be left."""
    lost: list[str] = []

    async def run() -> None:
        pool = Pool(str(task), sandbox=sandbox, workers=workers, seed=0, log=task / "evaluator.log")
        async with pool:
            pool.on_lost = lost.append
            await act(pool)

    before = _below_us()
    try:
        asyncio.run(run())
    finally:
        _, alive = psutil.wait_procs(_below_us() - before, timeout=PATIENCE)
        assert not alive, "processes were left behind"
    return lost


def _below_us() -> set[psutil.Process]:
    return set(psutil.Process().children(recursive=True))


def _dead(pids: str) -> bool:
    def running(pid: int) -> bool:
        try:
            return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    end = time.monotonic() + PATIENCE
    while any(map(running, map(int, pids.split()))):
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


CONTRACT = {
    "nothing": "evaluate must return Verdict; got NoneType",
    "unknown status": "got 'great'",
    "no score": "'scored' came with score None",
    "failure with a score": "'error' came with score 1.0",
    "NaN": "the score must be a finite number; got nan",
    "infinite": "the score must be a finite number; got inf",
    "boolean": "the score must be a finite number; got True",
    "text": "the score must be a finite number; got '1'",
    "NaN in a case": "case 'one' must be a finite number; got nan",
    "NaN in the evidence": "plain data with finite numbers",
    "object in the evidence": "plain data with finite numbers",
    "unsound record": "evaluate: record lacks 'truncated'",
    "raises": "the evaluator's own code raised OSError: no data",
}
SOUND = ("numpy", "prints", "large")


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Verdict | DiscoveryError], str, list[str]]:
    """What one worker made of every fault that it survives; its log; what was lost."""
    folder = _copy(tmp_path_factory.mktemp("judged"))
    found: dict[str, Verdict | DiscoveryError] = {}

    async def act(pool: Pool) -> None:
        told: list[str] = []
        pool.on_told = told.append
        for name in (*CONTRACT, *SOUND):
            try:
                found[name] = await pool.evaluate(_program(name), ONLY)
            except DiscoveryError as error:
                found[name] = error
        for p_value in ("nan", "-0.1", "0.5"):
            try:
                found[p_value] = Verdict("scored", (await pool.confirm(_program(p_value), 0)).p_value)
            except DiscoveryError as error:
                found[p_value] = error
        found["told"] = Verdict("scored", message=", ".join(told))
        found["log"] = Verdict("scored", message=(folder / "evaluator.log").read_text())

    lost = _use(folder, act)
    log = found.pop("log")
    assert isinstance(log, Verdict)
    return found, log.message, lost


def test_progress_is_told_before_the_reply(judged: Any) -> None:
    assert judged[0]["told"].message == ", ".join(["half of it", "all of it"] * 3)


@pytest.mark.parametrize("fault", CONTRACT)
def test_what_is_no_sound_verdict_never_enters(judged: Any, fault: str) -> None:
    error = judged[0][fault]
    assert type(error) is (EvaluatorFailed if fault == "raises" else TaskError)
    assert CONTRACT[fault] in str(error)


def test_what_the_task_declares_as_features_has_values(faulty: Path) -> None:
    """At its last stage, of programs with a score: else islands would put every program into one cell, unsaid."""
    found: dict[str, str] = {}
    names = ("features", "no features", "another feature", "a feature of text", "failed without features")

    async def act(pool: Pool) -> None:
        for name in names:
            try:
                found[name] = (await pool.evaluate(_program(name), LAST)).status
            except TaskError as error:
                found[name] = error.message
        assert (await pool.evaluate(_program("no features"), ONLY)).status == "scored", "another stage"

    _use(faulty, act)
    assert found["features"] == "scored" and found["failed without features"] == "error"
    assert all("declares the feature 'size'" in found[name] for name in names[1:3])
    assert "the feature 'size' must be a finite number; got 'large'" in found["a feature of text"]


def test_sound_verdicts_arrive_and_no_worker_was_lost(judged: Any) -> None:
    found, log, lost = judged
    assert (found["numpy"].score, found["numpy"].cases) == (1.5, {"one": 2.0})
    assert type(found["numpy"].score) is float
    assert len(found["large"].evidence["text"]) == 8 << 20
    assert found["prints"].message == "read '', b''", "the requests are not the task's to read"
    assert "said by the task" in log, "what a task prints is there at once, also when the worker is killed"
    assert not lost


def test_a_p_value_is_a_probability(judged: Any) -> None:
    assert isinstance(judged[0]["nan"], TaskError) and isinstance(judged[0]["-0.1"], TaskError)
    assert judged[0]["0.5"].score == 0.5


def test_killed_workers_are_replaced_and_their_requests_answered(faulty: Path) -> None:
    async def act(pool: Pool) -> None:
        both = (pool.evaluate(_program("killed once"), ONLY), pool.evaluate(_program("prints"), ONLY))
        assert [verdict.status for verdict in await asyncio.gather(*both)] == ["scored", "scored"]
        assert _dead((faulty / "ended").read_text()), "the sandbox outlived its evaluator"

    (line,) = _use(faulty, act, workers=2, sandbox="bubblewrap")
    assert "signal 9" in line and "attempt 1" in line


def test_all_workers_killed_at_once_while_idle(faulty: Path) -> None:
    others = _below_us()

    async def act(pool: Pool) -> None:
        for process in _below_us() - others:
            with suppress(psutil.NoSuchProcess):  # it went with its worker
                process.kill()
        found = await asyncio.gather(*(pool.evaluate(_program("prints"), ONLY) for _ in range(4)))
        assert {verdict.status for verdict in found} == {"scored"}

    assert len(_use(faulty, act, workers=2)) == 2


@pytest.mark.parametrize(
    ("source", "stage", "reason"),
    [
        ("exits", ONLY, "exit code 3"),
        ("sleeps", HURRIED, "no answer within 0.5 s"),
        ("killed, stays down", ONLY, "exit code 7"),
    ],
)
def test_a_request_that_loses_every_worker_ends_the_run(faulty: Path, source: str, stage: Stage, reason: str) -> None:
    async def act(pool: Pool) -> None:
        with pytest.raises(EvaluatorLost, match=f"3 times on the same request: .*{reason}") as caught:
            await pool.evaluate(_program(source), stage)
        assert "evaluator.log" in caught.value.hint

    assert len(_use(faulty, act)) == 3


def test_a_worker_that_does_not_start_is_one_clear_error(faulty: Path) -> None:
    (faulty / "down").touch()

    async def act(pool: Pool) -> None:
        raise AssertionError("it should not have started")

    with pytest.raises(EvaluatorFailed, match="did not start: it ended with exit code 7"):
        _use(faulty, act, workers=2)


def test_a_sandbox_that_lacks_what_the_task_needs_is_refused(faulty: Path) -> None:
    file = faulty / "task.py"
    file.write_text(file.read_text().replace('name = "faulty"', 'name = "faulty"\n    requires = ("cpu_rate",)'))

    async def act(pool: Pool) -> None:
        raise AssertionError("it should not have started")

    with pytest.raises(EnvironmentMissing, match="needs cpu_rate enforced"):
        _use(faulty, act, workers=2, sandbox="bubblewrap")


def test_an_evaluator_that_the_kernel_ended_for_its_processor_time_is_not_tried_again(faulty: Path) -> None:
    async def act(pool: Pool) -> None:
        with pytest.raises(EvaluatorLost, match="once on the same request: it ended with signal 24"):
            await pool.evaluate(_program("spends"), Stage("only"))
        assert (await pool.evaluate(_program("prints"), ONLY)).status == "scored"

    assert _use(faulty, act) == []
