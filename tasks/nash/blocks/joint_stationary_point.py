"""Stationary point of the largest regret of all players, with its dual strategies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from discovery.tasks.nash.blocks._base import Block, Call, Overload, Routine, player_type
from discovery.tasks.nash.compiler.algebra import constant

if TYPE_CHECKING:
    from discovery.tasks.nash.compiler.algebra import Constraint, Poly
    from discovery.tasks.nash.compiler.state import State

__all__ = ["JointStationaryPoint"]


class JointStationaryPoint(Block):
    r"""`x, y, z, u, v, w = JointStationaryPoint()`: no direction decreases `f = max_i f_i` at s = (x, y, z).

    Derivation. Write s for the profile, s' for the direction's end.

    1. `f_i = max_w U_i(w, s_-i) - U_i(s)`. Moving from s towards s' at rate 1, its derivative at 0 is the largest, over
       best responses w of i to s_-i, of
       `D_i = sum over j != i of [U_i(w, s'_j, .) - U_i(s_i, s'_j, .)] - U_i(s'_i, s_-i) + U_i(s) - (n-1) f_i`,
       dots meaning the rest of s: multilinear functions are differentiated one player at a time, each of the n-1
       opponents contributes `U_i(., s'_j) - U_i(., s_j)` for w and for s_i, and `U_i(w, s_-i) - U_i(s) = f_i`.
    2. Only players with f_i = f are active. Stationarity: for every s' some active i and some w have `D_i >= 0`. The
       derivative is linear in s' and, for weights rho on the active players, in `rho_i w_i`, on compact convex sets. By
       the minimax theorem one (rho, w) serves all directions: `sum_i rho_i D_i(s') >= 0` for all s', where
       `rho_i >= 0`, `sum rho_i = 1`, `rho_i (f - f_i) = 0`, `w_i` a (mixed) best response to s_-i. For a player with
       `rho_i = 0` any best response may be given.
    3. `sum_i rho_i D_i` is a sum of one function of each s'_j plus a constant, and at s' = s it is
       `sum_i rho_i [(n-1) f_i - (n-1) f_i] = 0`. So it is >= 0 everywhere exactly if each function is least at s_j: for
       every player j and every strategy a of j,

           sum over i != j of rho_i [U_i(w_i, a, .) - U_i(s_i, a, .) - f_i]  >=  rho_j [U_j(a, s_-j) - U_j(s)].

    Equality of all regrets is not implied.

    Descent finds such a point up to a slack delta (`numerics.descent`). Let `r_i(a) = U_i(a, s_-i) - U_i(s)` be the
    gain of i by its action a, and D its derivative towards s'; the direction minimises the largest `r_i(a) + D`, gamma,
    over all i and a with `r_i(a) >= f - delta`.

    4. It ends. Where players move by t towards s', each independently switches with probability t, so a payoff differs
       from its linear part by at most n (n-1) t^2, and a gain by at most 2 (n-1)^2 t^2. If `gamma < f - delta`, gains
       within delta of f become at most `f - t delta + 2 (n-1)^2 t^2`; the others are below f - delta and grow by at
       most (2n-1) t. With `t = delta / (4 (n-1)^2)` and n >= 3 both are at most `f - delta^2 / (8 (n-1)^2)`: at most
       `8 (n-1)^2 / delta^2` steps, each a linear program. So it takes time polynomial in the game and in 1/delta.
    5. It ends with the axioms, up to 2 delta. If `gamma >= f - delta`, the program's multipliers give rho and w with
       `w_i` a delta-best response, `f_i >= f - delta` where `rho_i > 0`, and every function of step 3 (with r_i(w_i),
       which is within delta of f_i, in place of f_i) at least -delta.
    6. States are compact and axioms closed: if none with slack 0 exceeds a bound, then for every eta > 0 there is a
       delta > 0 with which the algorithm ends with regrets of at most the bound plus eta. No rate is proved.
    """

    name = "JointStationaryPoint"
    summary = (
        "a stationary profile of the largest regret of all players, then its dual strategies, a best response each"
    )
    source = "the derivation of Tsaknakis, Spirakis, WINE 2007, section 3, carried out for n players"
    weight = 1.0

    def overloads(self, players: int) -> Sequence[Overload]:
        """From three players; with two it is `StationaryPoint`."""
        types = tuple(player_type(i) for i in range(1, players + 1))
        return [Overload(self.name, (), types + types)] if players > 2 else []

    def axioms(self, call: Call, state: State) -> Iterable[Constraint]:
        """See the class."""
        n = state.players
        everyone = range(1, n + 1)
        point, duals = call.outputs[:n], call.outputs[n:]
        f = {i: state.f(i, *point) for i in everyone}
        rho: dict[int, Poly] = {i: state.scalar(f"rho{i}({','.join(point)})") for i in everyone}
        yield sum(rho.values(), constant(0)).equals(1)
        for i in everyone:
            others = [name for j, name in enumerate(point, 1) if j != i]
            yield state.U(i, duals[i - 1], *others).equals(state.M(i, *others))
            for j in everyone:
                if j != i:
                    yield rho[i] * (f[i] - f[j]) >= 0
        for j in everyone:
            for a in state.strategies(j):
                left = constant(0)
                for i in everyone:
                    if i != j:
                        moved = state.replaced(point, a)
                        gain = state.U(i, *state.replaced(moved, duals[i - 1])) - state.U(i, *moved)
                        left = left + rho[i] * (gain - f[i])
                yield left >= rho[j] * (state.U(j, *state.replaced(point, a)) - state.U(j, *point))

    def routine(self, call: Call) -> Routine:
        """See `Block.routine`."""
        return Routine("joint_stationary_point", needs="delta")
