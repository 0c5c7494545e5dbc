"""Champions scored again: what counts as a disagreement."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from discovery.evaluate.rescore import disagreements, rescore
from discovery.model import Program, Verdict
from discovery.task import Stage


def scored(score: float) -> Verdict:
    return Verdict("scored", score=score)


FAILED = Verdict("timeout", message="no answer")


@pytest.mark.parametrize(
    ("same", "fresh"), [(scored(1.0), scored(0.7)), (scored(1.0 + 1e-9), scored(1.2)), (scored(1.0), scored(0.51))]
)
def test_what_reproduces_and_keeps_a_gain_raises_nothing(same: Verdict, fresh: Verdict) -> None:
    assert disagreements(scored(1.0), same, fresh, 0.5) == []


@pytest.mark.parametrize("same", [scored(0.9), scored(1.1), FAILED])
def test_another_score_on_the_same_inputs_is_an_alarm(same: Verdict) -> None:
    (alarm,) = disagreements(scored(1.0), same, scored(1.0), 0.5)
    assert "does not reproduce" in alarm and "1 in search" in alarm


def test_a_gain_that_vanishes_on_fresh_inputs_is_an_alarm() -> None:
    (alarm,) = disagreements(scored(1.0), scored(1.0), scored(0.5), 0.5)
    assert "vanishes" in alarm and "0.5" in alarm
    (alarm,) = disagreements(scored(1.0), scored(1.0), FAILED, 0.5)
    assert "no score" in alarm and "timeout" in alarm


class Shifted:
    """A pool that measures so much less on fresh inputs; a program's source is its score in search."""

    sandbox = "none"

    def __init__(self, loss: Callable[[float], float]) -> None:
        self.loss = loss

    async def evaluate(self, program: Program, stage: Stage, replicate: int = 0, *, seed: int | None = None) -> Verdict:
        score = float(program.source)
        return scored(score if seed is None else score - self.loss(score))


@pytest.mark.parametrize(
    ("loss", "alarms"), [(lambda score: 5.0, 0), (lambda score: -5.0, 0), (lambda score: 6 * score - 9, 1)]
)
def test_where_the_run_began_is_measured_on_the_same_fresh_inputs(loss: Callable[[float], float], alarms: int) -> None:
    """Harder inputs for all are no vanished gain; and easier ones hide none."""
    pool: Any = Shifted(loss)
    best, first = Program("1.0", "b"), Program("0.5", "f")
    found = asyncio.run(rescore(pool, 1, best, Stage("only"), scored(1.0), (first, 0.5)))
    assert len(found.alarms) == alarms, found.alarms


def test_without_a_program_to_compare_with_nothing_vanishes() -> None:
    assert disagreements(scored(1.0), scored(1.0), scored(-9.0), None) == []
