"""Equilibrium of a zero-sum game between two players."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

from discovery.grammar.ir import Const, Statement
from discovery.tasks.nash.blocks._base import COEFFICIENT, Block, Call, Overload, Routine, moved, player_type

if TYPE_CHECKING:
    from discovery.tasks.nash.compiler.algebra import Constraint
    from discovery.tasks.nash.compiler.state import State

__all__ = ["ZeroSum"]


class ZeroSum(Block):
    """`x, y = ZeroSum(U1 - U2)`: an equilibrium of the zero-sum game in which j gets V and k gets -V, j < k.

    `V = sum_i c_i U_i`; with more than two players the others are held: `x, y = ZeroSum(z, U1 - U2)`. Two linear
    programs find it. With `V(x, y)` for `V` at (x, y, held), the axioms are the saddle-point inequalities:

    - for all strategies x' of j: `V(x', y) <= V(x, y)`; for all y' of k: `V(x, y') >= V(x, y)`;
    - where `V = c U_j`, c > 0, the first one holds at the best response to y, so `M_j(y) <= U_j(x, y)`; where
      `V = -c U_k`, c > 0, the second one holds at the best response to x, so `M_k(x) <= U_k(x, y)`.
    """

    name = "ZeroSum"
    summary = "equilibrium of the zero-sum game with the given payoff to the first player, such as `U1 - U2`"
    source = "von Neumann, Mathematische Annalen 100 (1928); as a block: Bosse, Byrka, Markakis, WINE 2007, section 3"
    weight = 1.0

    def overloads(self, players: int) -> Sequence[Overload]:
        """One overload a pair of players: strategies of the others, then one coefficient a player."""
        everyone = range(1, players + 1)
        return [
            Overload(
                self.name,
                (*(player_type(i) for i in everyone if i not in pair), *(COEFFICIENT,) * players),
                tuple(player_type(i) for i in pair),
            )
            for pair in combinations(everyone, 2)
        ]

    def axioms(self, call: Call, state: State) -> Iterable[Constraint]:
        """See the class."""
        (first, second), (x, y), held = call.players, call.outputs, call.held
        weights = dict(enumerate(call.numbers, 1))
        value = state.payoff(weights, (x, y, *held))
        for other in state.strategies(first):
            if other != x:
                yield state.payoff(weights, (other, y, *held)) <= value
        for other in state.strategies(second):
            if other != y:
                yield state.payoff(weights, (x, other, *held)) >= value
        involved = {i: c for i, c in weights.items() if c}
        if set(involved) == {first} and involved[first] > 0:
            yield state.M(first, y, *held) <= state.U(first, x, y, *held)
        if set(involved) == {second} and involved[second] < 0:
            yield state.M(second, x, *held) <= state.U(second, x, y, *held)

    def routine(self, call: Call) -> Routine:
        """See `Block.routine`."""
        return Routine("zero_sum_equilibrium", (call.partial, call.numbers))

    def relabelled(self, statement: Statement, overload: Overload, order: Sequence[int]) -> Statement:
        """The coefficients move with the players; where the pair changes its order, the other one maximises."""
        renamed = super().relabelled(statement, overload, order)
        numbers = moved(statement.args[-len(order) :], order)
        first, second = (order[int(t[1:]) - 1] for t in overload.outputs)
        if first > second:
            numbers = tuple(Const(-each.value) for each in numbers if isinstance(each, Const))
        return replace(renamed, args=(*renamed.args[: -len(order)], *numbers))
