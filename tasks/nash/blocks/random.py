"""Any strategy at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from discovery.tasks.nash.blocks._base import Block, Call, Overload, Routine, player_type

if TYPE_CHECKING:
    from discovery.tasks.nash.compiler.algebra import Constraint
    from discovery.tasks.nash.compiler.state import State

__all__ = ["Random"]


class Random(Block):
    """An arbitrary strategy of one player. It has no axioms: the bound holds whatever is drawn."""

    name = "Random"
    summary = "any strategy; the annotation says whose: `x: P1 = Random()`"
    source = "Daskalakis, Mehta, Papadimitriou, WINE 2006, section 3: the algorithm starts from an arbitrary strategy"
    weight = 0.5

    def overloads(self, players: int) -> Sequence[Overload]:
        """One operation a player: `Random1`, `Random2`, ..."""
        return [Overload(f"Random{i}", (), (player_type(i),)) for i in range(1, players + 1)]

    def axioms(self, call: Call, state: State) -> Iterable[Constraint]:
        """None."""
        return ()

    def routine(self, call: Call) -> Routine:
        """See `Block.routine`."""
        (player,) = call.players
        return Routine("arbitrary", (player - 1,), needs="rng")
