"""Exact tests and intervals, against brute force and known values."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.tasks.optimizers.statistics import paired_interval, sign_flip_p

#: Multiples of 1/8, so that sums are exact and ties are ties.
EIGHTHS = st.lists(st.integers(-80, 80).map(lambda n: n / 8), min_size=1, max_size=9)


@given(EIGHTHS)
def test_sign_flip_equals_enumeration(values: list[float]) -> None:
    patterns = list(itertools.product((1, -1), repeat=len(values)))
    reached = sum(sum(s * v for s, v in zip(p, values, strict=True)) >= sum(values) for p in patterns)
    assert sign_flip_p(values) == reached / len(patterns)


@given(EIGHTHS)
def test_opposite_hypotheses_cannot_both_be_unlikely(values: list[float]) -> None:
    assert sign_flip_p(values) + sign_flip_p([-v for v in values]) >= 1.0


@given(EIGHTHS, st.integers(1, 5))
def test_p_falls_as_every_difference_grows(values: list[float], shift: int) -> None:
    assert sign_flip_p([v + shift for v in values]) <= sign_flip_p(values)


def test_the_smallest_p_of_twelve_pairs_and_the_p_of_no_difference() -> None:
    assert sign_flip_p([0.1] * 12) == 2**-12
    assert sign_flip_p([0.0] * 12) == 1.0


def test_ties_that_differ_by_rounding_count_as_ties() -> None:
    assert sign_flip_p([0.1, 0.2, -0.3]) == sign_flip_p([1, 2, -3])


def test_rejection_rate_under_the_null_is_nominal() -> None:
    rng = np.random.default_rng(3)
    rates = np.mean(
        [[sign_flip_p(rng.standard_t(2, 8)) <= level for level in (0.05, 0.2)] for _ in range(2000)], axis=0
    )
    assert rates[0] == pytest.approx(0.05, abs=0.02)
    assert rates[1] == pytest.approx(0.2, abs=0.04)


def test_interval_covers_the_mean_95_times_in_100() -> None:
    rng = np.random.default_rng(4)
    for count in (2, 5, 12, 20):
        bounds = np.array([paired_interval(rng.standard_normal(count) + 1.0) for _ in range(2000)])
        assert np.mean((bounds[:, 0] <= 1.0) & (bounds[:, 1] >= 1.0)) == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize("bad", [[], [float("nan")], [[1.0]], [1.0] * 21])
def test_bad_samples_are_refused(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="finite numbers"):
        sign_flip_p(bad)


def test_one_difference_has_no_interval() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        paired_interval([1.0])
