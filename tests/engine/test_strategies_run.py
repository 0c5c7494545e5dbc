"""Whole offline runs of every strategy: they learn, repeat exactly at any number of workers, and resume."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from discovery.config import RunConfig, SearchConfig
from discovery.model import MEASURE, Program, Verdict
from discovery.store import Journal
from discovery.view.lineage import lineage
from discovery.view.program import program_data
from discovery.view.summary import program_list

from .conftest import drive, new_journal, programs

STRATEGIES = ("evolution", "genetic", "islands", "pareto", "best_of_n")


@pytest.fixture
def spread(toy: Path) -> Path:
    """The toy task with features and two cases: near the target, and even or odd."""
    file = toy / "task.py"
    text = file.read_text()
    for there, instead in (
        ("from discovery.task import Context,", "from discovery.task import Context, Feature,"),
        ('version = "1"', 'version = "1"\n    features = (Feature("size", 1, 1000, bins=6, log=True),)'),
        ('cases={"distance": score}', 'cases={"distance": score, "even": float(value % 2)}, evidence=_evidence(value)'),
        ("def value_of(", "def _evidence(value: int) -> JSON:\n    return FOUND(value)\n\n\ndef value_of("),
    ):
        assert there in text
        text = text.replace(there, instead, 1)
    text = text.replace(
        "return FOUND(value)", 'return {"features": {"size": abs(value)}, "fingerprint": str(abs(value))}'
    )
    file.write_text(text)
    return toy


def config_of(strategy: str, **options: Any) -> RunConfig:
    search = SearchConfig(strategy=strategy)  # type: ignore[arg-type]
    return RunConfig(**{"seed": 3, "max_proposals": 120, "window": 6, "search": search, **options})


def shuffled(program: Program) -> int:
    return random.Random(program.key).randrange(12)


def documents(journal: Journal) -> list[Any]:
    """All that a run decided: proposals, and outcomes without what was measured in seconds."""
    asked = [(row.proposal, row.source, row.key) for row in journal.proposals()]
    found = {outcome.index: (outcome.key, outcome.verdict) for outcome in journal.outcomes()}
    return [*asked, *(found[index] for index in sorted(found))]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_run_repeats_whatever_finishes_when_and_resumes(tmp_path: Path, spread: Path, strategy: str) -> None:
    config = config_of(strategy)
    with new_journal(tmp_path / "one", str(spread), config) as journal:
        _, _, pool = drive(journal, str(spread), config)
        expected = documents(journal)
        assert len(pool.evaluated) == len(set(pool.evaluated)), "something was judged twice"
        operators = {row.proposal.operator for row in journal.proposals()}
    assert operators >= {"seed", "mutate"} and ("cross" in operators) == (strategy != "best_of_n")
    assert (MEASURE in operators) == (strategy != "best_of_n"), "the toy's scores are noisy"
    with new_journal(tmp_path / "two", str(spread), config) as journal:
        drive(journal, str(spread), config, shuffled)
        assert documents(journal) == expected
    new_journal(tmp_path / "three", str(spread), config).close()
    for total in (31, 64, 120):
        with Journal.open(tmp_path / "three", write=True) as journal:
            drive(journal, str(spread), config.model_copy(update={"max_proposals": total}), shuffled)
    with Journal.open(tmp_path / "three") as journal:
        assert documents(journal) == expected


@pytest.mark.parametrize("strategy", STRATEGIES[:-1])
def test_each_strategy_learns_and_the_control_does_not(tmp_path: Path, spread: Path, strategy: str) -> None:
    found = {}
    for name in (strategy, "best_of_n"):
        config = config_of(name, max_proposals=400)
        with new_journal(tmp_path / name, str(spread), config) as journal:
            drive(journal, str(spread), config)
            found[name] = journal.best(1)[0][1].score or -math.inf
    assert found[strategy] > found["best_of_n"] + 100


def _measured(journal: Journal) -> dict[str, list[Verdict]]:
    """Verdicts of every program that was measured again, at its last stage, by replicate."""
    keys = {row.key for row in journal.proposals() if row.proposal.operator == MEASURE}
    return {key: [v for v in journal.verdicts(key) if v.stage == "fine"] for key in keys if key is not None}


def test_measuring_again_draws_fresh_replicates_and_their_mean_decides(tmp_path: Path, spread: Path) -> None:
    config = config_of("evolution", max_proposals=200)
    with new_journal(tmp_path / "run", str(spread), config) as journal:
        drive(journal, str(spread), config)
        measured = _measured(journal)
        best = journal.best(10)
        listed = {row["key"]: row["score"] for row in program_list(journal)}
        assert max(score for score in listed.values() if score is not None) == best[0][1].score
        assert all(listed[key] == program_data(journal, key)["score"] == verdict.score for key, verdict in best)
        path = lineage(journal, best[0][0])
        assert not measured.keys().isdisjoint(step.key for step in path)
        assert [step.score for step in path] == [listed[step.key] for step in path]
        assert [step.delta for step in path[1:]] == [(b.score or 0) - (a.score or 0) for a, b in pairwise(path)]
        assert measured and len([row for row in journal.proposals() if row.proposal.operator == MEASURE]) <= 20
    for verdicts in measured.values():
        assert [verdict.replicate for verdict in verdicts] == list(range(len(verdicts))) and len(verdicts) <= 4
        assert len({verdict.score for verdict in verdicts}) == len(verdicts)
    assert [verdict.score for _, verdict in best] == sorted((v.score for _, v in best), reverse=True)  # type: ignore
    for key, verdict in best:
        if key in measured:
            scores = [each.score for each in measured[key] if each.score is not None]
            assert verdict.score == pytest.approx(sum(scores) / len(scores))
            assert verdict.cases["distance"] == pytest.approx(verdict.score)


def test_a_program_that_fails_when_measured_again_is_not_the_best(tmp_path: Path, spread: Path) -> None:
    file = spread / "task.py"
    file.write_text(file.read_text().replace("if value % 13 == 0", "if value % 13 == 0 or (replicate and value > 300)"))
    config = config_of("evolution", max_proposals=300)
    with new_journal(tmp_path / "run", str(spread), config) as journal:
        summary, _, _ = drive(journal, str(spread), config)
        failed = {key for key, verdicts in _measured(journal).items() if any(v.score is None for v in verdicts)}
        assert failed and failed.isdisjoint(key for key, _ in journal.best(100))
        assert {row["key"] for row in program_list(journal) if row["score"] is None} >= failed
        stopped = journal.last_event("RunStopped")
        assert stopped is not None and stopped["best_key"] == journal.best(1)[0][0] and summary.judged == 300


@pytest.mark.parametrize("order", [lambda _: 0, shuffled], ids=["in order", "shuffled"])
@pytest.mark.parametrize(("option", "reason"), [({"target": -500.0}, "target"), ({"stagnation": 15}, "stagnation")])
def test_a_run_ends_at_its_target_or_when_nothing_better_comes_at_the_same_proposal(
    tmp_path: Path, spread: Path, option: dict[str, Any], reason: str, order: Callable[[Program], int]
) -> None:
    config = config_of("evolution", max_proposals=1000, **option)
    with new_journal(tmp_path / "plain", str(spread), config) as journal:
        first, _, _ = drive(journal, str(spread), config)
        expected = programs(journal)
    with new_journal(tmp_path / "run", str(spread), config) as journal:
        summary, _, _ = drive(journal, str(spread), config, order)
        assert summary.reason == reason and summary.proposals == summary.judged < 400
        assert (summary, programs(journal)) == (first, expected)
        again, _, _ = drive(journal, str(spread), config, order)
        assert again == summary, "taken up again, it has nothing more to do"
        best = journal.best(1)[0][1].score
    if reason == "target":
        assert best is not None and best >= -500
    with Journal.open(tmp_path / "run", write=True) as journal:
        free = config.model_copy(update={"target": None, "stagnation": None, "max_proposals": summary.proposals + 5})
        more, _, _ = drive(journal, str(spread), free, order)
        assert more.reason == "limit" and more.proposals == summary.proposals + 5
