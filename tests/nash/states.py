"""The prover's axioms on real games: what a run computed, put into the constraints that a program compiles to.

The universals range over all pure strategies besides the constructed ones: they are added to the state as strategies.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discovery.tasks.nash import numerics
from discovery.tasks.nash.blocks import Call
from discovery.tasks.nash.compiler.algebra import Constraint, Poly
from discovery.tasks.nash.compiler.state import State
from discovery.tasks.nash.compiler.system import compile_case
from discovery.tasks.nash.execute import Outcome
from discovery.tasks.nash.numerics.linear import linear_program
from discovery.tasks.nash.program import Case, Program


class Real:
    """Values of a state's variables in a real game, computed when asked for. KeyError for what only the axioms know.

    Args:
        strategies: Name to strategy, for all names of the state.
        values: Name to computed number.
    """

    def __init__(
        self,
        state: State,
        payoffs: numerics.Payoffs,
        strategies: dict[str, NDArray[np.float64]],
        values: dict[str, Any],
    ) -> None:
        self.state, self.payoffs, self.strategies = state, payoffs, strategies
        self.known: dict[str, float] = {name: float(value) for name, value in values.items()}

    def __getitem__(self, name: str) -> float:
        if name not in self.known:
            if name in self.state.definitions:
                self.known[name] = self.at(self.state.definitions[name])
            else:
                self.known[name] = self.measured(name)
        return self.known[name]

    def measured(self, name: str) -> float:
        word, _, inner = name.partition("(")
        if word[0] not in "UM" or not word[1:].isdigit():
            raise KeyError(name)
        partial: list[NDArray[np.float64] | None] = [None] * len(self.payoffs)
        for each in inner[:-1].split(","):
            partial[self.state.player_of[each] - 1] = self.strategies[each]
        player = int(word[1:]) - 1
        if word[0] == "M":
            return numerics.best_payoff(self.payoffs, partial, player)
        return numerics.payoff(self.payoffs, tuple(each for each in partial if each is not None), player)

    def at(self, poly: Poly) -> float:
        return sum(float(c) * float(np.prod([self[name] for name in m])) for m, c in poly.terms.items())

    def split(self, poly: Poly) -> tuple[float, dict[str, float]]:
        """The polynomial as a number plus a linear function of what is not known."""
        number, linear = 0.0, dict[str, float]()
        for monomial, coefficient in self.state.expanded(poly).terms.items():
            factor, unknown = float(coefficient), []
            for name in monomial:
                try:
                    factor *= self[name]
                except KeyError:
                    unknown.append(name)
            assert len(unknown) <= 1, monomial
            if unknown:
                linear[unknown[0]] = linear.get(unknown[0], 0.0) + factor
            else:
                number += factor
        return number, linear


def with_auxiliaries(case: Case, outcome: Outcome, real: Real) -> None:
    """Clipped weights, quotients and roots, as their definitions in `State` say."""
    for step in case.steps:
        if isinstance(step, Call) and step.block.name == "Mix" and isinstance(step.inputs[2], str):
            name, value = f"weight({step.outputs[0]})", float(outcome.values[step.inputs[2]])
            below, above = max(-value, 0.0), max(value - 1, 0.0)
            real.known |= {name: min(max(value, 0.0), 1.0), f"{name} below": below, f"{name} above": above}


def constraints(case: Case, payoffs: numerics.Payoffs) -> tuple[State, list[Constraint]]:
    """All axioms of a case, those of its blocks also for every pure strategy of `payoffs`."""
    system = compile_case(case)
    found = list(system.axioms)
    pure = [[f"pure{i}_{a}" for a in range(m)] for i, m in enumerate(payoffs[0].shape, 1)]
    state = State([[*own, *extra] for own, extra in zip(system.state.constructed, pure, strict=True)])
    state.values = system.state.values
    for step in case.steps:
        if isinstance(step, Call):
            found += [each.labelled(str(step)) for each in step.block.axioms(step, state)]
    state.definitions = {**state.definitions, **system.state.definitions}
    return state, [*found, *(each for side in state.sides for each in side.general)]


def violation(program: Program, outcome: Outcome) -> tuple[float, str]:
    """The largest violation of any axiom of the case that a run took, and which axiom that is.

    Scalars that only the axioms know (the weights of a stationary point) are chosen as favourably as possible: they
    exist, is all that is claimed.
    """
    case = program.cases[outcome.case]
    state, axioms = constraints(case, outcome.payoffs)
    strategies = {name: outcome.values[name] for names in case.strategies for name in names}
    for i, m in enumerate(outcome.payoffs[0].shape, 1):
        strategies |= {f"pure{i}_{a}": numerics.pure(a, m) for a in range(m)}
    values = {name: value for name, value in outcome.values.items() if name not in strategies}
    real = Real(state, outcome.payoffs, strategies, values)
    with_auxiliaries(case, outcome, real)
    rows = [(each, *real.split(each.poly)) for each in axioms]
    scalars = sorted({name for _, _, linear in rows for name in linear})
    return _worst(rows, scalars)


def _worst(rows: Sequence[tuple[Constraint, float, dict[str, float]]], scalars: Sequence[str]) -> tuple[float, str]:
    point = dict.fromkeys(scalars, 0.0)
    if scalars:
        matrix, most = [], []
        for each, number, linear in rows:
            for sign in (1.0, -1.0) if each.relation == "=" else (1.0,):
                matrix.append([*(-sign * linear.get(name, 0.0) for name in scalars), -1.0])
                most.append(sign * number)
        cost = [*np.zeros(len(scalars)), 1.0]
        upper = [*np.ones(len(scalars)), np.inf]
        found = linear_program(cost, matrix, most, np.zeros((0, len(cost))), [], 0.0, upper)
        point = dict(zip(scalars, found.point[:-1], strict=True))
    return max(_violations(rows, point))


def _violations(
    rows: Sequence[tuple[Constraint, float, dict[str, float]]], point: dict[str, float]
) -> Iterator[tuple[float, str]]:
    for each, number, linear in rows:
        value = number + sum(factor * point[name] for name, factor in linear.items())
        yield (abs(value) if each.relation == "=" else -value), f"{each.label}: {each}"
