"""Signs at irrational numbers are exact: what is 0 is told from what is almost 0."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discovery.tasks.nash.compiler.algebra import Poly, constant, variable
from discovery.tasks.nash.compiler.system import compile_program
from discovery.tasks.nash.language import NashLanguage
from discovery.tasks.nash.proof.algebraic import Number, Root, Undecided, sign
from discovery.tasks.nash.proof.counterexample import from_model, violations
from discovery.tasks.nash.solvers.encoding import target_problem
from discovery.tasks.nash.solvers.smtlib import smtlib
from discovery.tasks.nash.solvers.z3 import decide


def root_of(square: int) -> Root:
    return Root((-square, 0, 1), Fraction(1), Fraction(square))


ROOTS: dict[str, Number] = {"a": root_of(2), "b": root_of(3), "c": root_of(6), "one": Fraction(1)}
MONOMIALS = [(), ("a",), ("b",), ("c",), ("a", "a"), ("a", "b"), ("a", "c"), ("b", "b"), ("b", "c"), ("c", "c")]
#: What each is in the basis 1, sqrt 2, sqrt 3, sqrt 6: factor and place.
BASIS = [(1, 0), (1, 1), (1, 2), (1, 3), (2, 0), (1, 3), (2, 2), (3, 0), (3, 1), (6, 0)]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(-9, 9), min_size=10, max_size=10), st.integers(0, 60))
def test_zero_is_told_from_almost_zero(coefficients: list[int], digits: int) -> None:
    """sqrt 2 sqrt 3 - sqrt 6 is 0, whatever it is multiplied with; 10^-60 more is not."""
    poly = Poly({monomial: Fraction(c) for monomial, c in zip(MONOMIALS, coefficients, strict=True) if c})
    place = [0, 0, 0, 0]
    for coefficient, (factor, index) in zip(coefficients, BASIS, strict=True):
        place[index] += coefficient * factor
    with localcontext() as context:
        context.prec = 80
        exact = sum(Decimal(c) * Decimal(each).sqrt() for c, each in zip(place, (1, 2, 3, 6), strict=True))
    expected = 0 if not any(place) else 1 if exact > 0 else -1
    assert sign(poly, ROOTS) == expected
    identity = variable("a") * variable("b") - variable("c")
    tiny = constant(Fraction(1, 10**digits))
    assert sign(poly * identity, ROOTS) == 0
    assert sign(poly * identity + tiny, ROOTS) == 1
    assert sign(poly * identity - tiny, ROOTS) == -1


def test_numbers_of_higher_degree() -> None:
    """The golden ratio's powers, the real root of x^3 - x - 1, and both together."""
    values: dict[str, Number] = {
        "g": Root((-1, -1, 1), Fraction(1), Fraction(2)),
        "p": Root((-1, -1, 0, 1), Fraction(1), Fraction(3, 2)),
    }
    g, p = variable("g"), variable("p")
    assert sign(g * g - g - 1, values) == 0 == sign(p * p * p - p - 1, values)
    assert sign(p * p * p * p * p - p * p * p * p - 1, values) == 0
    assert sign(g * p * (g * g - g - 1) + p - g, values) == -1
    low = Root((-1, -1, 0, 1), Fraction(1), Fraction(3, 2)).within(300)
    assert 0 < low.high - low.low <= Fraction(1, 2**300)


def test_a_rational_root_is_one() -> None:
    assert sign(3 * variable("r") - 1, {"r": Root((-1, 3), Fraction(0), Fraction(1))}) == 0
    assert sign(2 * variable("r") - 1, {"r": Root((-1, 2), Fraction(1, 4), Fraction(3, 4))}) == 0


@pytest.mark.parametrize(
    ("coefficients", "low", "high"),
    [
        ((-2, 0, 1), 2, 3),
        ((-2, 0, 1), -2, 2),
        ((0, -1, 0, 1), -2, 2),
        ((1, 0, 1), 0, 1),
        ((1,), 0, 1),
        ((-1, 1, 0), 0, 2),
    ],
)
def test_an_interval_holds_one_root(coefficients: tuple[int, ...], low: int, high: int) -> None:
    with pytest.raises(ValueError, match="no single root"):
        Root(coefficients, Fraction(low), Fraction(high))


def test_what_would_take_too_long_stays_undecided() -> None:
    names = [f"r{index}" for index in range(40)]
    total = sum(map(variable, names), constant(0)) - 40 * variable("r0")
    with pytest.raises(Undecided):
        sign(total, dict.fromkeys(names, root_of(2)))


def test_an_irrational_state_is_checked_exactly() -> None:
    """Z3's values meet every axiom; a value that differs by 10^-60 breaks one."""
    source = "x: P1 = Random()\nz: P2 = Random()\ny: P2 = BestResponse(x)\nm: P2 = Mix(z, y, sqrt(1/2))"
    (system,) = compile_program(NashLanguage(2).algorithm(source))
    found = decide(smtlib(target_problem(system, Fraction(1, 4))), ordering=4, work=10**6, seconds=30.0)
    values = from_model(found["model"])
    irrational = {name: each for name, each in values.items() if isinstance(each, Root)}
    assert irrational and violations(system, values) == []
    for name, each in irrational.items():
        if name in system.state.variables and not name.startswith("q"):
            near = each.within(210).middle
            assert violations(system, {**values, name: near}), name
