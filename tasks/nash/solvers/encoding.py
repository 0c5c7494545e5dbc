"""A system as a flat list of constraints for a solver: which lines, which target, regrets written out or not."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from fractions import Fraction

from discovery.tasks.nash.compiler.algebra import Constraint, Monomial, variable
from discovery.tasks.nash.compiler.state import Bounds
from discovery.tasks.nash.compiler.system import System

__all__ = ["Problem", "target_problem"]


@dataclass(frozen=True)
class Problem:
    """Variables with ranges, and constraints over them. Satisfiable exactly if some state meets all.

    Attributes:
        variables: Range of each variable, in order; only those that constraints mention.
        constraints: Polynomials of degree up to 3, nonlinear in products of variables.
    """

    variables: dict[str, Bounds]
    constraints: tuple[Constraint, ...]

    def products(self) -> list[Monomial]:
        """Every monomial of degree two or more, once, in order of first occurrence."""
        found = [m for each in self.constraints for m in each.poly.terms if len(m) > 1]
        return list(dict.fromkeys(found))


def target_problem(
    system: System,
    target: Fraction | None,
    *,
    lines: Collection[int] | None = None,
    axioms: Collection[int] | None = None,
    regrets: bool = False,
) -> Problem:
    """The states of `system` in which every line stays above `target`.

    Args:
        system: One case of a program.
        target: The claimed bound; None asks for any state at all (without lines).
        lines: Which lines to keep; None keeps all. Leaving lines out weakens the algorithm: a proof stays a proof.
        axioms: Which axioms to keep; None keeps all. Leaving some out allows more states: a proof stays a proof.
        regrets: Give every regret a variable of its own instead of writing it out as `M - U`.
    """
    constraints = [each for index, each in enumerate(system.axioms) if axioms is None or index in axioms]
    if target is not None:
        for index, line in enumerate(system.lines):
            if lines is None or index in lines:
                constraints += system.simplex(line)
                constraints += system.above(line, target)
    state = system.state
    if regrets:
        used = {name for each in constraints for name in each.poly.variables()}
        meanings = [variable(name).equals(poly) for name, poly in state.definitions.items() if name in used]
        constraints = [*meanings, *constraints]
    else:
        constraints = [each.substituted(state.definitions) for each in constraints]
    constraints = [each for each in constraints if each.poly.terms or each.relation == ">"]
    mentioned = {name for each in constraints for name in each.poly.variables()}
    ranges = {name: bounds for name, bounds in state.variables.items() if name in mentioned}
    ranges.update({name: Bounds() for name in state.definitions if name in mentioned})
    return Problem(ranges, tuple(constraints))
