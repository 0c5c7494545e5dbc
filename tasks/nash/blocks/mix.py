"""Convex combination of two strategies of one player."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import product
from typing import TYPE_CHECKING

from discovery.grammar.vocabulary import Identity, Laws, Position
from discovery.tasks.nash.blocks._base import WEIGHT, Block, Call, Overload, Routine, player_type

if TYPE_CHECKING:
    from discovery.tasks.nash.compiler.algebra import Constraint
    from discovery.tasks.nash.compiler.state import State

__all__ = ["Mix"]


class Mix(Block):
    """`x = Mix(a, b, w)`: `x = w a + (1 - w) b`, the weight w a fraction or a value that the program computed.

    A computed weight is first clipped to [0, 1]. Axioms, i being the player of a and b:

    - for all strategies of the others and every player j: `U_j(x, .) = w U_j(a, .) + (1 - w) U_j(b, .)`, since U_j is
      linear in the strategy of i. For j = i this is said of regrets, `f_i(x, .) = w f_i(a, .) + (1 - w) f_i(b, .)`,
      which means the same, as `M_i(.)` is the same in all three;
    - for j != i and all strategies of the players other than i and j: `M_j(x, .) <= w M_j(a, .) + (1 - w) M_j(b, .)`,
      since `M_j = max over s_j of U_j` is a maximum of linear functions, so convex, in the strategy of i.

    Clipping, `w = min(max(e, 0), 1)`, is exactly: some u, v >= 0 with `e = w + v - u`, `u w = 0`, `v (1 - w) = 0`.
    """

    name = "Mix"
    summary = "w a + (1 - w) b for strategies a, b of one player; w is a fraction such as 1/2 or a computed value"
    source = "Kontogiannis, Panagopoulou, Spirakis, WINE 2006 (halves); Bosse, Byrka, Markakis, WINE 2007 (weights)"
    weight = 2.0
    laws = Laws(
        pure=True,
        identities=(
            Identity(0, Position(1), Position(0)),
            Identity(2, Fraction(1), Position(0)),
            Identity(2, Fraction(0), Position(1)),
        ),
    )

    def overloads(self, players: int) -> Sequence[Overload]:
        """One overload a player."""
        types = [player_type(i) for i in range(1, players + 1)]
        return [Overload(self.name, (each, each, WEIGHT), (each,)) for each in types]

    def axioms(self, call: Call, state: State) -> Iterable[Constraint]:
        """See the class."""
        (player,), (x,), (a, b) = call.players, call.outputs, call.held
        weight = state.number(call.inputs[2])
        if not isinstance(call.inputs[2], Fraction):
            weight = state.clipped(f"weight({x})", weight)
        rest = 1 - weight
        everyone = range(1, state.players + 1)
        for others in state.opponents(player):
            for j in everyone:
                of = state.f if j == player else state.U
                yield of(j, x, *others).equals(weight * of(j, a, *others) + rest * of(j, b, *others))
        for j in everyone:
            if j != player:
                for others in product(*(state.strategies(k) for k in everyone if k not in (j, player))):
                    mixed = weight * state.M(j, a, *others) + rest * state.M(j, b, *others)
                    yield state.M(j, x, *others) <= mixed

    def routine(self, call: Call) -> Routine:
        """See `Block.routine`."""
        return Routine("blend", call.inputs)
