"""Every numeric block keeps its axioms on games of all kinds, checked from the definitions for all pure strategies."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from itertools import combinations, pairwise

import definitions
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discovery.tasks.nash.games import KINDS
from discovery.tasks.nash.numerics import (
    Payoffs,
    Profile,
    arbitrary,
    best_actions,
    best_mixture,
    best_on_lines,
    best_on_squares,
    best_response,
    blend,
    checked_payoffs,
    checked_profile,
    max_payoff,
    mixture,
    nash_equilibrium,
    one_third_equilibrium,
    one_third_pair,
    pair_payoffs,
    probabilities,
    pure,
    regrets,
    replaced,
    sampled_equilibrium,
    stationary_pair,
    stationary_point,
    zero_sum_equilibrium,
)
from discovery.tasks.nash.numerics.sampling import rounded

TINY = 1e-8
DELTA = 1e-3


@st.composite
def games(draw: st.DrawFn, players: Sequence[int] = (2, 3), most: int = 4) -> Payoffs:
    count = draw(st.sampled_from(players))
    shape = draw(st.lists(st.integers(1, most), min_size=count, max_size=count))
    return KINDS[draw(st.sampled_from(sorted(KINDS)))](np.random.default_rng(draw(st.integers(0, 2**32))), shape)


def any_profile(payoffs: Payoffs, seed: int) -> Profile:
    """Strategies with small supports and with large ones."""
    rng = np.random.default_rng(seed)
    return tuple(rng.dirichlet(np.full(m, rng.choice([0.1, 1.0]))) for m in payoffs[0].shape)


seeds = st.integers(0, 2**32)
quick = settings(max_examples=60, deadline=None)
slow = settings(max_examples=30, deadline=None)


@quick
@given(games((2, 3, 4), most=3), seeds)
def test_regrets_are_what_deviating_alone_gains(payoffs: Payoffs, seed: int) -> None:
    profile = any_profile(payoffs, seed)
    expected = [definitions.regret(payoffs, profile, player) for player in range(len(payoffs))]
    assert regrets(payoffs, profile) == pytest.approx(expected, abs=1e-12)


@quick
@given(games(), seeds, st.integers(0, 2))
def test_best_responses(payoffs: Payoffs, seed: int, player: int) -> None:
    profile, player = any_profile(payoffs, seed), player % len(payoffs)
    response = best_response(payoffs, profile, player)
    assert definitions.best_response(payoffs, replaced(profile, player, response), player) <= TINY
    actions = best_actions(payoffs, profile, player, slack=1e-12)
    assert np.flatnonzero(response)[0] in actions and sorted(actions) == list(actions)
    for action in actions:
        answer = replaced(profile, player, pure(int(action), payoffs[player].shape[player]))
        assert definitions.best_response(payoffs, answer, player) <= TINY


def test_the_lowest_of_equal_responses_is_taken() -> None:
    ones = (np.ones((3, 3)), np.ones((3, 3)))
    assert best_response(ones, any_profile(ones, 0), 1).tolist() == [1, 0, 0]
    assert [strategy.tolist() for strategy in max_payoff(ones, (1, 0))] == [[1, 0, 0], [1, 0, 0]]


@quick
@given(games(), st.sampled_from([(1, 0, 0), (0, 2, 0), (1, 1, 1), (2, -1, 1), (-1, 0, 0)]))
def test_maximum_payoff(payoffs: Payoffs, weights: tuple[int, ...]) -> None:
    weights = weights[: len(payoffs)]
    assert definitions.max_payoff(payoffs, max_payoff(payoffs, weights), weights) <= TINY


def held_game(payoffs: Payoffs, profile: Profile, pair: tuple[int, int]) -> tuple[Payoffs, list[np.ndarray | None]]:
    """The game that two players play while the others are held, and the profile without the two."""
    matrices = tuple(pair_payoffs(payoffs[each], profile, *pair) for each in pair)
    return matrices, [None if player in pair else each for player, each in enumerate(profile)]


PAIRS = [(0, 1), (0, 2), (1, 2)]


@quick
@given(
    games(), seeds, st.sampled_from([(1, -1, 0), (1, 0, 0), (0, -1, 0), (2, -1, 1), (1, 1, 0), (-1, 0, 0), (3, -2, 1)])
)
def test_zero_sum_equilibria_of_a_pair(payoffs: Payoffs, seed: int, weights: tuple[int, ...]) -> None:
    pair = (0, 1) if len(payoffs) == 2 else PAIRS[seed % 3]
    profile = any_profile(payoffs, seed)
    (R, C), partial = held_game(payoffs, profile, pair)
    weights = weights[: len(payoffs)]
    x, y = zero_sum_equilibrium(payoffs, partial, weights)
    checked_profile((R, C), (x, y))
    rest = sum(weights[k] * pair_payoffs(payoffs[k], profile, *pair) for k in range(len(payoffs)) if k not in pair)
    if np.any(rest):
        V = weights[pair[0]] * R + weights[pair[1]] * C + rest
        assert max(V @ y) - TINY <= x @ V @ y <= min(x @ V) + TINY
    else:
        assert definitions.zero_sum(R, C, weights[pair[0]], weights[pair[1]], x, y) <= TINY


@quick
@given(games(), seeds)
def test_a_pair_sees_the_game_with_the_others_fixed(payoffs: Payoffs, seed: int) -> None:
    profile, (j, k) = any_profile(payoffs, seed), (len(payoffs) - 1, 0)
    matrix = pair_payoffs(payoffs[0], profile, j, k)
    assert profile[j] @ matrix @ profile[k] == pytest.approx(definitions.value(payoffs[0], profile), abs=1e-12)
    assert matrix.shape == (payoffs[0].shape[j], payoffs[0].shape[k])


@slow
@given(games((2,)), seeds)
def test_stationary_points_of_two_players(payoffs: Payoffs, seed: int) -> None:
    """From anywhere: the promises hold for every point where the descent may stop."""
    (x, y), (w, z), (rho, _) = stationary_point(payoffs, DELTA, any_profile(payoffs, seed))
    assert definitions.stationary_two(*payoffs, x, y, w, z, rho) <= 2 * DELTA + TINY
    f1, f2 = regrets(payoffs, (x, y))
    assert f1 == pytest.approx(f2, abs=1e-9)


@slow
@given(games((3,), most=3), seeds)
def test_pairs_reach_stationary_points_and_a_third_while_the_others_are_held(payoffs: Payoffs, seed: int) -> None:
    profile, pair = any_profile(payoffs, seed), PAIRS[seed % 3]
    (R, C), partial = held_game(payoffs, profile, pair)
    x, y, w, z = stationary_pair(payoffs, partial, DELTA)
    best = min(definitions.stationary_two(R, C, x, y, w, z, rho) for rho in stationary_weights(R, C, x, y, w, z))
    assert best <= 2 * DELTA + TINY
    x, y = one_third_pair(payoffs, partial, DELTA)
    both = replaced(replaced(profile, pair[0], x), pair[1], y)
    assert max(definitions.regret(payoffs, both, player) for player in pair) <= 1 / 3 + DELTA + TINY


def stationary_weights(*point: np.ndarray) -> np.ndarray:
    """Weights rho to try where the block does not tell: the axioms ask for some rho."""
    coarse = np.linspace(0, 1, 101)
    best = min(coarse, key=lambda rho: definitions.stationary_two(*point, rho))
    return np.clip(np.linspace(best - 0.01, best + 0.01, 101), 0, 1)


@slow
@given(games((2,)), seeds)
def test_the_multipliers_certify_the_slope(payoffs: Payoffs, seed: int) -> None:
    """min over all directions of rho T1 + (1 - rho) T2 reaches f - delta, recomputed from the duals alone."""
    (x, y), (w, z), (rho, other) = stationary_point(payoffs, DELTA, any_profile(payoffs, seed))
    R, C = payoffs
    towards_x = -rho * (R @ y) + other * (C @ z - C @ y)
    towards_y = rho * (w @ R - x @ R) - other * (x @ C)
    slope = towards_x.min() + towards_y.min() + rho * (x @ R @ y) + other * (x @ C @ y)
    assert slope >= regrets(payoffs, (x, y)).max() - DELTA - TINY


@slow
@given(games((3, 4), most=3), seeds)
def test_joint_stationary_points(payoffs: Payoffs, seed: int) -> None:
    point = stationary_point(payoffs, 1e-2, any_profile(payoffs, seed))
    slack = len(payoffs) * 1e-2 + TINY
    assert definitions.stationary_many(payoffs, point.profile, point.duals, point.weights) <= slack


@slow
@given(games((2,)), seeds)
def test_the_descent_only_descends(payoffs: Payoffs, seed: int) -> None:
    start = any_profile(payoffs, seed)
    found = [regrets(payoffs, stationary_point(payoffs, delta, start).profile).max() for delta in (1.0, 0.1, 0.01)]
    assert all(after <= before + TINY for before, after in pairwise([regrets(payoffs, start).max(), *found]))


@slow
@given(games((2,)))
def test_equilibria_are_exact(payoffs: Payoffs) -> None:
    assert regrets(payoffs, checked_profile(payoffs, nash_equilibrium(payoffs))).max() <= TINY


@slow
@given(games((2,)), st.sampled_from([1e-3, 0.1]))
def test_sampled_equilibria(payoffs: Payoffs, delta: float) -> None:
    alpha, beta, x, y, *values = sampled_equilibrium(payoffs, delta)
    assert definitions.sampled(*payoffs, alpha, beta, x, y, *values) <= delta + TINY


def test_samples_are_as_large_as_the_slack_asks_for() -> None:
    """Where probabilities matter: a game whose only equilibrium is mixed unevenly."""
    game = (np.array([[0.9, 0.0, 0.1], [0.0, 0.65, 0.3]]), np.array([[0.0, 0.8, 0.1], [1.0, 0.1, 0.2]]))
    needed = []
    for delta in (0.2, 0.02, 0.002):
        alpha, beta, x, y, *values = sampled_equilibrium(game, delta)
        needed.append(definitions.sampled(*game, alpha, beta, x, y, *values))
        assert needed[-1] <= delta + TINY
    assert needed[0] > 0.02


@quick
@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=6), st.integers(1, 64))
def test_rounded_strategies_are_multisets_of_the_support(values: list[float], size: int) -> None:
    strategy = probabilities(values)
    counts = rounded(strategy, size) * size
    assert counts == pytest.approx(np.round(counts), abs=1e-9) and counts.sum() == pytest.approx(size)
    assert np.abs(counts - strategy * size).max() < 1 + 1e-9


@slow
@given(games((2,)))
def test_a_third_is_always_reached(payoffs: Payoffs) -> None:
    profile, found = one_third_equilibrium(payoffs, DELTA)
    assert max(definitions.regret(payoffs, profile, player) for player in (0, 1)) <= 1 / 3 + DELTA + TINY
    assert found == pytest.approx(regrets(payoffs, profile), abs=1e-12)


@quick
@given(games(), seeds, st.integers(1, 4), st.integers(0, 2))
def test_no_mixture_on_a_line_is_better(payoffs: Payoffs, seed: int, count: int, player: int) -> None:
    """Against a grid of weights, with regrets from the definition."""
    player %= len(payoffs)
    rest = any_profile(payoffs, seed)
    strategies = [any_profile(payoffs, seed + each)[player] for each in range(1, count + 1)]
    weights = best_mixture(payoffs, rest, player, strategies)

    def largest(mixed: Sequence[float] | np.ndarray) -> float:
        return float(regrets(payoffs, replaced(rest, player, mixture(strategies, mixed))).max())

    rng = np.random.default_rng(seed)
    others = [*np.eye(count), *rng.dirichlet(np.ones(count), 20), *rng.dirichlet(np.full(count, 0.2), 20)]
    assert largest(weights) <= min(map(largest, others)) + TINY


@quick
@given(games(), seeds)
def test_all_lines_and_products_are_tried(payoffs: Payoffs, seed: int) -> None:
    strategies = [[any_profile(payoffs, seed + each)[player] for each in range(2)] for player in range(len(payoffs))]
    lines = best_on_lines(payoffs, strategies)
    for choice in np.ndindex((2,) * len(payoffs)):
        profile = tuple(own[k] for own, k in zip(strategies, choice, strict=True))
        for player in range(len(payoffs)):
            weights = best_mixture(payoffs, profile, player, strategies[player])
            mixed = replaced(profile, player, mixture(strategies[player], weights))
            assert lines.regrets.max() <= regrets(payoffs, mixed).max() + TINY
    squares = best_on_squares(payoffs, strategies)
    assert squares is not None
    for i, j in combinations(range(len(payoffs)), 2):
        for choice in np.ndindex((2,) * len(payoffs)):
            profile = tuple(own[k] for own, k in zip(strategies, choice, strict=True))
            for player in (i, j):
                profile = replaced(profile, player, sum(strategies[player]) / 2)
            assert squares.regrets.max() <= regrets(payoffs, profile).max() + TINY
    for found in (lines, squares):
        assert found.regrets == pytest.approx(regrets(payoffs, found.profile), abs=1e-12)
    assert best_on_squares(payoffs, [own[:1] for own in strategies]) is None


@quick
@given(games(), seeds, st.floats(-1, 2))
def test_blends_clip_their_weight(payoffs: Payoffs, seed: int, weight: float) -> None:
    first, second = any_profile(payoffs, seed)[0], any_profile(payoffs, seed + 1)[0]
    clipped = min(max(weight, 0), 1)
    assert blend(payoffs, first, second, weight) == pytest.approx(clipped * first + (1 - clipped) * second, abs=1e-12)


@quick
@given(games(), seeds)
def test_arbitrary_strategies_repeat_with_their_seed(payoffs: Payoffs, seed: int) -> None:
    drawn = [arbitrary(payoffs, len(payoffs) - 1, np.random.default_rng(seed)) for _ in range(2)]
    assert (drawn[0] == drawn[1]).all() and drawn[0].sum() == 1 and drawn[0].shape == payoffs[0].shape[-1:]


def test_a_missing_strategy_is_named() -> None:
    ones = (np.ones((2, 2, 2)),) * 3
    with pytest.raises(ValueError, match="expected a strategy of player 3; got none"):
        best_response(ones, (None, np.array([1.0, 0.0]), None), 0)


@pytest.mark.parametrize(
    ("payoffs", "told"),
    [
        ([np.ones((2, 2))], "at least two players"),
        ([], "at least two players"),
        ([np.ones((2, 2)), np.ones((2, 3))], "same shape; got (2, 2), (2, 3)"),
        ([np.ones(2), np.ones(2)], "one axis for each of the 2 players; got shape (2,)"),
        ([np.ones((2, 2))] * 3, "one axis for each of the 3 players"),
        ([np.ones((2, 0)), np.ones((2, 0))], "at least one action"),
        ([np.full((2, 2), np.nan), np.ones((2, 2))], "player 1 hold NaN or infinity"),
        ([np.ones((2, 2)), np.full((2, 2), np.inf)], "player 2 hold NaN or infinity"),
        ([np.full((2, 2), -0.5), np.ones((2, 2))], "player 1 must lie in [0, 1]; got -0.5 to -0.5"),
        ([np.ones((2, 2)), [[0, 1], [1, 2]]], "player 2 must lie in [0, 1]; got 0 to 2"),
        ([[["a", "b"]], [[0, 1]]], "player 1 must be an array of real numbers"),
        ([[[0, 1], [1]], [[0, 1]]], "player 1 must be an array of real numbers"),
        ([np.array([[1j]]), np.ones((1, 1))], "player 1 must be an array of real numbers"),
    ],
)
def test_payoffs_that_are_no_game_are_refused(payoffs: list[object], told: str) -> None:
    with pytest.raises(ValueError) as caught:
        checked_payoffs(*payoffs)  # type: ignore[arg-type]
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("profile", "told"),
    [
        ([[1, 0]], "expected 2 strategies"),
        ([[1, 0], [1]], "player 2 must have shape (2,)"),
        ([[1, 1], [1, 0]], "player 1 must be probabilities"),
        ([[2, -1], [1, 0]], "player 1 must be probabilities"),
        ([[1, 0], [np.nan, 1]], "player 2 must be probabilities"),
    ],
)
def test_profiles_that_are_none_are_refused(profile: list[list[float]], told: str) -> None:
    with pytest.raises(ValueError) as caught:
        checked_profile(checked_payoffs(np.ones((2, 2)), np.ones((2, 2))), profile)
    assert told in str(caught.value)


def test_payoffs_are_copied() -> None:
    given_payoffs = np.ones((2, 2))
    first, _ = checked_payoffs(given_payoffs, given_payoffs)
    first[0, 0] = 0
    assert given_payoffs[0, 0] == 1


@pytest.mark.parametrize("delta", [0.0, -1.0, 2.0, float("nan")])
def test_a_slack_out_of_range_is_refused(delta: float) -> None:
    with pytest.raises(ValueError, match="slack delta"):
        stationary_point((np.ones((2, 2)), np.ones((2, 2))), delta)


def test_the_solver_writes_nothing_to_standard_output() -> None:
    code = """
import numpy as np
from discovery.tasks.nash.numerics import nash_equilibrium, stationary_point
game = (np.eye(3), 1 - np.eye(3))
nash_equilibrium(game), stationary_point(game)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ""
