"""Pareto: parents from the front over the scores of cases, by how many cases they lead.

Agrawal et al., "GEPA: Reflective Prompt Evolution Can Outperform Reinforcement Learning", arXiv 2507.19457,
Algorithm 2.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from typing import Any

from discovery.search._base import Strategy
from discovery.store import Outcome

__all__ = ["Pareto"]

#: Programs remembered per case: a leader that falls when it is measured again has a successor, and ties cost the same
#: however many there are.
_DEPTH = 8


class Pareto(Strategy):
    """A program is a parent when on some case none is better; it is drawn by the number of cases that it leads.

    Among equals on a case the better by overall score counts, then the older. Programs are compared on the cases of the
    last stage only; while none reached it, on what there is. Cases without scores count as one, the score itself.

    Args:
        seeds: Keys of the seed programs: the parents while nothing is scored.
        options: As for `Strategy`.
    """

    version = 2

    def __init__(self, seeds: Sequence[str], **options: Any) -> None:
        super().__init__(seeds, **options)
        self._ranked: dict[str, list[str]] = {}
        self._cases: dict[str, dict[str, float]] = {}
        self._age: dict[str, int] = {}
        self._told = 0
        self._final = False
        self._front: dict[str, int] | None = None

    def parents(self, index: int, count: int, rng: random.Random) -> tuple[str, ...]:
        """Leaders of cases, drawn by how many each leads; beside leaders that all behave alike, a runner-up."""
        front = self.front()
        if not front:
            return super().parents(index, count, rng)
        first = rng.choices(list(front), list(front.values()))[0]
        others = self.apart(first, front, self._cases) if count > 1 else []
        return (first, *(rng.choices(others, [front.get(key, 1) for key in others]) if others else ()))

    def pool(self, index: int) -> Sequence[str]:
        """The leaders; see `front`."""
        return list(self.front())

    def front(self) -> dict[str, int]:
        """Programs that lead a case and that no other leader dominates, each with the number of cases that it leads."""
        if self._front is None:
            led: dict[str, int] = {}
            for name, ranked in self._ranked.items():
                top = self._cases[ranked[0]][name]
                for key in takewhile(lambda key: self._cases[key][name] == top, ranked):  # noqa: B023 - used at once
                    led[key] = led.get(key, 0) + 1
            self._front = {key: count for key, count in led.items() if not self._dominated(key, led)}
        return self._front

    def take(self, key: str, outcome: Outcome) -> None:
        """It is ranked on each of its cases."""
        final = self.estimates.last_stage(outcome)
        if final and not self._final:
            self._ranked, self._cases, self._age, self._final = {}, {}, {}, True
        if final == self._final and key not in self._cases:
            self._told += 1
            self._age[key] = self._told
            self._cases[key] = dict(_cases(outcome))
            self._rank(key)

    def drop(self, key: str) -> None:
        """It leads nothing any more."""
        self._front = None
        for name in [name for name, ranked in self._ranked.items() if key in ranked]:
            self._ranked[name].remove(key)
            if not self._ranked[name]:
                del self._ranked[name]
        self._cases.pop(key, None)
        self._age.pop(key, None)

    def revise(self, key: str, outcome: Outcome) -> None:
        """Its cases move to the means over its measurements, and it is ranked anew."""
        own = self._cases.get(key)
        if own is None:
            return
        for name, score in _cases(outcome).items():
            if name in own:
                own[name] += (score - own[name]) / self.estimates.count(key)
        self._rank(key)

    def _rank(self, key: str) -> None:
        self._front = None
        fallen: set[str] = set()
        for name in self._cases[key]:
            ranked = self._ranked.setdefault(name, [])
            if key not in ranked:
                ranked.append(key)
            standing = {
                each: (-self._cases[each][name], -self.estimates.value(each), self._age[each]) for each in ranked
            }
            ranked.sort(key=standing.__getitem__)
            fallen.update(ranked[_DEPTH:])
            del ranked[_DEPTH:]
        for each in fallen:
            if not any(each in self._ranked.get(name, ()) for name in self._cases[each]):
                del self._cases[each], self._age[each]

    def _dominated(self, key: str, others: Iterable[str]) -> bool:
        """Whether another one is at least as good on every case, and better on one."""
        own = self._cases[key]
        for other in others:
            cases = self._cases[other]
            if other != key and cases.keys() == own.keys():
                at_least = all(cases[name] >= own[name] for name in own)
                if at_least and any(cases[name] > own[name] for name in own):
                    return True
        return False


def _cases(outcome: Outcome) -> Mapping[str, float]:
    return outcome.verdict.cases or {"score": outcome.verdict.score or 0.0}
