"""The smallest bound that can be proved of a program, within a budget of solver work.

SCIP's value v of the worst case points the way; then Z3 is asked, for rationals from v upwards, whether some state
exceeds them. `unsat` in every case is a proof. Only lines that are tight at the incumbent are asked at first: leaving
lines out weakens the algorithm, so a proof stays a proof, and a state that is found is checked against the lines left
out, which join in where they are below the target.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from discovery.tasks.nash.compiler.system import CASE, System
from discovery.tasks.nash.proof.counterexample import Counterexample, from_model, violations
from discovery.tasks.nash.proof.cover import Part
from discovery.tasks.nash.solvers.encoding import target_problem
from discovery.tasks.nash.solvers.process import Solver
from discovery.tasks.nash.solvers.smtlib import smtlib

__all__ = [
    "CHECK",
    "SEARCH",
    "Answer",
    "Effort",
    "Outcome",
    "Piece",
    "by_clock",
    "consistent",
    "decide",
    "estimated",
    "exceeded",
    "placed",
    "plain_lines",
    "prove",
    "rationals",
    "tight_lines",
]

#: How far below a proved bound a state is looked for that exceeds it.
_MARGIN = Fraction(1, 10**6)
_NEAR = Fraction(1, 3000)

#: What is added to an estimate, at last, in the hope of an easier proof of a coarser bound.
_SLACK = (0.01, 0.03, 0.1)

#: Squares that are looked at from the start; more of them join in only where they matter.
_SQUARES = 4


@dataclass(frozen=True)
class Effort:
    """How much solver work an outcome may cost.

    Attributes:
        nodes: SCIP's nodes a case.
        work: Z3's resource units a question; a question is asked in up to `len(portfolio)` ways.
        portfolio: Ways to ask: variable ordering, and whether regrets are variables of their own.
        digits: Decimals to which a bound is looked for where no simpler rational is one.
        seconds: Backstop of one solver call.
        questions: Ways of asking that are tried for one program, all together.
        tighten: Whether SCIP may spend its time on a smaller ceiling, beyond what finding states takes.
    """

    nodes: int
    work: int
    portfolio: tuple[tuple[int, bool], ...]
    digits: tuple[int, ...]
    seconds: float
    tighten: bool
    questions: int


SEARCH = Effort(
    nodes=1,
    work=400_000,
    portfolio=((4, True), (4, False), (1, False)),
    digits=(6, 4, 2),
    seconds=10.0,
    tighten=False,
    questions=60,
)
CHECK = Effort(
    nodes=2_000,
    work=2_000_000,
    portfolio=((4, True), (4, False), (0, False), (1, False), (0, True), (1, True)),
    digits=(6, 5, 4, 3, 2),
    seconds=20.0,
    tighten=True,
    questions=60,
)


@dataclass(frozen=True)
class Piece:
    """The proof of one case: an SMT-LIB text that has no model.

    Attributes:
        case: Number of the case, from 1.
        text: The text.
        ordering: Variable ordering with which Z3 found it unsatisfiable.
        lines: Labels of the lines that it uses.
        parts: For a proof in boxes its parts (see `cover`), in place of a text; else empty.
    """

    case: int
    text: str
    ordering: int
    lines: tuple[str, ...]
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True)
class Answer:
    """Whether a state of one case exceeds a target: `"unsat"` with a piece, `"sat"` with a counterexample, or
    `"unknown"` with reasons."""

    answer: str
    piece: Piece | None = None
    counterexample: Counterexample | None = None
    reasons: tuple[str, ...] = ()
    clock: bool = False


@dataclass
class Outcome:
    """What is known of a program's bound.

    Attributes:
        status: `"proved"`, `"unproved"` (a limit was reached) or `"vacuous"` (no state meets the axioms).
        bound: The proved bound, or None.
        estimate: SCIP's value of the worst state it found, or None; never a bound.
        ceiling: SCIP's upper limit of the worst case, up to its tolerances; never a bound either.
        refuted: The largest target that a checked state exceeds, or None: nothing below it is a bound.
        counterexample: The worst checked state.
        pieces: One proof a case.
        reasons: Why questions stayed open.
        clock: Whether a wall-clock backstop had a say: the outcome may not repeat.
        proof_seconds: Wall time spent in Z3.
        questions: Questions asked so far, each way of asking counted.
    """

    status: str = "unproved"
    bound: Fraction | None = None
    estimate: float | None = None
    ceiling: float = 1.0
    refuted: Fraction | None = None
    counterexample: Counterexample | None = None
    pieces: tuple[Piece, ...] = ()
    reasons: list[str] = field(default_factory=list)
    clock: bool = False
    proof_seconds: float = 0.0
    questions: int = 0


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
                _witness(systems, known, target - _MARGIN, solver, effort, outcome)
            outcome.status = consistent(systems, solver, outcome)
            outcome.bound = target if outcome.status == "proved" else None
            return outcome
    return outcome


def estimated(system: System, solver: Solver, effort: Effort) -> dict[str, Any]:
    """SCIP's answer for one case, squares left out where there are many."""
    lines = plain_lines(system)
    return solver.estimate(system, nodes=effort.nodes, seconds=effort.seconds, lines=lines, tighten=effort.tighten)


def by_clock(found: dict[str, Any]) -> bool:
    """Whether a wall-clock backstop had a say in an answer of SCIP's: it may not repeat."""
    return bool(found.get("clock")) or found.get("status") == "timelimit"


