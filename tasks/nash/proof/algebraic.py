"""Real algebraic numbers, and the exact sign of a polynomial at them.

A state that Z3 returns may hold irrational numbers: roots of polynomials with integer coefficients. Whether it meets an
axiom is decided here, without Z3 and without rounding. The value P(a_1, ..., a_k) is enclosed in intervals that shrink
until they exclude 0, or are closer to 0 than any value but 0 itself can be:

Let a_i be a root of p_i, of degree d_i with leading coefficient l_i, let P have degree e_i in a_i and the common
denominator c, and let D be the product of the d_i. The values of c P at all D tuples of roots of the p_i are the roots
of a polynomial whose coefficients are symmetric in the roots of each p_i, so that they are integers after
multiplication with A = prod l_i^(e_i D / d_i). The lowest of them that is not 0 is at least 1, and it is A times the
product of the values that are not 0. None of these exceeds some B >= 1, so a value that is not 0 is at least
1 / (A B^(D-1)). (Such bounds are usual: Mignotte, Identification of algebraic numbers, J. Algorithms 3, 1982.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, lcm, prod
from typing import NamedTuple, TypeAlias

from discovery.tasks.nash.compiler.algebra import Poly, constant

__all__ = ["Number", "Root", "Undecided", "sign"]

#: Bits to which numbers are computed at most: seconds.
_MOST = 50_000
_FIRST = 128


class Undecided(Exception):
    """Telling a value from 0 would take more digits than are computed."""


class _Interval(NamedTuple):
    low: Fraction
    high: Fraction

    def plus(self, other: _Interval) -> _Interval:
        return _Interval(self.low + other.low, self.high + other.high)

    def times(self, other: _Interval) -> _Interval:
        corners = [a * b for a in self for b in other]
        return _Interval(min(corners), max(corners))


@dataclass(frozen=True)
class Root:
    """The only root of a polynomial in an interval.

    Args:
        coefficients: Integers, that of x^0 first; the last one is not 0.
        low, high: Ends of the interval; the polynomial's signs there differ, and its derivative has no root between.

    Raises:
        ValueError: the interval does not single out a root that way.
    """

    coefficients: tuple[int, ...]
    low: Fraction
    high: Fraction

    def __post_init__(self) -> None:
        ends = [_value(self.coefficients, each) for each in (self.low, self.high)]
        if len(self.coefficients) < 2 or not self.coefficients[-1] or ends[0] * ends[1] >= 0 or self._slope() is None:
            raise ValueError(f"no single root of {self.coefficients} between {self.low} and {self.high}")

    def _slope(self) -> _Interval | None:
        """The range of the derivative on the interval; None if 0 may be in it."""
        powers, total = _one(1), _one(0)
        for power, coefficient in enumerate(self.coefficients[1:], 1):
            total = total.plus(powers.times(_one(power * coefficient)))
            powers = powers.times(_Interval(self.low, self.high))
        return total if total.low > 0 or total.high < 0 else None

    def within(self, bits: int) -> Root:
        """The same number in an interval of width 2^-bits or less, by Newton's method on intervals."""
        low, high, scale = self.low, self.high, 1 << (bits + 8)
        rising = _value(self.coefficients, high) > 0
        while (high - low) * (1 << bits) > 1:
            middle = Fraction(floor((low + high) / 2 * scale), scale)
            value = _value(self.coefficients, middle)
            if value == 0:
                low, high = middle - Fraction(1, scale), middle + Fraction(1, scale)
                break
            slope = Root(self.coefficients, low, high)._slope()
            assert slope is not None
            steps = [middle - value / each for each in slope]
            low, high = (low, middle) if (value > 0) is rising else (middle, high)
            low = max(low, Fraction(floor(min(steps) * scale), scale))
            high = min(high, Fraction(ceil(max(steps) * scale), scale))
        return Root(self.coefficients, low, high)

    @property
    def middle(self) -> Fraction:
        """A number that is off by less than half the interval's width."""
        return (self.low + self.high) / 2


Number: TypeAlias = Fraction | Root


def sign(poly: Poly, values: Mapping[str, Number]) -> int:
    """1, 0 or -1: the sign of `poly` at a point, exactly.

    Raises:
        KeyError: a variable has no value.
        Undecided: it would take more digits than are computed.
    """
    given = {name: values[name] for name in poly.variables()}
    rest = poly.substituted({name: constant(each) for name, each in given.items() if isinstance(each, Fraction)})
    roots = {name: each for name, each in given.items() if isinstance(each, Root) and rest.degree(name)}
    least = _least(rest, roots)
    if least > _MOST:
        raise Undecided(f"{least} bits would be needed")
    bits = _FIRST
    while True:
        found = _enclosed(rest, {name: root.within(bits) for name, root in roots.items()})
        if found.low > 0 or found.high < 0:
            return 1 if found.low > 0 else -1
        if max(found.high, -found.low) * (1 << least) < 1:
            return 0
        bits *= 2


def _least(poly: Poly, roots: Mapping[str, Root]) -> int:
    """A number of bits b such that `poly`, at the roots, is 0 or at least 2^-b in absolute value."""
    common = lcm(*(each.denominator for each in poly.terms.values()))
    degrees = {name: len(root.coefficients) - 1 for name, root in roots.items()}
    tuples = prod(degrees.values())
    if tuples > _MOST:
        return tuples
    leading = sum(
        abs(root.coefficients[-1]).bit_length() * poly.degree(name) * tuples // degrees[name]
        for name, root in roots.items()
    )
    # Cauchy: no root, complex ones included, exceeds 1 + max |coefficient| / |leading coefficient|.
    sizes = {name: 1 + max(map(abs, r.coefficients)) // abs(r.coefficients[-1]) + 1 for name, r in roots.items()}
    largest = sum(
        abs(int(coefficient * common)) * prod(sizes[name] for name in monomial)
        for monomial, coefficient in poly.terms.items()
    )
    return common.bit_length() + leading + max(largest, 1).bit_length() * (tuples - 1)


def _enclosed(poly: Poly, roots: Mapping[str, Root]) -> _Interval:
    total = _one(0)
    for monomial, coefficient in poly.terms.items():
        product = _one(coefficient)
        for name in monomial:
            product = product.times(_Interval(roots[name].low, roots[name].high))
        total = total.plus(product)
    return total


def _value(coefficients: Sequence[int], at: Fraction) -> Fraction:
    total = Fraction(0)
    for each in reversed(coefficients):
        total = total * at + each
    return total


def _one(value: Fraction | int) -> _Interval:
    return _Interval(Fraction(value), Fraction(value))
