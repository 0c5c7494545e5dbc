"""A bundle is proved and played again: no number and no sentence of it is believed."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from nash_bundles import CONTEXT, document, files, task_of

from discovery.model import Evidence, Program
from discovery.task import Verification
from discovery.tasks.nash import verification, zoo
from discovery.tasks.nash.compiler.system import CASE, System
from discovery.tasks.nash.solvers.process import Solver
from discovery.tasks.nash.stages import Judge

#: Fields that say what something cost, and carry no claim.
COSTS = ("wall_seconds", "cpu_seconds", "record", "proof_seconds")
#: What is the engine's to check, and what takes a claim back.
UNCLAIMED = ("adjusted_p", "finalists", "clock_limited")


def verified(name: str, provenance: Mapping[str, Any], exported: Mapping[str, str] | None = None) -> Verification:
    given = files(name, provenance) if exported is None else exported
    return task_of(name).verify(given, provenance, CONTEXT)


def failing(result: Verification) -> dict[str, str]:
    return {name: detail for name, holds, detail in result.checks if not holds}


def details(result: Verification) -> dict[str, str]:
    return {name: detail for name, _, detail in result.checks}


@pytest.mark.parametrize("name", ["dmp", "ts", "extension3"])
def test_what_was_proved_is_proved_again(name: str) -> None:
    """End to end, everything for real."""
    result = verified(name, document(name, confirmed=name == "dmp"))
    assert result.holds, result.checks
    told = details(result)
    assert list(told) == ["program", "files", "axioms", "Z3", "cvc5", "search", "confirmation", "games"]
    assert f"no state exceeds {document(name)['search']['verdicts'][-1]['evidence']['bound']}" in told["Z3"]
    assert "games" in told["games"] and "proved" in told["search"]
    assert ("made again" in told["confirmation"]) is (name == "dmp")


def test_an_algorithm_that_was_judged_twice_is_proved_again() -> None:
    told = document("dmp", confirmed=True)
    told["search"]["verdicts"].append(told["search"]["verdicts"][-1] | {"replicate": 1})
    result = verified("dmp", told)
    assert result.holds, result.checks


def test_where_the_second_solver_cannot_tell_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "SECOND_SECONDS", 2.0)
    result = verified("dfm", document("dfm"))
    assert result.holds and "re-check inconclusive" in details(result)["cvc5"]


@pytest.fixture
def remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Solvers are asked once for each question, and games are left out: they do not depend on the record."""

    @cache
    def judged(source: str, stage: str) -> Any:
        judge = Judge(task_of("dmp").language)
        try:
            return judge.judge(source, stage)
        finally:
            judge.solver.close()

    @cache
    def confirmed(source: str) -> Evidence:
        return task_of("dmp").confirm(Program(source, "0" * 64), CONTEXT)

    class Remembering:
        solver = Solver()

        def __init__(self, *_: Any) -> None: ...

        def judge(self, source: str, stage: str) -> Any:
            return judged(source, stage)

    def games(*_: Any) -> list[tuple[str, bool, str]]:
        return [("games", True, "left out")]

    monkeypatch.setattr(verification, "Judge", Remembering)
    monkeypatch.setattr(verification, "confirm", lambda language, source, tell: confirmed(source))
    monkeypatch.setattr(verification, "_games", games)
    answers: dict[Any, Any] = {}

    class Once(Solver):
        def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
            key = json.dumps(request, sort_keys=True)
            if key not in answers:
                answers[key] = super()._ask(request)
            found: dict[str, Any] = answers[key]
            return found

    monkeypatch.setattr(verification, "Solver", Once)


