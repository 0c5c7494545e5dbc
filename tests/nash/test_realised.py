"""Bounds from below, by real games: what is proved for known algorithms is also reached, by the code that runs.

So no axiom of these programs' blocks is too strong: one that excluded such a game would let too small a bound be
proved.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from fractions import Fraction

import pytest
from states import violation

from discovery.model import Rejected
from discovery.tasks.nash import zoo
from discovery.tasks.nash.compiler.system import compile_program
from discovery.tasks.nash.execute import execute
from discovery.tasks.nash.games.realised import realised
from discovery.tasks.nash.language import NashLanguage
from discovery.tasks.nash.program import Program
from discovery.tasks.nash.solvers.encoding import target_problem
from discovery.tasks.nash.solvers.process import Solver
from discovery.tasks.nash.solvers.smtlib import smtlib

ACCURACY = 3e-5
LANGUAGES = {2: NashLanguage(2), 3: NashLanguage(3)}


@pytest.fixture(scope="module")
def solver() -> Iterator[Solver]:
    with Solver() as made:
        yield made


def played(program: Program, solver: Solver) -> float | None:
    """The largest regret in the worst game found; the axioms hold there for all actions, and it is as SCIP said."""
    game = realised(program, solver, nodes=300, seconds=60.0)
    if game is None:
        return None
    outcome = execute(program, game.payoffs, override=game.override)
    worst, axiom = violation(program, outcome)
    assert worst <= ACCURACY, axiom
    measured = float(outcome.regrets.max())
    assert measured == pytest.approx(game.value, abs=ACCURACY)
    return measured


@pytest.mark.parametrize("name", [name for name in zoo.KNOWN if name not in zoo.LARGE])
def test_known_bounds_are_reached_by_real_games(solver: Solver, name: str) -> None:
    known = zoo.KNOWN[name]
    measured = played(LANGUAGES[known.players].algorithm(zoo.source(name)), solver)
    assert measured is not None and measured <= float(known.bound) + ACCURACY
    assert measured >= (0.3079 if name == "dfm" else float(known.below) - ACCURACY)


@pytest.mark.parametrize("seed", range(6))
def test_no_bound_below_a_real_game_can_be_proved(solver: Solver, seed: int) -> None:
    rng = random.Random(seed)
    players = 3 if seed == 4 else 2
    language = LANGUAGES[players]
    name = rng.choice([name for name, known in zoo.KNOWN.items() if known.players == players and name not in zoo.LARGE])
    try:
        source = language.mutate(language.check(zoo.source(name)), rng, rng.randint(1, 4))
    except Rejected:
        return
    program = language.algorithm(source)
    measured = played(program, solver)
    if measured is None or measured < 0.01:
        return
    claim = Fraction(int(10**4 * measured) - 2, 10**4)
    texts = [smtlib(target_problem(system, claim, regrets=True)) for system in compile_program(program)]
    answers = [solver.decide(text, ordering=4, work=300_000, seconds=10).get("answer") for text in texts]
    assert not all(answer == "unsat" for answer in answers), (
        f"SOUNDNESS: {measured} in a real game, {claim} proved: {source}"
    )
