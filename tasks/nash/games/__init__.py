"""Games that programs are run on: kinds of random ones, and known worst cases."""

from __future__ import annotations

from discovery.tasks.nash.games.kinds import KINDS, suite
from discovery.tasks.nash.games.known import WORST, WorstCase

__all__ = ["KINDS", "WORST", "WorstCase", "suite"]