def leaves(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(data, dict | list) and data:
        for key in data if isinstance(data, dict) else range(len(data)):
            yield from leaves(data[key], (*path, key))
    else:
        yield path


def at(data: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        data = data[key]
    return data


def changed(value: Any) -> Any:
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1 if isinstance(value, int) else value * 0.99 + 0.001
        case str():
            return "1/3" if re.fullmatch(r"\d+(/\d+)?", value) else value + " and more"
        case None:
            return 0.25
        case _:
            return ["more"]


@pytest.mark.usefixtures("remembered")
def test_every_claim_of_the_record_is_checked() -> None:
    """Each leaf of search and confirmation is changed, with files that fit it where it can be exported."""
    original = document("dmp", confirmed=True)
    assert verified("dmp", original).holds
    tried = 0
    for path in leaves({"search": original["search"], "confirmation": original["confirmation"]}):
        if set(path) & set(COSTS) or path[-1] in UNCLAIMED:
            continue
        tampered = copy.deepcopy(original)
        at(tampered, path[:-1])[path[-1]] = changed(at(original, path))
        try:
            exported = files("dmp", tampered)
        except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError):
            exported = files("dmp", original)
        assert not verified("dmp", tampered, exported).holds, path
        tried += 1
    assert tried > 60


@pytest.mark.usefixtures("remembered")
@pytest.mark.parametrize("bound", ["1/3", "499999/1000000", "0"])
def test_a_bound_that_is_too_small_is_refuted(bound: str) -> None:
    """With a record that is consistent in itself."""
    tampered = document("dmp")
    verdict = tampered["search"]["verdicts"][-1]
    verdict["evidence"]["bound"], verdict["score"] = bound, -float(Fraction(bound)) - 3e-9
    result = verified("dmp", tampered)
    assert "is wrong" in failing(result)["Z3"]


@pytest.mark.parametrize(
    "bound", ["1e-99999999", "1e999999999999", "1/" + "9" * 9999, "1/0", "nan", "-1/2", " 1/2", 0.5]
)
def test_a_bound_is_a_short_fraction(bound: Any) -> None:
    """What a number as short as `1e-99999999` means takes for ever to compute."""
    tampered = document("dmp")
    tampered["search"]["verdicts"][-1]["evidence"]["bound"] = bound
    assert (
        "expected a bound such as '1/3'" in failing(verified("dmp", tampered, files("dmp", document("dmp"))))["files"]
    )


@pytest.mark.usefixtures("remembered")
def test_clock_and_version_do_not_excuse_a_false_bound() -> None:
    for excuse in ("clock", "version"):
        tampered = document("dmp")
        verdict = tampered["search"]["verdicts"][-1]
        if excuse == "clock":
            verdict["clock_limited"] = True
        else:
            tampered["run"]["versions"]["task"] = "another"
        assert verified("dmp", tampered).holds
        verdict["score"] = -0.25
        assert failing(verified("dmp", tampered)).keys() == {"search"}
        verdict["evidence"]["bound"] = "1/4"
        assert "is wrong" in failing(verified("dmp", tampered))["Z3"]


@pytest.mark.usefixtures("remembered")
def test_every_file_must_be_what_the_program_exports_to() -> None:
    original = document("dmp")
    exported = files("dmp", original)
    assert set(exported) == {
        "found.py", "found.md", "found.program.txt", "certificate/bound.txt", "certificate/axioms.txt",
        "certificate/check.py", "certificate/case1.smt2", "certificate/case1-axioms.smt2",
    }  # fmt: skip
    for name in exported:
        assert name in failing(verified("dmp", original, {**exported, name: exported[name] + "\n"}))["files"]
        without = {other: text for other, text in exported.items() if other != name}
        assert f"{name} is missing" in failing(verified("dmp", original, without))["files"]
    assert "more.py" in failing(verified("dmp", original, {**exported, "more.py": ""}))["files"]


@pytest.mark.usefixtures("remembered")
def test_another_program_is_not_covered_by_the_record() -> None:
    tampered = document("dmp")
    tampered["program"]["source"] = zoo.source("ts")
    assert failing(verified("dmp", tampered, files("dmp", document("dmp")))).keys() == {"program"}
    tampered["program"]["source"] = "x = nonsense("
    assert "no program" in failing(verified("dmp", tampered, {}))["program"]
    for field, value in (("key", "0" * 64), ("id", "0" * 12)):
        tampered = document("dmp")
        tampered["program"][field] = value
        assert failing(verified("dmp", tampered)).keys() == {"program"}


@pytest.mark.usefixtures("remembered")
@pytest.mark.parametrize(
    ("answer", "check", "told"),
    [
        ({"answer": "unknown", "reason": "max. resource limit exceeded"}, "axioms", "no state that meets"),
        ({"failed": "the solver process died"}, "axioms", "no state that meets"),
    ],
)
def test_silence_is_no_proof(monkeypatch: pytest.MonkeyPatch, answer: Any, check: str, told: str) -> None:
    monkeypatch.setattr(verification.Solver, "decide", lambda self, text, **_: answer)
    assert told in failing(verified("dmp", document("dmp")))[check]
    decide = Solver.decide

    def only_axioms(self: Solver, text: str, **limits: Any) -> dict[str, Any]:
        return answer if "stays\n; above" in text or "stays above" in text else decide(self, text, **limits)

    monkeypatch.setattr(verification.Solver, "decide", only_axioms)
    assert "not proved again" in failing(verified("dmp", document("dmp")))["Z3"]


@pytest.mark.usefixtures("remembered")
def test_a_conflict_of_the_solvers_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification.Solver, "second", lambda self, text, **_: {"answer": "sat"})
    assert "a conflict" in failing(verified("dmp", document("dmp")))["cvc5"]
    monkeypatch.setattr(verification.Solver, "second", lambda self, text, **_: {"failed": "the solver process died"})
    result = verified("dmp", document("dmp"))
    assert result.holds and "re-check inconclusive (the solver process died)" in details(result)["cvc5"]


