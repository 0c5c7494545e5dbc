"""One question to Z3: whether some state of one case exceeds a target."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from discovery.tasks.nash.compiler.algebra import Constraint, variable
from discovery.tasks.nash.compiler.system import System
from discovery.tasks.nash.proof.counterexample import Counterexample, from_model, violations
from discovery.tasks.nash.proof.outcome import Answer, Effort, Outcome, Piece, Way
from discovery.tasks.nash.proof.reduction import STEP_ORDERINGS, reduction, refutations
from discovery.tasks.nash.solvers.encoding import Problem, target_problem
from discovery.tasks.nash.solvers.process import Solver
from discovery.tasks.nash.solvers.smtlib import smtlib

__all__ = ["ask", "decide", "nearby", "plain_lines", "tight_lines"]

#: Squares that are looked at from the start; more of them join in only where they matter.
_SQUARES = 4

#: How far from a point of SCIP's, whose precision is 1e-6, a state is looked for.
_NEAR = Fraction(1, 10**4)

#: How much larger a target has to be for a question that stayed open to be asked again: as it is; with fewer variables,
#: where a state of that one was found.
_AGAIN, _AGAIN_REDUCED = Fraction(2, 10**5), Fraction(1, 1000)

#: Questions that one counts as besides which Z3 spent long on, without counting it as work.
_LONG = 5

#: Z3's resource units for one step of a reduction.
STEP_WORK = 400_000


def plain_lines(system: System) -> set[int]:
    """All lines, and the squares where they are few."""
    squares = {index for index, line in enumerate(system.lines) if len(line.rows) == 1}
    lines = set(range(len(system.lines))) - squares
    return lines | squares if len(squares) <= _SQUARES else lines


def tight_lines(system: System, found: dict[str, Any]) -> set[int]:
    """Lines that guarantee no more than the incumbent's value, and a little; none where there is no incumbent: those
    that matter join in. Where a checked state is known, `lines` are its."""
    if "lines" in found:
        return set(found["lines"])
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
        answer = ask(case, system, target, kept, solver, effort, outcome)
        if answer.answer != "sat" or answer.counterexample is None:
            if answer.answer == "unknown" and not kept >= plain_lines(system):
                return ask(case, system, target, plain_lines(system), solver, effort, outcome)
            return answer
        if answer.counterexample.value > target:
            return answer
        worst = sorted(
            (line["value"], index)
            for index, line in enumerate(answer.counterexample.lines)
            if index not in kept and line["value"] <= target
        )
        if not worst:
            return Answer("unknown", reasons=("a state is too near to the target to tell",))
        kept |= {index for _, index in worst[:2]}


def nearby(
    case: int,
    system: System,
    target: Fraction,
    found: Mapping[str, Any],
    solver: Solver,
    effort: Effort,
    outcome: Outcome,
) -> Counterexample | None:
    """A state close to SCIP's, checked exactly, in which every line exceeds `target`; None where SCIP's does not."""
    if found.get("point") is None or found["value"] <= target:
        return None
    asked = _Asked(case, system, target, solver, effort, outcome, [])
    answer = asked.whole(plain_lines(system), effort.portfolio[0], found["point"])
    state = None if answer is None else answer.counterexample
    return state if state is not None and state.value > target else None


def ask(
    case: int,
    system: System,
    target: Fraction | None,
    lines: set[int],
    solver: Solver,
    effort: Effort,
    outcome: Outcome,
) -> Answer:
    """One question, with all of `lines`, in every way of the portfolio until one is answered.

    Where weights or values are computed, products of three variables occur, and Z3 often does not decide the whole:
    after the first way reduced questions are asked, which can only prove.
    """
    reasons: list[str] = []
    asked = _Asked(case, system, target, solver, effort, outcome, reasons)
    for way in effort.portfolio[:1]:
        if (answer := asked.whole(lines, way)) is not None:
            return answer
    if target is not None and system.state.sides and effort.reduced:
        for some in [*({line} for line in sorted(lines) if len(lines) > 1), lines]:
            if some and case not in outcome.large and (piece := asked.reduced(some)) is not None:
                return Answer("unsat", piece)
    for way in effort.portfolio[1:]:
        if (answer := asked.whole(lines, way)) is not None:
            return answer
    return Answer("unknown", reasons=tuple(reasons))


@dataclass
class _Asked:
    """A question under way; reasons why ways of asking it failed are collected."""

    case: int
    system: System
    target: Fraction | None
    solver: Solver
    effort: Effort
    outcome: Outcome
    reasons: list[str]

    def whole(self, lines: set[int], way: Way, near: Mapping[str, float] | None = None) -> Answer | None:
        """The answer to the question as it is; None if it stays open. With a point, only states near it are asked for,
        and that there are none says nothing."""
        key = (self.case, way, frozenset(lines), self.effort.work)
        if near is None and self._stuck(key, _AGAIN):
            return None
        problem = target_problem(self.system, self.target, lines=lines, regrets=way.regrets)
        text = smtlib(problem if near is None else _around(problem, near))
        found = self._found(text, way.ordering, self.effort.work)
        if found.get("answer") == "unsat" and near is None:
            return Answer("unsat", self._piece(text, way.ordering, lines, regrets=way.regrets))
        if found.get("answer") == "sat":
            try:
                values = from_model(found["model"])
                broken = violations(self.system, values)
            except ValueError as error:
                broken = [str(error)]
            if not broken:
                return Answer("sat", counterexample=Counterexample.at(self.case + 1, self.system, values))
            self.reasons.append(f"a state that Z3 returned breaks an axiom: {broken[0]}")
        if near is None:
            self._remember(key)
        return None

    def reduced(self, lines: set[int]) -> Piece | None:
        """A proof by the question with fewer variables; a state of that one says nothing."""
        key = (self.case, "reduced", frozenset(lines), self.effort.work)
        if self._stuck(key, _AGAIN_REDUCED) or not self._may_ask():
            return None
        self.outcome.questions += 1  # what reducing takes is like what asking takes
        shorter = reduction(target_problem(self.system, self.target, lines=lines, regrets=True))
        if shorter.spent and len(lines) == 1:
            self.outcome.large.add(self.case)
            self.reasons.append("too large to be reduced")
            return None
        text = smtlib(shorter.problem, products=False)
        for ordering in self.effort.reduced:
            answer = self._found(text, ordering, self.effort.work).get("answer")
            if answer == "sat":
                break
            if answer == "unsat":
                if all(self._follows(each) for step in shorter.steps for each in refutations(step)):
                    return self._piece(text, ordering, lines, regrets=True, reduced=True)
                self.reasons.append("a step from the question to one with fewer variables stays unproved")
                break
        self._remember(key)
        return None

    def _stuck(self, key: tuple[object, ...], far: Fraction) -> bool:
        """Whether the question stayed open at a target that this one hardly exceeds."""
        before = self.outcome.stuck.get(key)
        return before is not None and self.target is not None and before <= self.target < before + far

    def _remember(self, key: tuple[object, ...]) -> None:
        if self.target is not None:
            self.outcome.stuck[key] = max(self.target, self.outcome.stuck.get(key, self.target))

    def _follows(self, text: str) -> bool:
        return any(self._decided(text, ordering, STEP_WORK).get("answer") == "unsat" for ordering in STEP_ORDERINGS)

    def _found(self, text: str, ordering: int, work: int) -> dict[str, Any]:
        """Z3's answer to one more question, if more may be asked."""
        if not self._may_ask():
            return {}
        self.outcome.questions += 1
        found = self._decided(text, ordering, work)
        if found.get("answer") not in ("sat", "unsat"):
            self.reasons.append(str(found.get("failed") or found.get("reason") or "unknown"))
        return found

    def _may_ask(self) -> bool:
        if self.outcome.questions < self.effort.questions:
            return True
        self.reasons.append(f"{self.effort.questions} questions were asked")
        return False

    def _decided(self, text: str, ordering: int, work: int) -> dict[str, Any]:
        started = time.monotonic()
        found = self.solver.decide(text, ordering=ordering, work=work, seconds=self.effort.seconds)
        self.outcome.proof_seconds += time.monotonic() - started
        if found.get("clock") or found.get("reason") == "timeout":
            self.outcome.clock = True
            self.outcome.questions += _LONG
        return found

    def _piece(self, text: str, ordering: int, lines: set[int], *, regrets: bool, reduced: bool = False) -> Piece:
        labels = tuple(self.system.lines[index].label for index in sorted(lines))
        return Piece(self.case + 1, text, ordering, labels, regrets=regrets, reduced=reduced)


def _around(problem: Problem, point: Mapping[str, float]) -> Problem:
    """`problem` with every variable within `_NEAR` of its value at `point`."""
    near: list[Constraint] = []
    for name in problem.variables:
        value = Fraction(point[name]).limit_denominator(10**7)
        near += [variable(name) >= value - _NEAR, variable(name) <= value + _NEAR]
    return replace(problem, constraints=(*problem.constraints, *near))
