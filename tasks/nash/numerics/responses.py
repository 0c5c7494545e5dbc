"""Strategies that take no optimisation: arbitrary ones, best responses, mixtures, profiles with the largest payoff."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from discovery.tasks.nash.numerics.payoffs import Partial, Payoffs, Profile, Vector, mixture, payoff_vector, pure

__all__ = ["arbitrary", "best_actions", "best_response", "blend", "max_payoff"]


def arbitrary(payoffs: Payoffs, player: int, rng: np.random.Generator) -> Vector:
    """Some strategy of `player`: one action, drawn at random."""
    actions = payoffs[player].shape[player]
    return pure(int(rng.integers(actions)), actions)


def best_actions(payoffs: Payoffs, profile: Partial, player: int, slack: float = 0.0) -> NDArray[np.intp]:
    """Actions of `player` within `slack` of the best against the others in `profile`, in ascending order."""
    values = payoff_vector(payoffs[player], profile, player)
    return np.flatnonzero(values >= values.max() - slack)


def best_response(payoffs: Payoffs, profile: Partial, player: int) -> Vector:
    """The pure best response of `player` to the others in `profile`; the lowest of several."""
    return pure(int(best_actions(payoffs, profile, player)[0]), payoffs[player].shape[player])


def blend(payoffs: Payoffs, first: Vector, second: Vector, weight: float) -> Vector:
    """`weight * first + (1 - weight) * second`, the weight clipped to [0, 1]; one that is not a number counts as 0."""
    weight = min(max(0.0, weight), 1.0)
    return mixture([first, second], [weight, 1 - weight])


def max_payoff(payoffs: Payoffs, weights: Sequence[float]) -> Profile:
    """The pure profile with the largest `sum_i weights[i] U_i`; the first of several in lexicographic order."""
    total = sum(weight * tensor for weight, tensor in zip(weights, payoffs, strict=True))
    shape = payoffs[0].shape
    actions = np.unravel_index(int(np.argmax(total)), shape)
    return tuple(pure(int(action), count) for action, count in zip(actions, shape, strict=True))
