"""The strategy contract: choose operators, models and parents from outcomes, by ask and tell.

A strategy is a pure function of its configuration, the seeds' keys, what it was told and in which order, and the
random generator handed to `ask`. It reads no clock, no journal and no global state, so a run resumes by telling it
again. `ask` costs the same at ten and at ten thousand outcomes.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import ClassVar

from discovery.model import MEASURE, Proposal
from discovery.search.bandit import Arms
from discovery.search.estimates import Estimates
from discovery.store import Outcome

__all__ = ["Strategy", "different", "geometric"]

_TRIES = 10


class Strategy(ABC):
    """Chooses what to propose next.

    An implementation gives `parents`, `take` and `drop`; what all have in common is here: seeds first, elites measured
    again, operator and model from the arms.

    Args:
        seeds: Keys of the seed programs, in the order of `Task.seeds()`; at least one. Proposals 0 to n-1 of every run
            are the seeds themselves.
        arms: Chooses operator and model.
        estimates: What programs are worth by all their measurements.
        edits: Mean number of successive edits of one mutation.
        init: Proposals right after the seeds that a model writes from nothing.
        remeasure: Every how many proposals an elite is measured again; 0 for never.
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
    ) -> None:
        self.seeds = tuple(seeds)
        self.arms = arms or Arms()
        self.estimates = estimates or Estimates()
        self.edits = edits
        self._opening = len(self.seeds) + init
        self._remeasure = remeasure

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
        if not self.estimates.holds(key):
            if held:
                self.drop(key)
        elif outcome.proposal.operator == MEASURE:
            self.revise(key, outcome)
        else:
            self.take(key, outcome)

    @abstractmethod
    def parents(self, index: int, count: int, rng: random.Random) -> tuple[str, ...]:
        """`count` (1 or 2) different programs to start from; one when there are not two. Only programs that it was told
        of with a score, or seeds."""

    @abstractmethod
    def take(self, key: str, outcome: Outcome) -> None:
        """A scored program, new or repeated; `estimates` knows it already."""

    @abstractmethod
    def drop(self, key: str) -> None:
        """A program that was taken failed when it was measured again."""

    def revise(self, key: str, outcome: Outcome) -> None:  # noqa: B027 - for most there is nothing to do
        """The estimate of a program changed because it was measured again."""


def different(draw: Callable[[Collection[str]], str | None], count: int) -> tuple[str, ...]:
    """`count` different programs; fewer when ten draws in a row bring no new one.

    Args:
        draw: Draws a program that is none of those given; None when it happens to draw no other.
    """
    found: list[str] = []
    tries = 0
    while len(found) < count and tries < _TRIES:
        drawn = draw(found)
        tries = tries + 1 if drawn is None else 0
        found += [] if drawn is None else [drawn]
    return tuple(found)


def geometric(rng: random.Random, mean: float) -> int:
    """A draw from the geometric distribution on 1, 2, ... with the given mean (at least 1)."""
    count = 1
    while rng.random() >= 1.0 / mean:
        count += 1
    return count
