"""The pool of adversarial games: what it says of a program is never more than what can be proved of it."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discovery.model import Verdict
from discovery.tasks.nash import zoo
from discovery.tasks.nash.compiler.algebra import constant
from discovery.tasks.nash.compiler.system import compile_program
from discovery.tasks.nash.games.adversaries import Adversary, adversary
from discovery.tasks.nash.games.pool import POOL
from discovery.tasks.nash.language import NashLanguage
from discovery.tasks.nash.proof.counterexample import violations
from discovery.tasks.nash.proof.prove import SEARCH, placed
from discovery.tasks.nash.solvers.process import Solver
from discovery.tasks.nash.stages import Judge

LANGUAGE = NashLanguage(2)
MARKS = tuple(map(Fraction, ("1/3", "0.339333", "0.381967", "1/2", "3/4")))
TWO = sorted(name for name, known in zoo.KNOWN.items() if known.players == 2)
TRIVIAL = {
    "x: P1 = Random()\ny: P2 = BestResponse(x)\n": "indifferent",
    "x: P1 = Random()\ny: P2 = Random()\n": "indifferent",
    "x, y = MaxPayoff(U1 + U2)\n": "indifferent",
    "x, y = ZeroSum(U1 - U2)\nwlog(f2(x, y) >= f1(x, y))\n": "zero sum",
}


class Silent(Solver):
    """A solver that must not be needed."""

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        raise AssertionError(f"asked to {request['call']}")


def judged(source: str, stage: str, solver: Solver) -> Verdict:
    judge = Judge(LANGUAGE)
    judge.solver = solver
    return judge.judge(source, stage)


def found(source: str) -> Adversary | None:
    return Judge(LANGUAGE).adversary(LANGUAGE.lower(source))


def mutant(seed: int) -> str:
    rng = random.Random(seed)
    start = rng.choice(["x, y, w, z = StationaryPoint()", "x: P1 = Random()\ny: P2 = BestResponse(x)"])
    program = LANGUAGE.check(start)
    for _ in range(rng.randint(0, 5)):
        program = LANGUAGE.check(LANGUAGE.mutate(program, rng))
    return program.source


def test_games_of_the_pool_are_games() -> None:
    """Payoffs in [0, 1], one shape for both players, names that tell them apart."""
    for game in POOL:
        first, second = (np.array(matrix, float) for matrix in game.payoffs)
        assert first.shape == second.shape == game.shape
        assert min(first.min(), second.min()) >= 0
        assert max(first.max(), second.max()) <= 1
    assert len({game.name for game in POOL}) == len(POOL)


@pytest.mark.parametrize("name", TWO)
def test_no_known_bound_is_contradicted(name: str) -> None:
    """What the adversary reaches is at most what was proved; for three programs it is as much, to six digits."""
    known, reached = zoo.KNOWN[name], found(zoo.source(name))
    value = Fraction(0) if reached is None else reached.state.value
    assert value <= known.bound
    if name in ("kps", "dmp", "ts"):
        assert value >= known.below


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6))
def test_every_state_is_one_of_the_game_that_is_named(seed: int) -> None:
    """It breaks no axiom; the payoffs and best payoffs are those of the game: nobody gets more than an action pays."""
    source = mutant(seed)
    judge = Judge(LANGUAGE)
    try:
        form = LANGUAGE.lower(source)
        reached = judge.adversary(form)
        if reached is None:
            return
        system = judge.systems(form)[reached.state.case - 1]
    finally:
        judge.solver.close()
    values = reached.state.values
    assert reached.state.exact
    assert violations(system, values) == []
    assert reached.state.value == min(line["value"] for line in reached.state.lines)
    game = next(game for game in POOL if game.name == reached.game)
    entries = [{entry for row in matrix for entry in row} for matrix in game.payoffs]
    for name, value in values.items():
        if name[:2] in ("M1", "M2") and name[2:3] == "(":
            assert value <= max(entries[int(name[1]) - 1])
        if name[:2] in ("U1", "U2") and name[2:3] == "(":
            assert min(entries[int(name[1]) - 1]) <= value <= max(entries[int(name[1]) - 1])


def test_a_state_that_breaks_an_axiom_is_no_state() -> None:
    """However the adversary found it: with an axiom that no game meets there is none."""
    program = LANGUAGE.algorithm(zoo.source("dmp"))
    (system,) = compile_program(program)
    assert adversary(program, [system]) is not None
    unmet = replace(system, axioms=(*system.axioms, constant(0) >= 1))
    assert adversary(program, [unmet]) is None


@pytest.mark.parametrize(("source", "game"), TRIVIAL.items())
def test_trivial_programs_are_decided_without_a_solver(source: str, game: str) -> None:
    """The game is named, its value is journaled as a lower bound, and the verdict repeats exactly."""
    first, second = (judged(source, "screen", Silent()) for _ in range(2))
    assert first == second
    assert (first.status, first.evidence["bound"], first.advance) == ("proved", "1", False)
    assert f"of the pool: {game}" in first.message
    assert first.evidence["at_least"]["game"].startswith(game)
    assert Fraction(first.evidence["at_least"]["value"]) > Fraction(999, 1000)


def test_a_program_near_a_known_bound_passes_the_screen_unasked() -> None:
    """Whether it has that bound is asked later; a lower bound alone decides nothing but that nothing is guaranteed."""
    verdict = judged(zoo.source("ts"), "screen", Silent())
    assert (verdict.status, verdict.advance, "bound" in verdict.evidence) == ("scored", True, False)


@pytest.mark.parametrize("seed", range(8))
def test_a_known_state_changes_no_bound(seed: int) -> None:
    """Placed among the marks with the adversary's state or without it, a program has the same bound."""
    judge = Judge(LANGUAGE)
    try:
        form = LANGUAGE.lower(mutant(seed))
        systems, reached = judge.systems(form), judge.adversary(form)
        without = placed(systems, MARKS, judge.solver, SEARCH)
        known = None if reached is None else reached.state
        with_state = placed(systems, MARKS, judge.solver, SEARCH, known=known)
    finally:
        judge.solver.close()
    if without is not None and with_state is not None:
        assert without.bound == with_state.bound


def test_games_for_three_players_are_left_to_the_solvers() -> None:
    """No state, no error."""
    language = NashLanguage(3)
    assert Judge(language).adversary(language.lower(zoo.source("extension3"))) is None
