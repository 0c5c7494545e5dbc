"""What an evaluator does with a program for more than two players, cheapest first.

- `screen`: an ascent looks for a bad state. Where that is trivial, so is the bound 1.
- `estimate`: where the state is as bad as those of known algorithms, one question to Z3 tries to prove a bound near it,
  and that is all. Else the ascent starts from more places; and where the program is as bad without some statement,
  that is all, too: the shorter program is the one to be proved.
- `prove`: a bound below the known ones, in boxes.

A program whose bound stays unproved is ranked by the worst state found, and never above what is proved of known ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from discovery.grammar.ir import Form
from discovery.tasks.nash.compiler.system import System
from discovery.tasks.nash.printing import source_of
from discovery.tasks.nash.proof.cover import Patience
from discovery.tasks.nash.proof.descent import descended
from discovery.tasks.nash.proof.outcome import SEARCH, Outcome
from discovery.tasks.nash.proof.prove import by_clock, estimated, prove
from discovery.tasks.nash.proof.several import fallen, known_already, ordered, shown, value_of, without_idle
from discovery.tasks.nash.solvers.process import Solver
from discovery.tasks.nash.solvers.relaxation import linear
from discovery.tasks.nash.vocabulary import Words

__all__ = ["KNOWN", "UNPROVED", "Course"]

#: What the best algorithm of the literature guarantees, and where nothing is guaranteed; both a little less.
KNOWN, _TRIVIAL = Fraction(5999, 10000), Fraction(999, 1000)

#: What a program counts as at best while nothing is proved of it: a little more.
UNPROVED = Fraction(600001, 10**6)

#: Bounds of simple algorithms, ascending.
_MARKS = tuple(map(Fraction, ("1/2", "3/5", "2/3", "3/4")))

#: Where a program is not new: one question a case.
_ONCE = replace(SEARCH, portfolio=SEARCH.portfolio[:1], work=100_000, reduced=(), questions=4)

#: Where an ascent finds nothing: SCIP's nodes.
_NODES = replace(SEARCH, nodes=20)

#: Where weights are computed, which boxes say too little of.
_FEW = replace(SEARCH, reduced=(), digits=(3,), questions=3)

#: Places that the ascent starts from where a program might be new, and questions to Z3 for a proof in boxes.
_STARTS, _BOXES = 6, Patience(questions=1000)


class Course:
    """The stages for programs of one language; remembers the states found for the program at hand.

    Where weights are computed an ascent may be stuck soon; SCIP looks, too, before a program is taken for new.
    """

    def __init__(self, words: Words, solver: Solver) -> None:
        self.words, self.solver = words, solver
        self._last: tuple[Form, dict[int, list[dict[str, Any]]]] | None = None
        #: Outcomes of proofs: programs with copies that nothing uses are all the same one here.
        self._proved: dict[str, Outcome] = {}

    def screen(self, form: Form, systems: Sequence[System]) -> Outcome | None:
        """An outcome that is final, or None."""
        points = self._points(form, systems, 1)
        if (value_of(points) or 0.0) <= _TRIVIAL:
            return None
        return Outcome("proved", Fraction(1), 1.0, 1.0, None, shown(systems, points), clock=any(map(by_clock, points)))

    def estimate(self, form: Form, systems: Sequence[System]) -> tuple[Outcome, bool]:
        """An outcome, and whether it is final."""
        value = 1.0
        for starts in (1, _STARTS):
            points = self._points(form, systems, starts)
            value = 1.0 if (found := value_of(points)) is None else found
            if value >= KNOWN:
                return known_already(systems, points, _MARKS, self.solver, _ONCE), True
        outcome = Outcome(estimate=value, counterexample=shown(systems, points), clock=any(map(by_clock, points)))
        shorter = without_idle(form, self.words, value, self.solver)
        if shorter != form:
            outcome.shorter = source_of(shorter, self.words)
            outcome.reasons.append(
                f"no worse state was found for a shorter program, to be proved first:\n{outcome.shorter}"
            )
            return outcome, True
        return outcome, False

    def prove(self, form: Form, systems: Sequence[System]) -> Outcome:
        """The outcome of a proof in boxes, with what is known without it where there is none."""
        # With all names: proofs speak of them.
        key = repr([[(s.outputs, s.op, s.args) for s in block.statements] + [block.outputs] for block in form.blocks])
        if key in self._proved:
            return replace(self._proved[key])
        found = self._outcome(form, systems)
        if not found.clock:
            self._proved[key] = found
        return found

    def _outcome(self, form: Form, systems: Sequence[System]) -> Outcome:
        points = self._points(form, systems, _STARTS)
        found = self.boxes(form, systems, _BOXES)
        if found.bound is None and not all(map(linear, systems)):
            found = prove(systems, self.solver, _FEW, points=points, below=KNOWN)
        return replace(found, counterexample=found.counterexample or shown(systems, points))

    def boxes(self, form: Form, systems: Sequence[System], patience: Patience) -> Outcome:
        """A proof in boxes below the known bounds; without a bound where there is none."""
        points = self._points(form, systems, _STARTS)
        if not all(0 <= _worth(each) < KNOWN for each in points) or not all(linear(system) for system in systems):
            return Outcome(estimate=value_of(points))
        alike = [ordered(system, block, self.words) for system, block in zip(systems, form.blocks, strict=True)]
        return descended(alike, self.solver, patience, points=points, below=KNOWN)

    def _points(self, form: Form, systems: Sequence[System], starts: int) -> list[dict[str, Any]]:
        """The worst states found from so many starts; SCIP's where there are none."""
        if self._last is None or self._last[0] != form:
            self._last = form, {}
        known = self._last[1]
        if starts not in known:
            enough = float(_TRIVIAL if starts == 1 else KNOWN)
            points = fallen(systems, self.solver, starts=starts, enough=enough)
            points += [{"value": None, "point": None}] * (len(systems) - len(points))
            value = value_of(points)
            stuck = any(each.get("value") is None for each in points) or not all(map(linear, systems))
            if value is None or (starts > 1 and value < KNOWN and stuck):
                others = [estimated(each, self.solver, _NODES) for each in systems]
                points = [max(pair, key=_worth) for pair in zip(points, others, strict=True)]
            known[starts] = points
        return known[starts]


def _worth(point: dict[str, Any]) -> float:
    return -1.0 if point.get("value") is None else float(point["value"])
