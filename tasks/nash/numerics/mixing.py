"""The final step of every program: the best mixture along every mixing line, and even mixtures of two players.

A line fixes the strategies of all players but one and mixes the strategies that the program constructed for that one.
Along it the largest *true* regret is convex and piecewise linear in the weights, so a linear program finds its minimum.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product
from typing import NamedTuple

import numpy as np

from discovery.tasks.nash.numerics.linear import linear_program
from discovery.tasks.nash.numerics.payoffs import (
    Payoffs,
    Profile,
    Vector,
    mixture,
    pair_payoffs,
    payoff_vector,
    probabilities,
    regrets,
    replaced,
)

__all__ = ["Approximation", "best_mixture", "best_on_lines", "best_on_squares", "best_profile", "exchanged_players"]


class Approximation(NamedTuple):
    """A profile and the regret of each player in it, shape (players,)."""

    profile: Profile
    regrets: Vector


def best_mixture(payoffs: Payoffs, profile: Profile, player: int, strategies: Sequence[Vector]) -> Vector:
    """Weights, shape (strategies,), of the mixture of `strategies` for `player` with the smallest largest regret.

    The others play `profile`. Minimises t over the weights subject to `f_player <= t`, which is linear in them, and
    `U_j(d, mixture, rest) - U_j(mixture, rest) <= t` for every other player j and every action d of j.
    """
    choices, count = np.array(strategies), len(strategies)
    if count == 1:
        return np.ones(1)
    own = payoff_vector(payoffs[player], profile, player)
    rows, most = [-(choices @ own)], [-own.max()]
    for other in range(len(payoffs)):
        if other != player:
            values = pair_payoffs(payoffs[other], profile, other, player) @ choices.T
            gains = values - profile[other] @ values
            rows += list(gains)
            most += [0.0] * len(gains)
    found = linear_program(
        cost=[*np.zeros(count), 1.0],
        rows=np.hstack([np.array(rows), -np.ones((len(rows), 1))]),
        most=most,
        equations=[[*np.ones(count), 0.0]],
        equal=[1.0],
    )
    return probabilities(found.point[:count])


def best_on_lines(payoffs: Payoffs, strategies: Sequence[Sequence[Vector]]) -> Approximation:
    """The best profile over all mixing lines.

    Args:
        payoffs: The game.
        strategies: For each player, the strategies constructed for it, at least one.
    """
    best: Approximation | None = None
    for player in range(len(payoffs)):
        others = [each if index != player else each[:1] for index, each in enumerate(strategies)]
        for profile in product(*others):
            weights = best_mixture(payoffs, profile, player, strategies[player])
            best = better(payoffs, best, replaced(profile, player, mixture(strategies[player], weights)))
    assert best is not None
    return best


def best_on_squares(payoffs: Payoffs, strategies: Sequence[Sequence[Vector]]) -> Approximation | None:
    """The best profile in which two players each mix two of their strategies evenly; None where no two have so many.

    Args:
        payoffs: The game.
        strategies: For each player, the strategies constructed for it, at least one.
    """
    best: Approximation | None = None
    for pair in combinations(range(len(payoffs)), 2):
        choices = [
            [mixture(two, (0.5, 0.5)) for two in combinations(own, 2)] if player in pair else own
            for player, own in enumerate(strategies)
        ]
        for profile in product(*choices):
            best = better(payoffs, best, profile)
    return best


def best_profile(payoffs: Payoffs, strategies: Sequence[Sequence[Vector]]) -> Approximation:
    """The best profile over all lines and squares: what a program returns.

    Args:
        payoffs: The game.
        strategies: For each player, the strategies constructed for it, at least one.
    """
    lines, squares = best_on_lines(payoffs, strategies), best_on_squares(payoffs, strategies)
    return lines if squares is None or lines.regrets.max() <= squares.regrets.max() else squares


def exchanged_players(found: Approximation, first: int, second: int) -> Approximation:
    """The same for the game in which two players are renamed into each other."""
    order = list(range(len(found.profile)))
    order[first], order[second] = second, first
    return Approximation(tuple(found.profile[player] for player in order), found.regrets[order])


def better(payoffs: Payoffs, best: Approximation | None, profile: Profile) -> Approximation:
    """`best`, or `profile` when its largest regret is smaller."""
    found = Approximation(profile, regrets(payoffs, profile))
    return found if best is None or found.regrets.max() < best.regrets.max() else best
