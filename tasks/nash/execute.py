"""Programs on real games: payoffs in, a strategy profile and its regrets out.

A step is taken once for every expression: equal expressions have one value, also across cases. What a condition depends
on, or all cases share, comes first, in the order of the program, as it does in an exported module: both draw the same
random numbers. Where the assumption `wlog` fails, the two players are renamed into each other: the game is exchanged,
and what was computed so far becomes its mirror image, so that the assumption holds for the very same strategies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from discovery.tasks.nash import numerics
from discovery.tasks.nash.blocks import Call
from discovery.tasks.nash.numerics import Payoffs, Profile, Vector
from discovery.tasks.nash.program import (
    Case,
    Comparison,
    Program,
    Scalar,
    Step,
    assumed_steps,
    outputs_of,
    shared_steps,
)

__all__ = ["Outcome", "Override", "execute"]

#: Takes the place of a block: from the call, the payoffs and the inputs to its outputs; None leaves it to the block.
Override: TypeAlias = "Callable[[Call, Payoffs, Sequence[Any]], Sequence[Any] | None]"


@dataclass(frozen=True)
class Outcome:
    """What a program found in a game.

    Attributes:
        profile: One strategy for every player.
        regrets: Of each player in `profile`, shape (players,).
        case: Index of the case that the game fell into.
        exchanged: The players that the assumption renamed into each other, numbered from 0, or None.
        payoffs: The game as the program saw it, after the exchange.
        values: What the program computed there, by name: strategies and numbers.
    """

    profile: Profile
    regrets: Vector
    case: int
    exchanged: tuple[int, int] | None
    payoffs: Payoffs
    values: Mapping[str, Any]


def execute(
    program: Program,
    payoffs: Sequence[ArrayLike],
    *,
    delta: float = 1e-3,
    seed: int = 0,
    override: Override | None = None,
) -> Outcome:
    """Run `program` on a game.

    Args:
        program: With as many players as the game.
        payoffs: One array for each player, each of shape (m_1, ..., m_n), with values in [0, 1].
        delta: Slack of stationary points and samples.
        seed: Of arbitrary strategies.
        override: For tests: other legal outputs of blocks, such as the duals of a tight instance.

    Raises:
        ValueError: the payoffs are no game, or one for another number of players.
    """
    game = numerics.checked_payoffs(*payoffs)
    if len(game) != program.players:
        raise ValueError(f"the program is for {program.players} players; got the payoffs of {len(game)}")
    run = _Run(game, {}, delta, np.random.default_rng(seed), override)
    exchanged = None
    first = program.cases[0]
    if first.swap is not None and first.wlog is not None:
        run.take(first, assumed_steps(first))
        if run.fails(first, first.wlog):
            exchanged = (first.swap[0] - 1, first.swap[1] - 1)
            run = run.mirrored(first, exchanged)
    for chosen, case in enumerate(program.cases):
        run.take(case, shared_steps(program.cases[chosen:]))
        if case.when is None or run.holds(case, case.when):
            break
    values = run.take(case, case.steps)
    strategies = [[values[name] for name in names] for names in case.strategies]
    found = numerics.best_profile(run.payoffs, strategies)
    if exchanged is not None:
        found = numerics.exchanged_players(found, *exchanged)
    return Outcome(found.profile, found.regrets, chosen, exchanged, run.payoffs, values)


@dataclass
class _Run:
    payoffs: Payoffs
    memo: dict[str, Any]
    delta: float
    rng: np.random.Generator
    override: Override | None

    def take(self, case: Case, steps: Sequence[Step]) -> dict[str, Any]:
        """The values of some steps by name, taken in order."""
        return {name: self.value(case, name) for step in steps for name in outputs_of(step)}

    def value(self, case: Case, name: str) -> Any:
        """The strategy or number called `name`."""
        tree = case.trees[name]
        if tree not in self.memo:
            step = next(each for each in case.steps if name in outputs_of(each))
            found = self.computed(case, step) if isinstance(step, Scalar) else self.called(case, step)
            self.memo.update(zip((case.trees[each] for each in outputs_of(step)), found, strict=True))
        return self.memo[tree]

    def argument(self, case: Case, argument: Any) -> Any:
        match argument:
            case str():
                return self.value(case, argument)
            case Fraction():
                return float(argument)
            case tuple():
                return tuple(self.argument(case, each) for each in argument)
        return argument

    def called(self, case: Case, call: Call) -> Sequence[Any]:
        inputs = [self.argument(case, each) for each in call.inputs]
        given = self.override(call, self.payoffs, inputs) if self.override else None
        if given is not None:
            return given
        routine = call.block.routine(call)
        arguments = self.argument(case, routine.arguments)
        extra = {"": (), "delta": (self.delta,), "rng": (self.rng,)}[routine.needs]
        found = getattr(numerics, routine.function)(self.payoffs, *arguments, *extra)
        return (found,) if len(call.outputs) == 1 else tuple(found)

    def computed(self, case: Case, step: Scalar) -> Sequence[float]:
        inputs = [self.argument(case, each) for each in step.inputs]
        if step.op[1:].isdigit():
            player = int(step.op[1:]) - 1
            if step.op[0] == "M":
                partial = (*inputs[:player], None, *inputs[player:])
                return (numerics.best_payoff(self.payoffs, partial, player),)
            measure = numerics.payoff if step.op[0] == "U" else numerics.regret
            return (measure(self.payoffs, tuple(inputs), player),)
        operations: dict[str, Callable[..., float]] = {
            "add": lambda a, b: a + b,
            "sub": lambda a, b: a - b,
            "mul": lambda a, b: a * b,
            "div": numerics.quotient,
            "sqrt": numerics.root,
        }
        return (operations[step.op](*inputs),)

    def holds(self, case: Case, comparison: Comparison) -> bool:
        left, right = (self.argument(case, each) for each in (comparison.left, comparison.right))
        return bool(left >= right)

    def fails(self, case: Case, comparison: Comparison) -> bool:
        left, right = (self.argument(case, each) for each in (comparison.left, comparison.right))
        return bool(left < right)

    def mirrored(self, case: Case, pair: tuple[int, int]) -> _Run:
        """The run so far as it looks after renaming the players of `pair` into each other."""
        payoffs = numerics.exchanged_payoffs(self.payoffs, *pair)
        memo = {case.trees[name]: self.memo[image] for name, image in case.images.items()}
        return _Run(payoffs, memo, self.delta, self.rng, self.override)
