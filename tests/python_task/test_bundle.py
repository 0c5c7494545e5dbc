from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from discovery.model import content_key
from discovery.randomness import derive
from discovery.task import Context
from discovery.tasks.python import PythonTask

SEED = 7
CONFIRM_SEED = derive(SEED, "confirm")


def provenance(task: PythonTask, source: str, context: Context, confirmed: bool = True) -> dict[str, Any]:
    """As the engine writes it."""
    program = task.language.check(source)
    verdict = task.evaluate(program, task.stages[0], 0, Context(context.slot, SEED, context.limits))
    evidence = task.confirm(program, Context(context.slot, CONFIRM_SEED, context.limits)).to_json()
    return {
        "name": "largest_one",
        "run": {"name": "a-run", "config": {"seed": SEED}, "versions": {"task": task.version}},
        "program": {"id": program.id, "key": program.key, "source": source, "proposal": 3},
        "search": {"verdicts": [verdict.to_json() | {"stage": "cases"}]},
        "confirmation": {"search_score": verdict.score, "confirmed": True, "evidence": evidence} if confirmed else None,
    }


def bundle(task: PythonTask, record: dict[str, Any]) -> dict[str, str]:
    return dict(task.export(task.language.check(record["program"]["source"]), record["name"], record))


def checks(task: PythonTask, record: dict[str, Any], files: dict[str, str], context: Context) -> dict[str, bool]:
    result = task.verify(files, record, Context(context.slot, 99, context.limits))
    assert result.holds == all(holds for _, holds, _ in result.checks)
    return {name: holds for name, holds, _ in result.checks}


@pytest.fixture(scope="module")
def record(largest: PythonTask, context: Context) -> dict[str, Any]:
    return provenance(
        largest,
        '"""Doc."""\nfrom __future__ import annotations\n\ndef solve(numbers):\n    return max(numbers)\n',
        context,
    )


