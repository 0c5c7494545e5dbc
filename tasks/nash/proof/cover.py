"""Proofs in boxes: the values of a system's scalars are covered by boxes, and in each the worst case is linear.

Larger programs are beyond what Z3 decides in one question: the formula has a product for every weight of a stationary
point and every payoff that it multiplies, and one for every multiplier of a line. `relaxation` says how a box makes
the question linear. Here boxes are split and mixtures and axioms are chosen:

- Ask for a state of the box in which the mixtures chosen so far stay above the target. None: the box is done, and what
  its proof needed is kept for the boxes after it.
- A state in which products are far from what they stand for is due to the width of the box: split it.
- Otherwise add the axioms that the state breaks and the best mixtures of the lines that are not above the target. A
  state that breaks none, on lines that all stay above, is looked for in the point of the box: that is a counterexample.

Nothing of how the choice is made has to be believed: every box is a text without a model, and so is the text that says
that some value of the scalars is in no box.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np

from discovery.tasks.nash.compiler.algebra import Constraint, Monomial, constant
from discovery.tasks.nash.compiler.system import Line, System
from discovery.tasks.nash.numerics.linear import linear_program
from discovery.tasks.nash.proof.counterexample import Counterexample, violations
from discovery.tasks.nash.solvers.process import Solver
from discovery.tasks.nash.solvers.relaxation import Box, Mixture, Relaxation, branching

__all__ = ["Cover", "Part", "Patience", "checked", "covered", "least_mixture", "reached"]


@dataclass(frozen=True)
class Patience:
    """How much solver work a proof in boxes may cost.

    Attributes:
        questions: Questions to Z3, all boxes together.
        work: Z3's resource units a question; a box that takes more is split.
        seconds: Backstop of one question.
        rounds: Questions about one box before it is split.
        depth: How often a box may be split.
    """

    questions: int
    work: int = 5_000_000
    seconds: float = 20.0
    rounds: int = 12
    depth: int = 24


@dataclass(frozen=True)
class Part:
    """The proof of one box.

    Attributes:
        box: Ranges of the branching scalars.
        axioms: Indices of the axioms that it uses, ascending.
        mixtures: Mixtures that it uses.
    """

    box: Box
    axioms: tuple[int, ...]
    mixtures: tuple[Mixture, ...]


@dataclass
class Cover:
    """What came out for one case.

    Attributes:
        answer: `"unsat"`: the parts prove the target. `"sat"`: the counterexample refutes it. `"unknown"`: a limit.
        parts: Proofs of boxes; of all that there are where the answer is `"unsat"`.
        counterexample: A state above the target.
        reason: Why nothing was decided.
        questions: Questions that were asked.
        seconds: Wall time spent in Z3.
        clock: Whether a wall-clock backstop had a say.
    """

    answer: str = "unknown"
    parts: list[Part] = field(default_factory=list)
    counterexample: Counterexample | None = None
    reason: str = ""
    questions: int = 0
    seconds: float = 0.0
    clock: bool = False


@dataclass
class _Open:
    """A box that is not done, with what its parent gathered."""

    box: dict[str, tuple[Fraction, Fraction]]
    depth: int
    axioms: set[int]
    mixtures: list[Mixture]


#: Products may be so far off, in an axiom, that it is still worth adding mixtures rather than splitting.
_NEAR = 0.03
#: Lines whose mixtures are added a question, and how many mixtures a box hands on.
_LINES, _KEPT = 4, 24
#: The same where a state is looked for, and how far from given scalars.
_MANY_LINES, _AROUND = 16, Fraction(1, 500)
#: How far above the target lines are held there.
_ABOVE, _LITTLE = Fraction(1, 10**5), Fraction(1, 10**8)
#: A box of this width may take so many times the work of others.
_NARROW, _MORE = Fraction(1, 16), 10
#: Weights of mixtures are multiples of 1 / these: round ones first.
_GRIDS = (24, 1000, 10**6)


def covered(
    case: int,
    system: System,
    target: Fraction,
    solver: Solver,
    patience: Patience,
    points: Iterable[Mapping[str, float]] = (),
    before: Sequence[Part] = (),
) -> Cover:
    """Whether no state of `system` exceeds `target`, decided in boxes.

    Args:
        case: Number of the case, from 1.
        system: Its system.
        target: The claimed bound.
        solver: Where Z3 runs.
        patience: Limits.
        points: Bad states in floating point, such as SCIP's incumbent: their best mixtures come first.
        before: The proof of a larger target, to begin with its boxes and mixtures.
    """
    return _Search(case, system, target, solver, patience).run(points, before)


def reached(
    case: int, system: System, target: Fraction, solver: Solver, patience: Patience, point: Mapping[str, float]
) -> Cover:
    """Whether some state with branching scalars near those of `point` exceeds `target`; see `covered`."""
    search = _Search(case, system, target, solver, patience)
    near = {name: Fraction(point[name]).limit_denominator(1000) for name in search.scalars}
    box = {name: (max(value - _AROUND, Fraction(0)), min(value + _AROUND, Fraction(1))) for name, value in near.items()}
    answer = search.asked(search.relaxation.text(box, search.always, ()))
    if answer.get("answer") == "sat":
        scalars = {name: Fraction(answer["model"][name]) for name in search.scalars}
        rows = [row for line in system.lines if len(line.points) > 1 for row in _weighed(line, point, target)]
        search.realised(scalars, rows)
    return search.found


def checked(
    case: int, system: System, target: Fraction, solver: Solver, patience: Patience, point: Mapping[str, float]
) -> Cover:
    """Whether some state with exactly the branching scalars of `point`, rounded, exceeds `target`; see `covered`."""
    search = _Search(case, system, target, solver, patience)
    scalars = _grid({name: point[name] for name in search.scalars}, system)
    lines = [line for line in system.lines if len(line.points) > 1]
    rows = [row for line in lines for row in _weighed(line, point, target, grid=10**6, above=_LITTLE)]
    search.realised(scalars, rows)
    return search.found


def _grid(scalars: Mapping[str, float], system: System) -> dict[str, Fraction]:
    """Fractions with denominators up to 1000 near `scalars`; those that an axiom says add up to 1 still do."""
    found = {name: Fraction(value).limit_denominator(1000) for name, value in scalars.items()}
    for axiom in system.axioms:
        names = axiom.poly.variables()
        one: dict[Monomial, Fraction] = {(): Fraction(-1), **{(name,): Fraction(1) for name in names}}
        if len(names) > 1 and set(names) <= found.keys() and axiom.poly.terms == one:
            found[max(names, key=found.__getitem__)] += 1 - sum(found[name] for name in names)
    return found


def _weighed(
    line: Line, point: Mapping[str, float], target: Fraction, *, grid: int = 1000, above: Fraction = _ABOVE
) -> Iterable[Constraint]:
    """That `line` stays above `target` by the multipliers of `point`, rounded."""
    shares = [max(Fraction(point[name]).limit_denominator(grid), Fraction(0)) for name in line.multipliers]
    shares = [share / max(sum(shares), Fraction(1)) for share in shares]
    weights = [*shares, 1 - sum(shares)]
    for regrets in line.points:
        yield sum((q * f for q, f in zip(weights, regrets, strict=True)), constant(0)) >= target + above


class _Search:
    def __init__(self, case: int, system: System, target: Fraction, solver: Solver, patience: Patience) -> None:
        self.case, self.system, self.target = case, system, target
        self.solver, self.patience = solver, patience
        self.relaxation = Relaxation(system, target)
        self.scalars = branching(system)
        usable = [index for index in range(len(system.axioms)) if self.relaxation.usable(index)]
        self.always = {index for index in usable if system.axioms[index].label != "best response"}
        self.lazy = [index for index in usable if index not in self.always]
        self.lines = list(range(len(system.lines)))
        self.proved: dict[Mixture, None] = {}
        self.found = Cover()

    def run(self, points: Iterable[Mapping[str, float]], before: Sequence[Part]) -> Cover:
        for point in points:
            values = {name: Fraction(value).limit_denominator(10**6) for name, value in point.items()}
            self.proved.update(dict.fromkeys(self.better(self.completed(values), ())))
        unit = (Fraction(0), Fraction(1))
        waiting = [_Open(dict.fromkeys(self.scalars, unit), 0, set(), [])]
        if before:
            extra = [set(part.axioms) - self.always for part in before]
            waiting = [
                _Open(dict(part.box), 0, also, list(part.mixtures)) for part, also in zip(before, extra, strict=True)
            ]
        while waiting:
            halves = self.closed(waiting.pop())
            if halves is None:
                return self.found
            waiting += halves
        self.found.answer = "unsat"
        return self.found

    def closed(self, box: _Open) -> list[_Open] | None:
        """What is left of a box: nothing, or its halves. None where the search ends."""
        axioms = self.always | box.axioms
        mixtures = list(dict.fromkeys([*self.proved, *box.mixtures]))
        own: list[Mixture] = list(box.mixtures)
        for _ in range(self.patience.rounds):
            answer = self.patiently(box, self.relaxation.text(box.box, axioms, mixtures))
            if answer.get("answer") == "unsat":
                self.finish(box, sorted(axioms), mixtures)
                return []
            if answer.get("answer") == "unknown" and answer.get("reason") != "timeout":
                return self.halves(_Open(box.box, box.depth, axioms - self.always, own[-_KEPT:]), {})
            if answer.get("answer") != "sat":
                self.found.reason = str(answer.get("failed") or answer.get("reason") or "unknown")
                return None
            given = {name: Fraction(value) for name, value in answer["model"].items()}
            values = self.completed(given)
            broken = [i for i in self.lazy if i not in axioms and self.relaxation.axioms[i].poly.at(values) < 0]
            broken = [i for i in broken if all(name in given for name in self.relaxation.axioms[i].poly.variables())]
            new = self.better(values, mixtures)
            axioms |= set(broken)
            mixtures += new
            own += new
            far = self.distance(axioms, values)
            if far > _NEAR or not (broken or new):
                break
        if not (broken or new) and self.realised(values):
            return None
        return self.halves(_Open(box.box, box.depth, axioms - self.always, own[-_KEPT:]), given)

    def patiently(self, box: _Open, text: str) -> dict[str, Any]:
        """The answer for a box, with more work where it is so narrow that cutting it would help little."""
        answer = self.asked(text)
        narrow = all(high - low <= _NARROW for low, high in box.box.values())
        return self.asked(text, more=_MORE) if narrow and answer.get("answer") == "unknown" else answer

    def asked(self, text: str, *, more: int = 1) -> dict[str, Any]:
        if self.found.questions >= self.patience.questions:
            return {"failed": f"{self.patience.questions} questions were asked"}
        self.found.questions += 1
        started = time.monotonic()
        work, seconds = more * self.patience.work, more * self.patience.seconds
        answer = self.solver.decide(text, ordering=4, work=work, seconds=seconds)
        self.found.seconds += time.monotonic() - started
        self.found.clock |= bool(answer.get("clock")) or answer.get("reason") == "timeout"
        return answer

    def finish(self, box: _Open, axioms: Sequence[int], mixtures: Sequence[Mixture]) -> None:
        """Note the proof of a box, without what it does not need."""
        text = self.relaxation.text(box.box, axioms, mixtures)
        last = len(axioms) + len(mixtures)
        core = self.solver.core(text, last=last, work=4 * self.patience.work, seconds=self.patience.seconds)
        if core.get("answer") == "unsat":
            kept = core["core"]
            fewer = [axioms[i] for i in kept if i < len(axioms)]
            least = [mixtures[i - len(axioms)] for i in kept if i >= len(axioms)]
            if self.asked(self.relaxation.text(box.box, fewer, least)).get("answer") == "unsat":
                axioms, mixtures = fewer, least
                self.proved.update(dict.fromkeys(least))
        self.found.parts.append(Part(dict(box.box), tuple(axioms), tuple(mixtures)))

    def completed(self, values: Mapping[str, Fraction]) -> dict[str, Fraction]:
        """Payoffs that were not asked for as bad as can be."""
        ranges = self.system.state.variables
        absent = {name: Fraction(name.startswith("M")) for name in ranges if name not in values}
        return {**absent, **values}

    def better(self, values: Mapping[str, Fraction], known: Sequence[Mixture], limit: int = _LINES) -> list[Mixture]:
        """The best mixtures of the lines that are furthest from staying above the target, without known ones."""
        found = []
        for index in self.lines:
            regrets = np.array([[float(poly.at(values)) for poly in point] for point in self.relaxation.points[index]])
            if len(regrets) == 1 and regrets.max() <= float(self.target):
                found.append((float(regrets.max()), index, [1.0]))
            elif regrets.min(axis=0).max() <= float(self.target):
                value, weights = least_mixture(regrets)
                if value <= self.target:
                    found.append((value, index, weights))
        new = []
        for _, index, weights in sorted(found, key=lambda each: each[:2])[:limit]:
            rounded = [Mixture(index, _rounded(weights, grid)) for grid in _GRIDS]
            new += [each for each in rounded if each not in known][:1]
        return new

    def distance(self, axioms: Iterable[int], values: Mapping[str, Fraction]) -> float:
        """How much the state breaks an axiom once products are what they should be."""
        worst = Fraction(0)
        for index in axioms:
            constraint = self.relaxation.axioms[index]
            value = constraint.poly.at(values)
            worst = max(worst, abs(value) if constraint.relation == "=" else -value)
        return float(worst)

    def realised(self, values: Mapping[str, Fraction], rows: Sequence[Constraint] = ()) -> bool:
        """Whether a state with these scalars exceeds the target; there, products are linear without any loss.

        Args:
            values: The scalars, at least.
            rows: What else to ask of the state, to find it sooner.
        """
        box = {name: (values[name], values[name]) for name in self.scalars}
        relaxation = Relaxation(replace(self.system, axioms=(*self.system.axioms, *rows)), self.target)
        every = [*self.always, *self.lazy, *range(len(self.system.axioms), len(relaxation.axioms))]
        mixtures: list[Mixture] = []
        while True:
            answer = self.asked(relaxation.text(box, every, mixtures))
            if answer.get("answer") != "sat":
                return False
            state = {**{n: f"{v}" for n, v in self.completed({}).items()}, **answer["model"]}
            given = {name: Fraction(value) for name, value in state.items() if name in self.system.state.variables}
            new = self.better(given, mixtures, limit=_MANY_LINES)
            if not new:
                if violations(self.system, given):
                    return False
                found = Counterexample.at(self.case, self.system, given)
                if found.value > self.target:
                    self.found.answer, self.found.counterexample = "sat", found
                    return True
                return False
            mixtures += new

    def halves(self, box: _Open, given: Mapping[str, Fraction]) -> list[_Open] | None:
        """The box cut in two where its products are furthest off, weighed by width."""
        off = dict.fromkeys(self.scalars, 0.0)
        for name, value in given.items():
            factors = name.split("*")
            if len(factors) == 2:
                for each in factors:
                    if each in off:
                        off[each] += abs(float(value - given[factors[0]] * given[factors[1]]))
        width = {name: float(high - low) for name, (low, high) in box.box.items()}
        if box.depth >= self.patience.depth or not any(width.values()):
            self.found.reason = f"undecided after {box.depth} splits"
            return None
        cut = max(off, key=lambda name: (off[name] * width[name], width[name]))
        low, high = box.box[cut]
        middle = (low + high) / 2
        return [
            _Open({**box.box, cut: part}, box.depth + 1, set(box.axioms), list(box.mixtures))
            for part in ((middle, high), (low, middle))
        ]


def least_mixture(regrets: np.ndarray[Any, Any]) -> tuple[float, list[float]]:
    """The least largest regret along a line, shape (points, players), and the weights that attain it."""
    points, players = regrets.shape
    found = linear_program(
        cost=[*np.zeros(points), 1.0],
        rows=np.hstack([regrets.T, -np.ones((players, 1))]),
        most=np.zeros(players),
        equations=[[*np.ones(points), 0.0]],
        equal=[1.0],
        lower=[*np.zeros(points), -1.0],
    )
    return found.value, [max(float(each), 0.0) for each in found.point[:-1]]


def _rounded(weights: Sequence[float], grid: int) -> tuple[Fraction, ...]:
    """Multiples of 1 / grid of sum 1, near `weights`; what is left over goes to the largest."""
    parts = [round(each * grid) for each in weights]
    parts[max(range(len(parts)), key=parts.__getitem__)] += grid - sum(parts)
    return tuple(Fraction(each, grid) for each in parts)
