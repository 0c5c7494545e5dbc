"""Guess samples of an equilibrium, then solve linear constraints that the equilibrium satisfies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from discovery.grammar.ir import Statement
from discovery.tasks.nash.blocks._base import VALUE, Block, Call, Overload, Routine

if TYPE_CHECKING:
    from discovery.tasks.nash.compiler.algebra import Constraint
    from discovery.tasks.nash.compiler.state import State

__all__ = ["SampleLP"]


class SampleLP(Block):
    """`a, b, x, y, v1, v2 = SampleLP()`: samples a, b of an equilibrium with payoffs v1, v2, and linear-program x, y.

    Let (x*, y*) be an exact equilibrium with payoffs v1, v2. Multisets a, b sampled from it, of a constant size that
    depends on the slack delta only, satisfy `U1(a, y*) = v1` and `U2(x*, b) = v2` exactly (pure strategies in the
    support are best responses), and the other payoffs at (a, b), (a, y*), (x*, b) are v1, v2 up to delta, by
    concentration. For guessed (a, b, v1, v2), x and y are any solutions of these linear constraints, which x*, y*
    satisfy too; enumeration finds a feasible guess in polynomial time for fixed delta. Axioms (delta to 0):

    - `M1(y) <= v1` and `M2(x) <= v2`;
    - `U1 >= v1` and `U2 >= v2` at each of (a, b), (a, y), (x, b).
    """

    name = "SampleLP"
    summary = (
        "a, b, x, y, v1, v2: sampled strategies a, b of an unknown equilibrium with payoffs v1, v2, and strategies "
        "x, y that hold the opponents' best payoffs down to v2, v1 and do as well against the samples"
    )
    source = "Daskalakis, Mehta, Papadimitriou, EC 2007, section 3"
    weight = 0.3

    def overloads(self, players: int) -> Sequence[Overload]:
        """Two players only."""
        return [Overload(self.name, (), ("P1", "P2", "P1", "P2", VALUE, VALUE))] if players == 2 else []

    def axioms(self, call: Call, state: State) -> Iterable[Constraint]:
        """See the class."""
        a, b, x, y, first, second = call.outputs
        v1, v2 = state.new_value(first), state.new_value(second)
        yield state.M(1, y) <= v1
        yield state.M(2, x) <= v2
        for one, other in ((a, b), (a, y), (x, b)):
            yield state.U(1, one, other) >= v1
            yield state.U(2, one, other) >= v2

    def routine(self, call: Call) -> Routine:
        """See `Block.routine`."""
        return Routine("sampled_equilibrium", needs="delta")

    def relabelled(self, statement: Statement, overload: Overload, order: Sequence[int]) -> Statement:
        """The payoffs move with the players."""
        renamed = super().relabelled(statement, overload, order)
        values = statement.outputs[4:] if tuple(order) == (1, 2) else statement.outputs[:3:-1]
        return replace(renamed, outputs=(*renamed.outputs[:4], *values))
