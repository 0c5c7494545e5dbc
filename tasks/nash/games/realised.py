"""Real games that are as bad for a program as an abstract state says, found by optimising over games.

A state says what a program's strategies pay, not that some game behaves so. Here every constructed strategy that is no
mixture is an action, and each player has one action more, the *ghost*, which attains every best-response value. All
axioms are imposed for all these actions, and SCIP maximises what the best line guarantees over the payoffs themselves.
With one ghost for all opponents' strategies regrets are linear, not only convex, along every line, so the program's
true regret in the game is the value found.

That some ghost answers everything restricts the games: the value is a lower bound of the worst case, often a sharp one
(measured: all of the zoo but DFM, where it is 0.30798).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np

from discovery.tasks.nash.blocks import Call
from discovery.tasks.nash.compiler.algebra import Constraint
from discovery.tasks.nash.compiler.state import State
from discovery.tasks.nash.compiler.system import CASE, WLOG, System, compile_case
from discovery.tasks.nash.execute import Override
from discovery.tasks.nash.numerics import Payoffs, pure
from discovery.tasks.nash.program import Case, Program
from discovery.tasks.nash.solvers.process import Solver

__all__ = ["Realised", "realised"]

_MARGIN = Fraction(1, 10**5)


@dataclass(frozen=True)
class Realised:
    """A game and what the blocks give there.

    Attributes:
        payoffs: The game.
        outputs: Name of a strategy or value to what it is in the game: pure strategies, and numbers.
        value: The largest regret of the profile that the program returns, up to SCIP's tolerance (1e-6).
    """

    payoffs: Payoffs
    outputs: Mapping[str, Any]
    value: float

    @property
    def override(self) -> Override:
        """For `execute`: blocks give these outputs, mixtures are computed."""

        def outputs(call: Call, payoffs: Payoffs, inputs: Sequence[Any]) -> Sequence[Any] | None:
            return None if _mixes(call) else [self.outputs[name] for name in call.outputs]

        return outputs


def realised(program: Program, solver: Solver, *, nodes: int = 2_000, seconds: float = 60.0) -> Realised | None:
    """The worst game found for `program`, over its cases; None where SCIP found none.

    Args:
        program: Any program.
        solver: Where SCIP runs.
        nodes, seconds: Limits for each case.
    """
    best: Realised | None = None
    for case in program.cases:
        system = with_ghosts(case)
        found = solver.estimate(system, nodes=nodes, seconds=seconds)
        if found.get("point") is not None and (best is None or found["value"] > best.value):
            best = _game(case, system, found)
    return best


def with_ghosts(case: Case) -> System:
    """The system of `case` with a ghost for each player, and all axioms for it and for every action."""
    base = compile_case(case)
    state = State([[*own, _ghost(player)] for player, own in enumerate(base.state.constructed, 1)])
    state.values = base.state.values
    axioms = [_clear(each) for each in base.axioms]
    for step in case.steps:
        if isinstance(step, Call):
            axioms += [each.labelled(str(step)) for each in step.block.axioms(step, state)]
    for player in range(1, state.players + 1):
        for others in base.state.opponents(player):
            best = state.M(player, *others)
            axioms.append(state.U(player, _ghost(player), *others).equals(best).labelled("ghost"))
        for profile in state.profiles():
            state.U(player, *profile)
    axioms += [each for side in state.sides for each in side.general]
    state.variables.update(base.state.variables)
    state.definitions.update(base.state.definitions)
    return System(state, tuple(axioms), base.lines)


def _clear(axiom: Constraint) -> Constraint:
    """`axiom`; a comparison of the program with a margin, so that SCIP's tolerance does not decide how it falls."""
    return Constraint(axiom.poly - _MARGIN, axiom.relation, axiom.label) if axiom.label in (WLOG, CASE) else axiom


def _ghost(player: int) -> str:
    return f"ghost{player}"


def _mixes(call: Call) -> bool:
    return call.block.name == "Mix"


def _game(case: Case, system: System, found: Mapping[str, Any]) -> Realised:
    calls = [step for step in case.steps if isinstance(step, Call)]
    mixed = {name for call in calls if _mixes(call) for name in call.outputs}
    state, point = system.state, found["point"]
    rows = [[name for name in state.strategies(i) if name not in mixed] for i in range(1, state.players + 1)]
    shape = [len(names) for names in rows]
    payoffs = tuple(
        np.clip([point[f"U{i}({','.join(profile)})"] for profile in product(*rows)], 0.0, 1.0).reshape(shape)
        for i in range(1, state.players + 1)
    )
    outputs: dict[str, Any] = {
        name: pure(index, len(names)) for names in rows for index, name in enumerate(names) if name != names[-1]
    }
    numbers = {name for call in calls for name in call.outputs} - outputs.keys() - mixed
    return Realised(payoffs, outputs | {name: float(point[name]) for name in numbers}, float(found["value"]))
