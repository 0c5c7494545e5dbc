"""Best of N: independent edits of the seeds. The control that tells whether evolving helped at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from discovery.search._base import Strategy
from discovery.search.bandit import Arms
from discovery.store import Outcome

__all__ = ["BestOfN"]


class BestOfN(Strategy):
    """Each proposal is a seed after a random number of edits, drawn without regard to any outcome.

    The number of edits is geometric with mean `EDITS`, so that programs as far from a seed as a short evolution reaches
    are drawn too: with the mean of one evolutionary step the control would only see the seeds' neighbours. With models,
    each proposal asks one of them, all equally likely, to improve a seed, and is told nothing of the run.

    Args:
        seeds: Keys of the seed programs.
        models: Names of the models.
    """

    EDITS = 4.0
    independent: ClassVar[bool] = True

    def __init__(self, seeds: Sequence[str], *, models: Sequence[str] = ()) -> None:
        super().__init__(seeds, arms=Arms(0.0, models), edits=self.EDITS)

    def pool(self, index: int) -> Sequence[str]:
        """The seeds, whatever was found."""
        return self.seeds

    def take(self, key: str, outcome: Outcome) -> None:
        """Outcomes change nothing."""

    def drop(self, key: str) -> None:
        """Outcomes change nothing."""
