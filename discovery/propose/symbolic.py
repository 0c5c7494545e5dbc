"""The symbolic proposer: type-directed random edits and crossover, no model needed."""

from __future__ import annotations

import random
from contextlib import suppress

from discovery.errors import ConfigError, TaskError
from discovery.model import Program, Proposal, Rejected
from discovery.propose._base import Context, Draft, Proposer
from discovery.task import Answering, Language, Task, check_source, task_code

__all__ = ["Symbolic"]

#: Probability that a mutation answers the parent's verdict, in a language that can; and draws of an answer that was
#: not judged before.
_ANSWER, _TRIES = 0.6, 8


class Symbolic(Proposer):
    """Proposes by the language's own edits.

    Args:
        task: Gives the seeds and the language.

    Raises:
        ConfigError: the language offers no symbolic edits; such a task needs a model.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._language: Language = task.language
        with task_code(task.name, "seeds"):
            self._seeds = [seed.source for seed in task.seeds()]
        try:
            with suppress(Rejected):
                self._mutate(check_source(task, self._seeds[0]), random.Random(0), 1)
        except NotImplementedError as error:
            raise ConfigError(
                f"the language of task {task.name!r} has no symbolic edits, so nothing can propose without a model",
                hint="name a model with --model, or give the task a language with `mutate`",
            ) from error

    async def propose(self, proposal: Proposal, context: Context) -> Draft:
        """A mutation, which may answer what the parent's verdict says, or a crossover.

        Of two parents that cannot be crossed (too alike, or in a language that crosses none) the first is mutated;
        without a parent (`"init"`) one of the seeds is.
        """
        rng = context.rng
        parents = [parent.program for parent in context.parents]
        if not parents:
            parents = [check_source(self._task, rng.choice(self._seeds))]
        if proposal.operator == "cross":
            with suppress(NotImplementedError, Rejected), task_code(self._task.name, "language.cross"):
                return Draft(self._text(self._language.cross(parents[0], parents[1], rng), "cross"))
        elif context.parents and isinstance(self._language, Answering) and rng.random() < _ANSWER:
            with suppress(Rejected):
                return Draft(self._answer(self._language, context))
        return Draft(self._mutate(parents[0], rng, proposal.edits))

    def _answer(self, language: Answering, context: Context) -> str:
        """An answer to the verdict of the first parent that was not judged before."""
        parent = context.parents[0]
        if parent.verdict is None:
            raise Rejected("the parent is still judged")
        for _ in range(_TRIES):
            with task_code(self._task.name, "language.answer"):
                source = self._text(language.answer(parent.program, parent.verdict, context.rng), "answer")
            if context.known(check_source(self._task, source).key) is None:
                return source
        raise Rejected(f"{_TRIES} answers were all judged before")

    def _mutate(self, program: Program, rng: random.Random, edits: int) -> str:
        with task_code(self._task.name, "language.mutate"):
            return self._text(self._language.mutate(program, rng, edits), "mutate")

    def _text(self, source: object, verb: str) -> str:
        if not isinstance(source, str):
            raise TaskError(f"language.{verb} of task {self._task.name!r} must return text; got {source!r:.100}")
        return source
