"""The block of Daskalakis, Mehta and Papadimitriou (2007): sample an equilibrium, then solve for the rest.

For an equilibrium with payoffs `vr`, `vc` there are multisets of actions, of a size that depends on `delta` only, whose
uniform strategies alpha, beta together with some x, y satisfy

    U1(a, y) <= vr for every action a,   U2(x, b) <= vc for every action b,
    U1 >= vr and U2 >= vc at each of (alpha, beta), (alpha, y), (x, beta),

all up to `delta`. For given alpha, beta this is a linear program in x, y, vr, vc. The published algorithm enumerates
all multisets. Here they are read off an exact equilibrium: its probabilities are rounded to multiples of 1/k for k = 1,
2, 4, ... until the linear program needs no more slack than `delta`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from discovery.tasks.nash.numerics.equilibrium import nash_equilibrium
from discovery.tasks.nash.numerics.linear import linear_program
from discovery.tasks.nash.numerics.payoffs import Payoffs, Profile, Vector, probabilities

__all__ = ["Sampled", "rounded", "sampled_equilibrium"]


class Sampled(NamedTuple):
    """See the module."""

    alpha: Vector
    beta: Vector
    x: Vector
    y: Vector
    vr: float
    vc: float


def sampled_equilibrium(payoffs: Payoffs, delta: float = 1e-3) -> Sampled:
    """Strategies and values that satisfy the inequalities of the module up to `delta`.

    An equilibrium of the whole game is computed first, so the time is exponential in the size of the game at worst.
    """
    exact = nash_equilibrium(payoffs)
    for power in range(40):
        sample = tuple(rounded(strategy, 2**power) for strategy in exact)
        found, slack = completed(payoffs, sample)
        if slack <= delta:
            return found
    raise RuntimeError(
        f"no sample of the equilibrium satisfies the inequalities up to {delta}; the last needed {slack}"
    )


def rounded(strategy: Vector, size: int) -> Vector:
    """A multiset of `size` actions from the support of `strategy`, as near as possible to it (largest remainders)."""
    counts = np.floor(strategy * size)
    missing = size - int(counts.sum())
    order = np.argsort(counts - strategy * size, kind="stable")
    counts[order[:missing]] += 1
    return probabilities(counts)


def completed(payoffs: Payoffs, sample: Profile) -> tuple[Sampled, float]:
    """`sample` with the x, y, vr, vc that need least slack, and that slack. Variables: x, y, vr, vc, slack."""
    first, second = payoffs
    m, n = first.shape
    alpha, beta = sample
    zero_x, zero_y = np.zeros(m), np.zeros(n)
    rows = [[*zero_x, *row, -1, 0, -1] for row in first]
    rows += [[*column, *zero_y, 0, -1, -1] for column in second.T]
    most = [0.0] * (m + n)
    for matrix, mark in ((first, (1, 0)), (second, (0, 1))):
        rows += [[*zero_x, *zero_y, *mark, -1]]
        rows += [[*zero_x, *(-(alpha @ matrix)), *mark, -1], [*(-(matrix @ beta)), *zero_y, *mark, -1]]
        most += [float(alpha @ matrix @ beta), 0.0, 0.0]
    sums = np.zeros((2, m + n + 3))
    sums[0, :m], sums[1, m : m + n] = 1.0, 1.0
    cost = [*zero_x, *zero_y, 0, 0, 1]
    point = linear_program(cost, rows, most, sums, [1.0, 1.0], upper=1.0).point
    x, y = probabilities(point[:m]), probabilities(point[m : m + n])
    return Sampled(alpha, beta, x, y, float(point[m + n]), float(point[m + n + 1])), float(point[-1])
