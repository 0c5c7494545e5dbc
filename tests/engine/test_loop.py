"""The loop: determinism, resume, repeats, limits."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from discovery.config import RunConfig
from discovery.course import check_seeds
from discovery.errors import EvaluatorLost, TaskError
from discovery.evaluate import Pool
from discovery.events import Alarm, Improved, Judged, Observer, Proposed, RunStarted, RunStopped
from discovery.loop import Loop, Summary, active_seconds
from discovery.model import MEASURE, Program, Verdict, content_key
from discovery.propose import Symbolic
from discovery.store import Journal
from discovery.task import Stage, Task, load_task

from .conftest import InProcessPool, drive, new_journal, programs

CONFIG = RunConfig(seed=3, max_proposals=60, window=5)


def _shuffled(seed: int) -> Callable[[Program], int]:
    """Evaluation takes a number of turns that depends on program and `seed` alone."""
    return lambda program: random.Random(f"{seed}{program.key}").randrange(12)


@pytest.fixture
def undisturbed(tmp_path: Path, toy: Path) -> list[tuple[int, str, str | None]]:
    with new_journal(tmp_path / "undisturbed", str(toy), CONFIG) as journal:
        drive(journal, str(toy), CONFIG)
        return programs(journal)


@pytest.mark.parametrize("seed", range(4))
def test_window_order_of_finishing_changes_nothing(
    tmp_path: Path, toy: Path, undisturbed: list[tuple[int, str, str | None]], seed: int
) -> None:
    with new_journal(tmp_path / "other", str(toy), CONFIG) as journal:
        drive(journal, str(toy), CONFIG, _shuffled(seed))
        assert programs(journal) == undisturbed


def test_another_seed_gives_another_run(
    tmp_path: Path, toy: Path, undisturbed: list[tuple[int, str, str | None]]
) -> None:
    config = CONFIG.model_copy(update={"seed": 4})
    with new_journal(tmp_path / "other", str(toy), config) as journal:
        drive(journal, str(toy), config)
        assert programs(journal) != undisturbed


def test_the_search_learns(tmp_path: Path, toy: Path) -> None:
    config = RunConfig(seed=0, max_proposals=400)
    with new_journal(tmp_path / "run", str(toy), config) as journal:
        _, events, _ = drive(journal, str(toy), config)
        first = next(event for event in events if isinstance(event, Judged))
        assert first.score is not None and journal.best(1)[0][1].score > first.score + 500  # type: ignore[operator]
        improved = [event for event in events if isinstance(event, Improved)]
        assert [event.score for event in improved] == sorted(event.score for event in improved)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=st.integers(1, 59), second=st.integers(1, 59))
def test_growing_the_total_equals_one_run(
    in_memory: Callable[[], TemporaryDirectory[str]],
    toy: Path,
    undisturbed: list[tuple[int, str, str | None]],
    first: int,
    second: int,
) -> None:
    with in_memory() as place:
        folder = Path(place) / "run"
        new_journal(folder, str(toy), CONFIG).close()
        judged: list[tuple[str, str, int]] = []
        for total in (*sorted((first, second)), 60):
            with Journal.open(folder, write=True) as journal:
                summary, _, pool = drive(journal, str(toy), CONFIG.model_copy(update={"max_proposals": total}))
                judged += pool.evaluated
                assert (summary.reason, summary.proposals, summary.judged) == ("limit", total, total)
        with Journal.open(folder) as journal:
            assert programs(journal) == undisturbed
    assert len(judged) == len(set(judged)), "a stage was judged twice"


def test_arrival_sees_what_is_committed_and_records_it(tmp_path: Path, toy: Path) -> None:
    config = CONFIG.model_copy(update={"visibility": "arrival"})
    with new_journal(tmp_path / "run", str(toy), config) as journal:
        drive(journal, str(toy), config, _shuffled(1))
        position_of = {outcome.index: outcome.position for outcome in journal.outcomes()}
        seen = [row.proposal.seen for row in journal.proposals()]
        assert seen == sorted(seen) and seen[-1] > 40
        for row in journal.proposals():
            for parent in row.proposal.parents:
                first = journal.program_row(parent).first
                assert first < 2 or position_of[first] <= row.proposal.seen


def test_under_arrival_no_straggler_holds_anybody_up(tmp_path: Path, toy: Path) -> None:
    config = CONFIG.model_copy(update={"visibility": "arrival"})
    task = load_task(str(toy))
    slow = task.language.check("value = 1").key
    with new_journal(tmp_path / "run", str(toy), config) as journal:

        class Straggling(InProcessPool):
            async def evaluate(self, program: Program, stage: Stage, replicate: int = 0) -> Verdict:
                while program.key == slow and journal.outcome_count() <= 50:
                    await asyncio.sleep(0)
                return await super().evaluate(program, stage, replicate)

        pool = cast(Pool, Straggling(task, config.seed))
        asyncio.run(Loop(journal, task, config, Symbolic(task), pool).drive())
        position_of = {outcome.index: outcome.position for outcome in journal.outcomes()}
        assert journal.proposal(0).key == slow and position_of[0] > 50


def test_a_verdict_that_the_clock_decided_is_flagged(tmp_path: Path, toy: Path) -> None:
    file = toy / "task.py"
    file.write_text(file.read_text().replace('Verdict("error"', 'Verdict("timeout", clock_limited=True'))
    with new_journal(tmp_path / "run", str(toy), CONFIG) as journal:
        drive(journal, str(toy), CONFIG)
        limited = {outcome.key for outcome in journal.outcomes() if outcome.verdict.clock_limited}
        flagged = {event["key"] for event in journal.events() if "wall-clock" in event.get("message", "")}
        assert limited == flagged and limited


def test_time_is_the_sum_over_controllers_also_of_killed_ones() -> None:
    def second(number: int) -> str:
        return f"2026-01-02T00:00:{number:02d}.000+00:00"

    marks = {"RunStarted": (0, 20, 40), "RunStopped": (10, 45), "Improved": (8, 24)}
    events = [{"event": kind, "time": second(number)} for kind, numbers in marks.items() for number in numbers]
    proposals = [SimpleNamespace(created=second(number)) for number in (1, 9, 21, 26, 41)]
    journal = SimpleNamespace(events=lambda: iter(events), proposals=lambda: iter(proposals))
    assert active_seconds(cast(Journal, journal)) == 10 + 6 + 5


def test_a_repeat_is_answered_from_the_journal(tmp_path: Path, toy: Path) -> None:
    config = RunConfig(seed=0, max_proposals=300, window=2)
    with new_journal(tmp_path / "run", str(toy), config) as journal:
        _, events, pool = drive(journal, str(toy), config)
        repeats = [row for row in journal.proposals() if row.repeat and row.proposal.operator != MEASURE]
        assert repeats
        assert len(pool.evaluated) == len(set(pool.evaluated))
        for row in repeats:
            outcome, first = journal.outcome(row.proposal.index), journal.program_row(row.key or "").first
            original = journal.outcome(first)
            assert outcome is not None and original is not None and outcome.verdict == original.verdict
        told = {event.index for event in events if isinstance(event, Judged) and event.repeat}
        assert told == {row.proposal.index for row in repeats}


def test_failures_are_data(tmp_path: Path, toy: Path) -> None:
    config = RunConfig(seed=1, max_proposals=300)
    with new_journal(tmp_path / "run", str(toy), config) as journal:
        drive(journal, str(toy), config)
        by_status = {outcome.verdict.status for outcome in journal.outcomes()}
        assert by_status == {"scored", "error", "rejected"}
        for outcome in journal.outcomes():
            assert (outcome.key is None) == (outcome.verdict.status == "rejected")
            assert (outcome.verdict.score is None) == (outcome.verdict.status != "scored")
        assert journal.outcome_count() == journal.proposal_count() == 300


def test_events_tell_the_run(tmp_path: Path, toy: Path) -> None:
    with new_journal(tmp_path / "run", str(toy), CONFIG) as journal:
        _, events, _ = drive(journal, str(toy), CONFIG)
        assert isinstance(events[0], RunStarted) and not events[0].resumed
        assert isinstance(events[-1], RunStopped) and events[-1].reason == "limit"
        assert sum(isinstance(event, Judged) for event in events) == 60


def _looped(journal: Journal, toy: Path, make_observer: Callable[[list[Loop]], Observer]) -> Summary:
    """Drive the run with one observer, which may reach the loop."""
    task, loops = load_task(str(toy)), []
    pool = cast(Pool, InProcessPool(task, CONFIG.seed))
    loops.append(Loop(journal, task, CONFIG, Symbolic(task), pool, [make_observer(loops)]))
    return asyncio.run(loops[0].drive())


def test_an_observer_that_raises_is_left_out(tmp_path: Path, toy: Path) -> None:
    def broken(event: object) -> None:
        raise RuntimeError("no screen")

    with new_journal(tmp_path / "run", str(toy), CONFIG) as journal:
        assert _looped(journal, toy, lambda _: broken).judged == 60
        assert "no screen" in next(event["message"] for event in journal.events() if event["event"] == "Alarm")


@pytest.mark.parametrize("index", [0, 3, 30, 59])
def test_once_drained_nothing_is_proposed_and_all_is_judged(tmp_path: Path, toy: Path, index: int) -> None:
    def draining(loops: list[Loop]) -> Observer:
        return lambda event: loops[0].drain() if isinstance(event, Proposed) and event.index == index else None

    with new_journal(tmp_path / "run", str(toy), CONFIG) as journal:
        summary = _looped(journal, toy, draining)
    assert summary == Summary("limit" if index == 59 else "interrupted", index + 1, index + 1)


def test_seeds_must_check(toy: Path) -> None:
    text = (toy / "task.py").read_text()
    (toy / "task.py").write_text(text.replace("value = 2\\n", "value = 17\\n"))
    with pytest.raises(TaskError, match=r"'two'.*multiple of 17"):
        check_seeds(load_task(str(toy)))
    (toy / "task.py").write_text(text.replace("value = 2\\n", "value =  1\\n"))
    with pytest.raises(TaskError, match="two seeds"):
        check_seeds(load_task(str(toy)))


@pytest.mark.parametrize("wrong", ['["value = 1"]', '[("one", "value = 1")]', '[Seed("one", None)]', "None", "3"])
def test_seeds_of_another_kind_are_said_to_be(toy: Path, wrong: str) -> None:
    text = (toy / "task.py").read_text()
    (toy / "task.py").write_text(text.replace("return [Seed", f"return {wrong}; [Seed"))
    with pytest.raises(TaskError, match="seeds"):
        check_seeds(load_task(str(toy)))


@pytest.mark.parametrize(
    ("there", "instead", "message"),
    [
        (
            "if value % 17 == 0",
            "raise KeyError('none')\n        if value % 17 == 0",
            "language.check .* KeyError: 'none'",
        ),
        ('content_key(f"numbers/{value}")', '"7"', "64 hex characters"),
        ("return Program(source,", "(source,", "64 hex characters"),
        ('return f"value = {value}\\n"', "raise OverflowError('much')", "language.mutate .* OverflowError: much"),
        ('return f"value = {value}\\n"', "return value", "language.mutate .* must return text"),
        ('return [Seed("one"', 'raise OSError("no seeds")\n        return [Seed("one"', "seeds .* OSError: no seeds"),
        ("low, high = sorted(", "low, high = list(", "language.cross .* ValueError"),
        ('Stage("fine"', 'Stage("coarse"', r"each of its own name; got \['coarse', 'coarse'\]"),
        ("stages = (Stage", "stages = () and (Stage", r"at least one.*got \[\]"),
    ],
)
def test_a_fault_of_the_tasks_own_code_is_a_task_error(
    tmp_path: Path, toy: Path, there: str, instead: str, message: str
) -> None:
    text = (toy / "task.py").read_text()
    assert there in text
    (toy / "task.py").write_text(text.replace(there, instead))
    config = RunConfig(seed=0, max_proposals=200)
    with new_journal(tmp_path / "run", str(toy), config) as journal, pytest.raises(TaskError, match=message):
        drive(journal, str(toy), config)


def test_a_language_that_refuses_to_edit_its_first_seed_can_run(tmp_path: Path, toy: Path) -> None:
    text = (toy / "task.py").read_text()
    refusal = 'if value == 1:\n            raise Rejected("not this one")\n        for _ in range(edits)'
    (toy / "task.py").write_text(text.replace("for _ in range(edits)", refusal))
    with new_journal(tmp_path / "run", str(toy), CONFIG) as journal:
        summary, events, _ = drive(journal, str(toy), CONFIG)
        assert summary.judged == 60
        assert any(isinstance(event, Judged) and event.message == "not this one" for event in events)


def test_keys_are_hashes_of_text_even_of_broken_unicode() -> None:
    assert content_key("\udc80") != content_key("?")


class Losing(InProcessPool):
    """Loses every evaluator on the programs that `lost` names, by their number among those that it is sent."""

    def __init__(self, task: Task, seed: int, lost: Callable[[int], bool]) -> None:
        super().__init__(task, seed)
        self.lost = lost
        self.sent: list[str] = []

    async def evaluate(self, program: Program, stage: Stage, replicate: int = 0) -> Verdict:
        if program.key not in self.sent:
            self.sent.append(program.key)
        if self.lost(self.sent.index(program.key)):
            raise EvaluatorLost("an evaluator was lost 3 times on the same request: no answer within 9 s")
        return await super().evaluate(program, stage, replicate)


def _drive_losing(journal: Journal, toy: Path, lost: Callable[[int], bool]) -> Losing:
    task = load_task(str(toy))
    pool = Losing(task, CONFIG.seed, lost)
    asyncio.run(Loop(journal, task, CONFIG, Symbolic(task), cast(Pool, pool)).drive())
    return pool


def test_a_program_that_ends_its_evaluators_is_undecided_and_the_run_goes_on(tmp_path: Path, toy: Path) -> None:
    with new_journal(tmp_path / "run", str(toy), CONFIG) as journal:
        pool = _drive_losing(journal, toy, lambda number: number % 7 == 5)
        found = {row.program.key: row.verdict for row in journal.programs()}
        assert journal.outcome_count() == CONFIG.max_proposals and len(found) == len(pool.sent)
    for number, key in enumerate(pool.sent):
        verdict = found[key]
        assert verdict is not None and (verdict.status == "unknown") == (number % 7 == 5)
        if verdict.status == "unknown":
            assert verdict.score is None and verdict.clock_limited and "could not be judged" in verdict.message


@pytest.mark.parametrize("first", [0, 8])
def test_a_system_that_fails_every_program_ends_the_run(tmp_path: Path, toy: Path, first: int) -> None:
    """Also one that was judged before: then it is not the new program's doing."""
    with new_journal(tmp_path / "run", str(toy), CONFIG) as journal:
        with pytest.raises(EvaluatorLost, match="no answer within 9 s"):
            down = False

            def lost(number: int) -> bool:
                nonlocal down
                down = down or number >= first
                return down

            _drive_losing(journal, toy, lost)
        assert all(row.verdict is None or row.verdict.status != "unknown" for row in journal.programs())


def test_a_seed_program_without_a_score_is_told_at_once(tmp_path: Path, toy: Path) -> None:
    with new_journal(tmp_path / "run", str(toy), CONFIG) as journal:
        _, events, _ = drive(journal, str(toy), CONFIG)
        assert not [event for event in events if isinstance(event, Alarm)], "the seeds are sound"
    task = load_task(str(toy))

    class Failing(InProcessPool):
        async def evaluate(self, program: Program, stage: Stage, replicate: int = 0) -> Verdict:
            return Verdict("error", message="division by zero", stage=stage.name)

    events = []
    with new_journal(tmp_path / "failing", str(toy), CONFIG) as journal:
        pool = cast(Pool, Failing(task, CONFIG.seed))
        asyncio.run(Loop(journal, task, CONFIG, Symbolic(task), pool, [events.append]).drive())
    told = [event.message for event in events if isinstance(event, Alarm)]
    assert told == ["a program that the run begins with, error: division by zero"] * len(task.seeds())
