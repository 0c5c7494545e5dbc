"""Polynomials with rational coefficients over named variables, and constraints between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

__all__ = ["Constraint", "Monomial", "Poly", "Scalar", "constant", "variable"]

#: Names of the factors, sorted, repeated for powers; `()` is the constant term.
Monomial: TypeAlias = tuple[str, ...]
Scalar: TypeAlias = "Poly | Fraction | int"


@dataclass(frozen=True, eq=False)
class Poly:
    """A polynomial: coefficient of every monomial, none of them zero.

    Comparing two polynomials with `>=`, `<=` or `equals` gives a `Constraint`; Python's `==` keeps meaning identity.
    """

    terms: Mapping[Monomial, Fraction]

    def __add__(self, other: Scalar) -> Poly:
        terms = dict(self.terms)
        for monomial, coefficient in _poly(other).terms.items():
            terms[monomial] = terms.get(monomial, Fraction(0)) + coefficient
        return Poly({monomial: c for monomial, c in terms.items() if c})

    __radd__ = __add__

    def __neg__(self) -> Poly:
        return Poly({monomial: -c for monomial, c in self.terms.items()})

    def __sub__(self, other: Scalar) -> Poly:
        return self + (-_poly(other))

    def __rsub__(self, other: Scalar) -> Poly:
        return _poly(other) - self

    def __mul__(self, other: Scalar) -> Poly:
        terms: dict[Monomial, Fraction] = {}
        for left, a in self.terms.items():
            for right, b in _poly(other).terms.items():
                monomial = tuple(sorted(left + right))
                terms[monomial] = terms.get(monomial, Fraction(0)) + a * b
        return Poly({monomial: c for monomial, c in terms.items() if c})

    __rmul__ = __mul__

    def __ge__(self, other: Scalar) -> Constraint:
        return Constraint(self - other, ">=")

    def __le__(self, other: Scalar) -> Constraint:
        return Constraint(_poly(other) - self, ">=")

    def equals(self, other: Scalar) -> Constraint:
        """The constraint that both sides are equal."""
        return Constraint(self - other, "=")

    def substituted(self, values: Mapping[str, Poly]) -> Poly:
        """With polynomials in place of some variables."""
        if not any(name in values for monomial in self.terms for name in monomial):
            return self
        total = Poly({})
        for monomial, coefficient in self.terms.items():
            product = constant(coefficient)
            for name in monomial:
                product = product * values.get(name, variable(name))
            total = total + product
        return total

    def variables(self) -> list[str]:
        """Names, each once, in order of first occurrence."""
        return list(dict.fromkeys(name for monomial in self.terms for name in monomial))

    def degree(self, name: str) -> int:
        """The largest power of `name`."""
        return max((monomial.count(name) for monomial in self.terms), default=0)

    def at(self, values: Mapping[str, Fraction]) -> Fraction:
        """Value at a point, exactly. KeyError when a variable has no value."""
        total = Fraction(0)
        for monomial, coefficient in self.terms.items():
            for name in monomial:
                coefficient *= values[name]
            total += coefficient
        return total

    def __str__(self) -> str:
        parts: list[str] = []
        for monomial, coefficient in self.terms.items():
            size = abs(coefficient)
            text = "*".join(([] if size == 1 and monomial else [str(size)]) + list(monomial))
            parts += ["-" if coefficient < 0 else "+", text]
        text = " ".join(parts[1:] if parts[:1] == ["+"] else parts)
        return text or "0"


@dataclass(frozen=True, eq=False)
class Constraint:
    """`poly >= 0`, `poly > 0` or `poly = 0`.

    Attributes:
        poly: Left-hand side.
        relation: `">="`, `">"` or `"="`.
        label: Where it comes from, for people: `"BestResponse w"`, `"line of P1 at y"`.
    """

    poly: Poly
    relation: str
    label: str = ""

    def labelled(self, label: str) -> Constraint:
        """The same with a label."""
        return Constraint(self.poly, self.relation, label)

    def substituted(self, values: Mapping[str, Poly]) -> Constraint:
        """With polynomials in place of some variables."""
        return Constraint(self.poly.substituted(values), self.relation, self.label)

    def __str__(self) -> str:
        left = Poly({m: c for m, c in self.poly.terms.items() if c > 0})
        right = Poly({m: -c for m, c in self.poly.terms.items() if c < 0})
        return f"{left} {self.relation} {right}"


def _poly(value: Scalar) -> Poly:
    return value if isinstance(value, Poly) else constant(value)


def constant(value: Fraction | int) -> Poly:
    """The polynomial of one number."""
    return Poly({(): Fraction(value)} if value else {})


def variable(name: str) -> Poly:
    """The polynomial of one variable."""
    return Poly({(name,): Fraction(1)})
