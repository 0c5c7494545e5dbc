"""What must never be believed: contradictory axioms, silent solvers, states that break an axiom, unfree branches."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from discovery.tasks.nash import zoo
from discovery.tasks.nash.blocks._base import Overload
from discovery.tasks.nash.compiler.guarantee import best_mixture, best_multipliers
from discovery.tasks.nash.compiler.system import System, compile_program
from discovery.tasks.nash.language import NashLanguage
from discovery.tasks.nash.proof.counterexample import from_model, violations
from discovery.tasks.nash.proof.lemmas import simplified
from discovery.tasks.nash.proof.outcome import Way
from discovery.tasks.nash.proof.prove import SEARCH, prove
from discovery.tasks.nash.solvers import z3
from discovery.tasks.nash.solvers.encoding import target_problem
from discovery.tasks.nash.solvers.process import Solver
from discovery.tasks.nash.solvers.smtlib import smtlib

TWO = NashLanguage(2)


@pytest.fixture(scope="module")
def solver() -> Iterator[Solver]:
    with Solver() as made:
        yield made


def systems(source: str, language: NashLanguage = TWO) -> list[System]:
    return compile_program(language.algorithm(source))


def outcome(source: str, claim: str, solver: Solver) -> tuple[str, Fraction | None, Fraction | None]:
    found = prove(systems(source), solver, SEARCH, claim=Fraction(claim))
    return found.status, found.bound, found.refuted


@pytest.mark.parametrize("name", ["dfm", "bbm1", "cdffjs"])
def test_without_its_free_assumption_an_algorithm_is_worse(name: str, solver: Solver) -> None:
    source = "\n".join(line for line in zoo.source(name).split("\n") if not line.startswith("wlog"))
    claim = str(zoo.KNOWN[name].bound)
    status, bound, refuted = outcome(source, claim, solver)
    assert (status, bound, refuted) == ("unproved", None, Fraction(claim))


def test_a_case_split_is_as_bad_as_its_worst_case(solver: Solver) -> None:
    """Nothing may be assumed of a condition that is not free: `else` is judged as well."""
    free = zoo.source("bbm1")
    split = free.replace("wlog(f1(x, y) >= f2(x, y))\n", "").rstrip().split("\n")
    cases = "if f1(x, y) >= f2(x, y):\n    " + "\n    ".join(split[-2:]) + "\nelse:\n    " + "\n    ".join(split[-2:])
    head = "\n".join(line for line in split[:-2] if line)
    assert outcome(free, "0.381967", solver)[0] == "proved"
    assert outcome(f"{head}\n{cases}", "0.381967", solver)[:2] == ("unproved", None)


def test_contradictory_axioms_prove_nothing(solver: Solver) -> None:
    (system,) = systems(zoo.source("dmp"))
    contradiction = system.state.M(1, "y")
    axioms = (*system.axioms, contradiction >= Fraction(2, 3), contradiction <= Fraction(1, 3))
    broken = replace(system, axioms=axioms)
    found = prove([broken], solver, SEARCH, claim=Fraction(1, 10))
    assert (found.status, found.bound) == ("vacuous", None)


class _Silent(Solver):
    """Answers nothing, as a solver that was killed."""

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"failed": "no answer within 1 s", "clock": True}


@pytest.mark.parametrize("name", ["t", "rho", "q1"])
def test_no_name_of_a_program_means_anything_to_a_solver(name: str, solver: Solver) -> None:
    source = "a, b, x, y, {0}, u = SampleLP()\nr: P1 = BestResponse(b)\nm: P2 = Mix(b, y, {0})"
    found = [solver.estimate(systems(source.format(each))[0], nodes=50, seconds=60.0) for each in (name, "v")]
    assert found[0]["ceiling"] == pytest.approx(found[1]["ceiling"], abs=1e-6)


def test_silence_is_no_proof() -> None:
    found = prove(systems(zoo.source("dmp")), _Silent(), SEARCH, claim=Fraction(1, 2))
    assert (found.status, found.bound, found.clock) == ("unproved", None, True)
    assert "no answer" in found.reasons[0]


def test_a_solver_that_dies_says_so_and_is_started_again() -> None:
    with Solver() as solver:
        text = smtlib(target_problem(systems(zoo.source("dmp"))[0], Fraction(1, 2), regrets=True))
        assert solver.decide(text, ordering=4, work=10**6, seconds=30)["answer"] == "unsat"
        assert solver._process is not None
        os.kill(solver._process.pid, signal.SIGKILL)
        assert solver.decide(text, ordering=4, work=10**6, seconds=30)["failed"] == "the solver process died"
        assert solver.decide(text, ordering=4, work=10**6, seconds=30)["answer"] == "unsat"


def test_a_solver_that_breaks_proves_nothing_and_is_started_again() -> None:
    """Z3 has an ordering at which an assertion inside it fails."""
    with Solver() as solver:
        broken = replace(SEARCH, portfolio=(Way(6, True),))
        found = prove(systems(zoo.source("dmp")), solver, broken, claim=Fraction(1, 2))
        assert (found.status, found.bound) == ("unproved", None)
        assert any("assertion" in reason for reason in found.reasons)
        assert prove(systems(zoo.source("dmp")), solver, SEARCH, claim=Fraction(1, 2)).status == "proved"


class _Killed(Solver):
    """Its process is killed, really, whenever it has been asked."""

    def decide(self, text: str, *, ordering: int, work: int, seconds: float) -> dict[str, Any]:
        self.start()
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGKILL)
        return super().decide(text, ordering=ordering, work=work, seconds=seconds)


def test_a_solver_that_is_killed_at_every_question_proves_nothing() -> None:
    with _Killed() as solver:
        found = prove(systems(zoo.source("dmp")), solver, SEARCH, claim=Fraction(1, 2))
    assert (found.status, found.bound) == ("unproved", None)
    assert all("the solver process died" in reason for reason in found.reasons)


def test_memory_is_limited() -> None:
    with Solver(memory=300 << 20) as solver:
        text = smtlib(target_problem(systems(zoo.source("dfm"))[0], Fraction(1, 4), regrets=False))
        found = solver.decide(text, ordering=0, work=10**9, seconds=60)
    assert found.get("answer") != "unsat"


def test_a_limit_of_work_leaves_a_question_open(solver: Solver) -> None:
    text = smtlib(target_problem(systems(zoo.source("dfm"))[0], Fraction(1, 3), regrets=True))
    assert solver.decide(text, ordering=4, work=2_000, seconds=30)["answer"] == "unknown"


def test_a_state_that_breaks_an_axiom_is_found_out(solver: Solver) -> None:
    (system,) = systems(zoo.source("ts"))
    text = smtlib(target_problem(system, Fraction(1, 4)))
    values = from_model(solver.decide(text, ordering=4, work=10**6, seconds=30)["model"])
    assert violations(system, values) == []
    for name in ("U1(x,y)", "M2(x)"):
        value = values[name]
        assert isinstance(value, Fraction)
        moved = {**values, name: value + Fraction(1, 1000)}
        assert violations(system, moved)


def test_proofs_of_computed_weights_rest_on_lemmas(solver: Solver) -> None:
    """A division is taken as such only where its denominator is shown not to vanish."""
    head = "x, y = ZeroSum(U1 - U2)\nr: P1 = BestResponse(y)\n"
    unsafe = systems(head + "m: P1 = Mix(x, r, f1(x, y) / f2(x, y))")[0]
    assert simplified(unsafe, solver).lemmas == ()
    safe = systems(head + "m: P1 = Mix(x, r, f1(x, y) / (1 + f1(x, y)))")[0]
    assert len(simplified(safe, solver).lemmas) == 3


@pytest.mark.parametrize(
    "points", [[[1, 0, 0], [0, 1, 0], [0, 0, 1]], [[Fraction(1, 3), 1], [1, Fraction(1, 7)], [Fraction(1, 2)] * 2]]
)
def test_mixing_has_no_duality_gap(points: Sequence[Sequence[Fraction | int]]) -> None:
    exact = [[Fraction(entry) for entry in row] for row in points]
    assert best_mixture(exact)[0] == best_multipliers(exact)[0]
    if len(points[0]) == 3:
        assert best_mixture(exact) == (Fraction(1, 3), (Fraction(1, 3),) * 3)


def test_overloads_cover_every_pair_of_players() -> None:
    overloads: list[Overload] = []
    for block in NashLanguage(3).words.blocks.values():
        overloads += block.overloads(3)
    assert sum(each.op == "StationaryPoint" for each in overloads) == 3
    assert sum(each.op == "Approximate" for each in overloads) == 3


def test_answers_do_not_depend_on_what_was_asked_before() -> None:
    """A solver process serves a whole run; one that starts later must answer alike."""
    texts = []
    for name in ("ts", "dfm", "bbm1", "cdffjs", "kps", "extension3"):
        known = zoo.KNOWN[name]
        (system,) = compile_program(NashLanguage(known.players).algorithm(zoo.source(name)))
        for below in (Fraction(1, 100), Fraction(1, 1000), Fraction(1, 10)):
            texts += [smtlib(target_problem(system, known.bound - below, regrets=regrets)) for regrets in (True, False)]
    forth = [z3.decide(text, ordering=4, work=300_000, seconds=60.0) for text in texts]
    back = [z3.decide(text, ordering=4, work=300_000, seconds=60.0) for text in reversed(texts)]
    assert forth == back[::-1] and "sat" in {answer["answer"] for answer in forth}
