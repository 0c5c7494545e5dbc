"""Domains of constants: which numbers may stand for a type, how to draw one, how to nudge one, how to tell two apart.

Drawn and nudged numbers are rounded to a few significant digits, so that a program stays readable; numbers that a
source text spells out are kept as they are.
"""

from __future__ import annotations

import math
import random
import sys
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Protocol

from discovery.grammar.ir import Number

__all__ = [
    "ConstantDomain",
    "DecayRateDomain",
    "FloatDomain",
    "IntegerDomain",
    "RationalDomain",
    "number_text",
    "same_number",
]

#: Draws after which `perturb` gives up looking for another number (a domain may hold one number only).
_DRAWS = 64


class ConstantDomain(Protocol):
    """The numbers that may stand for a value of some type."""

    def refuse(self, value: Number) -> str | None:
        """None when `value` belongs to the domain, else what would: `"expected a number from 0 to 1"`."""
        ...

    def sample(self, rng: random.Random) -> Number:
        """A fresh number of the domain."""
        ...

    def perturb(self, value: Number, rng: random.Random) -> Number:
        """A number of the domain near `value` and different from it, where the domain has another one."""
        ...

    def key(self, value: Number) -> str:
        """Exact text of `value`: equal texts if and only if the numbers are indistinguishable in this domain."""
        ...


