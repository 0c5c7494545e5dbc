"""Questions with fewer variables: every step follows, states are not lost, and a step that does not follow proves
nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from discovery.tasks.nash import zoo
from discovery.tasks.nash.certificate import certificate, recipe, texts
from discovery.tasks.nash.compiler.algebra import constant
from discovery.tasks.nash.compiler.system import System
from discovery.tasks.nash.language import NashLanguage
from discovery.tasks.nash.proof import question
from discovery.tasks.nash.proof.prove import SEARCH, Outcome, estimated, prove
from discovery.tasks.nash.proof.reduction import STEP_ORDERINGS, Reduction, reduction, refutations
from discovery.tasks.nash.solvers.encoding import Problem, target_problem
from discovery.tasks.nash.solvers.process import Solver
from discovery.tasks.nash.solvers.smtlib import smtlib
from discovery.tasks.nash.stages import Judge

#: Name and line of questions that are reduced.
QUESTIONS = [("ts", 1), ("bbm1", 0), ("cdffjs", 2), ("extension3", 0), ("dfm", 3)]


@pytest.fixture(scope="module")
def solver() -> Iterator[Solver]:
    with Solver() as made:
        yield made


def systems(name: str) -> list[System]:
    judge = Judge(NashLanguage(zoo.KNOWN[name].players))
    try:
        return judge.systems(judge.language.lower(zoo.source(name)))
    finally:
        judge.solver.close()


def asked(name: str, line: int, target: Fraction) -> Problem:
    return target_problem(systems(name)[0], target, lines=[line], regrets=True)


def follows(text: str, solver: Solver) -> bool:
    return any(solver.decide(text, ordering=o, work=10**6, seconds=60)["answer"] == "unsat" for o in STEP_ORDERINGS)


@pytest.mark.parametrize(("name", "line"), QUESTIONS)
def test_every_step_follows_from_what_is_known(name: str, line: int, solver: Solver) -> None:
    problem = asked(name, line, zoo.KNOWN[name].bound)
    shorter = reduction(problem)
    assert len(shorter.problem.variables) < len(problem.variables)
    known, names = list(problem.constraints), set(problem.variables)
    for step in shorter.steps:
        for each in step.given:
            if not any(each is other for other in known):  # then it defines a new variable
                (new,) = set(each.poly.variables()) - names
                assert each.relation == "=" and each.poly.terms[(new,)] in (1, -1)
                assert not any(new in other.poly.variables() for other in known)
        ranges = {n: problem.variables[n] for n in step.variables if n in problem.variables}
        assert ranges.items() <= step.variables.items()
        names |= step.variables.keys()
        known += step.found
    assert all(any(each is other for other in known) for each in shorter.problem.constraints)
    for step in shorter.steps[:: max(1, len(shorter.steps) // 6)]:
        assert all(follows(text, solver) for text in refutations(step))


@pytest.mark.parametrize(("name", "line"), QUESTIONS)
def test_states_remain_states(name: str, line: int, solver: Solver) -> None:
    """What meets the question meets all that follows from it, exactly."""
    target = zoo.KNOWN[name].bound / 2
    problem = asked(name, line, target)
    found = solver.decide(smtlib(problem), ordering=4, work=10**6, seconds=60)
    values = {name: Fraction(value) for name, value in found["model"].items()}
    assert found["answer"] == "sat"
    for step in reduction(problem).steps:
        for each in step.given:
            for new in set(each.poly.variables()) - values.keys():
                values[new] = -each.poly.at({**values, new: Fraction(0)}) / each.poly.terms[(new,)]
        for each in step.found:
            value = each.poly.at(values)
            assert value == 0 if each.relation == "=" else value > 0 if each.relation == ">" else value >= 0


def test_a_step_that_does_not_follow_proves_nothing(solver: Solver, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(problem: Problem) -> Reduction:
        shorter = reduction(problem)
        contradiction = (constant(0) >= 1).labelled("made up")
        *steps, last = shorter.steps
        return Reduction(
            replace(shorter.problem, constraints=(contradiction,)),
            (*steps, replace(last, found=(*last.found, contradiction))),
            shorter.spent,
        )

    monkeypatch.setattr(question, "reduction", wrong)
    only_reduced = replace(SEARCH, portfolio=())
    found = question.ask(1, systems("bbm2")[1], Fraction(1, 10), {4}, solver, only_reduced, Outcome())
    assert (found.answer, found.piece) == ("unknown", None)
    assert any("step" in reason for reason in found.reasons)


def _gaps(folder: Path, files: Mapping[str, str], case: str) -> Any:
    """What the script of a certificate finds that a case assumes without leave."""
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    script = folder / "certificate" / "check.py"
    scope: dict[str, Any] = {"__file__": str(script), "__name__": "check"}
    exec(compile(script.read_text(), str(script), "exec"), scope)
    return scope["gaps"](case)


def test_the_second_algorithm_of_bosse_byrka_markakis(solver: Solver, tmp_path: Path) -> None:
    """Proved in all cases, by texts that say so by themselves; and no bound below is: an exact state says so."""
    known, program = zoo.KNOWN["bbm2"], systems("bbm2")
    proved = prove(program, solver, SEARCH, claim=known.bound)
    assert (proved.status, proved.bound) == ("proved", known.bound)
    assert [piece.case for piece in proved.pieces] == [1, 2, 3]
    steps = recipe(proved.pieces, program)
    written = texts(program, known.bound, steps)
    assert len([name for name in written if "step" in name]) > 20
    for piece in proved.pieces:
        text = written[f"case{piece.case}.smt2"]
        assert solver.decide(text, ordering=piece.ordering, work=10**7, seconds=60)["answer"] == "unsat"
    files = certificate(program, known.bound, steps)
    assert _gaps(tmp_path, files, "case2") == []
    question_, axiom = files["certificate/case2-question.smt2"], "(assert (= (+ |U2(m,b)| (* (- 1) |M2(m)|)) 0))\n"
    less = {**files, "certificate/case2-question.smt2": question_.replace(axiom, "")}
    assert axiom in question_ and _gaps(tmp_path, less, "case2")
    point = estimated(program[1], solver, SEARCH)
    state = question.nearby(1, program[1], known.below, point, solver, SEARCH, Outcome())
    assert state is not None and state.value > known.below and not state.exact
