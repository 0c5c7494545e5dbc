"""Games in normal form: payoff tensors, mixed profiles, regrets.

Player i's payoffs are a tensor of shape (m_1, ..., m_n), one axis a player, with values in [0, 1]. A strategy is a
vector of probabilities over the player's actions, a profile one strategy for every player. Players are numbered from 0
here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Partial",
    "Payoffs",
    "Profile",
    "Vector",
    "absent",
    "best_payoff",
    "checked_payoffs",
    "checked_profile",
    "exchanged_payoffs",
    "mixture",
    "pair_payoffs",
    "payoff",
    "payoff_vector",
    "probabilities",
    "pure",
    "regret",
    "regrets",
    "replaced",
    "uniform",
]

Vector: TypeAlias = NDArray[np.float64]
Payoffs: TypeAlias = tuple[NDArray[np.float64], ...]
Profile: TypeAlias = tuple[Vector, ...]
#: A profile in which None stands for the strategies that are to be found.
Partial: TypeAlias = Sequence[NDArray[np.float64] | None]


def checked_payoffs(*payoffs: ArrayLike) -> Payoffs:
    """The payoff tensors as float64 arrays.

    Raises:
        ValueError: fewer than two players, not one axis for every player, differing shapes, a player without an action,
            or a value that is not a number in [0, 1].
    """
    players = len(payoffs)
    if players < 2:
        raise ValueError(f"expected the payoffs of at least two players, one array each; got {players}")
    tensors = []
    for number, given in enumerate(payoffs, start=1):
        tensor = real_array(given, f"payoffs of player {number}")
        if tensor.ndim != players:
            raise ValueError(
                f"payoffs of player {number} must have one axis for each of the {players} players; "
                f"got shape {tensor.shape}"
            )
        if tensor.size == 0:
            raise ValueError(
                f"every player needs at least one action; payoffs of player {number} have shape {tensor.shape}"
            )
        if not np.isfinite(tensor).all():
            raise ValueError(f"payoffs of player {number} hold NaN or infinity; expected numbers in [0, 1]")
        if tensor.min() < 0 or tensor.max() > 1:
            raise ValueError(
                f"payoffs of player {number} must lie in [0, 1]; got {tensor.min():.12g} to {tensor.max():.12g}. "
                "Shift and scale each player's payoffs; regrets scale along"
            )
        tensors.append(tensor)
    shapes = [tensor.shape for tensor in tensors]
    if len(set(shapes)) > 1:
        raise ValueError(f"payoffs of all players must have the same shape; got {', '.join(map(str, shapes))}")
    return tuple(tensors)


def checked_profile(payoffs: Payoffs, profile: Sequence[ArrayLike]) -> Profile:
    """`profile` as float64 vectors.

    Raises:
        ValueError: not one strategy for every player, or one that is no probability vector over the player's actions
            (to 1e-9).
    """
    shape = payoffs[0].shape
    if len(profile) != len(shape):
        raise ValueError(f"expected {len(shape)} strategies, one for every player; got {len(profile)}")
    vectors = []
    for number, (given, actions) in enumerate(zip(profile, shape, strict=True), start=1):
        vector = real_array(given, f"strategy of player {number}")
        if vector.shape != (actions,):
            raise ValueError(f"strategy of player {number} must have shape ({actions},); got {vector.shape}")
        if not (vector >= -1e-9).all() or not abs(vector.sum() - 1) <= 1e-9:
            raise ValueError(f"strategy of player {number} must be probabilities that sum to 1; got {vector.tolist()}")
        vectors.append(probabilities(vector))
    return tuple(vectors)


def real_array(values: ArrayLike, name: str) -> NDArray[np.float64]:
    """A float64 copy of `values`; raises ValueError, which calls them `name`, when they are not real numbers."""
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "biufO":  # neither text nor complex numbers nor dates; objects may be fractions
            raise TypeError(f"got {array.dtype}")
        return np.array(array, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be an array of real numbers: {error}") from None


def probabilities(values: ArrayLike) -> Vector:
    """`values` as a probability vector: what rounding left below 0 becomes 0, and the sum 1."""
    clipped = np.maximum(np.asarray(values, float), 0.0)
    result: Vector = clipped / clipped.sum()
    return result


def pure(action: int, actions: int) -> Vector:
    """The strategy, of shape (actions,), that always plays `action`."""
    strategy = np.zeros(actions)
    strategy[action] = 1.0
    return strategy


def uniform(payoffs: Payoffs) -> Profile:
    """The profile in which everyone plays all actions alike."""
    return tuple(np.full(actions, 1.0 / actions) for actions in payoffs[0].shape)


def replaced(profile: Profile, player: int, strategy: Vector) -> Profile:
    """`profile` with the strategy of `player` replaced."""
    return (*profile[:player], strategy, *profile[player + 1 :])


def mixture(strategies: Sequence[Vector], weights: ArrayLike) -> Vector:
    """`sum_k weights[k] * strategies[k]`: strategies of one player, mixed."""
    return probabilities(np.asarray(weights, float) @ np.array(strategies))


def absent(profile: Partial) -> tuple[int, ...]:
    """The players without a strategy in `profile`, in ascending order."""
    return tuple(player for player, strategy in enumerate(profile) if strategy is None)


def held(tensor: NDArray[np.float64], profile: Partial, free: Sequence[int]) -> NDArray[np.float64]:
    """Expected payoffs for the actions of the players in `free`, ascending, when the others play `profile`."""
    for axis in reversed(range(tensor.ndim)):
        if axis not in free:
            strategy = profile[axis]
            if strategy is None:
                raise ValueError(f"expected a strategy of player {axis + 1}; got none")
            tensor = np.tensordot(tensor, strategy, axes=(axis, 0))
    return tensor


def exchanged_payoffs(payoffs: Payoffs, first: int, second: int) -> Payoffs:
    """The same game with two players renamed into each other."""
    tensors = [np.swapaxes(tensor, first, second) for tensor in payoffs]
    tensors[first], tensors[second] = tensors[second], tensors[first]
    return tuple(tensors)


def payoff_vector(tensor: NDArray[np.float64], profile: Partial, player: int) -> Vector:
    """Expected payoff for each action of `player` when the others play `profile`.

    Args:
        tensor: Anyone's payoffs.
        profile: The entry of `player` is not used.
    """
    return held(tensor, profile, [player])


def pair_payoffs(tensor: NDArray[np.float64], profile: Partial, first: int, second: int) -> NDArray[np.float64]:
    """Expected payoffs, shape (m_first, m_second), for the actions of two players while the others play `profile`."""
    matrix = held(tensor, profile, [first, second])
    return matrix if first < second else matrix.T


def payoff(payoffs: Payoffs, profile: Profile, player: int) -> float:
    """Expected payoff of `player` in `profile`: `U_i(s)`."""
    return float(payoff_vector(payoffs[player], profile, 0) @ profile[0])


def best_payoff(payoffs: Payoffs, profile: Partial, player: int) -> float:
    """What `player` can get at most against the others in `profile`: `M_i = max_a U_i(a, s_-i)`."""
    return float(payoff_vector(payoffs[player], profile, player).max())


def regret(payoffs: Payoffs, profile: Profile, player: int) -> float:
    """What `player` gains at most by deviating alone, at least 0."""
    return max(best_payoff(payoffs, profile, player) - payoff(payoffs, profile, player), 0.0)


def regrets(payoffs: Payoffs, profile: Profile) -> Vector:
    """The regret of each player, `f_i = M_i - U_i(s)`, shape (players,)."""
    return np.array([regret(payoffs, profile, player) for player in range(len(payoffs))])
