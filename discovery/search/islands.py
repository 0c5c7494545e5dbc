"""Islands: a MAP-Elites grid on each, ring migration, periodic reset of the weaker half.

Mouret and Clune, "Illuminating search spaces by mapping elites", arXiv 1504.04909; islands and their reset as in
FunSearch (Romera-Paredes et al., Nature 625, 2024).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from discovery.search._base import Strategy
from discovery.store import Outcome
from discovery.task import Feature

__all__ = ["Islands", "cell_of"]

Cell = tuple[int, ...]


class Islands(Strategy):
    """Each island holds, for every cell of the grid that the task's features span, the best program found there.

    Proposal k belongs to island k mod `islands`, and so does its program; the seeds belong to all. Parents are the
    winners of small tournaments between cells drawn uniformly, both from one island.

    Args:
        seeds: Keys of the seed programs: the parents on an empty island.
        features: The grid's axes, as the task declares them; at least one.
        islands: Number of islands.
        migrate: Every how many outcomes each island's best is offered to the next one.
        reset: Every how many outcomes the weaker half of the islands is emptied, and each founded anew by the best of
            one of the stronger half.
        options: As for `Strategy`.
    """

    version = 2

    def __init__(
        self,
        seeds: Sequence[str],
        *,
        features: Sequence[Feature],
        islands: int,
        migrate: int,
        reset: int,
        **options: Any,
    ) -> None:
        super().__init__(seeds, **options)
        self.features = tuple(features)
        self.migrate, self.reset = migrate, reset
        self._islands = [_Island() for _ in range(islands)]
        self._told = 0

    def pool(self, index: int) -> Sequence[str]:
        """The programs of the island whose turn it is."""
        return [key for _, key in self._islands[index % len(self._islands)].members]

    def tell(self, outcome: Outcome) -> None:
        """See `Strategy.tell`; then it may be time to migrate, or to reset."""
        super().tell(outcome)
        self._told += 1
        if self._told % self.reset == 0:
            self._found_anew()
        elif self._told % self.migrate == 0:
            self._send()

    def take(self, key: str, outcome: Outcome) -> None:
        """It settles in its cell if it is better than who lives there."""
        features = outcome.verdict.evidence.get("features", {})
        cell = cell_of(features if isinstance(features, Mapping) else {}, self.features)
        own = outcome.proposal.index % len(self._islands)
        everywhere = outcome.proposal.operator == "seed"
        for number, island in enumerate(self._islands):
            if everywhere or number == own:
                self._settle(island, cell, key)

    def drop(self, key: str) -> None:
        """Its cells are empty again."""
        for island in self._islands:
            for cell in [cell for cell, place in island.places.items() if island.members[place][1] == key]:
                island.remove(cell)

    def _settle(self, island: _Island, cell: Cell, key: str) -> None:
        holder = island.holder(cell)
        if holder is None or self.estimates.value(key) > self.estimates.value(holder):
            island.put(cell, key)

    def _best(self, island: _Island) -> tuple[float, Cell, str] | None:
        return max(((self.estimates.value(key), cell, key) for cell, key in island.members), default=None)

    def _send(self) -> None:
        travellers = [self._best(island) for island in self._islands]
        for number, traveller in enumerate(travellers):
            if traveller is not None:
                self._settle(self._islands[(number + 1) % len(self._islands)], *traveller[1:])

    def _found_anew(self) -> None:
        best = [self._best(island) for island in self._islands]
        ranked = sorted(range(len(best)), key=lambda number: (best[number] or (-math.inf, (), ""))[0], reverse=True)
        strong = len(ranked) - len(ranked) // 2
        for place, number in enumerate(ranked[strong:]):
            founder = best[ranked[place]]
            self._islands[number] = _Island()
            if founder is not None:
                self._settle(self._islands[number], *founder[1:])


class _Island:
    """Occupied cells with their programs, in a list to draw from and with their places to find them."""

    def __init__(self) -> None:
        self.members: list[tuple[Cell, str]] = []
        self.places: dict[Cell, int] = {}

    def holder(self, cell: Cell) -> str | None:
        place = self.places.get(cell)
        return None if place is None else self.members[place][1]

    def put(self, cell: Cell, key: str) -> None:
        place = self.places.setdefault(cell, len(self.members))
        self.members[place : place + 1] = [(cell, key)]

    def remove(self, cell: Cell) -> None:
        place, last = self.places.pop(cell), self.members.pop()
        if place < len(self.members):
            self.members[place] = last
            self.places[last[0]] = place


def cell_of(values: Mapping[str, Any], features: Sequence[Feature]) -> Cell:
    """The cell of a program with these feature `values`; beyond an end of an axis is its last bin, and so is a value
    that is missing or no number.

    >>> cell_of({"size": 30}, [Feature("size", 1, 100, bins=10, log=True), Feature("state", 0, 4, bins=4)])
    (7, 3)
    """
    return tuple(_bin(values.get(feature.name), feature) for feature in features)


def _bin(value: Any, feature: Feature) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return feature.bins - 1
    low, high = feature.low, feature.high
    if feature.log:
        value, low, high = math.log(max(value, low)), math.log(low), math.log(high)
    return min(max(int(feature.bins * (value - low) / (high - low)), 0), feature.bins - 1)
