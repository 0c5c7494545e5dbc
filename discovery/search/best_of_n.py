"""Best of N: independent edits of the seeds. The control that tells whether evolving helped at all."""

from __future__ import annotations

import random
from collections.abc import Sequence

from discovery.model import Proposal
from discovery.search._base import Strategy, geometric
from discovery.store import Outcome

__all__ = ["BestOfN"]


class BestOfN(Strategy):
    """Each proposal is a seed after a random number of edits, drawn without regard to any outcome.

    The number of edits is geometric with mean `EDITS`, so that programs as far from a seed as a short evolution reaches
    are drawn too: with the mean of one evolutionary step the control would only see the seeds' neighbours.

    Args:
        seeds: Keys of the seed programs.
    """

    EDITS = 4.0

    def __init__(self, seeds: Sequence[str]) -> None:
        super().__init__(seeds)

    def choose(self, index: int, rng: random.Random, seen: int) -> Proposal:
        """A random seed, edited."""
        return Proposal(
            index=index,
            operator="mutate",
            parents=(rng.choice(self.seeds),),
            seen=seen,
            edits=geometric(rng, self.EDITS),
        )

    def tell(self, outcome: Outcome) -> None:
        """Outcomes change nothing."""
