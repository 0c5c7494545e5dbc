"""Regularized evolution: tournament selection, and the oldest program dies.

Real, Aggarwal, Huang, Le, "Regularized Evolution for Image Classifier Architecture Search", AAAI 2019, Algorithm 1; the
search behind Lion (Chen et al. 2023, section 2).
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Collection, Sequence
from typing import Any

from discovery.search._base import Strategy, different
from discovery.store import Outcome

__all__ = ["Evolution"]


class Evolution(Strategy):
    """Keeps the last `population` scored programs; each parent is the best of `tournament` random ones.

    Programs without a score never enter, so a failure cannot become a parent. A repeat enters again: a program that is
    found often stays alive. Ties go to the younger program, which lets neutral edits drift.

    Args:
        seeds: Keys of the seed programs: the parents while nothing is scored.
        population: Programs alive, at least 2.
        tournament: Draws per tournament, with replacement.
        options: As for `Strategy`.
    """

    def __init__(self, seeds: Sequence[str], *, population: int, tournament: int, **options: Any) -> None:
        super().__init__(seeds, **options)
        self.tournament = tournament
        self._alive: deque[tuple[int, str]] = deque(maxlen=population)
        self._age = 0

    def parents(self, index: int, count: int, rng: random.Random) -> tuple[str, ...]:
        """Winners of tournaments. Where one program wins them all, it is the only parent."""
        return different(lambda taken: self._winner(rng, taken), count)

    def take(self, key: str, outcome: Outcome) -> None:
        """The youngest; the oldest leaves when the population is full."""
        self._alive.append((self._age, key))
        self._age += 1

    def drop(self, key: str) -> None:
        """It leaves before its time."""
        for entry in [entry for entry in self._alive if entry[1] == key]:
            self._alive.remove(entry)

    def _winner(self, rng: random.Random, taken: Collection[str]) -> str | None:
        if not self._alive:
            winner = rng.choice(self.seeds)
        else:
            drawn = [rng.choice(self._alive) for _ in range(self.tournament)]
            winner = max((self.estimates.value(key), age, key) for age, key in drawn)[2]
        return None if winner in taken else winner
