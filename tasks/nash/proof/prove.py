"""The smallest bound that can be proved of a program, within a budget of solver work.

SCIP's value v of the worst case points the way; then Z3 is asked, for rationals from v upwards, whether some state
exceeds them. `unsat` in every case is a proof. Only lines that are tight at the incumbent are asked at first: leaving
lines out weakens the algorithm, so a proof stays a proof, and a state that is found is checked against the lines left
out, which join in where they are below the target.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from discovery.tasks.nash.compiler.system import CASE, System
from discovery.tasks.nash.proof.counterexample import Counterexample
from discovery.tasks.nash.proof.outcome import CHECK, SEARCH, Effort, Outcome, Piece
from discovery.tasks.nash.proof.question import ask, decide, nearby, plain_lines, tight_lines
from discovery.tasks.nash.solvers.process import Solver

__all__ = [
    "CHECK",
    "NEARLY",
    "SEARCH",
    "Effort",
    "Outcome",
    "Piece",
    "by_clock",
    "consistent",
    "estimated",
    "exceeded",
    "placed",
    "prove",
    "rationals",
]

#: How far below a proved bound a state is looked for that exceeds it.
NEARLY = Fraction(1, 10**6)
_NEAR = Fraction(1, 3000)
_CLOSE = Fraction(1, 10**5)

#: What is added to an estimate, at last, in the hope of an easier proof of a coarser bound.
_SLACK = (0.01, 0.03, 0.1)


def prove(
    systems: Sequence[System],
    solver: Solver,
    effort: Effort,
    *,
    claim: Fraction | None = None,
    points: Sequence[dict[str, Any]] | None = None,
    below: Fraction | None = None,
) -> Outcome:
    """The smallest bound found for the program whose cases `systems` are.

    Args:
        systems: One for each case.
        solver: Where solvers run.
        effort: Limits.
        claim: Prove this bound, nothing else; `Outcome.refuted` says so where it is wrong.
        points: SCIP's answers for the cases, where they are known.
        below: Only bounds below this one are of interest.
    """
    outcome = Outcome()
    known: dict[int, dict[str, Any]] = {case: {} for case in range(len(systems))}
    if claim is not None and _all_below(systems, known, claim, solver, effort, outcome):
        outcome.status = consistent(systems, solver, outcome)
        outcome.bound = claim if outcome.status == "proved" else None
        return outcome
    if claim is not None and outcome.refuted is not None:
        return outcome
    for case, system in enumerate(systems):
        found = points[case] if points else estimated(system, solver, effort)
        outcome.clock |= by_clock(found)
        known[case] = found
    values = [found["value"] for found in known.values() if found.get("value") is not None]
    outcome.estimate = max(values, default=None)
    outcome.ceiling = max((found.get("ceiling", 1.0) for found in known.values()), default=1.0)
    targets = [claim] if claim is not None else rationals(outcome.estimate or 0.0, effort.digits)
    for target in targets:
        if outcome.counterexample is not None and target < outcome.counterexample.value:
            continue
        if below is not None and target >= below:
            break
        if _all_below(systems, known, target, solver, effort, outcome):
            if outcome.counterexample is None:
                _witness(systems, known, target - NEARLY, solver, effort, outcome)
            outcome.status = consistent(systems, solver, outcome)
            outcome.bound = target if outcome.status == "proved" else None
            return outcome
    return outcome


def estimated(system: System, solver: Solver, effort: Effort) -> dict[str, Any]:
    """SCIP's answer for one case, squares left out where there are many."""
    lines = plain_lines(system)
    return solver.estimate(system, nodes=effort.nodes, seconds=4 * effort.seconds, lines=lines, tighten=effort.tighten)


def by_clock(found: dict[str, Any]) -> bool:
    """Whether a wall-clock backstop had a say in an answer of SCIP's: it may not repeat."""
    return bool(found.get("clock")) or found.get("status") == "timelimit"


def consistent(systems: Sequence[System], solver: Solver, outcome: Outcome) -> str:
    """`"proved"`, unless the axioms of some case, its condition aside, cannot be shown to be satisfiable."""
    for case, system in enumerate(systems):
        state = outcome.counterexample
        if state is not None and state.checked and state.case == case + 1:
            continue
        bare = replace(system, axioms=tuple(each for each in system.axioms if each.label != CASE))
        answer = ask(case, bare, None, set(), solver, replace(CHECK, questions=10**6), outcome)
        if answer.answer != "sat":
            reason = "contradict each other" if answer.answer == "unsat" else "could not be shown to be consistent"
            outcome.reasons.append(f"case {case + 1}: its axioms {reason}")
            return "vacuous" if answer.answer == "unsat" else "unproved"
    return "proved"


