"""Equilibria of zero-sum games, by linear programming (von Neumann 1928; Dantzig 1951)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from discovery.tasks.nash.numerics.linear import linear_program
from discovery.tasks.nash.numerics.payoffs import Vector, probabilities

__all__ = ["SaddlePoint", "guaranteed", "zero_sum_equilibrium"]


class SaddlePoint(NamedTuple):
    """Equilibrium of a zero-sum game: strategies of both players, shapes (m_1,) and (m_2,)."""

    first: Vector
    second: Vector


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


def zero_sum_equilibrium(matrix: ArrayLike) -> SaddlePoint:
    """`(x, y)` with `x' V y <= x V y <= x V y'` for all x', y': the first player maximises `V = matrix`.

    Two linear programs, one a player, so that either strategy is accurate to the solver's tolerance.
    """
    values = np.asarray(matrix, float)
    return SaddlePoint(guaranteed(values), guaranteed(-values.T))
