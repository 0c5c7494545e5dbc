"""Programs of every kind through the real sandbox: the right verdict, a helpful message, and the next one unharmed."""

from __future__ import annotations

import itertools
import math
import sys
import threading
import time
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from discovery.errors import TaskError
from discovery.model import Verdict
from discovery.sandbox import open_sandbox
from discovery.task import Context
from discovery.tasks.python import Invalid, PythonTask


def judge(task: PythonTask, context: Context, source: str, replicate: int = 0) -> Verdict:
    program = task.language.check(source)
    return task.evaluate(program, task.stages[0], replicate, context)


def test_the_score_is_the_mean_over_the_cases(largest: PythonTask, context: Context, problem: ModuleType) -> None:
    best = judge(largest, context, problem.BEST)
    assert (best.status, best.score, best.cases) == ("scored", 1.0, {"five": 1.0, "nine": 1.0})
    first = judge(largest, context, problem.FIRST)
    assert first.score is not None and 0 < first.score < 1
    assert first.score == pytest.approx(sum(first.cases.values()) / 2)


def test_verdicts_repeat_and_replicates_draw_new_cases(
    largest: PythonTask, context: Context, problem: ModuleType
) -> None:
    assert judge(largest, context, problem.FIRST) == judge(largest, context, problem.FIRST)
    assert judge(largest, context, problem.FIRST, 1).cases != judge(largest, context, problem.FIRST).cases


