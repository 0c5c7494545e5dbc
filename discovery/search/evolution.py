"""Regularized evolution: tournament selection, and the oldest program dies.

Real, Aggarwal, Huang, Le, "Regularized Evolution for Image Classifier Architecture Search", AAAI 2019, Algorithm 1; the
search behind Lion (Chen et al. 2023, section 2).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from discovery.search._base import Strategy
from discovery.store import Outcome

__all__ = ["Evolution"]


class Evolution(Strategy):
    """Keeps the last `population` scored programs; each parent is the best of `tournament` random ones.

    Programs without a score never enter, so a failure cannot become a parent. A repeat enters again: a program that is
    found often stays alive. Ties go to the younger program, which lets neutral edits drift.

    Args:
        seeds: Keys of the seed programs: the parents while nothing is scored.
        population: Programs alive, at least 2.
        options: As for `Strategy`.
    """

    version = 2

    def __init__(self, seeds: Sequence[str], *, population: int, **options: Any) -> None:
        super().__init__(seeds, **options)
        self._alive: deque[str] = deque(maxlen=population)

    def pool(self, index: int) -> Sequence[str]:
        """The population, the oldest first."""
        return self._alive

    def take(self, key: str, outcome: Outcome) -> None:
        """The youngest; the oldest leaves when the population is full."""
        self._alive.append(key)

    def drop(self, key: str) -> None:
        """It leaves before its time."""
        self._alive = deque((each for each in self._alive if each != key), self._alive.maxlen)
