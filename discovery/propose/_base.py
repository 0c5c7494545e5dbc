"""The proposer contract: turn a proposal into source text."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Protocol

from discovery.model import Program, Proposal

__all__ = ["Proposer"]


class Proposer(Protocol):
    """Writes programs. Runs in the controller, hence never runs one."""

    async def propose(self, proposal: Proposal, parents: Sequence[Program], rng: random.Random) -> str:
        """Source text for `proposal`; `parents` in its order.

        `rng` is fresh and belongs to this proposal. The text need not be acceptable: the language decides.

        Raises:
            Rejected: no text could be written (all variants tried were ill-formed, say); becomes a rejection.
        """
        ...
