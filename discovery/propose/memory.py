"""What a run remembers of the outcomes told so far, and the context of the next proposal made from it."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from discovery.model import MEASURE, Proposal
from discovery.propose._base import Context, Parent, Told
from discovery.store import Journal, Outcome

__all__ = ["Memory", "Standing"]

_RECENT = 40
_BEST = 12
_MESSAGE = 300


class Standing(Protocol):
    """What programs are worth by all their measurements, told the same outcomes (`discovery.search.Estimates`)."""

    def value(self, key: str) -> float:
        """The estimate; -inf for a program without one."""
        ...

    def count(self, key: str) -> int:
        """How often the program was measured."""
        ...

    def best(self, count: int) -> list[str]:
        """The best programs, the best first."""
        ...


class Memory:
    """Outcomes in the order told. Taking one in, and making a context, cost the same at ten and at ten thousand.

    Args:
        journal: Gives programs, ideas and the verdicts of parents.
        standing: What programs are worth; it is told each outcome before the memory is.
    """

    def __init__(self, journal: Journal, standing: Standing) -> None:
        self._journal, self._standing = journal, standing
        self._told: list[Told] = []
        self._first: dict[str, int] = {}
        self._behaviours: dict[str, Told] = {}

    def __len__(self) -> int:
        return len(self._told)

    def tell(self, outcome: Outcome) -> None:
        """Take in the next outcome."""
        row, verdict = self._journal.proposal(outcome.index), outcome.verdict
        behaviour = verdict.behaviour
        twin = None if behaviour is None else self._behaviours.get(behaviour)
        told = Told(
            index=outcome.index,
            operator=row.proposal.operator,
            key=outcome.key,
            status=verdict.status,
            score=verdict.score,
            message=" ".join(verdict.message.split())[:_MESSAGE],
            idea=row.idea,
            gain=None if row.proposal.operator == MEASURE else self._gain(row.proposal.parents, outcome.key),
            like=None if twin is None or twin.key == outcome.key else twin.index,
            parents=row.proposal.parents,
        )
        place = len(self._told)
        self._told.append(told)
        if behaviour is not None:
            self._behaviours.setdefault(behaviour, told)
        if outcome.key is not None:
            self._first.setdefault(outcome.key, place)

    def _gain(self, parents: Sequence[str], key: str | None) -> float | None:
        """Estimate against estimate: a score against an estimate would differ where nothing does."""
        value = -math.inf if key is None else self._standing.value(key)
        best = max(map(self._standing.value, parents), default=-math.inf)
        return None if -math.inf in (value, best) else value - best

    def _now(self, key: str) -> Told:
        """What was told of a program first, at what it is worth now."""
        told, value = self._told[self._first[key]], self._standing.value(key)
        return replace(told, score=value, gain=self._gain(told.parents, key), measured=self._standing.count(key))

    def since(self, start: int, end: int) -> Sequence[Told]:
        """The outcomes told as number `start` up to, not including, `end`, from 0."""
        return self._told[start:end]

    def context(
        self, proposal: Proposal, rng: random.Random, lessons: tuple[str, ...] = (), hints: tuple[str, ...] = ()
    ) -> Context:
        """The context of a proposal that is asked now: it stays as it is when more is told later."""
        place = len(self._told)

        def known(key: str) -> Told | None:
            first = self._first.get(key, place)
            return self._told[first] if first < place else None

        return Context(
            rng=rng,
            parents=tuple(self._parent(key) for key in proposal.parents),
            recent=tuple(told for told in self._told[-_RECENT:] if told.operator != MEASURE),
            best=tuple(map(self._now, self._standing.best(_BEST))),
            known=known,
            lessons=lessons,
            hints=hints,
        )

    def _parent(self, key: str) -> Parent:
        row, first = self._journal.program_row(key), self._first.get(key)
        if first is None:
            return Parent(row.program, None)
        value = self._standing.value(key)
        estimate = None if value == -math.inf else value
        told = self._told[first]
        return Parent(row.program, row.verdict, estimate, self._standing.count(key), told.like, told.index)
