"""Equilibria of zero-sum games, by linear programming (von Neumann 1928; Dantzig 1951)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from discovery.tasks.nash.numerics.linear import linear_program
from discovery.tasks.nash.numerics.payoffs import Partial, Payoffs, Vector, absent, pair_payoffs, probabilities

__all__ = ["guaranteed", "zero_sum_equilibrium"]


def guaranteed(matrix: ArrayLike) -> Vector:
    """The strategy `x` that maximises `min_j (x @ matrix)[j]`: what its player can be sure of."""
    values = np.asarray(matrix, float)
    actions, columns = values.shape
    found = linear_program(
        cost=[*np.zeros(actions), -1.0],
        rows=np.hstack([-values.T, np.ones((columns, 1))]),
        most=np.zeros(columns),
        equations=[[*np.ones(actions), 0.0]],
        equal=[1.0],
        lower=[*np.zeros(actions), -np.inf],
    )
    return probabilities(found.point[:actions])


def zero_sum_equilibrium(payoffs: Payoffs, profile: Partial, weights: Sequence[float]) -> tuple[Vector, Vector]:
    """`(x, y)` with `V(x', y) <= V(x, y) <= V(x, y')` for all x', y', where `V = sum_i weights[i] U_i`.

    The first of the two players without a strategy in `profile` maximises V, the other one minimises it. Two linear
    programs, one a player, so that either strategy is accurate to the solver's tolerance.
    """
    first, second = absent(profile)
    total = sum(weight * pair_payoffs(t, profile, first, second) for weight, t in zip(weights, payoffs, strict=True))
    matrix = np.asarray(total, float)
    return guaranteed(matrix), guaranteed(-matrix.T)