def consistent(systems: Sequence[System], solver: Solver, outcome: Outcome) -> str:
    """`"proved"`, unless the axioms of some case, its condition aside, cannot be shown to be satisfiable."""
    for case, system in enumerate(systems):
        if outcome.counterexample is not None and outcome.counterexample.case == case + 1:
            continue
        bare = replace(system, axioms=tuple(each for each in system.axioms if each.label != CASE))
        answer = _ask(case, bare, None, set(), solver, replace(CHECK, questions=10**6), outcome)
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
    """Look, once, for a state above `target`: it shows that a proved bound is tight, and what would have to change."""
    quick = replace(effort, portfolio=effort.portfolio[:2], work=effort.work // 4)
    case = max(points, key=lambda case: points[case].get("value") or 0.0)
    answer = decide(case, systems[case], target, tight_lines(systems[case], points[case]), solver, quick, outcome)
    if answer.answer == "sat":
        outcome.refuted, outcome.counterexample = target, answer.counterexample


def placed(systems: Sequence[System], marks: Sequence[Fraction], solver: Solver, effort: Effort) -> Outcome | None:
    """A proved bound among `marks`, if some state comes within 1/3000 of it; else None.

    Most programs of a search guarantee what one of a few well-known algorithms does. Two or three quick questions to Z3
    tell, and no estimate is needed.

    Args:
        systems: One for each case.
        marks: Candidates, ascending.
        solver, effort: As for `prove`; every question is asked in one way only, with a quarter of the work.
    """
    outcome = Outcome()
    quick = replace(effort, portfolio=effort.portfolio[:1], work=effort.work // 4)
    everything: dict[int, dict[str, Any]] = {case: {} for case in range(len(systems))}

    def below(target: Fraction) -> bool | None:
        """Whether the program's bound is at most `target`; None when that stays open."""
        if outcome.counterexample is not None and target < outcome.counterexample.value:
            return False
        if _all_below(systems, everything, target, solver, quick, outcome):
            return True
        return False if outcome.refuted == target else None

    low, high = 0, len(marks)
    pieces: tuple[Piece, ...] = ()
    while low < high:
        middle = (low + high) // 2
        answer = below(marks[middle])
        if answer is None:
            return None
        if answer:
            high, pieces = middle, outcome.pieces
        else:
            low = middle + 1
    if low == len(marks):
        return None
    if below(marks[low] - _MARGIN) is None and below(marks[low] - _NEAR) is None:
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


def plain_lines(system: System) -> set[int]:
    """All lines, and the squares where they are few."""
    squares = {index for index, line in enumerate(system.lines) if len(line.rows) == 1}
    lines = set(range(len(system.lines))) - squares
    return lines | squares if len(squares) <= _SQUARES else lines


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


def tight_lines(system: System, found: dict[str, Any]) -> set[int]:
    """Lines that guarantee no more than the incumbent's value, and a little; none where there is no incumbent: those
    that matter join in."""
    if found.get("point") is None:
        return set()
    point = {name: Fraction(value).limit_denominator(10**9) for name, value in found["point"].items()}
    low = found["value"] + 1e-4
    return {i for i in plain_lines(system) if min(float(row.at(point)) for row in system.lines[i].rows) <= low}


def decide(
    case: int, system: System, target: Fraction, lines: set[int], solver: Solver, effort: Effort, outcome: Outcome
) -> Answer:
    """Whether some state of `system` exceeds `target`, beginning with some lines and adding those that matter."""
    kept = set(lines)
    while True:
        answer = _ask(case, system, target, kept, solver, effort, outcome)
        if answer.answer != "sat" or answer.counterexample is None:
            if answer.answer == "unknown" and not kept >= plain_lines(system):
                return _ask(case, system, target, plain_lines(system), solver, effort, outcome)
            return answer
        if answer.counterexample.value > target:
            return answer
        worst = sorted(
            (line["value"], index)
            for index, line in enumerate(answer.counterexample.lines)
            if index not in kept and line["value"] <= target
        )
        kept |= {index for _, index in worst[:2]}


def _ask(
    case: int,
    system: System,
    target: Fraction | None,
    lines: set[int],
    solver: Solver,
    effort: Effort,
    outcome: Outcome,
) -> Answer:
    """One question in every way of the portfolio until one is answered."""
    reasons: list[str] = []
    for ordering, regrets in effort.portfolio:
        if outcome.questions >= effort.questions:
            return Answer("unknown", reasons=(*reasons, f"{effort.questions} questions were asked"))
        outcome.questions += 1
        text = smtlib(target_problem(system, target, lines=lines, regrets=regrets))
        started = time.monotonic()
        found = solver.decide(text, ordering=ordering, work=effort.work, seconds=effort.seconds)
        outcome.proof_seconds += time.monotonic() - started
        outcome.clock |= bool(found.get("clock")) or found.get("reason") == "timeout"
        if found.get("answer") == "unsat":
            labels = tuple(system.lines[index].label for index in sorted(lines))
            return Answer("unsat", Piece(case + 1, text, ordering, labels))
        if found.get("answer") == "sat":
            values = from_model(found["model"])
            broken = violations(system, values)
            if not broken:
                return Answer("sat", counterexample=Counterexample.at(case + 1, system, values))
            reasons.append(f"a state that Z3 returned breaks an axiom: {broken[0]}")
        else:
            reasons.append(str(found.get("failed") or found.get("reason") or "unknown"))
    return Answer("unknown", reasons=tuple(reasons))


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
