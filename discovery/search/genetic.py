"""A genetic algorithm with generations and an elite: EvoCut's search (Yazdani et al., arXiv 2508.11850)."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from typing import Any

from discovery.search._base import Strategy, different
from discovery.store import Outcome

__all__ = ["Genetic"]


class Genetic(Strategy):
    """A population of `population` programs; its `elite` best and then its children, in the order told, are the next.

    The first generation is whatever is scored first. A generation is complete when enough children have a score;
    failures and repeats within a generation do not count, so they cannot fill it. Proposals that are in flight at the
    turn become children of the next generation: nobody waits.

    Args:
        seeds: Keys of the seed programs: the parents while nothing is scored.
        population: Programs of a generation, at least 2.
        tournament: Draws per tournament, with replacement.
        elite: Programs that pass into the next generation unchanged, fewer than `population`.
        options: As for `Strategy`.
    """

    def __init__(self, seeds: Sequence[str], *, population: int, tournament: int, elite: int, **options: Any) -> None:
        super().__init__(seeds, **options)
        self.population, self.tournament, self.elite = population, tournament, elite
        self._parents: list[str] = []
        self._children: list[str] = []
        self._first = True

    def parents(self, index: int, count: int, rng: random.Random) -> tuple[str, ...]:
        """Winners of tournaments in the present generation; the second of one without the first."""
        if not self._parents:
            return (rng.choice(self.seeds),)
        return different(lambda taken: self._winner(rng, taken), count)

    def take(self, key: str, outcome: Outcome) -> None:
        """A child; the generation turns when there are enough."""
        if self._first:
            if key not in self._parents:
                self._parents.append(key)
            self._first = len(self._parents) < self.population
            return
        if key not in self._children:
            self._children.append(key)
        if len(self._children) >= self.population - self.elite:
            best = sorted(self._parents, key=self.estimates.value, reverse=True)[: self.elite]
            self._parents = list(dict.fromkeys(best + self._children))
            self._children = []

    def drop(self, key: str) -> None:
        """It is no parent any more."""
        self._parents = [each for each in self._parents if each != key]
        self._children = [each for each in self._children if each != key]

    def _winner(self, rng: random.Random, taken: Collection[str]) -> str | None:
        drawn = [rng.choice(self._parents) for _ in range(self.tournament)]
        return max((key for key in drawn if key not in taken), key=self.estimates.value, default=None)
