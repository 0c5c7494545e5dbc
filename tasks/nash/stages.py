"""What an evaluator does with a program at each stage, cheapest first.

- `screen`: does every line stay above 0.999 in some state? Then the bound is 1, which needs no proof, and that is all.
  A pool of concrete games is tried first; Z3 looks for other states only where no game of it is as bad as it gets for
  some known algorithm.
- `estimate`: is the bound that of a known algorithm? Two or three questions to Z3 tell. If not: SCIP's value of the
  worst case at the root node.
- `prove`: Z3 proves a bound near that value, or says what exceeds it. First with little work, then with more.

`stages_many` has the stages for more than two players.

Limits are solver work. A program whose bound stays unproved is ranked by SCIP's ceiling, which is no bound.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from discovery.grammar.ir import Form
from discovery.model import Verdict
from discovery.tasks.nash.certificate import recipe
from discovery.tasks.nash.compiler.system import WLOG, System, compile_program
from discovery.tasks.nash.games.adversaries import Adversary, adversary
from discovery.tasks.nash.kind import kind
from discovery.tasks.nash.language import NashLanguage
from discovery.tasks.nash.program import Program
from discovery.tasks.nash.proof.core import proved_of_core
from discovery.tasks.nash.proof.feedback import rendered
from discovery.tasks.nash.proof.lemmas import simplified
from discovery.tasks.nash.proof.prove import (
    CHECK,
    NEARLY,
    SEARCH,
    Effort,
    Outcome,
    by_clock,
    consistent,
    estimated,
    exceeded,
    placed,
    prove,
)
from discovery.tasks.nash.proof.question import nearby
from discovery.tasks.nash.reduce import reduced
from discovery.tasks.nash.solvers.process import Solver
from discovery.tasks.nash.stages_many import UNPROVED, Course

__all__ = ["Judge", "sharp"]

#: A program that some state makes worse than this guarantees nothing.
_TRIVIAL = Fraction(999, 1000)

#: What a strategy and an assumption cost in the score: of two programs of one bound the shorter is better.
_STRATEGY, _ASSUMPTION = 1e-9, 5e-10

#: What the best known algorithm guarantees, a little less.
_KNOWN = 0.33332

#: What is easily had, without and with stationary points, and a little more.
_EASY = (0.3829, 0.3403)

#: More work, where a bound might be new, or there are cases.
_MORE = replace(CHECK, nodes=200, seconds=5.0, questions=12)

#: SCIP's nodes where weights are computed.
_NODES = 200

#: Questions to Z3 of a program without cases, at first, and of its core; where a line of a program does better.
_FEW, _FEWER = 20, 10

#: What an unproved bound costs in the score: no program is a better parent for being harder to prove.
_UNPROVED = 1e-3

#: Bounds of known algorithms, ascending, as fractions of six digits where they are irrational.
_MARKS = tuple(Fraction(each) for each in ("1/3", "0.339333", "0.381967", "1/2", "3/4"))


class Judge:
    """Judges programs of one language; owns a solver process, and remembers the last estimate between stages.

    Args:
        language: The language.
        tell: See `Solver`.
    """

    def __init__(self, language: NashLanguage, tell: Callable[[str], None] = lambda _: None) -> None:
        self.language = language
        self.solver = Solver(tell=tell)
        self.course = Course(language.words, self.solver)
        self._last: tuple[str, list[dict[str, Any]]] | None = None
        self._compiled: tuple[Form, list[System]] | None = None
        self._hostile: tuple[Form, Adversary | None] | None = None

    def judge(self, source: str, stage: str) -> Verdict:
        """The verdict of one stage, with what kind of program it is, and how bad the pool of games can make it."""
        form = self.language.lower(source)
        verdict = self._judged(source, form, stage)
        hostile = self.adversary(form)
        least = {} if hostile is None else {"at_least": {"game": hostile.game, "value": str(hostile.state.value)}}
        return replace(verdict, evidence={**verdict.evidence, **least, **kind(form, self.language.words)})

    def _judged(self, source: str, form: Form, stage: str) -> Verdict:
        systems = self.systems(form)
        if self.language.players > 2:
            return self._of_many(form, systems, stage)
        hostile = self.adversary(form)
        if stage == "screen":
            return self._screen(systems, hostile)
        if stage == "estimate" and not _computed(systems):
            known = None if hostile is None else hostile.state
            marked = placed(systems, _MARKS, self.solver, SEARCH, known=known)
            if marked is not None:
                return self.verdict(marked, systems, hostile)
        points = self._points(source, systems)
        if stage == "estimate":
            ceiling = max(found.get("ceiling", 1.0) for found in points)
            value = max((found["value"] for found in points if found.get("value") is not None), default=None)
            shown = "nothing yet" if value is None else f"{value:.6f}"
            message = f"the worst state that SCIP found exceeds {shown}; no state exceeds {ceiling:.6f}, up to rounding"
            cases, evidence = {"worst case": -ceiling}, _evidence(None, value)
            limited = any(map(by_clock, points))
            return Verdict("scored", -ceiling, cases, message, evidence, advance=True, clock_limited=limited)
        return self.verdict(self.outcome(systems, points), systems)

    def _of_many(self, form: Form, systems: list[System], stage: str) -> Verdict:
        """See `stages_many`."""
        self.course.solver = self.solver
        shorter = reduced(form, self.language.words)
        if stage == "screen":
            outcome = self.course.screen(shorter, systems)
            if outcome is None:
                return Verdict("scored", -1.0, {"worst case": -1.0}, "not trivial", advance=True)
            return self.verdict(outcome, systems)
        if stage == "estimate":
            outcome, final = self.course.estimate(shorter, systems)
            return replace(self.verdict(outcome, systems), advance=not final)
        return self.verdict(self.course.prove(shorter, systems), systems)

    def systems(self, form: Form) -> list[System]:
        """The constraint systems of the program, copies that nothing uses left out: they have the same bound."""
        if self._compiled is None or self._compiled[0] != form:
            systems = compile_program(self._shorter(form))
            systems = [simplified(each, self.solver) if each.state.sides else each for each in systems]
            self._compiled = form, systems
        return self._compiled[1]

    def adversary(self, form: Form) -> Adversary | None:
        """How bad the program can be made in a game of the pool."""
        if self._hostile is None or self._hostile[0] != form:
            self._hostile = form, adversary(self._shorter(form), self.systems(form))
        return self._hostile[1]

    def _shorter(self, form: Form) -> Program:
        return Program.of(reduced(form, self.language.words), self.language.players)

    def proved(self, source: str) -> tuple[Outcome, list[System]]:
        """What the last stage finds of a program for two players, and the systems that its proof is about."""
        systems = self.systems(self.language.lower(source))
        return self.outcome(systems, self._points(source, systems)), systems

    def outcome(self, systems: list[System], points: list[dict[str, Any]]) -> Outcome:
        """With little work; then with more, if there are cases, or the bound might be smaller than any known."""
        quick = self._quick(systems, points)
        if len(systems) == 1 and self._modest(points):
            return quick
        new = quick.estimate is not None and quick.estimate < _KNOWN
        if quick.status == "vacuous" or sharp(quick) or not (new or len(systems) > 1 or quick.bound is None):
            return quick
        if new and len(systems) == 1 and quick.bound is not None:
            known = Fraction(_KNOWN).limit_denominator(10**6)
            if exceeded(systems, known, self.solver, SEARCH) is not None:
                return quick  # the estimate was too low
        points = [estimated(each, self.solver, _MORE) for each in systems]
        worst = max((found["value"] for found in points if found.get("value") is not None), default=0.0)
        known_after_all = len(systems) == 1 and worst >= _KNOWN
        effort = SEARCH if known_after_all else _MORE
        slow = prove(systems, self.solver, effort, points=points, below=quick.bound)
        slow.proof_seconds += quick.proof_seconds
        slow.clock |= quick.clock
        if slow.bound is None and quick.bound is not None:
            slow.status, slow.bound, slow.pieces = quick.status, quick.bound, quick.pieces
        return slow

    def _quick(self, systems: list[System], points: list[dict[str, Any]]) -> Outcome:
        """With little work; where weights are computed, or if nothing sharp comes, of the strategies that matter."""
        if len(systems) > 1:
            return prove(systems, self.solver, SEARCH, points=points)
        effort = replace(SEARCH, questions=_FEWER if self._modest(points) else _FEW)
        tries = [self._whole, self._core]
        if _computed(systems):
            tries.reverse()
        elif self._modest(points):
            tries = tries[:1]
        outcome: Outcome | None = None
        for attempt in tries:
            found = attempt(systems, points, effort)
            if found is not None and outcome is not None:
                found = _better(outcome, found)
            outcome = found or outcome
            if outcome is not None and (outcome.status == "vacuous" or sharp(outcome)):
                break
        assert outcome is not None  # of the whole
        return outcome

    def _modest(self, points: list[dict[str, Any]]) -> bool:
        """Whether a single block of the language, or a textbook's algorithm without it, does better."""
        easy = _EASY["StationaryPoint" in self.language.words.blocks]
        return any(found["value"] > easy for found in points if found.get("value") is not None)

    def _whole(self, systems: list[System], points: list[dict[str, Any]], effort: Effort) -> Outcome:
        return prove(systems, self.solver, effort, points=points)

    def _core(self, systems: list[System], points: list[dict[str, Any]], effort: Effort) -> Outcome | None:
        """What a proof of the core shows of the whole: a bound, and no worst case."""
        found = proved_of_core(systems[0], points[0], self.solver, effort)
        if found is None or found.bound is None:
            return None
        outcome = replace(found, counterexample=None, refuted=None, estimate=points[0]["value"])
        outcome.ceiling = points[0].get("ceiling", 1.0)
        outcome.status = consistent(systems, self.solver, outcome)
        if outcome.status != "proved":
            outcome.bound, outcome.pieces = None, ()
        elif found.bound is not None:
            state = nearby(0, systems[0], found.bound - NEARLY, points[0], self.solver, effort, outcome)
            if state is not None:
                outcome.refuted, outcome.counterexample = found.bound - NEARLY, state
        return outcome

    def verdict(self, outcome: Outcome, systems: list[System], hostile: Adversary | None = None) -> Verdict:
        """What an outcome means for the search. The game is named where the state shown is that of `hostile`."""
        size = max(_size(system) for system in systems)
        evidence = _evidence(outcome, outcome.estimate, systems)
        text = rendered(outcome)
        if hostile is not None and outcome.counterexample is hostile.state:
            text = f"{text}\n  this happens in a real game, of the pool: {hostile.game}"
        if outcome.status == "vacuous":
            message = "no state meets the axioms: they contradict each other, so nothing they prove counts"
            return Verdict("invalid", message=message, evidence=evidence, clock_limited=outcome.clock)
        if outcome.bound is None:
            score = -_rank(outcome, self.language.players) - size
            return Verdict("scored", score, {"worst case": score}, text, evidence, clock_limited=outcome.clock)
        score = -float(outcome.bound) - size
        return Verdict("proved", score, {"worst case": score}, text, evidence, clock_limited=outcome.clock)

    def _screen(self, systems: list[System], hostile: Adversary | None) -> Verdict:
        known = None if hostile is None else hostile.state
        found = known if known is not None and known.value > _TRIVIAL else None
        if known is None or not _likely(known.value, _MARKS):
            found = found or exceeded(systems, _TRIVIAL, self.solver, SEARCH, all_lines=True)
        if found is None:
            return Verdict("scored", -1.0, {"worst case": -1.0}, "not trivial", advance=True)
        outcome = Outcome("proved", Fraction(1), 1.0, 1.0, found.value, found)
        return self.verdict(outcome, systems, hostile)

    def _for(self, system: System) -> Effort:
        """Where weights are computed the worst state is seldom found at SCIP's first node."""
        return replace(SEARCH, nodes=max(SEARCH.nodes, _NODES), tighten=True) if system.state.sides else SEARCH

    def _points(self, source: str, systems: list[System]) -> list[dict[str, Any]]:
        if self._last is None or self._last[0] != source:
            found = [estimated(each, self.solver, self._for(each)) for each in systems]
            self._last = source, found
        return self._last[1]


