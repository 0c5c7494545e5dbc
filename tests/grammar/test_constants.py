"""Domains of constants: draws and nudges stay inside, keys tell exactly the distinguishable apart."""

from __future__ import annotations

import math
import random
from fractions import Fraction
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.grammar import ConstantDomain, DecayRateDomain, FloatDomain, IntegerDomain, RationalDomain

DOMAINS: dict[str, ConstantDomain] = {
    "float": FloatDomain(),
    "positive": FloatDomain(1e-8, 10.0),
    "rate": DecayRateDomain(),
    "narrow rate": DecayRateDomain(0.5, 0.99),
    "fraction": RationalDomain(),
    "wide fraction": RationalDomain(Fraction(-3), Fraction(7, 2), 5),
    "integer": IntegerDomain(-3, 40),
}


@pytest.mark.parametrize("name", DOMAINS)
@given(st.integers(0, 10**9))
def test_draws_and_nudges_stay_inside_and_differ(name: str, seed: int) -> None:
    domain = DOMAINS[name]
    rng = random.Random(seed)
    value = domain.sample(rng)
    for _ in range(5):
        assert domain.refuse(value) is None
        other = domain.perturb(value, rng)
        assert domain.key(other) != domain.key(value)
        value = other


@pytest.mark.parametrize("name", DOMAINS)
def test_same_generator_same_numbers(name: str) -> None:
    domain = DOMAINS[name]
    one, other = random.Random(3), random.Random(3)
    assert [domain.sample(one) for _ in range(20)] == [domain.sample(other) for _ in range(20)]


@given(st.floats(1e-6, 1e6), st.integers(0, 10**6), st.booleans())
def test_a_float_keeps_its_sign_and_scale(size: float, seed: int, negative: bool) -> None:
    value = -size if negative else size
    other = FloatDomain().perturb(value, random.Random(seed))
    assert other * value > 0
    assert abs(math.log(other / value)) < 4


def test_zero_is_left() -> None:
    assert FloatDomain().perturb(0.0, random.Random(0)) != 0


@given(st.floats(0.5, 0.99999), st.integers(0, 10**6))
def test_a_rate_moves_in_its_distance_from_one(value: float, seed: int) -> None:
    other = DecayRateDomain().perturb(value, random.Random(seed))
    assert abs(math.log((1 - other) / (1 - value))) < 5


def test_rates_spread_over_magnitudes() -> None:
    rng = random.Random(0)
    logs = [math.log10(1 - DecayRateDomain().sample(rng)) for _ in range(2000)]
    assert -2.4 < mean(logs) < -1.9
    assert min(logs) < -3.8


def test_drawn_numbers_read_well() -> None:
    rng = random.Random(0)
    assert all(len(repr(DecayRateDomain().perturb(0.999, rng))) <= 9 for _ in range(200))
    assert all(len(repr(FloatDomain().perturb(0.1, rng)).lstrip("-")) <= 8 for _ in range(200))


@pytest.mark.parametrize("name", DOMAINS)
def test_what_cannot_be_computed_with_is_refused(name: str) -> None:
    for value in (math.nan, math.inf, -math.inf, 10**5000, Fraction(1, 10**5000), True):
        problem = DOMAINS[name].refuse(value)
        assert problem is not None
        assert len(problem) < 150


def test_types_of_numbers_do_not_mix() -> None:
    assert FloatDomain().refuse(Fraction(1, 2)) is not None
    assert RationalDomain().refuse(0.5) is not None
    assert IntegerDomain(0, 9).refuse(Fraction(1, 2)) is not None
    assert FloatDomain().key(1) == FloatDomain().key(1.0)
    assert RationalDomain().key(Fraction(2, 4)) == RationalDomain().key(Fraction(1, 2))
    assert FloatDomain().key(0.1 + 0.2) != FloatDomain().key(0.3)


def test_a_domain_of_one_number_gives_it_back() -> None:
    assert IntegerDomain(4, 4).perturb(4, random.Random(0)) == 4
    assert RationalDomain(Fraction(1, 7), Fraction(1, 7), 3).sample(random.Random(0)) == Fraction(1, 7)
