"""Champions scored again: what counts as a disagreement."""

from __future__ import annotations

import pytest

from discovery.evaluate.rescore import disagreements
from discovery.model import Verdict


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


def test_without_a_program_to_compare_with_nothing_vanishes() -> None:
    assert disagreements(scored(1.0), scored(1.0), scored(-9.0), None) == []