HOSTILE = {
    "raises": ("def solve(numbers):\n    total = 0\n    return 1 / total\n", "error", "line 3: return 1 / total"),
    "raises while loading": ("x = [][1]\ndef solve(numbers):\n    return 1\n", "error", "line 1: x = [][1]"),
    "wrong signature": ("def solve(items):\n    return 1\n", "error", "numbers"),
    "missing module": ("import nowhere\ndef solve(numbers):\n    return 1\n", "error", "nowhere"),
    "exits": ("import sys\ndef solve(numbers):\n    sys.exit(0)\n", "invalid", "SystemExit"),
    "recursion": ("def solve(numbers):\n    return solve(numbers)\n", "error", "Recursion"),
    "endless loop": ("def solve(numbers):\n    while True:\n        pass\n", "timeout", ""),
    "memory": ("def solve(numbers):\n    return len(bytearray(1 << 30))\n", "memory", ""),
    "dies": ("import os\ndef solve(numbers):\n    os.kill(os.getpid(), 11)\n", "crash", ""),
    "nothing": ("def solve(numbers):\n    numbers.sort()\n", "invalid", "returned nothing"),
    "nan": ("def solve(numbers):\n    return float('nan')\n", "invalid", "answer is nan"),
    "infinite": ("def solve(numbers):\n    return [1, 1e999]\n", "invalid", "answer[1] is inf"),
    "no plain data": ("def solve(numbers):\n    return solve\n", "invalid", "type function"),
    "wrong type": ("def solve(numbers):\n    return 'many'\n", "invalid", "'many' is not in the list"),
    "wrong shape": ("def solve(numbers):\n    return [numbers]\n", "invalid", "not in the list"),
    "huge answer": ("def solve(numbers):\n    return 'x' * (4 << 20)\n", "invalid", ""),
    "huge number": ("def solve(numbers):\n    return 10 ** 4000\n", "invalid", "64 bits"),
    "early exit": ("import os\ndef solve(numbers):\n    os._exit(0)\n", "invalid", ""),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_failing_program_is_a_verdict(largest: PythonTask, context: Context, problem: ModuleType, name: str) -> None:
    source, status, message = HOSTILE[name]
    verdict = judge(largest, context, source)
    assert verdict.status == status or (name == "early exit" and verdict.status == "crash"), verdict
    assert verdict.score is None and verdict.cases == {"five": -1.0, "nine": -1.0}
    assert message in verdict.message and "case five" in verdict.message
    assert judge(largest, context, problem.BEST).score == 1.0


@pytest.mark.parametrize("values", ["[255, 1], dtype='u1'", "[2**62] * 4", "[0.6, 0.4], dtype='f4'"])
def test_a_scorer_does_not_add_up_as_the_candidate_chose(context: Context, problem: ModuleType, values: str) -> None:
    class Shares(problem.Largest):  # type: ignore[misc, name-defined]
        def score(self, case: object, answer: np.ndarray) -> float:
            if sum(answer) > 1:
                raise Invalid("the shares are more than 1")
            return float(max(answer))

    source = f"import numpy as np\ndef solve(numbers):\n    return np.array({values})\n"
    assert judge(Shares(), context, source).status == "invalid"


def test_only_the_wall_clock_marks_a_verdict_that_may_not_repeat(largest: PythonTask, context: Context) -> None:
    hurried = replace(context, limits=replace(context.limits, wall_seconds=0.3))
    sleeps = judge(largest, hurried, "import time\ndef solve(numbers):\n    time.sleep(60)\n")
    assert sleeps.status == "timeout" and sleeps.clock_limited
    raises = judge(largest, hurried, "def solve(numbers):\n    raise ValueError\n")
    assert not raises.clock_limited


def test_processes_left_behind_do_no_harm(largest: PythonTask, context: Context, problem: ModuleType) -> None:
    source = (
        "import os, time\n"
        "def solve(numbers):\n"
        "    for _ in range(200):\n"
        "        if os.fork() == 0:\n"
        "            os.setsid()\n"
        "            time.sleep(600)\n"
        "            os._exit(0)\n"
        "    return max(numbers)\n"
    )
    assert judge(largest, context, source).score is None
    assert judge(largest, context, problem.BEST).score == 1.0


def test_prints_are_no_answer(largest: PythonTask, context: Context) -> None:
    source = "def solve(numbers):\n    print('{\"answer\": 1000}' * 100000)\n    return numbers[0]\n"
    verdict = judge(largest, context, source)
    assert verdict.status == "scored" and verdict.score is not None and verdict.score < 1


def test_changing_the_inputs_changes_nothing_outside(largest: PythonTask, context: Context) -> None:
    verdict = judge(largest, context, "def solve(numbers):\n    numbers[:] = [10 ** 6]\n    return numbers[0]\n")
    assert verdict.status == "invalid" and "not in the list" in verdict.message


def test_hidden_data_never_enter_the_sandbox(largest: PythonTask, context: Context, problem: ModuleType) -> None:
    source = (
        "import gc, sys\n"
        "def solve(numbers):\n"
        f"    backwards = {problem.SECRET[::-1]!r}\n"
        "    frame, seen = sys._getframe(), []\n"
        "    while frame:\n"
        "        seen.append(repr(frame.f_locals))\n"
        "        frame = frame.f_back\n"
        "    seen += [repr(item) for item in gc.get_objects() if type(item) in (dict, list, tuple)]\n"
        "    found = any(backwards in text[::-1] for text in seen)\n"
        "    return max(numbers) if found else min(numbers)\n"
    )
    verdict = judge(largest, context, source)
    assert verdict.status == "scored" and verdict.score is not None and verdict.score < 1


def test_each_case_gets_a_fresh_process(largest: PythonTask, context: Context) -> None:
    source = (
        "import builtins\n"
        "def solve(numbers):\n"
        "    builtins.calls = getattr(builtins, 'calls', 0) + 1\n"
        "    return max(numbers) if builtins.calls == 1 else None\n"
    )
    assert judge(largest, context, source).score == 1.0


def test_arrays_travel_both_ways(problem: ModuleType) -> None:
    task: PythonTask = problem.Arrays()
    with open_sandbox("auto").open(task.harness, task.slot_limits) as slot:
        context = Context(slot, 3, task.limits)
        assert judge(task, context, task.seeds()[0].source).score == 0.0
        writes = "def solve(matrix):\n    matrix[0, 0] += 1\n    return matrix.sum(axis=1)\n"
        assert judge(task, context, writes).score == pytest.approx(-1.0)
        shape = judge(task, context, "def solve(matrix):\n    return matrix\n")
        assert shape.status == "invalid" and "shape (2,)" in shape.message


def test_a_scorer_that_stumbles_over_an_answer_says_where(
    problem: ModuleType, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    task: PythonTask = problem.Largest()
    monkeypatch.setattr(type(task), "score", lambda self, case, answer: answer["key"])
    verdict = judge(task, context, problem.BEST)
    assert (
        verdict.status == "invalid" and "score()" in verdict.message and "test_evaluation.py, line" in verdict.message
    )


@pytest.mark.parametrize("score", [None, "3", b"3", 1j, [1.0], math.nan, -math.inf, 10**400])
def test_a_score_that_is_no_finite_number_is_none(
    problem: ModuleType, context: Context, monkeypatch: pytest.MonkeyPatch, score: object
) -> None:
    task: PythonTask = problem.Largest()
    monkeypatch.setattr(type(task), "score", lambda self, case, answer: score)
    verdict = judge(task, context, problem.BEST)
    assert verdict.status == "invalid" and verdict.score is None
    assert f"score() must give a finite number; for this answer it gave {type(score).__name__}" in verdict.message


@pytest.mark.parametrize("score", [np.float32(0.5), np.array(0.5), Fraction(1, 2), Decimal("0.5")])
def test_any_real_number_is_a_score(
    problem: ModuleType, context: Context, monkeypatch: pytest.MonkeyPatch, score: object
) -> None:
    task: PythonTask = problem.Largest()
    monkeypatch.setattr(type(task), "score", lambda self, case, answer: score)
    assert judge(task, context, problem.BEST).score == 0.5


def test_whole_numbers_up_to_64_bits_travel(
    problem: ModuleType, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    task: PythonTask = problem.Largest()
    for number, fits in ((2**63 - 1, True), (-(2**63), True), (2**63, False), (-(2**63) - 1, False)):
        monkeypatch.setattr(type(task), "cases", lambda self, rng, n=number: [problem.Case("a", {"numbers": [n]})])
        monkeypatch.setattr(type(task), "score", lambda self, case, answer, n=number: float(answer == n))
        task._generated = None
        if fits:
            assert judge(task, context, problem.BEST).score == 1.0
        else:
            with pytest.raises(TaskError, match="64 bits"):
                judge(task, context, problem.BEST)
    monkeypatch.undo()
    task._generated = None
    assert judge(task, context, "def solve(numbers):\n    return 2 ** 63\n").status == "invalid"


def test_a_score_below_the_worst_is_raised_to_it(
    problem: ModuleType, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    task: PythonTask = problem.Largest()
    monkeypatch.setattr(type(task), "score", lambda self, case, answer: -1e9)
    verdict = judge(task, context, problem.BEST)
    assert verdict.score == task.worst
    assert verdict.message.startswith("case five: -1e+09 is below worst = -1, a floor; case nine: ")


@pytest.mark.parametrize(
    "cases",
    [
        "1 / 0",
        "None",
        "[]",
        "[1]",
        "[Case(3, {'x': 1})]",
        "[Case('a', [1])]",
        "[Case('a', {3: 1})]",
        "[Case('a', {'x': float('inf')})]",
        "[Case('a', {'x': '\\ud800'})]",
        "[Case('a', {'x': 1}), Case('a', {'x': 2})]",
        "[Case('a', {'x': {1}})]",
    ],
)
def test_cases_that_cannot_be_used_stop_the_run(
    problem: ModuleType, context: Context, monkeypatch: pytest.MonkeyPatch, cases: str
) -> None:
    task: PythonTask = problem.Largest()
    monkeypatch.setattr(type(task), "cases", lambda self, rng: eval(cases, {"Case": problem.Case}))
    with pytest.raises(TaskError, match=r"cases\(\)|<lambda>") as caught:
        judge(task, context, problem.BEST)
    assert "task.py, line" not in caught.value.message  # the family's own file, not the user's


def test_a_task_that_lacks_something_says_what() -> None:
    class Nameless(PythonTask):
        statement, entry, score_name, worst = "", "solve", "", 0.0

        def cases(self, rng: object) -> list[object]:  # type: ignore[override]
            return []

        def score(self, case: object, answer: object) -> float:
            return 0.0

    with pytest.raises(TaskError, match="lacks `name`"):
        Nameless()


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("name", 3),
        ("name", "two words"),
        ("name", "a/b\x1b[31m"),
        ("name", ""),
        ("statement", None),
        ("entry", "1x"),
        ("entry", "class"),
        ("score_name", 1),
        ("worst", "0"),
        ("worst", None),
        ("worst", math.nan),
        ("worst", -math.inf),
        ("worst", True),
        ("rounds", 3),
        ("rounds", 12.0),
        ("rounds", "12"),
        ("alpha", 2),
        ("alpha", "0.01"),
        ("preload", "numpy"),
        ("preload", (1,)),
        ("limits", {"cpu_seconds": 1}),
    ],
)
def test_a_task_whose_attribute_is_wrong_says_what_is_expected(tmp_path: Path, attribute: str, value: object) -> None:
    from discovery.task import load_task

    text = Path(__file__).with_name("problem.py").read_text()
    text += f"\nfrom math import inf, nan\nLargest.{attribute} = {value!r}\ntask = Largest()\n"
    (tmp_path / "task.py").write_text(text)
    with pytest.raises(TaskError, match=rf"task.py: Largest.{attribute} must be") as caught:
        load_task(str(tmp_path))
    assert caught.value.hint.startswith(f"for example: {attribute} = ")


def test_the_version_follows_the_files_beside_the_task(tmp_path: Path) -> None:
    from discovery.task import load_task

    text = Path(__file__).with_name("problem.py").read_text() + "\ntask = Largest()\n"
    (tmp_path / "task.py").write_text(text)

    def version() -> str:
        return load_task(str(tmp_path)).version

    first = version()
    (tmp_path / "README.md").write_text("notes")
    (tmp_path / "runs").mkdir()
    assert version() == first
    (tmp_path / "data.csv").write_text("1,2")
    assert version() != first


def test_a_scorer_that_exits_ends_no_evaluator(
    problem: ModuleType, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    task: PythonTask = problem.Largest()
    monkeypatch.setattr(type(task), "score", lambda self, case, answer: sys.exit("enough"))
    verdict = judge(task, context, problem.BEST)
    assert verdict.status == "invalid" and "it raised SystemExit: enough" in verdict.message


@pytest.mark.parametrize("score", ["{'score': 1.0}", "None", "answer['x']", "nan", "sys.exit()"])
def test_a_scorer_that_cannot_judge_a_seed_program_stops_the_run(
    problem: ModuleType, context: Context, monkeypatch: pytest.MonkeyPatch, score: str
) -> None:
    """Whatever is proposed after it would be judged as badly, and paid for."""
    task: PythonTask = problem.Largest()
    known = {"sys": sys, "nan": math.nan}
    monkeypatch.setattr(type(task), "score", lambda self, case, answer: eval(score, {**known, "answer": answer}))
    assert judge(task, context, problem.BEST).status == "invalid"
    with pytest.raises(TaskError, match=r"seed program, case five: score\(\) "):
        judge(task, context, f"# a comment changes nothing\n{problem.FIRST}")


def test_a_scorer_may_refuse_a_seed_program(
    problem: ModuleType, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: object, case: object, answer: object) -> float:
        raise Invalid("too poor")

    task: PythonTask = problem.Largest()
    monkeypatch.setattr(type(task), "score", refuse)
    assert judge(task, context, problem.FIRST).message == "case five: too poor"


def test_what_is_random_without_rng_stops_the_run(
    problem: ModuleType, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    task: PythonTask = problem.Largest()
    number = itertools.count()
    monkeypatch.setattr(type(task), "cases", lambda self, rng: [problem.Case("a", {"numbers": [next(number)]})])
    with pytest.raises(TaskError, match="called twice with an equal rng, search cases differ") as caught:
        judge(task, context, problem.BEST)
    assert "rng.getrandbits" in caught.value.hint


def test_a_description_that_fails_says_where(
    problem: ModuleType, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    task: PythonTask = problem.Largest()
    monkeypatch.setattr(type(task), "describe", lambda self, program, scores: scores["six"])
    with pytest.raises(TaskError, match=r"describe\(\) failed: KeyError: 'six' \(test_evaluation.py, line"):
        judge(task, context, problem.BEST)


HANGS = {
    "sleeps": "time.sleep(3600)",
    "loops": "[None for _ in iter(int, 1)]",
    "loops, and catches all errors": "swallow()",
    "waits for a lock": "threading.Lock().acquire() and lock.acquire()",
}


@pytest.mark.parametrize("name", HANGS)
def test_a_score_that_does_not_return_is_a_verdict_and_of_a_seed_program_the_fault_of_the_task(
    problem: ModuleType, context: Context, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    lock = threading.Lock()
    lock.acquire()

    def swallow() -> None:
        while True:
            try:
                time.sleep(3600)
            except Exception:
                continue

    def score(self: object, case: object, answer: object) -> float:
        if answer == 0 or answer in case.inputs["numbers"][:1]:  # type: ignore[attr-defined]
            eval(HANGS[name], {"time": time, "threading": threading, "lock": lock, "swallow": swallow})
        return 1.0

    task: PythonTask = problem.Largest()
    monkeypatch.setattr(type(task), "score", score)
    assert judge(task, context, "def solve(numbers):\n    return -1\n").score == 1.0
    monkeypatch.setattr(type(task), "score_seconds", 0.5)  # only what hangs is judged from here on
    verdict = judge(task, context, "def solve(numbers):\n    return 0\n")
    assert verdict.status == "invalid" and verdict.cases == {"five": -1.0, "nine": -1.0}
    assert verdict.message.startswith("case five: score() did not return within score_seconds = 0.5 (test_eval")
    with pytest.raises(
        TaskError, match=r"seed program, case five: score\(\) did not return within score_seconds = 0\.5"
    ):
        judge(task, context, problem.FIRST)
    monkeypatch.setattr(type(task), "score_seconds", 60.0)
    assert judge(task, context, "def solve(numbers):\n    return -1\n").score == 1.0


def test_cases_that_are_never_ready_stop_the_run(
    problem: ModuleType, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    task: PythonTask = problem.Largest()
    monkeypatch.setattr(type(task), "cases", lambda self, rng: time.sleep(3600))
    monkeypatch.setattr(type(task), "score_seconds", 0.5)
    with pytest.raises(TaskError, match=r"did not return within score_seconds = 0\.5"):
        judge(task, context, problem.BEST)


def test_a_scorer_that_changes_its_case_changes_it_for_nobody_else(
    problem: ModuleType, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    task: PythonTask = problem.Largest()
    honest = judge(task, context, problem.FIRST)
    plain = type(task).score

    def score(self: PythonTask, case: Any, answer: object) -> float:
        found = plain(self, case, answer)
        case.inputs["numbers"].sort(reverse=True)
        case.hidden["largest"] *= 2
        return found

    monkeypatch.setattr(type(task), "score", score)
    assert judge(task, context, problem.FIRST) == honest
    assert judge(task, context, problem.FIRST) == honest


def test_a_case_may_hide_what_has_no_copy(
    problem: ModuleType, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    task: PythonTask = problem.Largest()
    lock = threading.Lock()
    case = problem.Case("a", {"numbers": [1]}, hidden=lock)
    monkeypatch.setattr(type(task), "cases", lambda self, rng: [case])
    monkeypatch.setattr(type(task), "score", lambda self, case, answer: float(case.hidden is lock))
    assert judge(task, context, problem.FIRST).score == 1.0
