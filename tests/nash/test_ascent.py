"""Programs for three players: an ascent finds bad states, says no more than that, and repeats."""

from __future__ import annotations

import random
from collections.abc import Iterator
from fractions import Fraction

import pytest

from discovery.model import Verdict
from discovery.tasks.nash import zoo
from discovery.tasks.nash.compiler.system import System, compile_program
from discovery.tasks.nash.edits import balance
from discovery.tasks.nash.language import NashLanguage
from discovery.tasks.nash.printing import source_of
from discovery.tasks.nash.proof.cover import Patience
from discovery.tasks.nash.proof.question import plain_lines
from discovery.tasks.nash.solvers.ascent import ascend
from discovery.tasks.nash.stages import Judge
from discovery.tasks.nash.task import NashTask

THREE = NashLanguage(3)
JOINT = "x, y, z, u, v, w = JointStationaryPoint()\n"
ANSWERS = "a: P1 = BestResponse(v, w)\nb: P2 = BestResponse(u, w)\nc: P3 = BestResponse(u, v)\n"
LONGER = JOINT + ANSWERS + "d: P1 = BestResponse(v, z)\n"
WORSE = JOINT + "wlog(U2(u, y, z) >= U3(u, y, z))\nc: P3 = Mix(w, z, 1/2)\nb: P2 = BestResponse(u, c)\n"


def value(source: str, players: int = 3, starts: int = 2) -> float:
    """That of the worst state found, over all cases."""
    worst = 0.0
    for system in compile_program(NashLanguage(players).algorithm(source)):
        found = ascend(system, starts=starts, lines=plain_lines(system), enough=2.0)["value"]
        worst = max(worst, 0.0 if found is None else found)
    return worst


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    made = Judge(THREE)
    yield made
    made.solver.close()


def verdict_of(judge: Judge, source: str, last: str = "prove") -> Verdict:
    for stage in NashTask("3").stages:
        verdict = judge.judge(source, stage.name)
        if not verdict.advance or stage.name == last:
            break
    return verdict


@pytest.mark.parametrize("name", zoo.KNOWN)
def test_no_state_is_worse_than_what_is_proved(name: str) -> None:
    """Up to HiGHS's tolerance; and for programs without computed weights it is all but the worst one."""
    known = zoo.KNOWN[name]
    found = value(zoo.source(name), known.players)
    assert found <= known.bound + Fraction(1, 10**6)
    if name != "bbm2":
        assert found >= known.below - Fraction(5, 10**5)


def _holds(system: System, found: dict[str, float], least: float) -> None:
    values = {name: Fraction(each) for name, each in found.items()}
    for axiom in system.axioms:
        off = axiom.poly.at(values)
        assert abs(off) < 1e-5 if axiom.relation == "=" else off > -1e-5, axiom
    for index in plain_lines(system):
        assert all(row.at(values) > least - 1e-5 for row in system.lines[index].rows)


@pytest.mark.parametrize("seed", range(6))
def test_what_is_found_is_a_state_and_is_found_again(seed: int) -> None:
    """Of programs made by the language's own edits: it meets all axioms, and its lines are as high as it says."""
    rng = random.Random(seed)
    program = THREE.check(JOINT)
    for _ in range(2):
        program = THREE.check(THREE.mutate(program, rng))
    for system in compile_program(THREE.algorithm(program.source)):
        first, second = (ascend(system, starts=1, lines=plain_lines(system), enough=2.0) for _ in range(2))
        assert first == second
        if first["value"] is not None:
            _holds(system, first["point"], first["value"])


@pytest.mark.parametrize(("weight", "same"), [("5 + 9*f1(u, y, z)", "1"), ("f1(u, y, z) - 3", "0")])
def test_a_weight_that_is_always_clipped_is_a_number(weight: str, same: str) -> None:
    """However far beyond [0, 1] it is."""
    program = JOINT + "m: P2 = Mix(v, y, {})\na: P1 = BestResponse(m, w)\n"
    assert abs(value(program.format(weight)) - value(program.format(same))) < 1e-5


def test_what_is_no_better_than_known_is_left_unproved_and_nothing_is_claimed(judge: Judge) -> None:
    verdict = verdict_of(judge, WORSE)
    assert (verdict.status, verdict.evidence["bound"], verdict.clock_limited) == ("scored", None, False)
    assert verdict.score is not None and verdict.score < -0.6
    assert verdict.evidence["refuted"] is None and not verdict.evidence["counterexample"]["checked"]
    assert "estimate, not a bound" in verdict.message and "not checked" in verdict.message


def test_a_verdict_does_not_depend_on_what_was_judged_before(judge: Judge) -> None:
    before = verdict_of(judge, LONGER, "estimate")
    verdict_of(judge, WORSE)
    after = verdict_of(judge, LONGER, "estimate")
    assert (before.score, before.message) == (after.score, after.message)


def test_a_program_that_is_too_long_is_answered_by_the_shorter_one(judge: Judge) -> None:
    """It is not proved itself, and counts as worse than what is proved of known ones."""
    verdict = verdict_of(judge, LONGER)
    assert verdict.status == "scored" and verdict.score is not None and verdict.score < -0.6
    program = THREE.check(LONGER)
    answers = {THREE.check(THREE.answer(program, verdict, random.Random(seed))).key for seed in range(8)}
    assert THREE.check(JOINT + ANSWERS).key in answers


def test_what_a_program_means_is_proved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy that nothing uses costs no second proof, and the outcome is the same."""
    monkeypatch.setattr("discovery.tasks.nash.stages_many._BOXES", Patience(questions=2))
    judge = Judge(THREE)
    asked: list[str] = []
    try:
        decide = judge.solver.decide
        monkeypatch.setattr(judge.solver, "decide", lambda text, **how: asked.append(text) or decide(text, **how))
        first = judge.judge(JOINT + ANSWERS, "prove")
        questions = len(asked)
        second = judge.judge(JOINT + ANSWERS + "d: P1 = Random()\n", "prove")
    finally:
        judge.solver.close()
    assert questions > 0 and len(asked) == questions
    assert (first.status, first.score, first.message) == (second.status, second.score, second.message)


def test_one_edit_builds_alike_for_all_players() -> None:
    """From a joint stationary point: best responses of all to the duals of the others; nothing for one alone."""
    form = THREE.lower(JOINT)
    made = [balance(form, THREE.words, random.Random(seed)) for seed in range(150)]
    keys = {THREE.check(source_of(each, THREE.words)).key for each in made if each is not None}
    assert THREE.check(JOINT + ANSWERS).key in keys
    for each in made:
        if each is not None:
            strategies = THREE.algorithm(source_of(each, THREE.words)).cases[0].strategies
            assert len(set(map(len, strategies))) == 1
