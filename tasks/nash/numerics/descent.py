"""Stationary points of the largest regret, by descent, with their dual strategies (Tsaknakis and Spirakis 2008).

Let `f(s) = max_i f_i(s)` and move from s towards s'. To first order the gain of player i by its action a becomes
`r + D`, where `r = U_i(a, s_-i) - U_i(s)` and `D` is its derivative,

    r + D = sum_{j != i} [U_i(a, s'_j, ..) - U_i(s_i, s'_j, ..)] - U_i(s'_i, s_-i)
            + (2 - n) U_i(a, s_-i) + (n - 1) U_i(s),

dots: the others as in s. The direction is the s' that minimises the largest `r + D` over the gains within `delta` of f:
a linear program. When the minimum is at least `f - delta`, s is stationary, and the program's multipliers are `rho_i
w_i`: how much player i counts, and a mixed `delta`-best response of i. Otherwise a step along the direction lowers f by
a multiple of `delta^2`, since gains further than `delta` below f cannot overtake so soon: the docstring of the block
`JointStationaryPoint` has the constants, and `line_search` tries steps short enough for them. Hence the time is
polynomial in the size of the game and `1 / delta`. (Keeping to exact best responses instead can stall.)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from discovery.tasks.nash.numerics.linear import linear_program
from discovery.tasks.nash.numerics.payoffs import (
    Partial,
    Payoffs,
    Profile,
    Vector,
    absent,
    pair_payoffs,
    payoff_vector,
    probabilities,
    regrets,
    replaced,
    uniform,
)
from discovery.tasks.nash.numerics.responses import best_response

__all__ = ["StationaryPoint", "joint_stationary_point", "stationary_pair", "stationary_point"]


class StationaryPoint(NamedTuple):
    """A stationary point of the largest regret, and why it is one.

    Attributes:
        profile: The point.
        duals: For each player a mixed best response to `profile`.
        weights: Shape (players,), a probability vector: how much each player counts.
    """

    profile: Profile
    duals: Profile
    weights: Vector


def stationary_point(payoffs: Payoffs, delta: float = 1e-3, start: Profile | None = None) -> StationaryPoint:
    """A `delta`-stationary point of the largest regret, found by descent from `start` (default: everything alike).

    For two players the regrets are equal at every point where the descent may stop; for more they need not be.

    Args:
        payoffs: The game.
        delta: Slack, in [1e-6, 1], of stationarity and of the best responses in `duals`.
        start: A profile.

    Raises:
        ValueError: `delta` is out of range.
        RuntimeError: the descent stalled or did not end; rounding is the only reason that could have.
    """
    if not 1e-6 <= delta <= 1:
        raise ValueError(f"expected a slack delta in [1e-6, 1]; got {delta}")
    profile = uniform(payoffs) if start is None else start
    for _ in range(100_000):
        if len(payoffs) == 2:
            profile = equalised(payoffs, profile)
        largest = regrets(payoffs, profile).max()
        target, value, point = steepest(payoffs, profile, delta)
        if value >= largest - delta:
            return point
        profile = line_search(payoffs, profile, target, delta)
        if regrets(payoffs, profile).max() >= largest:
            raise RuntimeError(f"the descent stalled at a largest regret of {largest}, with slope {value - largest}")
    raise RuntimeError(f"the descent did not end within 100000 steps; the largest regret was {largest}")


def stationary_pair(payoffs: Payoffs, profile: Partial, delta: float = 1e-3) -> tuple[Vector, Vector, Vector, Vector]:
    """`(x, y, w, z)` for the two players without a strategy in `profile`: a stationary point (x, y) of the larger of
    their regrets while the others play `profile`, with the dual strategies w of the first and z of the second."""
    first, second = absent(profile)
    game = tuple(pair_payoffs(payoffs[player], profile, first, second) for player in (first, second))
    point = stationary_point(game, delta)
    (x, y), (w, z) = point.profile, point.duals
    return x, y, w, z


def joint_stationary_point(payoffs: Payoffs, delta: float = 1e-3) -> tuple[Vector, ...]:
    """The strategies of a stationary point of all players, then their dual strategies."""
    point = stationary_point(payoffs, delta)
    return (*point.profile, *point.duals)


def steepest(payoffs: Payoffs, profile: Profile, delta: float) -> tuple[Profile, float, StationaryPoint]:
    """The profile to move towards, the largest `r + D` on the way there, and `profile` with the multipliers."""
    players, shape = len(payoffs), payoffs[0].shape
    own = [payoff_vector(tensor, profile, player) for player, tensor in enumerate(payoffs)]
    values = [vector @ strategy for vector, strategy in zip(own, profile, strict=True)]
    largest = max(vector.max() - value for vector, value in zip(own, values, strict=True))
    active = [np.flatnonzero(vector - value >= largest - delta) for vector, value in zip(own, values, strict=True)]
    blocks, most = [], []
    for player, actions in enumerate(active):
        parts: list[NDArray[np.float64]] = []
        for other in range(players):
            if other == player:
                parts.append(np.tile(-own[player], (len(actions), 1)))
            else:
                gains = pair_payoffs(payoffs[player], profile, player, other)
                parts.append(gains[actions] - profile[player] @ gains)
        blocks.append(np.hstack([*parts, -np.ones((len(actions), 1))]))
        most.append((players - 2) * own[player][actions] - (players - 1) * values[player])
    sums = np.zeros((players, sum(shape) + 1))
    ends = np.cumsum(shape)
    for player, end in enumerate(ends):
        sums[player, end - shape[player] : end] = 1.0
    found = linear_program(
        cost=[*np.zeros(sum(shape)), 1.0],
        rows=np.vstack(blocks),
        most=np.concatenate(most),
        equations=sums,
        equal=np.ones(players),
        lower=[*np.zeros(sum(shape)), -np.inf],
    )
    target = tuple(probabilities(part) for part in np.split(found.point[:-1], ends[:-1]))
    shares = np.split(found.duals, np.cumsum([len(actions) for actions in active])[:-1])
    return target, found.value, multipliers(payoffs, profile, active, shares)


def multipliers(
    payoffs: Payoffs, profile: Profile, active: list[NDArray[np.intp]], shares: list[Vector]
) -> StationaryPoint:
    """Split the multipliers `rho_i w_i` of the active gains; a player who does not count gets any best response."""
    weights = np.array([share.sum() for share in shares])
    weights[weights < 1e-9] = 0.0
    duals = []
    for player, (actions, share) in enumerate(zip(active, shares, strict=True)):
        if weights[player] == 0.0:
            duals.append(best_response(payoffs, profile, player))
        else:
            response = np.zeros(payoffs[player].shape[player])
            response[actions] = share
            duals.append(probabilities(response))
    return StationaryPoint(profile, tuple(duals), probabilities(weights))


def line_search(payoffs: Payoffs, profile: Profile, target: Profile, delta: float) -> Profile:
    """The best of many points between `profile` and `target`, some of them as near as the guarantee asks for."""
    shortest = np.log2(delta / (8 * len(payoffs) ** 2))
    steps = np.concatenate([np.linspace(1, 0, 32, endpoint=False), 2.0 ** np.arange(-6, shortest - 1, -1)])
    points = [
        tuple(probabilities(here + step * (there - here)) for here, there in zip(profile, target, strict=True))
        for step in steps
    ]
    return min(points, key=lambda point: regrets(payoffs, point).max())


def equalised(payoffs: Payoffs, profile: Profile) -> Profile:
    """A profile of two players with equal regrets, the largest no larger than in `profile`.

    The player with the larger regret moves towards the strategy with the smallest largest regret against the other.
    There its regret is no longer the larger one (else a step towards its best response would help), so they cross on
    the way; and the largest regret is convex along it.
    """
    high, low = (0, 1) if np.diff(regrets(payoffs, profile))[0] <= 0 else (1, 0)
    own = payoff_vector(payoffs[high], profile, high)
    theirs = pair_payoffs(payoffs[low], profile, low, high)
    gains = theirs - profile[low] @ theirs
    found = linear_program(
        cost=[*np.zeros(len(own)), 1.0],
        rows=np.hstack([np.vstack([-own, gains]), -np.ones((1 + len(gains), 1))]),
        most=[-own.max(), *np.zeros(len(gains))],
        equations=[[*np.ones(len(own)), 0.0]],
        equal=[1.0],
    )
    start, end, near, far = profile[high], probabilities(found.point[:-1]), 0.0, 1.0
    for _ in range(60):
        middle = (near + far) / 2
        both = regrets(payoffs, replaced(profile, high, probabilities(start + middle * (end - start))))
        near, far = (middle, far) if both[high] > both[low] else (near, middle)
    return replaced(profile, high, probabilities(start + far * (end - start)))
