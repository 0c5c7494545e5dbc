"""When a run has found enough, or finds nothing more."""

from __future__ import annotations

import math

from discovery.search.estimates import Estimates
from discovery.store import Outcome

__all__ = ["Stopping"]


class Stopping:
    """Decides from outcomes told alone, so that a run ends at the same proposal at any number of workers.

    Args:
        target: The run ends once a program's estimate reaches it; None for no target. No proposer ever sees it.
        stagnation: The run ends once so many outcomes in a row brought no program with a new best score, or None.
    """

    def __init__(self, target: float | None, stagnation: int | None) -> None:
        self._target = math.inf if target is None else target
        self._patience = stagnation
        self._best = -math.inf
        self._idle = 0
        self._reached = False

    def tell(self, outcome: Outcome, estimates: Estimates) -> None:
        """An outcome that the strategy has just been told; `estimates` are the strategy's."""
        verdict = outcome.verdict
        self._idle += 1
        if outcome.key is None or verdict.score is None:
            return
        self._reached = self._reached or estimates.value(outcome.key) >= self._target
        if verdict.replicate == 0 and verdict.score > self._best:
            self._best, self._idle = verdict.score, 0

    @property
    def reason(self) -> str:
        """Why to ask for nothing more: `"target"`, `"stagnation"`, or "" to go on."""
        if self._reached:
            return "target"
        return "stagnation" if self._patience is not None and self._idle >= self._patience else ""