END = "    return found\n\n\ndef main"


def ending(text: str) -> Callable[[str], str]:
    return lambda module: module.replace(END, f"    return {text}\n\n\ndef main")


MODULES: dict[str, tuple[Callable[[str], str], str]] = {
    "does not run": (ending("None"), "did not run"),
    "lies": (ending("found.profile, found.regrets / 2"), "the module says"),
    "is no profile": (ending("[2 * s for s in found.profile], found.regrets"), "no profile came back"),
    "does not reach the bound": (
        lambda text: re.sub(r"found = best_profile\(.*\)", "found = best_on_lines(payoffs, [[x], [y]])", text),
        "SOUNDNESS",
    ),
}


@pytest.mark.parametrize("kind", MODULES)
def test_games_do_not_believe_the_module(kind: str) -> None:
    provenance = document("dmp")
    exported = files("dmp", provenance)
    change, told = MODULES[kind]
    text = change(exported["found.py"])
    assert text != exported["found.py"]
    source = provenance["program"]["source"]
    language = task_of("dmp").language
    ((_, holds, detail),) = verification._games(language, source, {"found.py": text}, provenance, CONTEXT)
    assert not holds and told in detail


def test_the_certificate_checks_itself(tmp_path: Path) -> None:
    exported = files("ts", document("ts"))
    for name, text in exported.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)

    def checked() -> tuple[int, str]:
        script = [sys.executable, "-P", str(tmp_path / "certificate" / "check.py")]
        done = subprocess.run(script, capture_output=True, text=True)
        return done.returncode, done.stdout

    bound = (tmp_path / "certificate" / "bound.txt").read_text().strip()
    told = "case1-axioms.smt2: Z3 sat, cvc5 sat\ncase1.smt2: Z3 unsat, cvc5 unsat\n"
    assert checked() == (0, f"{told}the bound {bound} is proved\n")
    axioms = tmp_path / "certificate" / "case1-axioms.smt2"
    whole = axioms.read_text()
    axioms.write_text(whole.replace("(check-sat)", "(assert (> |f| 1))\n(check-sat)").replace("|f|", "|M1(y)|"))
    assert checked()[0] == 1
    axioms.write_text(whole)
    smt = tmp_path / "certificate" / "case1.smt2"
    smt.write_text(
        smt.read_text().replace("(assert (= ", "(assert (<= ", 3).replace("(assert (>= ", "(assert (<= 0 0)) ;")
    )
    code, told = checked()
    assert code == 1 and "NOT proved" in told


