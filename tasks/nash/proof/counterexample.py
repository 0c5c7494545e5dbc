"""A state that exceeds a claimed bound: checked exactly against every axiom, and shown so that it can be acted on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from discovery.tasks.nash.compiler.algebra import Constraint, variable
from discovery.tasks.nash.compiler.guarantee import best_mixture
from discovery.tasks.nash.compiler.system import Line, System
from discovery.tasks.nash.proof.algebraic import Number, Root, Undecided, sign

__all__ = ["Counterexample", "from_model", "violations"]


def from_model(model: Mapping[str, Any]) -> dict[str, Number]:
    """Values of a solver's model, as `z3.decide` gives them.

    Raises:
        ValueError: what stands for an irrational number does not single one out.
    """
    found: dict[str, Number] = {}
    for name, value in model.items():
        if isinstance(value, str):
            found[name] = Fraction(value)
        else:
            low, high = map(Fraction, value["within"])
            found[name] = Root(tuple(map(int, value["root of"])), low, high)
    return found


def _fails(constraint: Constraint, values: Mapping[str, Number]) -> bool:
    """Whether `constraint` is violated, or so nearly met that it cannot be told."""
    try:
        side = sign(constraint.poly, values)
    except Undecided:
        return True
    return side != 0 if constraint.relation == "=" else side < 0 or (constraint.relation == ">" and side == 0)


def violations(system: System, values: Mapping[str, Number]) -> list[str]:
    """Every axiom, range and inherent inequality of `system` that `values` break, in exact arithmetic.

    Raises:
        KeyError: a variable of an axiom has no value.
    """
    broken = []
    for name, bounds in system.state.variables.items():
        if name in values:
            ends = [] if bounds.low is None else [variable(name) >= bounds.low]
            ends += [] if bounds.high is None else [variable(name) <= bounds.high]
            if any(_fails(end, values) for end in ends):
                broken.append(f"{name} = {float(_middle(values[name])):g} leaves its range")
    for constraint in system.axioms:
        if _fails(constraint.substituted(system.state.definitions), values):
            broken.append(f"{constraint.label}: {constraint}")
    return broken


def _middle(value: Number) -> Fraction:
    return value.middle if isinstance(value, Root) else value


@dataclass(frozen=True)
class Counterexample:
    """A state of one case.

    Attributes:
        case: Number of the case, from 1.
        value: What the best line guarantees there: the program's regret in this state. Where some values are
            irrational, a little less.
        values: Value of every variable and regret; where they are irrational, to 24 digits or more.
        exact: Whether `values` are the values themselves: no number was irrational. The axioms are checked exactly
            either way.
        lines: Per line: label, what it guarantees, what is mixed with which weights, the regrets of its points.
        tight: Axioms that hold with equality, by label.
        checked: Whether it was checked against every axiom. Otherwise it was found in floating point, shows what is
            likely to be tight, and refutes nothing; only tight lines are given.
    """

    case: int
    value: Fraction
    values: Mapping[str, Fraction]
    exact: bool
    lines: tuple[Mapping[str, Any], ...]
    tight: tuple[str, ...]
    checked: bool = True

    @classmethod
    def at(cls, case: int, system: System, values: Mapping[str, Number]) -> Counterexample:
        """What the state `values` says about the lines of `system`."""
        middle = {name: _middle(value) for name, value in values.items()}
        complete = system.state.complete(middle)
        lines = tuple(_line(line, complete) for line in system.lines)
        # A regret M - U is off by no more than this, and with it what a line guarantees.
        off = max((each.high - each.low for each in values.values() if isinstance(each, Root)), default=Fraction(0))
        tight = [c for c in system.axioms if c.relation != "=" and abs(c.poly.at(complete)) < Fraction(1, 10**9)]
        labels = tuple(f"{c.label}: {c}" for c in tight if not c.label.startswith("best response"))
        value = min(line["value"] for line in lines) - off
        return cls(case, value, complete, off == 0, lines, labels)

    def tight_lines(self) -> tuple[int, ...]:
        """Indices of the lines that guarantee no more than the worst, up to 1e-4."""
        return tuple(i for i, line in enumerate(self.lines) if line["value"] - self.value < Fraction(1, 10**4))

    def to_json(self) -> dict[str, Any]:
        """Plain data: fractions as texts; lines in the order of what they guarantee, the worst first."""
        return {
            "case": self.case,
            "value": str(self.value),
            "exact": self.exact,
            "checked": self.checked,
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
