"""Best responses, and the profiles that one player likes best."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from discovery.tasks.nash.numerics.payoffs import Payoffs, Profile, Vector, payoff_vector, pure

__all__ = ["best_actions", "best_response", "max_payoff"]


def best_actions(payoffs: Payoffs, profile: Profile, player: int, slack: float = 0.0) -> NDArray[np.intp]:
    """Actions of `player` within `slack` of the best against the others in `profile`, in ascending order."""
    values = payoff_vector(payoffs[player], profile, player)
    return np.flatnonzero(values >= values.max() - slack)


def best_response(payoffs: Payoffs, profile: Profile, player: int) -> Vector:
    """The pure best response of `player` to the others in `profile`; the lowest of several."""
    return pure(int(best_actions(payoffs, profile, player)[0]), payoffs[player].shape[player])


def max_payoff(payoffs: Payoffs, player: int) -> Profile:
    """The pure profile that pays `player` most; the first of several in lexicographic order."""
    shape = payoffs[player].shape
    actions = np.unravel_index(int(np.argmax(payoffs[player])), shape)
    return tuple(pure(int(action), count) for action, count in zip(actions, shape, strict=True))