def test_every_case_has_its_proof() -> None:
    provenance = document("cases")
    exported = files("cases", provenance)
    assert {"certificate/case1.smt2", "certificate/case2.smt2"} <= set(exported)
    result = verified("cases", provenance, exported)
    assert result.holds and sum(name == "Z3" for name, _, _ in result.checks) == 2
    proof = provenance["search"]["verdicts"][-1]["evidence"]["proof"]
    del proof[1]
    told = failing(verified("cases", provenance, exported))
    assert "one proof for each of 2 cases" in told["files"]


def test_the_axioms_of_every_case_must_have_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contradictory ones of the second case prove anything of it; a case that no game falls into is none of them."""
    provenance = document("cases")
    exported = files("cases", provenance)
    systems = verification.proof_systems

    def with_axiom(below: Fraction, label: str) -> Callable[..., list[System]]:
        def changed_systems(*given: Any) -> list[System]:
            first, second = systems(*given)
            more = (second.state.M(1, "y") <= below).labelled(label)
            return [first, replace(second, axioms=(*second.axioms, more))]

        return changed_systems

    monkeypatch.setattr(verification, "proof_systems", with_axiom(Fraction(-1), "made up"))
    told = failing(verified("cases", provenance, exported))
    assert told == {"axioms": "case 2: Z3 finds no state that meets them: what follows from them says nothing"}
    monkeypatch.setattr(verification, "proof_systems", with_axiom(Fraction(-1), CASE))
    result = verified("cases", provenance, exported)
    assert result.holds and "none in this case" in details(result)["axioms"]


def test_simpler_definitions_come_with_their_lemmas(monkeypatch: pytest.MonkeyPatch) -> None:
    provenance = document("weighted")
    exported = files("weighted", provenance)
    lemmas = [name for name in exported if "-lemma" in name]
    assert lemmas and "needs no clipping" in exported["certificate/axioms.txt"]
    result = verified("weighted", provenance, exported)
    assert result.holds and ("Z3", True, f"case1, lemmas: {len(lemmas)}, all unsatisfiable") in result.checks
    decide = Solver.decide

    def no_lemmas(self: Solver, text: str, **limits: Any) -> dict[str, Any]:
        return {"answer": "unknown"} if "lemma: " in text else decide(self, text, **limits)

    monkeypatch.setattr(Solver, "decide", no_lemmas)
    assert "not proved again" in failing(verified("weighted", provenance, exported))["Z3"]


def test_without_a_proof_nothing_is_claimed() -> None:
    provenance = document("dmp")
    provenance["search"]["verdicts"] = provenance["search"]["verdicts"][:1]
    exported = files("dmp", provenance)
    assert set(exported) == {"found.py", "found.md", "found.program.txt"} and "BOUND = None" in exported["found.py"]
    assert "No bound is proved for it" in exported["found.md"]
    result = verified("dmp", provenance)
    assert result.holds and details(result)["proof"] == "no bound is claimed"


def test_the_page_states_algorithm_bound_and_axioms() -> None:
    provenance = document("dfm")
    page = files("dfm", provenance)["found.md"]
    assert "at most 1/3 = 0.333333" in page and "x, y, w, z = StationaryPoint()" in page
    for part in (
        "## The algorithm",
        "## The bound",
        "### StationaryPoint",
        "### Mix",
        "wlog",
        "delta to 0",
        "ESA 2022",
    ):
        assert part in page
    statement = files("dfm", provenance)["certificate/axioms.txt"]
    assert "U1(w,y) = M1(y)" in statement and "t <=" in statement