def _witness(
    systems: Sequence[System],
    points: dict[int, dict[str, Any]],
    target: Fraction,
    solver: Solver,
    effort: Effort,
    outcome: Outcome,
) -> None:
    """Look for a state above `target`, or a little below: it shows how tight a proved bound is, and what would have to
    change."""
    quick = replace(effort, portfolio=effort.portfolio[:2], work=effort.work // 4)
    case = max(points, key=lambda case: points[case].get("value") or 0.0)
    state = nearby(case, systems[case], target, points[case], solver, quick, outcome)
    if state is None:
        lines = tight_lines(systems[case], points[case])
        state = decide(case, systems[case], target, lines, solver, quick, outcome).counterexample
    if state is None:
        target -= _CLOSE
        state = nearby(case, systems[case], target, points[case], solver, effort, outcome)
    if state is not None:
        outcome.refuted, outcome.counterexample = target, state


def placed(
    systems: Sequence[System],
    marks: Sequence[Fraction],
    solver: Solver,
    effort: Effort,
    *,
    known: Counterexample | None = None,
) -> Outcome | None:
    """A proved bound among `marks`, if some state comes within 1/3000 of it; else None.

    Most programs of a search guarantee what one of a few well-known algorithms does. Two or three quick questions to Z3
    tell, and no estimate is needed.

    Args:
        systems: One for each case.
        marks: Candidates, ascending.
        solver, effort: As for `prove`; every question is asked in one way only, with a quarter of the work.
        known: A checked state. If it comes close to a mark, that mark is the first to be asked about, with its lines.
    """
    outcome = Outcome(counterexample=known)
    quick = replace(effort, portfolio=effort.portfolio[:1], work=effort.work // 4)
    everything: dict[int, dict[str, Any]] = {case: {} for case in range(len(systems))}
    if known is not None:
        everything[known.case - 1] = {"lines": known.tight_lines()}

    def below(target: Fraction) -> bool | None:
        """Whether the program's bound is at most `target`; None when that stays open."""
        if outcome.counterexample is not None and target < outcome.counterexample.value:
            outcome.refuted = max(target, outcome.refuted or target)
            return False
        if _all_below(systems, everything, target, solver, quick, outcome):
            return True
        return False if outcome.refuted == target else None

    low, high = 0, len(marks)
    middle = high // 2
    if known is not None:
        low = sum(mark < known.value for mark in marks)
        middle = low if low < high and known.value > marks[low] - NEARLY else (low + high) // 2
    pieces: tuple[Piece, ...] = ()
    while low < high:
        answer = below(marks[middle])
        if answer is None:
            return None
        if answer:
            high, pieces = middle, outcome.pieces
        else:
            low = middle + 1
        middle = (low + high) // 2
    if low == len(marks):
        return None
    if below(marks[low] - NEARLY) is None and below(marks[low] - _NEAR) is None:
        return None
    if outcome.refuted is None or outcome.refuted < marks[low] - _NEAR:
        return None
    outcome.pieces = pieces
    outcome.status = consistent(systems, solver, outcome)
    outcome.bound = marks[low] if outcome.status == "proved" else None
    return outcome


def exceeded(
    systems: Sequence[System], target: Fraction, solver: Solver, effort: Effort, *, all_lines: bool = False
) -> Counterexample | None:
    """A state in which every line is above `target`, if one is found quickly."""
    outcome = Outcome()
    quick = replace(effort, portfolio=effort.portfolio[:1], work=effort.work // 4)
    for case, system in enumerate(systems):
        lines = plain_lines(system) if all_lines else set()
        answer = decide(case, system, target, lines, solver, quick, outcome)
        if answer.answer == "sat":
            return answer.counterexample
    return None


def _all_below(
    systems: Sequence[System],
    points: dict[int, dict[str, Any]],
    target: Fraction,
    solver: Solver,
    effort: Effort,
    outcome: Outcome,
) -> bool:
    """Whether no case has a state above `target`; `outcome` takes in what is found."""
    pieces = []
    # The case with the largest value first: it is the likeliest to refute.
    for case in sorted(points, key=lambda case: -(points[case].get("value") or 0.0)):
        state = nearby(case, systems[case], target, points[case], solver, effort, outcome)
        if state is not None:
            outcome.refuted, outcome.counterexample = target, state
            return False
        lines = tight_lines(systems[case], points[case])
        answer = decide(case, systems[case], target, lines, solver, effort, outcome)
        if answer.answer == "sat":
            outcome.refuted, outcome.counterexample = target, answer.counterexample
            return False
        if answer.piece is None:
            outcome.reasons += [f"case {case + 1} at {target}: {reason}" for reason in answer.reasons]
            return False
        pieces.append(answer.piece)
    outcome.pieces = tuple(sorted(pieces, key=lambda piece: piece.case))
    return True


def rationals(value: float, digits: Sequence[int]) -> Iterator[Fraction]:
    """Candidates for a bound near `value` from below: simple fractions first, then decimals rounded up.

    SCIP overshoots by its tolerance, so a simple fraction may lie a little below `value`.
    """
    seen: set[Fraction] = set()
    for denominator in (12, 60, 360):
        simple = Fraction(value).limit_denominator(denominator)
        if abs(float(simple) - value) < 2e-6 and simple not in seen:
            seen.add(simple)
            yield simple
    for places in digits:
        scale = 10**places
        first = math.ceil(value * scale)
        for numerator in (first, first + 1) if places == max(digits) else (first,):
            decimal = min(Fraction(numerator, scale), Fraction(1))
            if all(decimal > other for other in seen):
                seen.add(decimal)
                yield decimal
    for slack in _SLACK:
        coarse = Fraction(math.ceil((value + slack) * 100), 100)
        if all(coarse > other for other in seen):
            seen.add(coarse)
            yield min(coarse, Fraction(1))
