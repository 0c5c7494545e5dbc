"""Stationary point of the larger regret of two players, with its dual strategies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

from discovery.tasks.nash.blocks._base import Block, Call, Overload, Routine, player_type

if TYPE_CHECKING:
    from discovery.tasks.nash.compiler.algebra import Constraint, Poly
    from discovery.tasks.nash.compiler.state import State

__all__ = ["StationaryPoint"]


class StationaryPoint(Block):
    r"""`x, y, w, z = StationaryPoint()`: no direction decreases `f = max(f_j, f_k)` at (x, y); w, z are the duals.

    With more than two players the others are held: `x, y, w, z = StationaryPoint(s3)`. Derivation, for the pair (1, 2):

    1. From (x, y) towards (x', y') the derivative of f_1 is `max over best responses w to y of T1 - f_1`, with
       `T1 = U1(w,y') - U1(x',y) - U1(x,y') + U1(x,y)`; that of f_2 is `max over best responses z to x of T2 - f_2`,
       with `T2 = U2(x',z) - U2(x,y') - U2(x',y) + U2(x,y)`.
    2. If f_1 > f_2, the direction (w, y) decreases the only active term at rate f_1 > 0; so `f_1 = f_2 = f` (or f = 0).
    3. Stationarity: for every (x', y') the larger derivative is >= 0, that is
       `max over rho, w, z of rho T1 + (1 - rho) T2 >= f`, linear in (x', y') and in (rho w, (1 - rho) z) on compact
       convex sets. By the minimax theorem one triple (rho, w, z) serves all directions.
    4. At (x', y') = (x, y) the left side is `rho f_1 + (1 - rho) f_2 = f`, and it is a sum of a function of x' and one
       of y'. Hence the inequality splits into one for each x' and one for each y', which are the axioms:

           f_1 = f_2,  U1(w, y) = M1(y),  U2(x, z) = M2(x),  0 <= rho <= 1
           for all y': rho [U1(w,y') - U1(x,y') - f_1] >= (1 - rho) [U2(x,y') - U2(x,y)]
           for all x': (1 - rho) [U2(x',z) - U2(x',y) - f_2] >= rho [U1(x',y) - U1(x,y)]

    Descent reaches a delta-stationary point in time polynomial in the size of the game and 1/delta; the bound of a
    program is then the proved one plus a term that vanishes with delta.
    """

    name = "StationaryPoint"
    summary = (
        "x, y, w, z: a stationary point (x, y) of the larger regret of two players, and its dual strategies: best "
        "responses w to y and z to x"
    )
    source = "Tsaknakis, Spirakis, WINE 2007; Deligkas, Fasoulakis, Markakis, ESA 2022, section 3"
    weight = 1.0

    def overloads(self, players: int) -> Sequence[Overload]:
        """One overload a pair of players, taking strategies of the others."""
        everyone = range(1, players + 1)
        return [
            Overload(
                self.name,
                tuple(player_type(i) for i in everyone if i not in pair),
                tuple(player_type(i) for i in (*pair, *pair)),
            )
            for pair in combinations(everyone, 2)
        ]

    def axioms(self, call: Call, state: State) -> Iterable[Constraint]:
        """See the class."""
        (j, k), (x, y, w, z), held = call.players, call.outputs, call.held

        def U(player: int, a: str, b: str) -> Poly:
            return state.U(player, a, b, *held)

        rho = state.scalar(f"rho({x},{y})")
        f1, f2 = state.f(j, x, y, *held), state.f(k, x, y, *held)
        yield f1.equals(f2)
        yield U(j, w, y).equals(state.M(j, y, *held))
        yield U(k, x, z).equals(state.M(k, x, *held))
        for b in state.strategies(k):
            yield rho * (U(j, w, b) - U(j, x, b) - f1) >= (1 - rho) * (U(k, x, b) - U(k, x, y))
        for a in state.strategies(j):
            yield (1 - rho) * (U(k, a, z) - U(k, a, y) - f2) >= rho * (U(j, a, y) - U(j, x, y))

    def routine(self, call: Call) -> Routine:
        """See `Block.routine`."""
        return Routine("stationary_pair", (call.partial,), needs="delta")
