"""The strategy contract: choose operators and parents from outcomes, by ask and tell.

A strategy is a pure function of its configuration, the seeds' keys, what it was told and in which order, and the
random generator handed to `ask`. It reads no clock, no journal and no global state, so a run resumes by telling it
again. `ask` costs the same at ten and at ten thousand outcomes.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Sequence

from discovery.model import Proposal
from discovery.store import Outcome

__all__ = ["Strategy", "geometric"]


class Strategy(ABC):
    """Chooses what to propose next.

    Args:
        seeds: Keys of the seed programs, in the order of `Task.seeds()`; at least one. Proposals 0 to n-1 of every run
            are the seeds themselves.
    """

    def __init__(self, seeds: Sequence[str]) -> None:
        self.seeds = tuple(seeds)

    def ask(self, index: int, rng: random.Random, seen: int) -> Proposal:
        """Proposal number `index`; `seen` is recorded in it. `rng` is fresh and belongs to this proposal alone."""
        if index < len(self.seeds):
            return Proposal(index=index, operator="seed", seed=index, seen=seen)
        return self.choose(index, rng, seen)

    @abstractmethod
    def choose(self, index: int, rng: random.Random, seen: int) -> Proposal:
        """Proposal `index` after the seeds. Parents are keys it was told, or seeds."""

    @abstractmethod
    def tell(self, outcome: Outcome) -> None:
        """The outcome of a proposal; its `key` is None when the language rejected the text."""


def geometric(rng: random.Random, mean: float) -> int:
    """A draw from the geometric distribution on 1, 2, ... with the given mean (at least 1)."""
    count = 1
    while rng.random() >= 1.0 / mean:
        count += 1
    return count
