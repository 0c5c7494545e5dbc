"""A box of a system's multipliers as a linear problem: mixtures in place of multipliers, products between their limits.

What makes the worst case of a program nonlinear is removed in two ways, each of which only allows more states, so that
`unsat` stays a proof:

- *Mixtures.* That a line stays above t means that every mixture of its profiles does: for all weights lambda of sum 1,
  `max_j sum_k lambda_k f_j(k) > t`. For one lambda this is "one of n linear inequalities", without the line's
  multipliers q. Finitely many mixtures are asked for: an algorithm that evaluates fewer is no better.
- *Boxes.* Where `l <= r <= u` and `m <= e <= v`, the product p = r e satisfies the four inequalities of McCormick
  (Mathematical Programming 10, 1976): `p >= l e + m r - l m`, `p >= u e + v r - u v`, `p <= u e + m r - u m`,
  `p <= l e + v r - l v`. They replace `p = r e`. The narrower the boxes of the scalars r (the weights of stationary
  points), the less is lost; boxes that cover all their values prove the whole.

The result is linear arithmetic with "or" (QF_LRA), which both solvers decide quickly, also for systems of hundreds of
variables.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from discovery.tasks.nash.compiler.algebra import Constraint, Monomial, Poly, constant, variable
from discovery.tasks.nash.compiler.state import Bounds
from discovery.tasks.nash.compiler.system import System
from discovery.tasks.nash.solvers.smtlib import number, symbol, total

__all__ = ["Box", "Mixture", "Relaxation", "branching", "covering", "linear"]

#: Range of every branching variable: name to lowest and highest value.
Box = Mapping[str, tuple[Fraction, Fraction]]
_UNIT = (Fraction(0), Fraction(1))


@dataclass(frozen=True)
class Mixture:
    """One mixture of the profiles of a line.

    Attributes:
        line: Index of the line.
        weights: One for each of its points, at least 0, of sum 1.
    """

    line: int
    weights: tuple[Fraction, ...]


class Relaxation:
    """The linear problems of one system and target.

    Args:
        system: One case of a program.
        target: The claimed bound.
    """

    def __init__(self, system: System, target: Fraction) -> None:
        self.system, self.target = system, target
        self.axioms = [each.substituted(system.state.definitions) for each in system.axioms]
        self.points = [
            [[poly.substituted(system.state.definitions) for poly in point] for point in line.points]
            for line in system.lines
        ]

    def usable(self, axiom: int) -> bool:
        """Whether an axiom can be said linearly: products of two variables only, whose ranges are finite."""
        terms = self.axioms[axiom].poly.terms
        ranges = self.system.state.variables
        return all(len(m) < 2 or (len(m) == 2 and all(ranges[name] == Bounds() for name in m)) for m in terms)

    def alternatives(self, mixture: Mixture) -> list[Poly]:
        """What is above 0 for at least one player where the mixture stays above the target.

        Raises:
            ValueError: the weights are no mixture of that line's profiles.
        """
        points, weights = self.points[mixture.line], mixture.weights
        if len(weights) != len(points) or min(weights) < 0 or sum(weights) != 1:
            raise ValueError(f"expected {len(points)} weights >= 0 of sum 1; got {', '.join(map(str, weights))}")
        return [
            sum((w * point[j] for w, point in zip(weights, points, strict=True)), constant(-self.target))
            for j in range(len(points[0]))
        ]

    def text(self, box: Box, axioms: Collection[int], mixtures: Sequence[Mixture], comment: str = "") -> str:
        """SMT-LIB 2 text: the states in `box` that meet some axioms and in which some mixtures are above the target.

        Args:
            box: Ranges within [0, 1].
            axioms: Indices of the axioms to keep, all of them usable.
            mixtures: Which mixtures to keep.
            comment: What the text begins with.

        Raises:
            ValueError: a mixture or an axiom is none.
        """
        if not all(0 <= index < len(self.axioms) and self.usable(index) for index in axioms):
            raise ValueError("an axiom to keep does not exist, or cannot be said linearly")
        kept = [self.axioms[index] for index in sorted(axioms)]
        above = [(self.system.lines[each.line].label, self.alternatives(each)) for each in mixtures]
        polys = [each.poly for each in kept] + [poly for _, each in above for poly in each]
        monomials = list(dict.fromkeys(m for poly in polys for m in poly.terms if m))
        names = list(dict.fromkeys(name for m in monomials for name in m))
        lines = [f"; {line}".rstrip() for line in comment.splitlines()] + ["(set-logic QF_LRA)"]
        for name in names:
            low, high = box.get(name, _UNIT) if self.system.state.variables[name] == Bounds() else (None, None)
            lines.append(f"(declare-const {symbol((name,))} Real)")
            lines += [f"(assert (>= {symbol((name,))} {number(low)}))"] if low is not None else []
            lines += [f"(assert (<= {symbol((name,))} {number(high)}))"] if high is not None else []
        for monomial in monomials:
            if len(monomial) == 2:
                lines.append(f"(declare-const {symbol(monomial)} Real)")
                lines += [f"(assert (>= {total(each, True)} 0))" for each in _limits(monomial, box)]
        label = ""
        for constraint in kept:
            if constraint.label != label:
                label = constraint.label
                lines.append(f"; {label}")
            lines.append(f"(assert ({constraint.relation} {total(constraint.poly, True)} 0))")
        for label, alternatives in above:
            lines.append(f"; {label}")
            lines.append(f"(assert (or {' '.join(f'(> {total(poly, True)} 0)' for poly in alternatives)}))")
        return "\n".join([*lines, "(check-sat)"]) + "\n"


def _limits(monomial: Monomial, box: Box) -> list[Poly]:
    """McCormick's inequalities, each as a polynomial that is at least 0 (its product being one variable)."""
    (first, second), product = monomial, Poly({monomial: Fraction(1)})
    (low, high), (least, most) = box.get(first, _UNIT), box.get(second, _UNIT)
    r, e = variable(first), variable(second)
    return [
        product - low * e - least * r + low * least,
        product - high * e - most * r + high * most,
        high * e + least * r - high * least - product,
        low * e + most * r - low * most - product,
    ]


