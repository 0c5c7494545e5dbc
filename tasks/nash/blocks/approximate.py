"""A two-player algorithm with a known guarantee, run between two of several players."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

from discovery.tasks.nash.blocks._base import GUARANTEE, Block, Call, Overload, Routine, player_type

if TYPE_CHECKING:
    from discovery.tasks.nash.compiler.algebra import Constraint
    from discovery.tasks.nash.compiler.state import State

__all__ = ["Approximate"]


class Approximate(Block):
    """`x, y = Approximate(z, e)`: players j, k with regrets at most e in the game where the others play z.

    Holding the others fixed leaves a two-player game with payoffs in [0, 1], whose best-response values and payoffs are
    `M_j(y, z)` and `U_j(x, y, z)`. An imported theorem gives both players regret at most e + delta for every delta > 0;
    e is at least 1/3, the best guarantee that is proved (here by `zoo/dfm.py`). Axioms: `f_j <= e` and `f_k <= e` at
    the resulting profile.
    """

    name = "Approximate"
    summary = "strategies of two players whose regrets are at most e, a fraction from 1/3, while the others are held"
    source = "Deligkas, Fasoulakis, Markakis, ESA 2022 (1/3); used so by Briest, Goldberg, Roeglin, 2008, section 3"
    weight = 1.0

    def overloads(self, players: int) -> Sequence[Overload]:
        """One overload a pair, from three players: with two it would import what is to be discovered."""
        everyone = range(1, players + 1)
        if players < 3:
            return []
        return [
            Overload(
                self.name,
                (*(player_type(i) for i in everyone if i not in pair), GUARANTEE),
                tuple(player_type(i) for i in pair),
            )
            for pair in combinations(everyone, 2)
        ]

    def axioms(self, call: Call, state: State) -> Iterable[Constraint]:
        """See the class."""
        (guarantee,) = call.numbers
        for player in call.players:
            yield state.f(player, *call.outputs, *call.held) <= guarantee

    def routine(self, call: Call) -> Routine:
        """See `Block.routine`."""
        return Routine("one_third_pair", (call.partial,), needs="delta")
