"""Regularized evolution: tournament selection, and the oldest program dies.

Real, Aggarwal, Huang, Le, "Regularized Evolution for Image Classifier Architecture Search", AAAI 2019, Algorithm 1; the
search behind Lion (Chen et al. 2023, section 2).
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence

from discovery.model import Proposal
from discovery.search._base import Strategy, geometric
from discovery.store import Outcome

__all__ = ["Evolution"]


class Evolution(Strategy):
    """Keeps the last `population` scored programs; each parent is the best of `tournament` random ones.

    Programs without a score never enter, so a failure cannot become a parent. A repeat enters again with the score it
    has: a program that is found often stays alive. Ties go to the younger program, which lets neutral edits drift.

    Args:
        seeds: Keys of the seed programs: the parents while nothing is scored.
        population: Programs alive, at least 2.
        tournament: Draws per tournament, with replacement.
        crossover: Probability of crossing two tournament winners.
        edits: Mean number of edits of a mutation.
    """

    def __init__(
        self, seeds: Sequence[str], *, population: int, tournament: int, crossover: float, edits: float
    ) -> None:
        super().__init__(seeds)
        self.tournament = tournament
        self.crossover = crossover
        self.edits = edits
        self._alive: deque[tuple[float, int, str]] = deque(maxlen=population)
        self._age = 0

    def choose(self, index: int, rng: random.Random, seen: int) -> Proposal:
        """A mutation of one tournament winner, or a crossover of two different ones."""
        first = self._winner(rng)
        if rng.random() < self.crossover and (second := self._winner(rng)) != first:
            return Proposal(index=index, operator="cross", parents=(first, second), seen=seen)
        return Proposal(index=index, operator="mutate", parents=(first,), seen=seen, edits=geometric(rng, self.edits))

    def tell(self, outcome: Outcome) -> None:
        """Take in a scored program; the oldest leaves when the population is full."""
        if outcome.key is not None and outcome.verdict.score is not None:
            self._alive.append((outcome.verdict.score, self._age, outcome.key))
            self._age += 1

    def _winner(self, rng: random.Random) -> str:
        if not self._alive:
            return rng.choice(self.seeds)
        return max(rng.choice(self._alive) for _ in range(self.tournament))[2]
