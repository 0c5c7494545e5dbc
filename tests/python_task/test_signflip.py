from __future__ import annotations

import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.tasks.python.signflip import p_value, typical_interval

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


def test_it_keeps_its_level_under_the_null() -> None:
    rng = random.Random(0)
    p_values = [p_value([rng.gauss(0, 1) for _ in range(8)]) for _ in range(600)]
    assert sum(p <= 0.05 for p in p_values) / 600 < 0.08
    assert sum(p <= 0.5 for p in p_values) / 600 > 0.4


def test_equal_programs_prove_nothing() -> None:
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
