"""A fixed pool of exact games between two players, and how bad a program can be made in them.

In a game of the pool every block gives, of its legal outputs, what is worst for the program: arbitrary strategies,
ties, dual strategies and weights of stationary points are chosen by an adversary. What the program's lines guarantee
then is its regret in a state that was checked exactly against every axiom. So it is a **lower bound** of the program's
bound whatever was tried: no proof can give less. It is no upper bound, and nothing is concluded from a small one.

Only outputs that are actions are tried (equilibria of zero-sum games may be mixed), in a fixed order and up to a fixed
number of them: the result depends on the program alone. Programs with quotients or roots, and those for more players,
are left to the solvers.

`pool` lists the games; each is also played with the players' roles exchanged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from itertools import combinations, product
from typing import Any, TypeAlias

from discovery.tasks.nash.blocks import Call
from discovery.tasks.nash.compiler.guarantee import best_mixture
from discovery.tasks.nash.compiler.system import System
from discovery.tasks.nash.games.pool import POOL, Game, transposed
from discovery.tasks.nash.program import Case, Comparison, Program, Scalar, Step, outputs_of
from discovery.tasks.nash.proof.counterexample import Counterexample, violations

__all__ = ["Adversary", "adversary"]

#: Weights of the actions, which add up to 1; the pool's numbers are all exact.
Strategy: TypeAlias = "tuple[Fraction | int, ...]"

#: Partial runs that are looked at, all games together.
_NODES = 150


@dataclass(frozen=True)
class Adversary:
    """How bad a program can be made in a game of the pool.

    Attributes:
        game: Name of the game.
        state: What happens there, checked exactly: `state.value` is a lower bound of the program's bound.
    """

    game: str
    state: Counterexample


def adversary(program: Program, systems: Sequence[System]) -> Adversary | None:
    """The worst run of `program` that was found in the pool; None where none was, or for more than two players.

    Args:
        program: Any program.
        systems: The constraint systems of its cases.
    """
    if program.players != 2 or any(not _known(step) for case in program.cases for step in case.steps):
        return None
    search = _Search(program)
    for game in POOL:
        for number, case in enumerate(program.cases):
            search.play(game, number, case)
    if search.found is None:
        return None
    name, number, run = search.found
    system = systems[number]
    values = run.values(system)
    if violations(system, values):
        return None  # of a definition that the system has and this one has not
    return Adversary(name, Counterexample.at(number + 1, system, values))


def _known(step: Step) -> bool:
    if isinstance(step, Scalar):
        return step.op not in ("div", "sqrt")
    return step.block.name in _CHOICES


@dataclass
class _Run:
    """What a program has computed in a game so far."""

    game: Game
    strategies: tuple[list[Strategy], list[Strategy]] = field(default_factory=lambda: ([], []))
    names: dict[str, Any] = field(default_factory=dict)
    #: Regrets of both players by profile, in floating point, shared by all runs in the game.
    regrets: dict[tuple[Strategy, Strategy], tuple[float, float]] = field(default_factory=dict)

    def payoff(self, player: int, x: Strategy, y: Strategy) -> Fraction:
        return _payoff(self.game, player, x, y)

    def best(self, player: int, other: Strategy) -> Fraction:
        return max(_answers(self.game, player, other))

    def regret(self, player: int, x: Strategy, y: Strategy) -> Fraction:
        return self.best(player, y if player == 1 else x) - self.payoff(player, x, y)

    def number(self, value: str | Fraction) -> Fraction:
        return self.names[value] if isinstance(value, str) else value

    def with_(self, step: Step, outputs: Sequence[Any], extra: dict[str, Fraction]) -> _Run:
        one, two = list(self.strategies[0]), list(self.strategies[1])
        names = outputs_of(step)
        if isinstance(step, Call):
            for kind, value in zip(step.overload.outputs, outputs, strict=True):
                if kind.startswith("P"):
                    (one if kind == "P1" else two).append(value)
        known = {**self.names, **dict(zip(names, outputs, strict=True)), **extra}
        return _Run(self.game, (one, two), known, self.regrets)

    def ceiling(self) -> float:
        """What all lines and squares guarantee so far: later strategies only add lines and points."""
        first, second = self.strategies
        if not first or not second:
            return 1.0
        regrets = [[self.both(x, y) for y in dict.fromkeys(second)] for x in dict.fromkeys(first)]
        lines = [*regrets, *map(list, zip(*regrets, strict=True))]
        least = min(_mixed(line) for line in lines)
        for a, b in combinations(regrets, 2):
            for (p, q), (r, s) in combinations(zip(a, b, strict=True), 2):
                least = min(least, max(p[0] + q[0] + r[0] + s[0], p[1] + q[1] + r[1] + s[1]) / 4)
        return least

    def both(self, x: Strategy, y: Strategy) -> tuple[float, float]:
        """Regrets of both players."""
        if (x, y) not in self.regrets:
            self.regrets[x, y] = float(self.regret(1, x, y)), float(self.regret(2, x, y))
        return self.regrets[x, y]

    def values(self, system: System) -> dict[str, Fraction]:
        """Every variable of `system` that this run has a value for."""
        found: dict[str, Fraction] = {}
        for name in system.state.variables:
            kind, bracket, inner = name.partition("(")
            if name in self.names:
                found[name] = Fraction(self.names[name])
            elif bracket and kind[0] in "UM" and kind[1:].isdigit():
                player, at = int(kind[1:]), [self.names[each] for each in inner[:-1].split(",")]
                found[name] = Fraction(self.best(player, *at) if kind[0] == "M" else self.payoff(player, *at))
        return found


def _mixed(line: Sequence[tuple[float, float]]) -> float:
    """The least that the larger regret can be mixed to."""
    least = min(map(max, line))
    for (a, b), (c, d) in combinations(line, 2):
        if (a - b) * (c - d) < 0:
            least = min(least, (a * d - b * c) / ((a - b) + (d - c)))
    return least


class _Search:
    """Depth first, the most promising outputs first; what cannot beat the best run is left out."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.left = _NODES
        self.value = 0.0
        self.found: tuple[str, int, _Run] | None = None

    def play(self, game: Game, number: int, case: Case) -> None:
        self.case, self.number, self.game = case, number, game
        self.extend(_Run(game), 0)

    def extend(self, run: _Run, index: int) -> None:
        if index == len(self.case.steps):
            value = run.ceiling()
            if value > self.value + 1e-12:
                self.value, self.found = value, (self.game.name, self.number, run)
            return
        step = self.case.steps[index]
        options = []
        for outputs, extra in _options(step, run):
            if self.left <= 0:
                break
            self.left -= 1
            longer = run.with_(step, outputs, extra)
            if self.allowed(longer):
                options.append((longer.ceiling(), longer))
        for ceiling, longer in sorted(options, key=lambda option: -option[0]):
            if ceiling > self.value + 1e-12:
                self.extend(longer, index + 1)

    def allowed(self, run: _Run) -> bool:
        """Whether the assumption and the conditions hold as far as they can be decided."""
        case = self.case
        wanted = [each for each in (case.wlog, case.when) if each is not None]
        wanted += [Comparison(each.right, each.left) for each in case.unless]
        known = [each for each in wanted if all(_is_known(side, run) for side in (each.left, each.right))]
        return all(run.number(each.left) >= run.number(each.right) for each in known)


