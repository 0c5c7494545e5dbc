"""What blocks promise, from the definitions and for all pure strategies: apart from the numerics and the prover.

Each function returns the largest violation of its block's axioms on given outputs; 0 or less means that they hold
exactly. Payoffs of two players are matrices R, C; `s[player]` are probability vectors.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


def value(tensor: NDArray[np.float64], profile: Sequence[Vector]) -> float:
    """Expected payoff, summed over all pure profiles."""
    return float(
        sum(tensor[a] * np.prod([s[k] for s, k in zip(profile, a, strict=True)]) for a in np.ndindex(tensor.shape))
    )


def with_action(profile: Sequence[Vector], player: int, action: int) -> list[Vector]:
    vector = np.zeros(len(profile[player]))
    vector[action] = 1.0
    return [vector if index == player else each for index, each in enumerate(profile)]


def best(tensor: NDArray[np.float64], profile: Sequence[Vector], player: int) -> float:
    """M_player: the most that `player` can get against the others."""
    return max(value(tensor, with_action(profile, player, a)) for a in range(tensor.shape[player]))


def regret(payoffs: Sequence[NDArray[np.float64]], profile: Sequence[Vector], player: int) -> float:
    return best(payoffs[player], profile, player) - value(payoffs[player], profile)


def best_response(payoffs: Sequence[NDArray[np.float64]], profile: Sequence[Vector], player: int) -> float:
    """U_i(s) = M_i(s_-i) for the response in `profile`."""
    return regret(payoffs, profile, player)


def max_payoff(payoffs: Sequence[NDArray[np.float64]], profile: Sequence[Vector], weights: Sequence[float]) -> float:
    """No pure profile is worth more; for one player's payoffs that is also the most any of its best responses gets."""
    total = sum(weight * tensor for weight, tensor in zip(weights, payoffs, strict=True))
    return float(np.max(total)) - value(np.asarray(total), profile)


def zero_sum(R: NDArray[np.float64], C: NDArray[np.float64], a: float, b: float, x: Vector, y: Vector) -> float:
    V = a * R + b * C
    v = x @ V @ y
    found = [max(V @ y) - v, v - min(x @ V)]
    if b == 0 < a:
        found.append(max(R @ y) - x @ R @ y)
    if a == 0 > b:
        found.append(max(x @ C) - x @ C @ y)
    return float(max(found))


def stationary_two(
    R: NDArray[np.float64], C: NDArray[np.float64], x: Vector, y: Vector, w: Vector, z: Vector, rho: float
) -> float:
    """The axioms of SP in their separated form, and equal regrets; w and z are best responses."""
    f1, f2 = max(R @ y) - x @ R @ y, max(x @ C) - x @ C @ y
    found = [abs(f1 - f2), max(R @ y) - w @ R @ y, max(x @ C) - x @ C @ z, -rho, rho - 1]
    for j in range(R.shape[1]):
        found.append((1 - rho) * (x @ C[:, j] - x @ C @ y) - rho * (w @ R[:, j] - x @ R[:, j] - f1))
    for i in range(R.shape[0]):
        found.append(rho * (R[i] @ y - x @ R @ y) - (1 - rho) * (C[i] @ z - C[i] @ y - f2))
    return float(max(found))


def stationary_many(
    payoffs: Sequence[NDArray[np.float64]], s: Sequence[Vector], w: Sequence[Vector], rho: Vector
) -> float:
    """The axioms of the joint stationary point: its unseparated sum for all pure deviations of all players at once."""
    players = len(payoffs)
    f = [regret(payoffs, s, i) for i in range(players)]
    top = max(f)
    found = [abs(sum(rho) - 1), *(-rho), *(rho[i] * (top - f[i]) for i in range(players))]
    answers = [[w[i] if k == i else s[k] for k in range(players)] for i in range(players)]
    found += [regret(payoffs, answers[i], i) for i in range(players)]
    for deviation in np.ndindex(payoffs[0].shape):
        total = 0.0
        for i in range(players):
            term = value(payoffs[i], s) - value(payoffs[i], with_action(s, i, deviation[i]))
            for j in range(players):
                if j != i:
                    term += value(payoffs[i], with_action(answers[i], j, deviation[j]))
                    term -= value(payoffs[i], with_action(s, j, deviation[j]))
            total += rho[i] * term
        found.append((players - 1) * top - total)
    return float(max(found))


def sampled(
    R: NDArray[np.float64],
    C: NDArray[np.float64],
    alpha: Vector,
    beta: Vector,
    x: Vector,
    y: Vector,
    vr: float,
    vc: float,
) -> float:
    found = [max(R @ y) - vr, max(x @ C) - vc, -vr, -vc, vr - 1, vc - 1]
    for left, right in ((alpha, beta), (alpha, y), (x, beta)):
        found += [vr - left @ R @ right, vc - left @ C @ right]
    return float(max(found))
