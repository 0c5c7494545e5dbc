"""The profile at which a combination of payoffs is largest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from discovery.grammar.ir import Statement
from discovery.tasks.nash.blocks._base import COEFFICIENT, Block, Call, Overload, Routine, moved, player_type

if TYPE_CHECKING:
    from discovery.tasks.nash.compiler.algebra import Constraint
    from discovery.tasks.nash.compiler.state import State

__all__ = ["MaxPayoff"]


class MaxPayoff(Block):
    """`x, y = MaxPayoff(U1)`: a profile that maximises `V = sum_i c_i U_i` over all profiles.

    A multilinear function is largest at a pure profile, so looking at every entry finds it. Axioms:

    - for all profiles s: `V(s) <= V(x, y)`, the definition;
    - where `V = c U_i` with c > 0: `M_i(s_-i) <= U_i(x, y)` for all s_-i, the first axiom at the best response to s_-i,
      which need not be among the constructed strategies.
    """

    name = "MaxPayoff"
    summary = "the profile with the largest value of a payoff expression such as `U1` or `U1 + U2`"
    source = "Kontogiannis, Panagopoulou, Spirakis, WINE 2006, section 4"
    weight = 0.5

    def overloads(self, players: int) -> Sequence[Overload]:
        """One coefficient a player; one strategy of each."""
        everyone = range(1, players + 1)
        return [Overload(self.name, (COEFFICIENT,) * players, tuple(player_type(i) for i in everyone))]

    def axioms(self, call: Call, state: State) -> Iterable[Constraint]:
        """See the class."""
        weights = dict(enumerate(call.numbers, 1))
        best = state.payoff(weights, call.outputs)
        for profile in state.profiles():
            if profile != call.outputs:
                yield state.payoff(weights, profile) <= best
        involved = [i for i, c in weights.items() if c]
        if len(involved) == 1 and weights[involved[0]] > 0:
            (player,) = involved
            for others in state.opponents(player):
                yield state.M(player, *others) <= state.U(player, *call.outputs)

    def routine(self, call: Call) -> Routine:
        """See `Block.routine`."""
        return Routine("max_payoff", (call.numbers,))

    def relabelled(self, statement: Statement, overload: Overload, order: Sequence[int]) -> Statement:
        """The coefficients move with the players."""
        renamed = super().relabelled(statement, overload, order)
        return replace(renamed, args=moved(statement.args, order))
