"""Online bin packing: where to put each item, before the next one is known."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

from discovery.tasks.python import Case, Invalid, PythonTask

CAPACITY = 100


class BinPacking(PythonTask):
    """A heuristic is scored by how few bins it needs."""

    name = "bin-packing"
    statement = f"""Pack items into as few bins as possible, online: each item is placed before the next one is seen.
`pack(sizes)` gets a list of whole numbers from 1 to {CAPACITY}, in the order in which the items arrive. It returns a
list of equal length: for each item the number of its bin, 0, 1, 2 and so on. The sizes in one bin must not exceed
{CAPACITY} in total."""
    entry = "pack"
    score_name = "lower bound on bins / bins used"
    worst = 0.0

    def cases(self, rng: random.Random) -> Sequence[Case]:
        """Sizes drawn evenly, and sizes of the Weibull kind that real streams show."""
        even = [rng.randint(10, 60) for _ in range(150)]
        return [Case("even", {"sizes": even}), Case("weibull", {"sizes": _weibull(rng, 150)})]

    def held_out(self, rng: random.Random) -> Sequence[Case]:
        """Longer streams."""
        return [Case("weibull-long", {"sizes": _weibull(rng, 600)})]

    def score(self, case: Case, answer: Any) -> float:
        """The least number of bins that any packing needs, over the number used."""
        sizes = case.inputs["sizes"]
        if not isinstance(answer, list) or len(answer) != len(sizes):
            raise Invalid(f"the answer must be a list of {len(sizes)} bins, one for each item")
        if not all(type(number) is int and 0 <= number < len(sizes) for number in answer):
            raise Invalid(f"each bin must be a whole number from 0 to {len(sizes) - 1}")
        loads: dict[int, int] = {}
        for size, number in zip(sizes, answer, strict=True):
            loads[number] = loads.get(number, 0) + size
        if max(loads.values()) > CAPACITY:
            raise Invalid(f"a bin holds {max(loads.values())}, more than {CAPACITY}")
        return math.ceil(sum(sizes) / CAPACITY) / len(loads)


def _weibull(rng: random.Random, count: int) -> list[int]:
    return [max(1, min(CAPACITY, round(rng.weibullvariate(45, 3)))) for _ in range(count)]


task = BinPacking()
