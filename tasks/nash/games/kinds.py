"""Kinds of games to run programs on: random, structured and degenerate ones, for any number of players.

Every generator takes a random generator and a shape, the players' numbers of actions, and returns payoffs in [0, 1] of
that shape (a symmetric game, where everybody has the same actions, of the smallest number for all).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from discovery.tasks.nash.numerics import Payoffs

__all__ = ["KINDS", "Generator", "suite"]

Generator: TypeAlias = Callable[[np.random.Generator, Sequence[int]], Payoffs]


def uniform_payoffs(rng: np.random.Generator, shape: Sequence[int]) -> Payoffs:
    """Independent uniform payoffs."""
    return tuple(rng.random(shape) for _ in shape)


def binary(rng: np.random.Generator, shape: Sequence[int]) -> Payoffs:
    """Payoffs 0 or 1: full of ties."""
    return tuple(rng.integers(0, 2, shape).astype(float) for _ in shape)


def coarse(rng: np.random.Generator, shape: Sequence[int]) -> Payoffs:
    """Payoffs 0, 1/4, 1/2, 3/4 or 1: some ties."""
    return tuple(rng.integers(0, 5, shape) / 4 for _ in shape)


def sparse(rng: np.random.Generator, shape: Sequence[int]) -> Payoffs:
    """Mostly 0."""
    return tuple(rng.random(shape) * (rng.random(shape) < 0.25) for _ in shape)


def rank_one(rng: np.random.Generator, shape: Sequence[int]) -> Payoffs:
    """Products of one factor a player."""

    def tensor() -> np.ndarray:
        product = np.ones(())
        for actions in shape:
            product = np.multiply.outer(product, rng.random(actions))
        return product

    return tuple(tensor() for _ in shape)


def zero_sum(rng: np.random.Generator, shape: Sequence[int]) -> Payoffs:
    """Payoffs that add up to half the number of players everywhere."""
    payoffs = uniform_payoffs(rng, shape)
    mean = sum(payoffs) / len(payoffs)
    return tuple((1 + tensor - mean) / 2 for tensor in payoffs)


def common_interest(rng: np.random.Generator, shape: Sequence[int]) -> Payoffs:
    """The same payoffs for everybody."""
    tensor = rng.random(shape)
    return tuple(tensor.copy() for _ in shape)


def symmetric(rng: np.random.Generator, shape: Sequence[int]) -> Payoffs:
    """What an action pays depends on who plays it as little as on who of the others plays what."""
    players, actions = len(shape), min(shape)
    own = rng.random((actions,) * players)
    sortings = np.sort(np.indices(own.shape)[1:], axis=0)
    own = own[(np.indices(own.shape)[0], *sortings)]
    return tuple(np.moveaxis(own, 0, player) for player in range(players))


def cyclic(rng: np.random.Generator, shape: Sequence[int]) -> Payoffs:
    """Everybody wants to play one above the next player, counted in a circle: no pure equilibrium in general."""
    grid = np.indices(shape)
    players = len(shape)
    wins = [(grid[i] - grid[(i + 1) % players]) % max(shape) == 1 for i in range(players)]
    return tuple(win.astype(float) for win in wins)


def coordination(rng: np.random.Generator, shape: Sequence[int]) -> Payoffs:
    """Only equal actions pay, and they pay everybody differently."""
    grid = np.indices(shape)
    equal = (grid == grid[:1]).all(axis=0)
    return tuple(equal * rng.random(shape) for _ in shape)


def duplicated(rng: np.random.Generator, shape: Sequence[int]) -> Payoffs:
    """Uniform payoffs in which actions are copies of others."""
    copies = [np.sort(rng.integers(0, max(1, actions // 2), actions)) for actions in shape]
    return tuple(tensor[np.ix_(*copies)] for tensor in uniform_payoffs(rng, shape))


def constant(rng: np.random.Generator, shape: Sequence[int]) -> Payoffs:
    """One payoff everywhere, 0 and 1 included: all profiles are equilibria."""
    return tuple(np.full(shape, rng.choice([0.0, 1.0, rng.random()])) for _ in shape)


def indifferent(rng: np.random.Generator, shape: Sequence[int]) -> Payoffs:
    """Nobody's own action matters to them, only to the others."""
    return tuple(
        np.broadcast_to(rng.random([1 if axis == player else m for axis, m in enumerate(shape)]), shape).copy()
        for player in range(len(shape))
    )


def nearly_tied(rng: np.random.Generator, shape: Sequence[int]) -> Payoffs:
    """Payoffs 0, 1/2 or 1, up to 1e-9: ties that rounding decides."""
    return tuple(np.clip(rng.integers(0, 3, shape) / 2 + 1e-9 * rng.random(shape), 0, 1) for _ in shape)


KINDS: Mapping[str, Generator] = MappingProxyType(
    {
        "uniform": uniform_payoffs,
        "binary": binary,
        "coarse": coarse,
        "sparse": sparse,
        "rank one": rank_one,
        "zero sum": zero_sum,
        "common interest": common_interest,
        "symmetric": symmetric,
        "cyclic": cyclic,
        "coordination": coordination,
        "duplicated": duplicated,
        "constant": constant,
        "indifferent": indifferent,
        "nearly tied": nearly_tied,
    }
)


def suite(players: int, seed: int, rounds: int = 1, largest: int | None = None) -> Iterator[tuple[str, Payoffs]]:
    """Named games of every kind for `players` players, `rounds` of each, the same for the same arguments.

    Args:
        players: At least 2.
        seed: Of the games.
        rounds: Games of each kind.
        largest: Most actions of a player; default 6 for two players, 4 for three, 3 for more.
    """
    most = largest or {2: 6, 3: 4}.get(players, 3)
    for turn in range(rounds):
        for index, (kind, generate) in enumerate(KINDS.items()):
            rng = np.random.default_rng((seed, turn, index, players))
            shape = rng.integers(1 if turn % 4 == 3 else 2, most + 1, players).tolist()
            yield f"{kind} {'x'.join(map(str, shape))} #{turn}", generate(rng, shape)
