"""An exact equilibrium of a two-player game, by mixed-integer programming (Sandholm, Gilpin and Conitzer 2005)."""

from __future__ import annotations

import numpy as np

from discovery.tasks.nash.numerics.linear import linear_program
from discovery.tasks.nash.numerics.payoffs import Payoffs, Profile, probabilities

__all__ = ["nash_equilibrium"]


def nash_equilibrium(payoffs: Payoffs) -> Profile:
    """An equilibrium of a two-player game, with regrets of at most about 1e-9. The time is exponential at worst.

    A binary variable for every action says whether it may be played (then its regret is 0) or not. With the answer
    fixed, a linear program computes the probabilities again, free of what integrality tolerances leave.
    """
    chosen = complementary(payoffs, None)
    return complementary(payoffs, tuple(strategy > 1e-7 for strategy in chosen))


def complementary(payoffs: Payoffs, supports: tuple[np.ndarray, ...] | None) -> Profile:
    """The profile in `supports`, or in supports of its choice, with the least largest regret t of what may be played.

    Variables: x, y, the best values u and v, t; then a binary for every action unless `supports` is given.
    """
    first, second = payoffs
    m, n = first.shape
    free = supports is None
    width = m + n + 3 + (m + n if free else 0)
    rows, most = [], []
    for player, actions, others in ((0, m, n), (1, n, m)):
        matrix = first if player == 0 else second.T
        played, theirs, best = player * m, (1 - player) * m, m + n + player
        for action in range(actions):
            value = np.zeros(width)
            value[theirs : theirs + others] = matrix[action]
            value[best] = -1.0
            rows.append(value)
            most.append(0.0)
            if free:
                flag = m + n + 3 + played + action
                regret, probability = -value, np.zeros(width)
                regret[flag], probability[flag] = 1.0, 1.0
                probability[played + action], regret[m + n + 2] = 1.0, -1.0
                rows += [probability, regret]
                probability[flag] = -1.0
                most += [0.0, 1.0]
            elif supports is not None and supports[player][action]:
                regret = -value
                regret[m + n + 2] = -1.0
                rows.append(regret)
                most.append(0.0)
    sums = np.zeros((2, width))
    sums[0, :m], sums[1, m : m + n] = 1.0, 1.0
    cost, upper, binary = np.zeros(width), np.ones(width), np.zeros(width, bool)
    cost[m + n + 2] = 1.0
    if supports is not None:
        upper[: m + n] = np.concatenate(supports)
    binary[m + n + 3 :] = True
    point = linear_program(cost, np.array(rows), most, sums, [1.0, 1.0], 0.0, upper, binary).point
    return probabilities(point[:m]), probabilities(point[m : m + n])
