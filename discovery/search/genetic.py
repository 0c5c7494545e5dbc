"""A genetic algorithm with generations and an elite: EvoCut's search (Yazdani et al., arXiv 2508.11850)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from discovery.search._base import Strategy
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
        elite: Programs that pass into the next generation unchanged, fewer than `population`.
        options: As for `Strategy`.
    """

    version = 2

    def __init__(self, seeds: Sequence[str], *, population: int, elite: int, **options: Any) -> None:
        super().__init__(seeds, **options)
        self.population, self.elite = population, elite
        self._parents: list[str] = []
        self._children: list[str] = []
        self._first = True

    def pool(self, index: int) -> Sequence[str]:
        """The present generation."""
        return self._parents

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
