"""The strategies on which a program's bound rests: proofs that speak of no others are quick.

Most programs of a search hold a shorter one of the same bound. Strategies are left out, the last ones first, as long as
SCIP's value of the worst case stays what it was. What is proved of the rest (see `restricted`) is proved of all.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from discovery.tasks.nash.compiler.system import System, restricted
from discovery.tasks.nash.proof.outcome import Effort, Outcome
from discovery.tasks.nash.proof.prove import by_clock, estimated, prove
from discovery.tasks.nash.solvers.process import Solver

__all__ = ["proved_of_core"]

#: How much larger a value may be, SCIP's tolerance.
_SAME = 2e-6


def proved_of_core(system: System, point: dict[str, Any], solver: Solver, effort: Effort) -> Outcome | None:
    """What is proved of fewer strategies of a program without cases; None if none can be left out. Its counterexample,
    if there is one, is a state of those alone.

    Args:
        system: The program's only case.
        point: SCIP's answer for it.
        solver, effort: As for `prove`.
    """
    if point.get("value") is None:
        return None
    everyone = [name for names in system.state.constructed for name in names]
    kept, found, clock = list(everyone), point, False
    for name in sorted(everyone, key=_age(system), reverse=True):
        fewer = [each for each in kept if each != name]
        if any(set(fewer).isdisjoint(names) for names in system.state.constructed):
            continue
        trial = estimated(restricted(system, fewer), solver, effort)
        clock |= by_clock(trial)
        if trial.get("value") is not None and trial["value"] <= point["value"] + _SAME:
            kept, found = fewer, trial
    if len(kept) == len(everyone):
        return None
    outcome = prove([restricted(system, kept)], solver, effort, points=[found])
    outcome.clock |= clock
    outcome.pieces = tuple(replace(piece, strategies=tuple(kept)) for piece in outcome.pieces)
    return outcome


def _age(system: System) -> Any:
    """Sorts strategies as they are constructed, as far as the order of their players' tells."""
    place = {name: index for names in system.state.constructed for index, name in enumerate(names)}
    return lambda name: (place[name], name)