def test_the_module_imports_and_tests_itself(largest: PythonTask, record: dict[str, Any], tmp_path: Path) -> None:
    (text,) = bundle(largest, record).values()
    path = tmp_path / "largest_one.py"
    path.write_text(text)
    done = subprocess.run([sys.executable, "-I", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "ok" in done.stdout, done
    imported = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import largest_one; print(largest_one.solve([1, 5, 2]))"
    )
    assert subprocess.run([sys.executable, "-c", imported], capture_output=True, text=True, check=True).stdout == "5\n"
    path.write_text(text.replace("max(numbers)", "min(numbers)"))
    assert subprocess.run([sys.executable, "-I", path], capture_output=True, check=False).returncode == 1


def test_arrays_are_written_out_in_the_self_test(problem: Any, context: Context, tmp_path: Path) -> None:
    from discovery.sandbox import open_sandbox

    task = problem.Arrays()
    with open_sandbox("auto").open(task.harness, task.slot_limits) as slot:
        record = provenance(task, task.seeds()[0].source, Context(slot, 1, task.limits))
    (text,) = bundle(task, record).values()
    (tmp_path / "sums.py").write_text(text)
    done = subprocess.run([sys.executable, tmp_path / "sums.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "ok" in done.stdout, done


@pytest.mark.parametrize(
    "answer", ["range(len(numbers))", "deque(numbers)", "Counter(a=len(numbers))", "(1, (2, 0.5))"]
)
def test_kinds_of_lists_and_dicts_pass_their_self_test(
    problem: Any, context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    task = problem.Largest()
    monkeypatch.setattr(type(task), "score", lambda self, case, answer: 1.0)
    source = f"from collections import Counter, deque\n\n\ndef solve(numbers):\n    return {answer}\n"
    (text,) = bundle(task, provenance(task, source, context)).values()
    (tmp_path / "kinds.py").write_text(text)
    done = subprocess.run([sys.executable, tmp_path / "kinds.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "ok" in done.stdout, done


def test_a_module_whose_cases_are_too_long_says_that_it_has_no_self_test(
    problem: Any, context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = problem.Largest()
    monkeypatch.setattr(type(task), "score", lambda self, case, answer: 1.0)
    (text,) = bundle(task, provenance(task, "def solve(numbers):\n    return numbers * 400\n", context)).values()
    (tmp_path / "long.py").write_text(text)
    done = subprocess.run([sys.executable, tmp_path / "long.py"], capture_output=True, text=True, check=True)
    assert "no self-test" in done.stdout


def test_the_header_says_what_was_and_was_not_confirmed(largest: PythonTask, record: dict[str, Any]) -> None:
    (text,) = bundle(largest, record).values()
    assert "confirmed: Beats the best seed program" in text
    (text,) = bundle(largest, record | {"confirmation": None}).values()
    assert "not confirmed" in text and "Beats" not in text


def test_an_honest_bundle_verifies(largest: PythonTask, record: dict[str, Any], context: Context) -> None:
    found = checks(largest, record, bundle(largest, record), context)
    assert all(found.values()) and len(found) == 5


def test_a_program_that_was_measured_again_was_ranked_by_a_mean(
    largest: PythonTask, record: dict[str, Any], context: Context
) -> None:
    program = largest.language.check(record["program"]["source"])
    again = largest.evaluate(program, largest.stages[0], 1, Context(context.slot, SEED, context.limits))
    (first,) = record["search"]["verdicts"]
    twice = copy.deepcopy(record)
    twice["search"]["verdicts"].append(again.to_json() | {"stage": "cases", "replicate": 1})
    twice["confirmation"]["search_score"] = (first["score"] + again.score) / 2
    assert checks(largest, twice, bundle(largest, twice), context)["search score"]
    twice["confirmation"]["search_score"] = 2 * first["score"]
    assert not checks(largest, twice, bundle(largest, twice), context)["search score"]


def test_an_unconfirmed_bundle_verifies_without_a_claim(
    largest: PythonTask, record: dict[str, Any], context: Context
) -> None:
    plain = record | {"confirmation": None}
    found = checks(largest, plain, bundle(largest, plain), context)
    assert all(found.values()) and "claim on new cases" not in found


def forged(record: dict[str, Any], *path: Any, value: Any) -> dict[str, Any]:
    copied = copy.deepcopy(record)
    place = copied
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return copied


def test_each_forgery_is_found(largest: PythonTask, record: dict[str, Any], context: Context, problem: Any) -> None:
    pairs = ("confirmation", "evidence", "data", "pairs", "fresh", 0)
    forgeries = {
        "search score": forged(record, "search", "verdicts", 0, "score", value=1.5),
        "confirmation repeated": forged(record, *pairs, value=[1.0, 0.1]),
        "task": forged(record, "run", "versions", "task", value="another"),
    }
    for check, record_ in forgeries.items():
        found = checks(largest, record_, bundle(largest, record_), context)
        assert [name for name, holds in found.items() if not holds] == [check]
    files = {name: text.replace("return max", "return  max") for name, text in bundle(largest, record).items()}
    assert not checks(largest, record, files, context)["module"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("effect",), 9.0),
        (("p_value",), 1e-9),
        (("p_value",), None),
        (("interval",), [8.0, 9.0]),
        (("claim",), "Optimal."),
        (("cases", "fresh", "effect"), 9.0),
        (("cases",), {}),
        (("data", "pairs"), {}),
        (("data", "seed"), 3),
        (("data", "failures"), ["none"]),
        (("more",), 1),
    ],
)
def test_nothing_of_the_recorded_evidence_is_believed(
    largest: PythonTask, record: dict[str, Any], context: Context, path: tuple[str, ...], value: Any
) -> None:
    forgery = forged(record, "confirmation", "evidence", *path, value=value)
    found = checks(largest, forgery, bundle(largest, forgery), context)
    assert [name for name, holds in found.items() if not holds] == ["confirmation repeated"]


def test_evidence_from_chosen_seeds_does_not_verify(
    largest: PythonTask, record: dict[str, Any], context: Context
) -> None:
    """The cases of a confirmation follow from the run: whoever tries seeds until one pleases, is found out."""
    program = largest.language.check(record["program"]["source"])
    chosen = largest.confirm(program, Context(context.slot, CONFIRM_SEED + 1, context.limits)).to_json()
    forgery = forged(record, "confirmation", "evidence", value=chosen)
    assert not checks(largest, forgery, bundle(largest, forgery), context)["confirmation repeated"]


def test_a_lucky_program_does_not_carry_its_claim_to_new_cases(
    largest: PythonTask, record: dict[str, Any], context: Context, problem: Any
) -> None:
    """Evidence in which a program knows the recorded cases by heart: all of it repeats, and the claim still fails."""
    known = {}
    for kind in ("confirm", "held-out"):
        for index in range(largest.rounds):
            for case in largest.generate(kind, CONFIRM_SEED, index):
                known[content_key(str(case.inputs["numbers"]))[:16]] = case.hidden["largest"]
    for case in largest.generate("search", SEED, "cases", 0):
        known[content_key(str(case.inputs["numbers"]))[:16]] = case.hidden["largest"]
    source = (
        "import hashlib\n"
        f"KNOWN = {known!r}\n"
        "def solve(numbers):\n"
        "    return KNOWN.get(hashlib.sha256(str(numbers).encode()).hexdigest()[:16], numbers[0])\n"
    )
    cheat = provenance(largest, source, context)
    assert cheat["confirmation"]["evidence"]["confirmed"]
    found = checks(largest, cheat, bundle(largest, cheat), context)
    assert [name for name, holds in found.items() if not holds] == ["claim on new cases"]