def linear(system: System) -> bool:
    """Whether every axiom can be said linearly in a box."""
    relaxation = Relaxation(system, Fraction(1))
    return all(map(relaxation.usable, range(len(system.axioms))))


def branching(system: System) -> tuple[str, ...]:
    """The scalars whose boxes are split: factors of products in axioms that are no payoffs, in order."""
    known = {name for player in range(1, system.state.players + 1) for name in (f"U{player}(", f"M{player}(")}
    found: dict[str, None] = {}
    for axiom in system.axioms:
        for monomial in axiom.poly.substituted(system.state.definitions).terms:
            if len(monomial) > 1:
                found.update(dict.fromkeys(n for n in monomial if not any(n.startswith(head) for head in known)))
    return tuple(name for name in found if system.state.variables[name] == Bounds())


def covering(system: System, boxes: Sequence[Box], comment: str = "") -> str:
    """SMT-LIB 2 text: values of the branching variables that the axioms about them alone allow and no box contains.

    Without a model the boxes cover everything.
    """
    names = branching(system)
    about: list[Constraint] = [each for each in system.axioms if set(each.poly.variables()) <= set(names)]
    lines = [f"; {line}".rstrip() for line in comment.splitlines()] + ["(set-logic QF_LRA)"]
    for name in names:
        lines.append(f"(declare-const {symbol((name,))} Real)")
        lines += [f"(assert (>= {symbol((name,))} 0))", f"(assert (<= {symbol((name,))} 1))"]
    for each in about:
        if all(len(m) < 2 for m in each.poly.terms):
            lines += [f"; {each.label}", f"(assert ({each.relation} {total(each.poly, True)} 0))"]
    for box in boxes:
        outside = []
        for name, (low, high) in box.items():
            outside += [f"(< {symbol((name,))} {number(low)})"] if low > 0 else []
            outside += [f"(> {symbol((name,))} {number(high)})"] if high < 1 else []
        lines.append(f"(assert {_any(outside)})")
    return "\n".join([*lines, "(check-sat)"]) + "\n"


def _any(alternatives: Sequence[str]) -> str:
    return (
        "false" if not alternatives else alternatives[0] if len(alternatives) == 1 else f"(or {' '.join(alternatives)})"
    )
