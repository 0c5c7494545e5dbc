"""The problem of these tests: name the largest number of a list. Small, exact, and easy to get wrong."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from discovery.sandbox import Limits
from discovery.task import Seed
from discovery.tasks.python import Case, Invalid, PythonTask

FIRST = "def solve(numbers):\n    return numbers[0]\n"
LAST = "def solve(numbers):\n    return numbers[-1]\n"
BEST = "def solve(numbers):\n    return max(numbers)\n"
SECRET = "the-answer-is-4711"


class Largest(PythonTask):
    name = "largest"
    statement = "Return a number of the list `numbers`; larger is better."
    entry = "solve"
    score_name = "share of the largest"
    worst = -1.0
    limits = Limits(wall_seconds=10, cpu_seconds=1, memory_bytes=128 << 20, processes=4, answer_bytes=1 << 20)

    def seeds(self) -> Sequence[Seed]:
        return [Seed("first", FIRST), Seed("last", LAST)]

    def cases(self, rng: random.Random) -> Sequence[Case]:
        return [self.case(rng, "five", 5), self.case(rng, "nine", 9)]

    def held_out(self, rng: random.Random) -> Sequence[Case]:
        return [self.case(rng, "thirty", 30)]

    def case(self, rng: random.Random, name: str, count: int) -> Case:
        numbers = [rng.randint(1, 1000) for _ in range(count)]
        return Case(name, {"numbers": numbers}, hidden={"largest": max(numbers), "note": SECRET})

    def score(self, case: Case, answer: Any) -> float:
        if answer not in case.inputs["numbers"]:
            raise Invalid(f"{answer!r:.100} is not in the list")
        return float(answer / case.hidden["largest"])


class Fixed(Largest):
    """One instance, always the same."""

    name = "fixed"

    def cases(self, rng: random.Random) -> Sequence[Case]:
        return [self.case(random.Random(1), "five", 5)]

    def held_out(self, rng: random.Random) -> Sequence[Case]:
        return ()


class Arrays(Largest):
    """A matrix in, its row sums out."""

    name = "arrays"

    def seeds(self) -> Sequence[Seed]:
        return [Seed("sums", "def solve(matrix):\n    return matrix.sum(axis=1)\n")]

    def cases(self, rng: random.Random) -> Sequence[Case]:
        generator = np.random.default_rng(rng.getrandbits(64))
        return [Case(f"{n} rows", {"matrix": generator.normal(size=(n, 3))}) for n in (2, 5)]

    def held_out(self, rng: random.Random) -> Sequence[Case]:
        return ()

    def score(self, case: Case, answer: Any) -> float:
        wanted = case.inputs["matrix"].sum(axis=1)
        if not isinstance(answer, np.ndarray) or answer.shape != wanted.shape:
            raise Invalid(f"expected an array of shape {wanted.shape}")
        return -float(np.abs(answer - wanted).max())


class Running(Largest):
    """The largest number so far, for each of a stream."""

    name = "running"
    online = "numbers"

    def score(self, case: Case, answer: Any) -> float:
        if not isinstance(answer, list) or len(answer) != len(case.inputs["numbers"]):
            raise Invalid("one number each")
        return float(sum(answer)) / sum(case.inputs["numbers"])