def _is_known(side: str | Fraction, run: _Run) -> bool:
    return not isinstance(side, str) or side in run.names


_Option: TypeAlias = "tuple[Sequence[Any], dict[str, Fraction]]"


def _options(step: Step, run: _Run) -> Iterator[_Option]:
    """The outputs that a step may have, with values of scalars that only the axioms name."""
    if isinstance(step, Call):
        yield from _CHOICES[step.block.name](step, run)
        return
    if step.op in ("add", "sub", "mul"):
        a, b = map(run.number, step.inputs)
        yield ({"add": a + b, "sub": a - b, "mul": a * b}[step.op],), {}
        return
    player, at = int(step.op[1:]), [run.names[str(each)] for each in step.inputs]
    match step.op[0]:
        case "U":
            yield (run.payoff(player, *at),), {}
        case "M":
            yield (run.best(player, *at),), {}
        case _:
            yield (run.regret(player, *at),), {}


def _random(call: Call, run: _Run) -> Iterator[_Option]:
    for action in _actions(run.game, call.players[0]):
        yield (action,), {}


def _best_response(call: Call, run: _Run) -> Iterator[_Option]:
    (player,), (other,) = call.players, call.held
    payoffs = _answers(run.game, player, run.names[other])
    best = max(payoffs)
    for action, payoff in zip(_actions(run.game, player), payoffs, strict=True):
        if payoff == best:
            yield (action,), {}


def _max_payoff(call: Call, run: _Run) -> Iterator[_Option]:
    table = _weighted(run.game, call.numbers)
    best = max(map(max, table))
    for i, j in product(*map(range, run.game.shape)):
        if table[i][j] == best:
            yield (_actions(run.game, 1)[i], _actions(run.game, 2)[j]), {}


def _zero_sum(call: Call, run: _Run) -> Iterator[_Option]:
    for pair in _saddles(run.game, call.numbers):
        yield pair, {}


def _mix(call: Call, run: _Run) -> Iterator[_Option]:
    a, b = (run.names[each] for each in call.held)
    (x,) = call.outputs
    given = run.number(call.inputs[2])
    weight = min(max(given, Fraction(0)), Fraction(1))
    mixed = tuple(weight * p + (1 - weight) * q for p, q in zip(a, b, strict=True))
    name = f"weight({x})"
    beyond = {f"{name} below": max(-given, Fraction(0)), f"{name} above": max(given - 1, Fraction(0))}
    yield (mixed,), ({} if isinstance(call.inputs[2], Fraction) else {name: weight, **beyond})


