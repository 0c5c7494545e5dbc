from __future__ import annotations

import doctest
import itertools
import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery import statistics
from discovery.statistics import over_seeds, p_value, student_interval, typical_interval

differences = st.lists(st.integers(-20, 20).map(float), min_size=1, max_size=8)


@given(differences)
def test_the_p_value_is_the_share_of_sign_patterns_at_least_as_good(values: list[float]) -> None:
    patterns = list(itertools.product((-1, 1), repeat=len(values)))
    good = sum(sum(s * v for s, v in zip(p, values, strict=True)) >= sum(values) for p in patterns)
    assert p_value(values) == good / len(patterns)


@given(differences, st.integers(1, 9))
def test_the_p_value_ignores_scale_and_falls_with_shift(values: list[float], factor: int) -> None:
    assert p_value([value * factor for value in values]) == p_value(values)
    assert p_value([value + factor for value in values]) <= p_value(values)


@given(differences)
def test_opposite_hypotheses_cannot_both_be_unlikely(values: list[float]) -> None:
    assert p_value(values) + p_value([-value for value in values]) >= 1.0


def test_ties_that_differ_by_rounding_count_as_ties() -> None:
    assert p_value([0.1, 0.2, -0.3]) == p_value([1, 2, -3])


def test_it_keeps_its_level_under_the_null() -> None:
    rng = random.Random(0)
    p_values = [p_value([rng.gauss(0, 1) for _ in range(8)]) for _ in range(600)]
    assert sum(p <= 0.05 for p in p_values) / 600 < 0.08
    assert sum(p <= 0.5 for p in p_values) / 600 > 0.4


def test_the_smallest_p_of_twelve_pairs_and_the_p_of_no_difference() -> None:
    assert p_value([0.1] * 12) == 2**-12
    assert p_value([0.0] * 12) == 1.0


@given(differences, st.integers(-50, 50))
def test_the_interval_holds_the_median_mean_and_moves_along(values: list[float], shift: int) -> None:
    low, high = typical_interval(values)
    assert min(values) <= low <= high <= max(values)
    moved = typical_interval([value + shift for value in values])
    assert math.isclose(moved[0], low + shift, abs_tol=1e-9) and math.isclose(moved[1], high + shift, abs_tol=1e-9)


def test_the_interval_covers_as_often_as_it_says() -> None:
    rng = random.Random(1)
    intervals = [typical_interval([rng.gauss(3, 1) for _ in range(8)]) for _ in range(400)]
    assert 0.92 <= sum(low <= 3 <= high for low, high in intervals) / 400 <= 0.98


@pytest.mark.parametrize("values", [[], [0.0] * 17])
def test_sizes_out_of_range_are_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="1 to 16"):
        p_value(values)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("function", [p_value, typical_interval, student_interval, over_seeds])
def test_what_is_no_number_is_refused(function: Callable[[list[float]], object], bad: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        function([1.0, bad, 2.0])
    with pytest.raises(ValueError, match="finite"):
        over_seeds([1.0] * 20 + [bad])


@pytest.mark.parametrize("values", [[], [1.0], [0.0] * 17])
def test_students_interval_takes_two_to_sixteen(values: list[float]) -> None:
    with pytest.raises(ValueError, match="2 to 16"):
        student_interval(values)


@pytest.mark.parametrize("count", [2, 5, 12, 16])
def test_students_interval_covers_the_mean_95_times_in_100(count: int) -> None:
    rng = random.Random(count)
    intervals = [student_interval([rng.gauss(1.0, 2.0) for _ in range(count)]) for _ in range(2000)]
    assert sum(low <= 1.0 <= high for low, high in intervals) / 2000 == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize(("count", "coverage"), [(1, 0.0), (2, 0.5), (3, 0.75), (5, 0.9375), (6, 0.96875), (10, 0.951)])
def test_few_seeds_say_how_little_they_cover(count: int, coverage: float) -> None:
    found = over_seeds([float(number) for number in range(count)])
    assert found.coverage == pytest.approx(coverage, abs=1e-3)
    if count < 6:
        assert (found.low, found.high) == (0.0, count - 1.0)


@pytest.mark.parametrize("count", [3, 6, 12])
def test_intervals_over_seeds_cover_what_they_say(count: int) -> None:
    rng = random.Random(count)
    trials, held = 1000 if count < 10 else 150, 0
    for _ in range(trials):
        found = over_seeds([rng.gauss(2.0, 1.0) for _ in range(count)])
        held += found.low <= 2.0 <= found.high
    assert held / trials == pytest.approx(found.coverage, abs=0.05)


def test_many_seeds_are_bootstrapped_and_the_same_each_time() -> None:
    rng = random.Random(1)
    values = [rng.gauss(1.0, 1.0) for _ in range(30)]
    found = over_seeds(values)
    assert found == over_seeds(values) and found.method == "bootstrap"
    half = 1.96 / 30**0.5
    assert found.low == pytest.approx(sum(values) / 30 - half, abs=0.12)
    assert found.high == pytest.approx(sum(values) / 30 + half, abs=0.12)


def test_the_examples_in_the_docstrings() -> None:
    found = doctest.testmod(statistics)
    assert found.attempted and not found.failed
