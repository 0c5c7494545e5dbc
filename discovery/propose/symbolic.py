"""The symbolic proposer: type-directed random edits and crossover, no model needed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import suppress

from discovery.errors import ConfigError
from discovery.model import Program, Proposal, Rejected
from discovery.task import Language, Task

__all__ = ["Symbolic"]


class Symbolic:
    """Proposes by the language's own edits.

    Args:
        task: Gives the seeds and the language.

    Raises:
        ConfigError: the language offers no symbolic edits; such a task needs a model.
    """

    def __init__(self, task: Task) -> None:
        self._language: Language = task.language
        self._seeds = [seed.source for seed in task.seeds()]
        try:
            self._language.mutate(self._language.check(self._seeds[0]), random.Random(0))
        except NotImplementedError as error:
            raise ConfigError(
                f"the language of task {task.name!r} has no symbolic edits, so nothing can propose without a model",
                hint="give the task a language with `mutate`",
            ) from error

    async def propose(self, proposal: Proposal, parents: Sequence[Program], rng: random.Random) -> str:
        """A seed as it stands, a mutation, or a crossover. Of two parents that cannot be crossed (too alike, or in a
        language that crosses none) the first is mutated."""
        if proposal.seed is not None:
            return self._seeds[proposal.seed]
        if proposal.operator == "cross":
            with suppress(NotImplementedError, Rejected):
                return self._language.cross(parents[0], parents[1], rng)
        return self._language.mutate(parents[0], rng, proposal.edits)
