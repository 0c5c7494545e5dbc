"""A state that exceeds a claimed bound: checked exactly against every axiom, and shown so that it can be acted on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from discovery.tasks.nash.compiler.algebra import Constraint, Poly
from discovery.tasks.nash.compiler.guarantee import best_mixture
from discovery.tasks.nash.compiler.system import Line, System

__all__ = ["Counterexample", "Interval", "from_model", "violations"]

#: What an irrational value of a model is known to: an interval of this width or less.
_TINY = Fraction(1, 10**24)


@dataclass(frozen=True)
class Interval:
    """All numbers from `low` to `high`; a rational number has both equal."""

    low: Fraction
    high: Fraction

    def __add__(self, other: Interval) -> Interval:
        return Interval(self.low + other.low, self.high + other.high)

    def __mul__(self, other: Interval) -> Interval:
        corners = [a * b for a in (self.low, self.high) for b in (other.low, other.high)]
        return Interval(min(corners), max(corners))

    @property
    def middle(self) -> Fraction:
        """The number itself where it is rational."""
        return (self.low + self.high) / 2


def from_model(model: Mapping[str, Any]) -> dict[str, Interval]:
    """Values of a solver's model: texts of fractions, or `[low, high]` around an irrational number."""
    found: dict[str, Interval] = {}
    for name, value in model.items():
        low, high = (value, value) if isinstance(value, str) else value
        found[name] = Interval(Fraction(low), Fraction(high))
    return found


def _at(poly: Poly, values: Mapping[str, Interval]) -> Interval:
    total = Interval(Fraction(0), Fraction(0))
    for monomial, coefficient in poly.terms.items():
        product = Interval(coefficient, coefficient)
        for name in monomial:
            product = product * values[name]
        total = total + product
    return total


def _fails(constraint: Constraint, values: Mapping[str, Interval]) -> bool:
    """Whether `constraint` is certainly violated, or, where values are irrational, not met up to their precision."""
    value = _at(constraint.poly, values)
    if value.high - value.low > _TINY:
        return True
    if constraint.relation == "=":
        return not value.low <= 0 <= value.high
    return value.high < 0 or (constraint.relation == ">" and value.high <= 0)


def violations(system: System, values: Mapping[str, Interval]) -> list[str]:
    """Every axiom, range and inherent inequality of `system` that `values` break; exact where values are rational.

    Raises:
        KeyError: a variable of an axiom has no value.
    """
    broken = []
    for name, bounds in system.state.variables.items():
        if name in values:
            low_broken = bounds.low is not None and values[name].high < bounds.low
            if low_broken or (bounds.high is not None and values[name].low > bounds.high):
                broken.append(f"{name} = {float(values[name].middle):g} leaves its range")
    for constraint in system.axioms:
        written = constraint.substituted(system.state.definitions)
        if _fails(written, values):
            broken.append(f"{constraint.label}: {constraint}")
    return broken


@dataclass(frozen=True)
class Counterexample:
    """A state of one case.

    Attributes:
        case: Number of the case, from 1.
        value: What the best line guarantees there: the program's regret in this state.
        values: Value of every variable and regret; rational unless `exact` is False.
        exact: Whether every value is rational and was checked in exact arithmetic. Otherwise some values are
            irrational and were checked within intervals narrower than 1e-24.
        lines: Per line: label, what it guarantees, what is mixed with which weights, the regrets of its points.
        tight: Axioms that hold with equality, by label.
    """

    case: int
    value: Fraction
    values: Mapping[str, Fraction]
    exact: bool
    lines: tuple[Mapping[str, Any], ...]
    tight: tuple[str, ...]

    @classmethod
    def at(cls, case: int, system: System, values: Mapping[str, Interval]) -> Counterexample:
        """What the state `values` says about the lines of `system`."""
        middle = {name: value.middle for name, value in values.items()}
        complete = system.state.complete(middle)
        lines = tuple(_line(line, complete) for line in system.lines)
        exact = all(value.low == value.high for value in values.values())
        tight = [c for c in system.axioms if c.relation != "=" and abs(c.poly.at(complete)) < Fraction(1, 10**9)]
        labels = tuple(f"{c.label}: {c}" for c in tight if not c.label.startswith("best response"))
        return cls(case, min(line["value"] for line in lines), complete, exact, lines, labels)

    def tight_lines(self) -> tuple[int, ...]:
        """Indices of the lines that guarantee no more than the worst, up to 1e-4."""
        return tuple(i for i, line in enumerate(self.lines) if line["value"] - self.value < Fraction(1, 10**4))

    def to_json(self) -> dict[str, Any]:
        """Plain data: fractions as texts; lines in the order of what they guarantee, the worst first."""
        return {
            "case": self.case,
            "value": str(self.value),
            "exact": self.exact,
            "values": {name: str(value) for name, value in self.values.items() if not name.startswith("q")},
            "tight_lines": [line["label"] for line in self.lines if line["value"] - self.value < Fraction(1, 10**6)],
            "lines": [
                {
                    "label": line["label"],
                    "value": float(line["value"]),
                    "mixed": list(line["mixed"]),
                    "weights": [float(weight) for weight in line["weights"]],
                }
                for line in sorted(self.lines, key=lambda line: line["value"])
            ],
            "tight_axioms": list(self.tight),
        }


def _line(line: Line, values: Mapping[str, Fraction]) -> dict[str, Any]:
    points = [[poly.at(values) for poly in point] for point in line.points]
    value, weights = best_mixture(points)
    return {"label": line.label, "value": value, "mixed": line.mixed, "weights": weights, "regrets": points}
