"""Simpler definitions of quotients, roots and weights, where a small proof shows that nothing exceptional happens."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from discovery.tasks.nash.compiler.algebra import Constraint
from discovery.tasks.nash.compiler.state import Bounds
from discovery.tasks.nash.compiler.system import CASE, WLOG, System
from discovery.tasks.nash.solvers.encoding import Problem
from discovery.tasks.nash.solvers.process import Solver
from discovery.tasks.nash.solvers.smtlib import smtlib

__all__ = ["labels", "rewritten", "simplified"]

_WORK, _SECONDS, _ORDERINGS = 400_000, 10.0, (4, 1, 0)
_HEAD = "; lemma: "


def simplified(system: System, solver: Solver) -> System:
    """`system` with simpler definitions in place of those whose exceptions are refuted, and the refutations.

    A refutation uses the conditions of the case and the simpler definitions before it, regrets being any numbers in
    [0, 1]: less than the system says, so what is refuted there cannot happen here.
    """
    chosen: list[str] = []
    found = system
    for side in system.state.sides:
        trial = rewritten(system, [*chosen, side.label])
        if all(_unsatisfiable(text, solver) for text in trial.lemmas[len(found.lemmas) :]):
            chosen.append(side.label)
            found = trial
    return found


def rewritten(system: System, chosen: Collection[str]) -> System:
    """`system` with the simpler definitions of these labels; its lemmas are what has to be refuted for that."""
    known = [each for each in system.axioms if each.label in (CASE, WLOG)]
    axioms = list(system.axioms)
    lemmas = list(system.lemmas)
    for side in system.state.sides:
        if side.label not in chosen:
            continue
        lemmas += [_text(system, [*known, exception], side.label) for exception in side.exceptions]
        simple = [each.labelled(side.label) for each in side.simple]
        known += simple
        place = next(i for i, each in enumerate(axioms) if each.label == side.label)
        axioms = [*axioms[:place], *simple, *(each for each in axioms[place:] if each.label != side.label)]
    return replace(system, axioms=tuple(axioms), lemmas=tuple(lemmas))


def labels(system: System) -> list[str]:
    """Which simpler definitions a system has."""
    return list(dict.fromkeys(text.partition("\n")[0].removeprefix(_HEAD) for text in system.lemmas))


def _text(system: System, constraints: list[Constraint], label: str) -> str:
    mentioned = {name for each in constraints for name in each.poly.variables()}
    ranges = {name: bounds for name, bounds in system.state.variables.items() if name in mentioned}
    ranges.update({name: Bounds() for name in system.state.definitions if name in mentioned})
    return smtlib(Problem(ranges, tuple(constraints)), f"{_HEAD[2:]}{label}", products=False)


def _unsatisfiable(text: str, solver: Solver) -> bool:
    """Whether one of the ways to ask shows that `text` has no model."""
    return any(
        solver.decide(text, ordering=ordering, work=_WORK, seconds=_SECONDS).get("answer") == "unsat"
        for ordering in _ORDERINGS
    )
