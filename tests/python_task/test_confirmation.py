from __future__ import annotations

import random
from collections.abc import Sequence
from types import ModuleType

import pytest

from discovery.model import Evidence
from discovery.task import Context
from discovery.tasks.python import Case, PythonTask


def confirm(task: PythonTask, context: Context, source: str) -> Evidence:
    return task.confirm(task.language.check(source), context)


def test_a_better_program_is_confirmed_against_the_best_seed(
    largest: PythonTask, context: Context, problem: ModuleType
) -> None:
    found = confirm(largest, context, problem.BEST)
    assert found.confirmed and found.p_value == 2**-12 and found.effect > 0.1
    assert found.interval[0] > 0 and found.interval[0] < found.effect < found.interval[1]
    assert {name: entry["held_out"] for name, entry in found.cases.items()} == {"fresh": False, "held-out": True}
    assert all(mine == 1.0 > theirs for mine, theirs in found.data["pairs"]["fresh"])


def test_the_same_confirmation_repeats(largest: PythonTask, context: Context, problem: ModuleType) -> None:
    assert confirm(largest, context, problem.BEST) == confirm(largest, context, problem.BEST)


@pytest.mark.parametrize("index", ["0", "-1", "1", "-2", "2"])
def test_a_program_no_better_than_a_seed_is_not_confirmed(largest: PythonTask, context: Context, index: str) -> None:
    found = confirm(largest, context, f"def solve(numbers):\n    return numbers[{index}]\n")
    assert not found.confirmed and found.p_value is not None and found.p_value > largest.alpha
    assert "Not confirmed" in found.claim


def test_a_worse_program_is_said_to_be_worse(largest: PythonTask, context: Context) -> None:
    found = confirm(largest, context, "def solve(numbers):\n    return min(numbers)\n")
    assert not found.confirmed and found.effect < 0 and found.claim.startswith("Does not beat")


def test_one_failure_on_fresh_cases_is_enough(largest: PythonTask, context: Context) -> None:
    fussy = "def solve(numbers):\n    return max(numbers) if sum(numbers) % 5 else None\n"
    found = confirm(largest, context, fussy)
    assert not found.confirmed and "failed on" in found.claim and found.data["failures"]


def test_what_does_not_carry_over_is_not_confirmed(largest: PythonTask, context: Context) -> None:
    found = confirm(
        largest, context, "def solve(numbers):\n    return max(numbers) if len(numbers) < 20 else min(numbers)\n"
    )
    assert not found.confirmed and "carry over" in found.claim
    assert found.cases["fresh"]["effect"] > 0 > found.cases["held-out"]["effect"]


def test_a_fixed_instance_is_recomputed_not_estimated(context: Context, problem: ModuleType) -> None:
    found = confirm(problem.Fixed(), context, problem.BEST)
    assert found.confirmed and found.p_value is None and "nothing is claimed beyond" in found.claim
    same = confirm(problem.Fixed(), context, problem.FIRST + "# the seed itself, or no better\n")
    assert not same.confirmed


class _FewInstances:
    def __call__(self, task: PythonTask, rng: random.Random) -> Sequence[Case]:
        return [task.case(random.Random(rng.randint(1, 3)), "five", 5)]  # type: ignore[attr-defined]


def test_repeated_cases_are_counted_once(
    context: Context, problem: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = problem.Largest()
    few = _FewInstances()
    monkeypatch.setattr(type(task), "cases", lambda self, rng: few(self, rng))
    found = confirm(task, context, problem.BEST)
    assert not found.confirmed and len(found.data["pairs"]["fresh"]) == 3 and found.p_value == 2**-3
    assert "3 different sets of cases, too few" in found.claim
