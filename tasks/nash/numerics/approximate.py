"""A polynomial-time approximate equilibrium of a two-player game, for programs that import one."""

from __future__ import annotations

from discovery.tasks.nash.numerics.descent import stationary_point
from discovery.tasks.nash.numerics.mixing import Approximation, best_on_lines
from discovery.tasks.nash.numerics.payoffs import Partial, Payoffs, Vector, absent, mixture, pair_payoffs, regrets
from discovery.tasks.nash.numerics.responses import best_response

__all__ = ["one_third_equilibrium", "one_third_pair"]


def one_third_equilibrium(payoffs: Payoffs, delta: float = 1e-3) -> Approximation:
    """A profile of a two-player game with regrets of at most `1/3 + delta` (Deligkas, Fasoulakis and Markakis 2022).

    At a stationary point (x, y) with dual strategies w, z let, say, player 1 have the larger regret at (w, z). Player 2
    mixes y and z evenly, player 1 answers with a best response to that, and the best mixture of two strategies is
    returned.

    Raises:
        RuntimeError: the regrets are larger, which the theorem excludes.
    """
    point = stationary_point(payoffs, delta)
    duals = regrets(payoffs, point.duals)
    high, low = (0, 1) if duals[0] >= duals[1] else (1, 0)
    even = mixture([point.profile[low], point.duals[low]], [0.5, 0.5])
    against = (point.profile[0], even) if low == 1 else (even, point.profile[1])
    strategies = [list(pair) for pair in zip(point.profile, point.duals, strict=True)]
    strategies[low].append(even)
    strategies[high].append(best_response(payoffs, against, high))
    found = best_on_lines(payoffs, strategies)
    if found.regrets.max() > 1 / 3 + delta:
        raise RuntimeError(f"expected regrets of at most 1/3 + {delta}; got {found.regrets.tolist()}")
    return found


def one_third_pair(payoffs: Payoffs, profile: Partial, delta: float = 1e-3) -> tuple[Vector, Vector]:
    """The same for the two players without a strategy in `profile`, while the others play `profile`."""
    first, second = absent(profile)
    game = tuple(pair_payoffs(payoffs[player], profile, first, second) for player in (first, second))
    x, y = one_third_equilibrium(game, delta).profile
    return x, y