def _likely(value: Fraction, marks: Sequence[Fraction]) -> bool:
    """Whether a program that is as bad as that is likely to have one of `marks` as its bound: `placed` asks first."""
    return any(mark - NEARLY < value <= mark for mark in marks)


def _size(system: System) -> float:
    assumed = any(axiom.label == WLOG for axiom in system.axioms)
    return _STRATEGY * sum(map(len, system.state.constructed)) + _ASSUMPTION * assumed


def _rank(outcome: Outcome, players: int) -> float:
    """What an unproved program counts as: SCIP's ceiling, and a little more; with more players the worst state found,
    but as worse than what is proved of a known algorithm."""
    if players == 2 or outcome.estimate is None:
        return outcome.ceiling + _UNPROVED
    return max(outcome.estimate, float(UNPROVED))


def _computed(systems: Sequence[System]) -> bool:
    """Whether some weight, quotient or root is computed: then most questions are slow."""
    return any(system.state.sides for system in systems)


def _better(one: Outcome, other: Outcome) -> Outcome:
    """The outcome with the smaller bound, with what the other one found and cost."""
    if one.bound is None or (other.bound is not None and other.bound < one.bound):
        one, other = other, one
    clock, seconds = one.clock or other.clock, one.proof_seconds + other.proof_seconds
    worst = max((one, other), key=lambda each: each.refuted or Fraction(-1))
    return replace(one, clock=clock, proof_seconds=seconds, refuted=worst.refuted, counterexample=worst.counterexample)


def sharp(outcome: Outcome) -> bool:
    """Whether the bound is as small as six digits can say."""
    if outcome.bound is None:
        return False
    if outcome.refuted is not None and outcome.bound - outcome.refuted <= Fraction(2, 10**6):
        return True
    return outcome.estimate is not None and float(outcome.bound) <= outcome.estimate + 2e-6


def _evidence(outcome: Outcome | None, estimate: float | None, systems: Sequence[System] = ()) -> dict[str, Any]:
    if outcome is None:
        return {"outcome": "unproved", "bound": None, "estimate": estimate}
    return {
        "outcome": outcome.status,
        "bound": None if outcome.bound is None else str(outcome.bound),
        "estimate": estimate,
        "ceiling": outcome.ceiling,
        "refuted": None if outcome.refuted is None else str(outcome.refuted),
        "counterexample": None if outcome.counterexample is None else outcome.counterexample.to_json(),
        "proof_seconds": outcome.proof_seconds,
        "proof": recipe(outcome.pieces, systems),
        "reasons": outcome.reasons[:10],
        **({"shorter": outcome.shorter} if outcome.shorter else {}),
    }
