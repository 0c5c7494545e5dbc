"""Simpler definitions of quotients, roots and weights, where a small proof shows that nothing exceptional happens."""

from __future__ import annotations

from dataclasses import replace

from discovery.tasks.nash.compiler.algebra import Constraint
from discovery.tasks.nash.compiler.state import Bounds
from discovery.tasks.nash.compiler.system import CASE, WLOG, System
from discovery.tasks.nash.solvers.encoding import Problem
from discovery.tasks.nash.solvers.process import Solver
from discovery.tasks.nash.solvers.smtlib import smtlib

__all__ = ["simplified"]

_WORK, _SECONDS, _ORDERINGS = 400_000, 10.0, (4, 1, 0)


def simplified(system: System, solver: Solver) -> System:
    """`system` with simpler definitions in place of those whose exceptions are refuted, and the refutations.

    A refutation uses the conditions of the case and the simpler definitions before it, regrets being any numbers in
    [0, 1]: less than the system says, so what is refuted there cannot happen here.
    """
    known = [each for each in system.axioms if each.label in (CASE, WLOG)]
    axioms = list(system.axioms)
    lemmas = list(system.lemmas)
    for side in system.state.sides:
        texts = [_refuted(system, [*known, exception], side.label, solver) for exception in side.exceptions]
        if any(text is None for text in texts):
            continue
        lemmas += [text for text in texts if text is not None]
        simple = [each.labelled(side.label) for each in side.simple]
        known += simple
        place = next(i for i, each in enumerate(axioms) if each.label == side.label)
        axioms = [*axioms[:place], *simple, *(each for each in axioms[place:] if each.label != side.label)]
    return replace(system, axioms=tuple(axioms), lemmas=tuple(lemmas))


def _refuted(system: System, constraints: list[Constraint], label: str, solver: Solver) -> str | None:
    """The text that has no model, when one of the ways to ask shows that."""
    mentioned = {name for each in constraints for name in each.poly.variables()}
    ranges = {name: bounds for name, bounds in system.state.variables.items() if name in mentioned}
    ranges.update({name: Bounds() for name in system.state.definitions if name in mentioned})
    text = smtlib(Problem(ranges, tuple(constraints)), f"lemma: {label}", products=False)
    for ordering in _ORDERINGS:
        if solver.decide(text, ordering=ordering, work=_WORK, seconds=_SECONDS).get("answer") == "unsat":
            return text
    return None