def _stationary(call: Call, run: _Run) -> Iterator[_Option]:
    x, y = call.outputs[:2]
    for strategies, rho in _stationary_points(run.game):
        yield strategies, {f"rho({x},{y})": rho}


def _sample_lp(call: Call, run: _Run) -> Iterator[_Option]:
    for outputs in _samples(run.game):
        yield outputs, {}


_CHOICES = {
    "Random": _random,
    "BestResponse": _best_response,
    "MaxPayoff": _max_payoff,
    "ZeroSum": _zero_sum,
    "Mix": _mix,
    "StationaryPoint": _stationary,
    "SampleLP": _sample_lp,
}


@cache
def _actions(game: Game, player: int) -> tuple[Strategy, ...]:
    count = game.shape[player - 1]
    return tuple(tuple(int(i == j) for j in range(count)) for i in range(count))


def _answers(game: Game, player: int, other: Strategy) -> list[Fraction]:
    """What each action of `player` pays against a strategy of the other player."""
    rows = game.payoffs[0] if player == 1 else transposed(game.payoffs[1])
    if 1 in other:
        place = other.index(1)
        return [row[place] for row in rows]
    return [sum((w * entry for w, entry in zip(other, row, strict=True)), Fraction(0)) for row in rows]


def _payoff(game: Game, player: int, x: Strategy, y: Strategy) -> Fraction:
    own, other = (x, y) if player == 1 else (y, x)
    answers = _answers(game, player, other)
    if 1 in own:
        return answers[own.index(1)]
    return sum((w * each for w, each in zip(own, answers, strict=True)), Fraction(0))


def _weighted(game: Game, numbers: Sequence[Fraction]) -> list[list[Fraction]]:
    first, second = game.payoffs
    a, b = numbers
    return [[a * p + b * q for p, q in zip(r, s, strict=True)] for r, s in zip(first, second, strict=True)]


@cache
def _saddles(game: Game, numbers: tuple[Fraction, ...]) -> tuple[tuple[Strategy, Strategy], ...]:
    """Equilibria in actions of the zero-sum game; one in mixtures where there are none."""
    table = _weighted(game, numbers)
    columns = list(zip(*table, strict=True))
    found = [
        (_actions(game, 1)[i], _actions(game, 2)[j])
        for i, j in product(*map(range, game.shape))
        if table[i][j] == max(columns[j]) == min(table[i])
    ]
    if not found:
        _, rows = best_mixture([[-entry for entry in row] for row in table])
        _, answers = best_mixture([list(column) for column in columns])
        found = [(rows, answers)]
    return tuple(found)


@cache
def _stationary_points(game: Game) -> tuple[tuple[tuple[Strategy, ...], Fraction], ...]:
    """Stationary points and their dual strategies in actions, with the middle of the weights that they may have."""
    (R, C), (rows, columns) = game.payoffs, game.shape
    found = []
    for x, y in product(range(rows), range(columns)):
        best1, best2 = max(R[i][y] for i in range(rows)), max(C[x])
        f = best1 - R[x][y]
        if f != best2 - C[x][y]:
            continue
        for w, z in product(range(rows), range(columns)):
            if R[w][y] != best1 or C[x][z] != best2:
                continue
            # rho a >= (1 - rho) b for each column, (1 - rho) c >= rho d for each row
            limits = [(R[w][j] - R[x][j] - f, C[x][y] - C[x][j]) for j in range(columns)]
            limits += [(R[x][y] - R[i][y], C[i][z] - C[i][y] - f) for i in range(rows)]
            if (rho := _middle(limits)) is not None:
                strategies = tuple(_actions(game, 1 + k % 2)[each] for k, each in enumerate((x, y, w, z)))
                found.append((strategies, rho))
    return tuple(found)


def _middle(limits: Sequence[tuple[Fraction, Fraction]]) -> Fraction | None:
    """The middle of the weights rho in [0, 1] with `rho a + (1 - rho) b >= 0` for all (a, b)."""
    low, high = Fraction(0), Fraction(1)
    for a, b in limits:
        slope = a - b
        if slope > 0:
            low = max(low, -b / slope)
        elif slope < 0:
            high = min(high, -b / slope)
        elif b < 0:
            return None
    return (low + high) / 2 if low <= high else None


@cache
def _samples(game: Game) -> tuple[tuple[Any, ...], ...]:
    """Samples and strategies in actions, with the least payoffs that they allow."""
    (R, C), (rows, columns) = game.payoffs, game.shape
    found = []
    for a, b, x, y in product(range(rows), range(columns), range(rows), range(columns)):
        first, second = max(R[i][y] for i in range(rows)), max(C[x])
        places = ((a, b), (a, y), (x, b))
        if all(R[i][j] >= first and C[i][j] >= second for i, j in places):
            strategies = (_actions(game, 1)[a], _actions(game, 2)[b], _actions(game, 1)[x], _actions(game, 2)[y])
            found.append((*strategies, first, second))
    return tuple(found)
