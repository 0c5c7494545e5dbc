"""A program that is to work online does not look ahead."""

from __future__ import annotations

from random import Random
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.errors import TaskError
from discovery.task import Context
from discovery.tasks.python.online import beginning, continues

LIMIT = "def solve(numbers):\n    return "
HONEST = {
    "so far": "[max(numbers[: i + 1]) for i in range(len(numbers))]",
    "array": "__import__('numpy').maximum.accumulate(numbers).tolist()",
    "floats": "__import__('numpy').cumsum([n / 3 for n in numbers]).tolist()",
    "random, with a seed of its own": "[__import__('random').Random(i).random() for i in range(len(numbers))]",
}
AHEAD = {
    "the largest of all": "[max(numbers)] * len(numbers)",
    "the last": "[numbers[-1]] * len(numbers)",
    "the length": "[len(numbers)] * len(numbers)",
    "the next": "[*numbers[1:], 0]",
    "nothing for what is cut": "[max(numbers)] * len(numbers) if len(numbers) in (5, 9) else []",
    "as if for all of it": "[max(numbers)] * (len(numbers) if len(numbers) in (5, 9) else 5)",
    "nothing but errors for what is cut": "[max(numbers)] * len(numbers) if len(numbers) in (5, 9) else 1 // 0",
}


def judge(problem: ModuleType, context: Context, body: str) -> Any:
    task = problem.Running()
    return task.evaluate(task.language.check(LIMIT + body + "\n"), task.stages[0], 0, context)


@pytest.mark.parametrize("name", HONEST)
def test_who_works_online_is_scored(problem: ModuleType, context: Context, name: str) -> None:
    assert judge(problem, context, HONEST[name]).status == "scored"


@pytest.mark.parametrize("name", AHEAD)
def test_who_looks_ahead_is_not(problem: ModuleType, context: Context, name: str) -> None:
    verdict = judge(problem, context, AHEAD[name])
    assert verdict.status == "invalid" and verdict.score is None
    assert "beginning of `numbers`" in verdict.message


def test_where_the_stream_is_cut_differs_from_program_to_program(problem: ModuleType, context: Context) -> None:
    """Else the first program that is refused would tell the next where not to look ahead."""
    task, cuts = problem.Running(), set()
    call = type(context.slot).call

    class Slot:
        def call(self, payload: Any, *rest: Any) -> Any:
            cuts.add(len(payload["inputs"]["dict"]["numbers"]))
            return call(context.slot, payload, *rest)

    for number in range(12):
        program = task.language.check(f"{LIMIT}[{number} for _ in numbers]\n")
        other = Context(Slot(), context.seed, context.limits)  # type: ignore[arg-type]
        assert task.evaluate(program, task.stages[0], 0, other).status == "scored"
    assert len(cuts - {5, 9}) >= 3


def test_a_case_without_the_stream_stops_the_run(
    problem: ModuleType, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(problem.Running, "online", "sizes")
    with pytest.raises(TaskError, match="has no list or array 'sizes'"):
        judge(problem, context, HONEST["so far"])


@given(st.lists(st.integers(), min_size=2, max_size=60), st.integers(0, 999))
def test_a_beginning_is_one(numbers: list[int], seed: int) -> None:
    for stream in (numbers, np.array(numbers, dtype=object)):
        start = list(beginning(stream, Random(seed)))
        assert len(numbers) // 4 <= len(start) < len(numbers) and start == numbers[: len(start)]


@pytest.mark.parametrize(
    ("whole", "start", "missing", "holds"),
    [
        ([1, 2, 3], [1, 2], 1, True),
        ([1, 2, 3], [1, 3], 1, False),
        ([1, 2, 3], [1], 1, False),
        ([1, 2, 3], [], 3, True),
        (np.array([0.1 + 0.2, 1.0]), np.array([0.3]), 1, True),
        (np.array([0.3001, 1.0]), np.array([0.3]), 1, False),
        ([[1, "a"], {"b": 0.5}, 0], [[1, "a"], {"b": 0.5}], 1, True),
        ([[1, "a"], {"b": 0.5}, 0], [[1, "a"], {"c": 0.5}], 1, False),
        ([[1, 2], 0], [[1]], 1, False),
        ([True, 0], [True], 1, True),
        (["1", 0], [1.0], 1, False),
        ({"a": 1}, {"a": 1}, 0, False),
        (3, 3, 0, False),
    ],
)
def test_what_goes_on_from_a_beginning(whole: Any, start: Any, missing: int, holds: bool) -> None:
    assert continues(whole, start, missing) is holds
