"""The language as the engine sees it: check, describe, mutate, cross. Never solves or plays anything."""

from __future__ import annotations

import random
from collections.abc import Collection

from discovery.grammar.build import check
from discovery.grammar.canonical import canonical, full_key
from discovery.grammar.edit import NoEdit, mutate
from discovery.grammar.ir import Form
from discovery.model import Program, Rejected, Verdict
from discovery.tasks.nash.answers import answered
from discovery.tasks.nash.description import description
from discovery.tasks.nash.edits import joined
from discovery.tasks.nash.parsing import lower
from discovery.tasks.nash.printing import source_of
from discovery.tasks.nash.program import Program as Algorithm
from discovery.tasks.nash.reduce import improved, reduced
from discovery.tasks.nash.vocabulary import words

__all__ = ["NashLanguage"]

#: Probability that a program which seems longer than it needs to be is answered by the shorter one.
_SHORTER = 0.7


class NashLanguage:
    """Implements `discovery.task.Language` for algorithms that construct strategies.

    Args:
        players: Number of players, from 2.
        without: Names of blocks that it does not know.
    """

    def __init__(self, players: int, without: Collection[str] = ()) -> None:
        self.players = players
        self.words = words(players, frozenset(without))

    def lower(self, source: str) -> Form:
        """The checked form of a program. Raises `Rejected`."""
        return lower(source, self.words)

    def algorithm(self, source: str) -> Algorithm:
        """The program as it is compiled and run. Raises `Rejected`."""
        return Algorithm.of(self.lower(source), self.players)

    def check(self, source: str) -> Program:
        """See `Language.check`. Renaming the players of a program does not change its key."""
        keys = canonical(check(self.lower(source), self.words.vocabulary), self.words.vocabulary)
        return Program(source, keys.key, keys.skeleton)

    def describe(self) -> str:
        """See `Language.describe`."""
        return description(self.words)

    def mutate(self, program: Program, rng: random.Random, edits: int = 1) -> str:
        """See `Language.mutate`.

        Raises:
            Rejected: no different program was found; hardly ever.
        """
        try:
            form = mutate(self.lower(program.source), self.words.vocabulary, rng, edits)
        except NoEdit as error:
            raise Rejected(error.message) from error
        return source_of(self._short(form, program.key), self.words)

    def answer(self, program: Program, verdict: Verdict, rng: random.Random) -> str:
        """See `discovery.task.Answering`: `program` with statements that answer its worst case, or without those that
        its verdict says are idle."""
        shorter = verdict.evidence.get("shorter")
        if isinstance(shorter, str) and rng.random() < _SHORTER:
            return shorter
        worst = verdict.evidence.get("counterexample")
        if not isinstance(worst, dict):
            raise Rejected("expected a verdict with a counterexample")
        form = reduced(self.lower(program.source), self.words)
        return source_of(answered(form, worst, self.words, rng), self.words)

    def cross(self, first: Program, second: Program, rng: random.Random) -> str:
        """See `Language.cross`: the statements of `first`, then some of `second` with what they need."""
        form = joined(self.lower(first.source), self.lower(second.source), self.words, rng)
        return source_of(self._short(form, first.key), self.words)

    def _short(self, form: Form, parent: str) -> Form:
        """`form` without what the copy test shows to be worth nothing, unless that is the parent again."""
        try:
            shorter = improved(form, self.words)
            key = full_key(check(shorter, self.words.vocabulary), self.words.vocabulary)
        except Rejected:
            return form  # what was assumed is not free any more
        return form if key == parent else shorter
