"""The strategy contract: choose operators, models and parents from outcomes, by ask and tell.

A strategy is a pure function of its configuration, the seeds' keys, what it was told and in which order, and the
random generator handed to `ask`. It reads no clock, no journal and no global state, so a run resumes by telling it
again. `ask` costs the same at ten and at ten thousand outcomes.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import ClassVar

from discovery.model import MEASURE, Proposal
from discovery.search.bandit import Arms
from discovery.search.estimates import Estimates
from discovery.store import Outcome

__all__ = ["Strategy", "geometric"]


class Strategy(ABC):
    """Chooses what to propose next.

    An implementation gives `pool`, `take` and `drop`; what all have in common is here: seeds first, elites measured
    again, operator and model from the arms, parents by tournament, and two parents that differ.

    Args:
        seeds: Keys of the seed programs, in the order of `Task.seeds()`; at least one. Proposals 0 to n-1 of every run
            are the seeds themselves.
        arms: Chooses operator and model.
        estimates: What programs are worth by all their measurements.
        edits: Mean number of successive edits of one mutation.
        init: Proposals right after the seeds that a model writes from nothing.
        remeasure: Every how many proposals an elite is measured again; 0 for never.
        tournament: Draws per tournament, with replacement.
    """

    #: Whether proposals must not depend on outcomes: then no prompt may carry what the run has learnt.
    independent: ClassVar[bool] = False
    #: Of its choices, and those of the arms and estimates it uses: grows whenever the same outcomes would lead to other
    #: proposals. A run is only resumed or replayed with the version that it began with.
    version: ClassVar[int] = 1

    def __init__(
        self,
        seeds: Sequence[str],
        *,
        arms: Arms | None = None,
        estimates: Estimates | None = None,
        edits: float = 1.5,
        init: int = 0,
        remeasure: int = 0,
        tournament: int = 1,
    ) -> None:
        self.seeds = tuple(seeds)
        self.arms = arms or Arms()
        self.estimates = estimates or Estimates()
        self.edits = edits
        self._opening = len(self.seeds) + init
        self.tournament = tournament
        self._remeasure = remeasure
        self._behaviours: dict[str, str] = {}

    def ask(self, index: int, rng: random.Random, seen: int) -> Proposal:
        """Proposal number `index`; `seen` is recorded in it. `rng` is fresh and belongs to this proposal alone."""
        if index < len(self.seeds):
            return Proposal(index=index, operator="seed", seed=index, seen=seen)
        if index < self._opening:
            return Proposal(index=index, operator="init", seen=seen, model=self.arms.model(rng))
        if self._remeasure and index % self._remeasure == 0 and (key := self.estimates.due()) is not None:
            return Proposal(index=index, operator=MEASURE, parents=(key,), seen=seen)
        operator, model = self.arms.choose(rng)
        proposal = Proposal(index=index, operator=operator, seen=seen, model=model)
        parents = self.parents(index, 2 if operator == "cross" else 1, rng)
        if len(parents) == 2:
            return replace(proposal, parents=parents)
        return replace(proposal, operator="mutate", parents=parents, edits=geometric(rng, self.edits))

    def tell(self, outcome: Outcome) -> None:
        """The outcome of a proposal; its `key` is None when the language rejected the text."""
        key = outcome.key
        held = key is not None and self.estimates.holds(key)
        self.arms.tell(outcome, self.estimates)
        self.estimates.tell(outcome)
        if key is None:
            return
        if (behaviour := outcome.verdict.behaviour) is not None:
            self._behaviours[key] = behaviour
        if not self.estimates.holds(key):
            if held:
                self.drop(key)
        elif outcome.proposal.operator == MEASURE:
            self.revise(key, outcome)
        else:
            self.take(key, outcome)

    def parents(self, index: int, count: int, rng: random.Random) -> tuple[str, ...]:
        """`count` (1 or 2) different programs to start from, winners of tournaments: the second among those of the pool
        that behave otherwise than the first. One when there are not two; seeds while the pool is empty."""
        pool = self.pool(index)
        if not pool:
            return tuple(rng.sample(self.seeds, min(count, len(self.seeds))))
        first = self._winner(pool, rng)
        others = self.apart(first, pool) if count > 1 else []
        return (first, self._winner(others, rng)) if others else (first,)

    def apart(self, first: str, *pools: Iterable[str]) -> list[str]:
        """What to cross `first` with: the programs of the first pool that has any which behave otherwise, as far as
        fingerprints tell; where no pool has, those of the first pool that has other programs at all."""
        others = [[key for key in pool if key != first] for pool in pools]
        alike = self._behaviours.get(first, first)
        unlike = [[key for key in pool if self._behaviours.get(key) != alike] for pool in others]
        return next((keys for keys in (*unlike, *others) if keys), [])

    def _winner(self, pool: Sequence[str], rng: random.Random) -> str:
        """The best of some random ones; among equals the one that comes later in the pool."""
        drawn = [rng.randrange(len(pool)) for _ in range(self.tournament)]
        return pool[max(drawn, key=lambda place: (self.estimates.value(pool[place]), place))]

    @abstractmethod
    def pool(self, index: int) -> Sequence[str]:
        """The programs among which the parents of proposal `index` are chosen, the oldest first; a program may be there
        more than once. Only programs that it was told of with a score."""

    @abstractmethod
    def take(self, key: str, outcome: Outcome) -> None:
        """A scored program, new or repeated; `estimates` knows it already."""

    @abstractmethod
    def drop(self, key: str) -> None:
        """A program that was taken failed when it was measured again."""

    def revise(self, key: str, outcome: Outcome) -> None:  # noqa: B027 - for most there is nothing to do
        """The estimate of a program changed because it was measured again."""


def geometric(rng: random.Random, mean: float) -> int:
    """A draw from the geometric distribution on 1, 2, ... with the given mean (at least 1)."""
    count = 1
    while rng.random() >= 1.0 / mean:
        count += 1
    return count
