"""Bounds by proofs in boxes: from a bound that would be new downwards, while the work lasts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from discovery.tasks.nash.compiler.system import System
from discovery.tasks.nash.proof.cover import Cover, Part, Patience, covered, reached
from discovery.tasks.nash.proof.prove import Outcome, Piece, by_clock, consistent
from discovery.tasks.nash.solvers.process import Solver
from discovery.tasks.nash.solvers.relaxation import branching

__all__ = ["descended"]

#: Targets are multiples of 1 / this.
_DIGITS = 1000

#: Questions for a state below a proved bound, and how far below SCIP's value it is looked for, in thousandths.
_STATE, _LESS = 20, (0, 6, 20)


def descended(
    systems: Sequence[System],
    solver: Solver,
    patience: Patience,
    *,
    points: Sequence[dict[str, Any]],
    below: Fraction,
) -> Outcome:
    """The smallest bound below `below` that boxes prove with a given number of questions.

    Args:
        systems: One for each case.
        solver: Where solvers run.
        patience: Limits; its questions are those for all targets together.
        points: SCIP's answers for the cases.
        below: A bound that is of no interest any more.
    """
    values = [float(each["value"]) for each in points if each.get("value") is not None]
    outcome = Outcome(estimate=max(values, default=None), ceiling=max(float(each.get("ceiling", 1)) for each in points))
    outcome.clock = any(map(by_clock, points))
    if not any(branching(system) for system in systems):
        return outcome
    before: list[Sequence[Part]] = [()] * len(systems)
    for target in _targets(max(values, default=0.0), below):
        covers = []
        for case, system in enumerate(systems):
            left = replace(patience, questions=patience.questions - outcome.questions)
            states = [_state(system, points[case])] if points[case].get("point") else []
            covers.append(covered(case + 1, system, target, solver, left, states, before[case]))
            _take_in(outcome, covers[-1], target)
            if covers[-1].answer != "unsat":
                break
        if any(cover.answer != "unsat" for cover in covers):
            break
        before = [cover.parts for cover in covers]
        outcome.bound = target
        outcome.pieces = tuple(
            Piece(
                case + 1,
                "",
                4,
                _lines(systems[case], cover.parts),
                tuple(cover.parts),
                symmetries=systems[case].symmetries,
            )
            for case, cover in enumerate(covers)
        )
    if outcome.bound is not None:
        _witness(systems, points, solver, patience, outcome)
        outcome.status = consistent(systems, solver, outcome)
        outcome.bound = outcome.bound if outcome.status == "proved" else None
    return outcome


def _witness(
    systems: Sequence[System],
    points: Sequence[Mapping[str, Any]],
    solver: Solver,
    patience: Patience,
    outcome: Outcome,
) -> None:
    """Look for an exact state near SCIP's worst one: it says what would have to change for a smaller bound."""
    if outcome.counterexample is not None or outcome.estimate is None:
        return
    case = max(range(len(systems)), key=lambda index: points[index].get("value") or 0.0)
    if not points[case].get("point"):
        return
    for less in _LESS:
        target = Fraction(math.floor(outcome.estimate * _DIGITS) - less, _DIGITS)
        once = replace(patience, questions=_STATE)
        _take_in(outcome, reached(case + 1, systems[case], target, solver, once, points[case]["point"]), target)
        if outcome.counterexample is not None:
            return


def _take_in(outcome: Outcome, cover: Cover, target: Fraction) -> None:
    outcome.questions += cover.questions
    outcome.proof_seconds += cover.seconds
    outcome.clock |= cover.clock
    if cover.counterexample is not None:
        outcome.refuted, outcome.counterexample = target, cover.counterexample
    if cover.reason:
        outcome.reasons.append(f"in boxes at {target}: {cover.reason}")


def _targets(estimate: float, below: Fraction) -> Iterator[Fraction]:
    """Fractions of three digits: the first one below `below`, then ever nearer to `estimate`, which they exceed."""
    last = below
    first = Fraction(math.ceil(below * _DIGITS) - 1, _DIGITS)
    gap = float(first) - estimate
    while gap > 0:
        target = Fraction(math.ceil((estimate + gap) * _DIGITS - 1e-9), _DIGITS)
        if target < last:
            last = target
            yield target
        elif target == last and gap * _DIGITS < 1:
            return
        gap /= 2


def _state(system: System, found: Mapping[str, Any]) -> dict[str, float]:
    return {name: value for name, value in found["point"].items() if name in system.state.variables}


def _lines(system: System, parts: Sequence[Part]) -> tuple[str, ...]:
    used = {mixture.line for part in parts for mixture in part.mixtures}
    return tuple(system.lines[index].label for index in sorted(used))