def _rounded(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")


#: Longest whole number, numerator or denominator, in digits.
MAX_DIGITS = 30


def too_long(value: Number) -> bool:
    """Whether `value` has more digits than may be written."""
    return not isinstance(value, float) and max(abs(value.numerator), value.denominator) >= 10**MAX_DIGITS


def number_text(value: Number) -> str:
    """`value` for a message."""
    return f"a number of more than {MAX_DIGITS} digits" if too_long(value) else str(value)


def same_number(left: Number, right: Number) -> bool:
    """Whether the numbers are equal, zeros also in sign."""
    return left == right and (left != 0 or math.copysign(1.0, left) == math.copysign(1.0, right))


def _refuse_float(value: Number, low: float, high: float, noun: str) -> str | None:
    if isinstance(value, bool | Fraction) or (isinstance(value, float) and not math.isfinite(value)):
        return f"expected a finite decimal number, got {number_text(value)}"
    return _refuse_range(value, max(low, -sys.float_info.max), min(high, sys.float_info.max), noun)


def _refuse_range(value: Number, low: Number, high: Number, noun: str) -> str | None:
    if low <= value <= high:
        return None
    return f"expected {noun} from {low} to {high}, got {number_text(value)}"


@dataclass(frozen=True)
class FloatDomain:
    """Finite floats in [low, high]; a nudge multiplies by exp(N(0, spread)), so it keeps the sign.

    Zero has no scale to multiply: its nudge is a fresh draw, N(0, 1) folded into the bounds.

    Args:
        low, high: Bounds, inclusive.
        spread: Standard deviation of a nudge in natural-log units.
        digits: Significant digits of drawn numbers.
    """

    low: float = -math.inf
    high: float = math.inf
    spread: float = 0.5
    digits: int = 3

    def refuse(self, value: Number) -> str | None:
        """See `ConstantDomain`."""
        return _refuse_float(value, self.low, self.high, "a number")

    def sample(self, rng: random.Random) -> float:
        """A standard normal draw, clipped to the bounds."""
        return self._clip(_rounded(rng.gauss(0.0, 1.0), self.digits))

    def perturb(self, value: Number, rng: random.Random) -> float:
        """See `ConstantDomain`."""
        for _ in range(_DRAWS):
            other = self._clip(_rounded(value * math.exp(rng.gauss(0.0, self.spread)), self.digits))
            if value == 0:
                other = self.sample(rng)
            if other != value and math.isfinite(other):
                return other
        return float(value)

    def key(self, value: Number) -> str:
        """`repr` of the float: exact, and -0.0 is not 0.0."""
        return repr(float(value))

    def _clip(self, value: float) -> float:
        return min(max(value, self.low), self.high)


@dataclass(frozen=True)
class DecayRateDomain:
    """Floats in [low, high] below 1 whose distance from 1 is what matters; nudges act on log(1 - x).

    Args:
        low, high: Bounds, inclusive; 0 <= low < high < 1.
        spread: Standard deviation of a nudge of log(1 - x), natural-log units.
        digits: Significant digits of 1 - x in drawn numbers.
    """

    low: float = 0.0
    high: float = 0.999999
    spread: float = 0.7
    digits: int = 2

    def refuse(self, value: Number) -> str | None:
        """See `ConstantDomain`."""
        return _refuse_float(value, self.low, self.high, "a rate")

    def sample(self, rng: random.Random) -> float:
        """1 - x log-uniform between 1e-4 and 0.5."""
        return self._rate(math.exp(rng.uniform(math.log(1e-4), math.log(0.5))))

    def perturb(self, value: Number, rng: random.Random) -> float:
        """See `ConstantDomain`."""
        for _ in range(_DRAWS):
            distance = 1.0 - float(value)
            other = self._rate(distance * math.exp(rng.gauss(0.0, self.spread))) if distance > 0 else self.sample(rng)
            if other != value:
                return other
        return float(value)

    def key(self, value: Number) -> str:
        """`repr` of the float."""
        return repr(float(value))

    def _rate(self, distance: float) -> float:
        # In decimals, so that 1 - 0.0013 reads 0.9987 and not 0.9986999999999999.
        rate = float(1 - Decimal(f"{distance:.{self.digits}g}"))
        return min(max(rate, self.low), self.high)


@dataclass(frozen=True)
class RationalDomain:
    """Fractions in [low, high] with a bounded denominator; a nudge adds or takes away one unit fraction.

    Args:
        low, high: Bounds, inclusive.
        max_denominator: Largest denominator of a drawn number; source texts may use up to `accepted_denominator`.
        accepted_denominator: Largest denominator that is accepted at all.
    """

    low: Fraction = Fraction(0)
    high: Fraction = Fraction(1)
    max_denominator: int = 12
    accepted_denominator: int = 10_000

    def refuse(self, value: Number) -> str | None:
        """See `ConstantDomain`."""
        if isinstance(value, bool | float):
            return f"expected a fraction such as 1/2, got {number_text(value)}"
        if value.denominator > self.accepted_denominator:
            return f"expected a denominator up to {self.accepted_denominator}, got {number_text(value)}"
        return _refuse_range(value, self.low, self.high, "a fraction")

    def sample(self, rng: random.Random) -> Fraction:
        """Denominator uniform, then numerator uniform within the bounds."""
        denominator = rng.randint(1, self.max_denominator)
        lowest, highest = math.ceil(self.low * denominator), math.floor(self.high * denominator)
        return Fraction(rng.randint(lowest, highest), denominator) if lowest <= highest else self.low

    def perturb(self, value: Number, rng: random.Random) -> Fraction:
        """See `ConstantDomain`."""
        for _ in range(_DRAWS):
            step = Fraction(rng.choice((-1, 1)), rng.randint(1, self.max_denominator))
            other = (Fraction(value) + step).limit_denominator(self.max_denominator)
            if other != value and self.low <= other <= self.high:
                return other
        return Fraction(value)

    def key(self, value: Number) -> str:
        """Numerator/denominator in lowest terms."""
        return str(Fraction(value))


@dataclass(frozen=True)
class IntegerDomain:
    """Whole numbers in [low, high]; a nudge is a step of one, or now and then a factor near two."""

    low: int
    high: int

    def refuse(self, value: Number) -> str | None:
        """See `ConstantDomain`."""
        if isinstance(value, bool) or value % 1 != 0:  # the remainder of an infinity is not a number
            return f"expected a whole number from {self.low} to {self.high}, got {number_text(value)}"
        return _refuse_range(value, self.low, self.high, "a whole number")

    def sample(self, rng: random.Random) -> int:
        """Uniform within the bounds."""
        return rng.randint(self.low, self.high)

    def perturb(self, value: Number, rng: random.Random) -> int:
        """See `ConstantDomain`."""
        here = int(value)
        for _ in range(_DRAWS):
            other = rng.choice((here - 1, here + 1, here // 2, here * 2))
            if other != here and self.low <= other <= self.high:
                return other
        return here

    def key(self, value: Number) -> str:
        """Decimal digits."""
        return str(int(value))
