"""NAME: a task for discovery. Run it with `discovery run ./NAME`. What to change is marked CHANGE."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from discovery.tasks.python import Case, Invalid, PythonTask


class Problem(PythonTask):
    """The 0/1 knapsack problem. CHANGE: your own problem."""

    name = "NAME"
    # CHANGE: what programs get and must give; this is what a person, or a model, is told.
    statement = """Choose items to carry. `choose(values, weights, capacity)` gets two lists of equal length and a
number. It returns the list of the chosen positions; their weights must not exceed the capacity in total. More value is
better."""
    entry = "choose"
    score_name = "value, as a share of an upper bound"
    worst = 0.0

    def cases(self, rng: random.Random) -> Sequence[Case]:
        """CHANGE: fresh instances. Everything random comes from `rng`."""
        return [self._case(rng, f"items-{count}", count) for count in (10, 30, 100)]

    def held_out(self, rng: random.Random) -> Sequence[Case]:
        """Instances of another kind, which only `discovery confirm` uses. CHANGE, or leave this method out."""
        return [self._case(rng, "items-300", 300)]

    def score(self, case: Case, answer: Any) -> float:
        """CHANGE: judge an answer, never trust it. Higher is better."""
        values, weights = case.inputs["values"], case.inputs["weights"]
        if not isinstance(answer, list) or not all(type(item) is int for item in answer):
            raise Invalid("the answer must be a list of whole numbers, the chosen positions")
        if len(set(answer)) < len(answer) or not all(0 <= item < len(values) for item in answer):
            raise Invalid(f"each position must be one of 0 to {len(values) - 1}, and chosen once")
        load = sum(weights[item] for item in answer)
        if load > case.inputs["capacity"]:
            raise Invalid(f"the chosen items weigh {load}, more than the capacity {case.inputs['capacity']}")
        return float(sum(values[item] for item in answer) / case.hidden["bound"])

    def _case(self, rng: random.Random, name: str, count: int) -> Case:
        weights = [rng.randint(5, 100) for _ in range(count)]
        values = [weight + rng.randint(1, 60) for weight in weights]
        capacity = sum(weights) // 3
        inputs = {"values": values, "weights": weights, "capacity": capacity}
        # `hidden` stays with the scorer: it never enters the sandbox.
        return Case(name, inputs, hidden={"bound": _fractional_optimum(values, weights, capacity)})


def _fractional_optimum(values: list[int], weights: list[int], capacity: int) -> float:
    """Value when items may be cut: no choice of whole ones has more."""
    total, room = 0.0, capacity
    for value, weight in sorted(zip(values, weights, strict=True), key=lambda item: item[0] / item[1], reverse=True):
        share = min(1.0, room / weight)
        total += share * value
        room -= int(share * weight)
        if share < 1:
            break
    return total


task = Problem()
