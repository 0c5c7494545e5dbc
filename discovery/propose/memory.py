"""What a run remembers of the outcomes told so far, and the context of the next proposal made from it."""

from __future__ import annotations

import bisect
import random
from collections.abc import Sequence

from discovery.model import Proposal
from discovery.propose._base import Context, Parent, Told
from discovery.store import Journal, Outcome

__all__ = ["Memory"]

_RECENT = 40
_BEST = 12
_MESSAGE = 300


class Memory:
    """Outcomes in the order told. Taking one in, and making a context, cost the same at ten and at ten thousand.

    Args:
        journal: Gives programs, ideas and the verdicts of parents.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._told: list[Told] = []
        self._first: dict[str, int] = {}
        self._behaviours: dict[str, Told] = {}
        self._best: list[tuple[float, int]] = []

    def __len__(self) -> int:
        return len(self._told)

    def tell(self, outcome: Outcome) -> None:
        """Take in the next outcome."""
        row, verdict = self._journal.proposal(outcome.index), outcome.verdict
        behaviour = verdict.evidence.get("fingerprint")
        twin = self._behaviours.get(behaviour) if isinstance(behaviour, str) else None
        told = Told(
            index=outcome.index,
            operator=row.proposal.operator,
            key=outcome.key,
            status=verdict.status,
            score=verdict.score,
            message=" ".join(verdict.message.split())[:_MESSAGE],
            idea=row.idea,
            gain=self._gain(row.proposal, verdict.score),
            like=None if twin is None or twin.key == outcome.key else twin.index,
        )
        place = len(self._told)
        self._told.append(told)
        if isinstance(behaviour, str):
            self._behaviours.setdefault(behaviour, told)
        if outcome.key is None or outcome.key in self._first:
            return
        self._first[outcome.key] = place
        if verdict.score is not None:
            bisect.insort(self._best, (-verdict.score, place))
            del self._best[_BEST:]

    def _gain(self, proposal: Proposal, score: float | None) -> float | None:
        places = [self._first[key] for key in proposal.parents if key in self._first]
        scores = [found for place in places if (found := self._told[place].score) is not None]
        return None if score is None or not scores else score - max(scores)

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
            recent=tuple(self._told[-_RECENT:]),
            best=tuple(self._told[first] for _, first in self._best),
            known=known,
            lessons=lessons,
            hints=hints,
        )

    def _parent(self, key: str) -> Parent:
        row = self._journal.program_row(key)
        return Parent(row.program, row.verdict if key in self._first else None)
