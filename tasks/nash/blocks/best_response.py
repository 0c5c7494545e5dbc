"""Best response of one player to given strategies of all others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from discovery.tasks.nash.blocks._base import Block, Call, Overload, Routine, player_type

if TYPE_CHECKING:
    from discovery.tasks.nash.compiler.algebra import Constraint
    from discovery.tasks.nash.compiler.state import State

__all__ = ["BestResponse"]


class BestResponse(Block):
    """`x = BestResponse(y)`: a strategy of the one player who has none among the arguments.

    Axiom: `U_i(x, s_-i) = M_i(s_-i)`, the definition of a best response. `U_i <= M_i` at every other strategy is
    inherent in every state, so nothing else is to be said. Ties are the adversary's: any best response satisfies it.
    """

    name = "BestResponse"
    summary = "a best response to the given strategies of all other players"
    source = "Nash, Annals of Mathematics 54 (1951)"
    weight = 3.0

    def overloads(self, players: int) -> Sequence[Overload]:
        """One overload a player."""
        everyone = range(1, players + 1)
        return [
            Overload(self.name, tuple(player_type(j) for j in everyone if j != i), (player_type(i),)) for i in everyone
        ]

    def axioms(self, call: Call, state: State) -> Iterable[Constraint]:
        """See the class."""
        (player,) = call.players
        yield state.U(player, *call.held, *call.outputs).equals(state.M(player, *call.held))

    def routine(self, call: Call) -> Routine:
        """See `Block.routine`."""
        (player,) = call.players
        return Routine("best_response", (call.partial, player - 1))
