"""Programs for more than two players: most are placed by a state that an ascent finds, without any proof.

A state, in floating point, in which every line offers more than what is known already shows, as far as it can be
trusted, that the program is not new. It is no bound and it refutes nothing; what is left is worth a proof, as long as
every statement of it matters: one that is as bad without some statement is placed by the shorter one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from itertools import permutations
from typing import Any

import numpy as np

from discovery.grammar.build import check
from discovery.grammar.ir import Block, Form, Ref
from discovery.model import Rejected
from discovery.tasks.nash.compiler.symmetry import symmetric
from discovery.tasks.nash.compiler.system import System, compile_program
from discovery.tasks.nash.edits import without_assumption
from discovery.tasks.nash.program import Program, digests, images
from discovery.tasks.nash.proof.counterexample import Counterexample
from discovery.tasks.nash.proof.cover import Patience, checked, least_mixture
from discovery.tasks.nash.proof.outcome import Effort, Outcome, Piece
from discovery.tasks.nash.proof.prove import NEARLY, by_clock, consistent
from discovery.tasks.nash.proof.question import ask, plain_lines, tight_lines
from discovery.tasks.nash.solvers.process import Solver
from discovery.tasks.nash.solvers.relaxation import branching
from discovery.tasks.nash.vocabulary import Words

__all__ = ["fallen", "known_already", "ordered", "shown", "value_of", "without_idle"]

#: How much a statement has to improve the worst state found.
_MATTERS = 1e-5
#: How far below a bound a state may be, where rounding moves it.
_COARSE = Fraction(1, 200)
#: How much more work is worth it where the bound is likely to be a known one.
_LIKELY = 4
#: Lines within this of the worst are tight.
_TIGHT = 1e-4


def fallen(systems: Sequence[System], solver: Solver, *, starts: int, enough: float = 1.0) -> list[dict[str, Any]]:
    """For each case the worst state found, as `ascent.ascend` gives it; later cases are left out once one is worse than
    `enough`."""
    found: list[dict[str, Any]] = []
    for system in systems:
        found.append(solver.ascend(system, starts=starts, lines=plain_lines(system), enough=enough))
        if (value_of(found) or 0.0) >= enough:
            break
    return found


def value_of(points: Sequence[Mapping[str, Any]]) -> float | None:
    """The largest value of some states; None where none was found."""
    return max((each["value"] for each in points if each.get("value") is not None), default=None)


def shown(systems: Sequence[System], points: Sequence[Mapping[str, Any]]) -> Counterexample | None:
    """The worst of some states, for people and for edits; not checked."""
    value = value_of(points)
    if value is None:
        return None
    case = next(index for index, each in enumerate(points) if each.get("value") == value)
    system, point = systems[case], points[case]["point"]
    values = {name: Fraction(each).limit_denominator(10**9) for name, each in point.items()}
    values = {name: values.get(name, Fraction(name.startswith("M"))) for name in system.state.variables}
    complete = system.state.complete(values)
    lines = []
    for index in sorted(plain_lines(system)):
        line = system.lines[index]
        if min(float(row.at(complete)) for row in line.rows) > value + _TIGHT:
            continue
        regrets = [[poly.at(complete) for poly in each] for each in line.points]
        least, weights = least_mixture(np.array(regrets, float))
        told = {"label": line.label, "value": Fraction(least).limit_denominator(10**9), "mixed": line.mixed}
        lines.append({**told, "weights": [Fraction(w).limit_denominator(10**6) for w in weights], "regrets": regrets})
    return Counterexample(case + 1, Fraction(value).limit_denominator(10**9), complete, False, tuple(lines), (), False)


def known_already(
    systems: Sequence[System],
    points: Sequence[dict[str, Any]],
    marks: Sequence[Fraction],
    solver: Solver,
    effort: Effort,
) -> Outcome:
    """What is known of a program whose worst state is as bad as those of known ones: one question to Z3 for each case
    at the mark near its value, or at three digits; no bound where they leave it open."""
    value = value_of(points)
    if value is None:
        outcome = Outcome(clock=any(map(by_clock, points)))
        status = consistent(systems, solver, outcome)
        outcome.status = "vacuous" if status == "vacuous" else "unproved"
        return outcome
    outcome = Outcome(estimate=value, clock=any(map(by_clock, points)), counterexample=shown(systems, points))
    near = [mark for mark in marks if abs(float(mark) - value) < _MATTERS]
    target = near[0] if near else Fraction(math.ceil(1000 * value + 1), 1000)
    effort = replace(effort, work=_LIKELY * effort.work) if near else effort
    pieces: list[Piece] = []
    for case, system in enumerate(systems):
        lines = tight_lines(system, points[case]) or plain_lines(system)
        answer = ask(case, system, target, lines, solver, effort, outcome)
        if answer.piece is None:
            outcome.reasons.append(f"case {case + 1} at {target}: not decided by one question")
            return outcome
        pieces.append(answer.piece)
    outcome.pieces = tuple(pieces)
    case = max(range(len(points)), key=lambda index: points[index].get("value") or 0.0)
    for below in (target - NEARLY, target - _COARSE):
        state = checked(case + 1, systems[case], below, solver, Patience(questions=4), points[case]["point"])
        if state.counterexample is not None:
            break
    else:
        outcome.reasons.append("no state near the one found was shown to meet all axioms")
        return outcome
    outcome.refuted, outcome.counterexample = below, state.counterexample
    outcome.status = consistent(systems, solver, outcome) if len(systems) > 1 else "proved"
    outcome.bound = target if outcome.status == "proved" else None
    return outcome


def without_idle(form: Form, known: Words, value: float, solver: Solver) -> Form:
    """`form` without statements, or the assumption, that could be left out; itself where all matter.

    As far as an ascent can tell: the worst state that it finds for the shorter program is no worse.

    Args:
        form: A program of one case or more.
        known: Its language.
        value: That of its worst state found.
        solver: Where the ascent runs.
    """
    for shorter in _shorter(form, known):
        systems = compile_program(Program.of(shorter, known.players))
        found = value_of(fallen(systems, solver, starts=2, enough=value + _MATTERS))
        if found is not None and found < value + _MATTERS:
            return without_idle(shorter, known, value, solver)
    return form


def _shorter(form: Form, known: Words) -> Iterator[Form]:
    """The valid programs with one statement less, or without the assumption."""
    for place, block in enumerate(form.blocks):
        used = {arg.name for each in block.statements for arg in each.args if isinstance(arg, Ref)}
        used |= {each.value.name for each in block.outputs if isinstance(each.value, Ref)}
        for statement in reversed(block.statements):
            if statement.op not in known.overloads or not used.isdisjoint(statement.outputs):
                continue
            rest = replace(block, statements=tuple(each for each in block.statements if each is not statement))
            shorter = replace(form, blocks=(*form.blocks[:place], rest, *form.blocks[place + 1 :]))
            try:
                check(shorter, known.vocabulary)
            except Rejected:
                continue
            yield shorter
    if len(form.blocks) == 1:
        bare = without_assumption(form.blocks[0], known)
        if bare is not form.blocks[0]:
            yield replace(form, blocks=(bare,))


def ordered(system: System, block: Block, known: Words) -> System:
    """The system of `block` with what its symmetries allow to assume; itself where it has none."""
    names = {tree: name for name, tree in digests(block.statements).items()}
    strategies = [name for own in system.state.constructed for name in own]
    found = []
    for order in permutations(range(1, known.players + 1)):
        moved = images(block, order, known)
        renaming = {name: names.get(moved.get(name, ""), "") for name in strategies}
        if any(new != name for name, new in renaming.items()):
            with suppress(ValueError):
                symmetric(system, [renaming], branching(system))
                found.append(renaming)
    return symmetric(system, found, branching(system))
