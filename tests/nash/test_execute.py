"""Programs on real games: what is measured never exceeds what is proved, and no axiom of the prover fails.

A failure here is a soundness alarm: an axiom that does not hold in every game, or a profile that is mixed in the proof
but not in the run.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from states import violation

from discovery.model import Rejected
from discovery.tasks.nash import zoo
from discovery.tasks.nash.blocks import BLOCKS, Call
from discovery.tasks.nash.compiler.system import compile_program
from discovery.tasks.nash.execute import Outcome, Override, execute
from discovery.tasks.nash.games import KINDS, WORST, WorstCase, suite
from discovery.tasks.nash.language import NashLanguage
from discovery.tasks.nash.numerics import Payoffs, exchanged_payoffs, regrets
from discovery.tasks.nash.program import Program
from discovery.tasks.nash.solvers.encoding import target_problem
from discovery.tasks.nash.solvers.smtlib import smtlib
from discovery.tasks.nash.solvers.z3 import decide

DELTA = 1e-3
#: Axioms hold up to 2 delta for two players, n delta for n; bounds move by less than delta (0.67 delta for DFM).
SLACK = 3 * DELTA
TINY = 1e-7
LANGUAGES = {2: NashLanguage(2), 3: NashLanguage(3)}


@cache
def algorithm(name: str) -> Program:
    return LANGUAGES[zoo.KNOWN[name].players].algorithm(zoo.source(name))


def slack(program: Program) -> float:
    steps = [step for case in program.cases for step in case.steps if isinstance(step, Call)]
    return SLACK if any(step.block.routine(step).needs == "delta" for step in steps) else TINY


def checked(program: Program, outcome: Outcome) -> None:
    """Every axiom holds in the game the program saw, and the regrets are those of its profile in the given game."""
    worst, axiom = violation(program, outcome)
    assert worst <= slack(program), f"SOUNDNESS: violated by {worst}: {axiom}"
    game = outcome.payoffs if outcome.exchanged is None else exchanged_payoffs(outcome.payoffs, *outcome.exchanged)
    assert outcome.regrets == pytest.approx(regrets(game, outcome.profile), abs=1e-12)


@pytest.mark.parametrize("name", zoo.KNOWN)
def test_known_algorithms_keep_their_bounds_and_axioms_on_all_kinds_of_games(name: str) -> None:
    program, known = algorithm(name), zoo.KNOWN[name]
    for seed, (kind, payoffs) in enumerate(suite(known.players, seed=1, rounds=2)):
        outcome = execute(program, payoffs, delta=DELTA, seed=seed)
        checked(program, outcome)
        measured = outcome.regrets.max()
        assert measured <= float(known.bound) + slack(program), f"SOUNDNESS: {measured} on {kind}"


def override(case: WorstCase) -> Override:
    def outputs(call: Call, payoffs: Payoffs, inputs: Sequence[Any]) -> Sequence[Any] | None:
        return case.outputs.get(call.block.name)

    return outputs


@pytest.mark.parametrize("case", WORST, ids=lambda case: case.program)
def test_known_worst_cases_are_as_bad_as_the_bound(case: WorstCase) -> None:
    program = algorithm(case.program)
    outcome = execute(program, case.payoffs, override=override(case))
    worst, axiom = violation(program, outcome)
    assert worst <= case.accuracy, axiom
    assert outcome.regrets.max() == pytest.approx(case.regret, abs=case.accuracy)
    assert float(zoo.KNOWN[case.program].below) - 1e-5 <= outcome.regrets.max() <= float(zoo.KNOWN[case.program].bound)


@pytest.mark.parametrize(("duals", "regret"), [((1, 1), 0.0), ((1, 2), 0.1577), ((2, 1), 0.2945)])
def test_other_duals_of_the_tight_game_are_not_as_bad(duals: tuple[int, int], regret: float) -> None:
    """So a test that lets the solver choose does not see the bound."""
    case = next(each for each in WORST if each.program == "ts")
    x, y, *_ = case.outputs["StationaryPoint"]
    w, z = (np.eye(3)[each] for each in duals)
    changed = WorstCase("ts", case.payoffs, regret, {"StationaryPoint": (x, y, w, z)})
    assert execute(algorithm("ts"), case.payoffs, override=override(changed)).regrets.max() == pytest.approx(
        regret, abs=1e-4
    )


#: Every block in every overload, and every number that changes its axioms; `Random` strategies besides, to range over.
EACH_BLOCK = {
    2: [
        *(f"a, b = MaxPayoff({v})" for v in ("U1", "-U2", "U1 + U2", "2*U1 - U2")),
        *(f"a, b = ZeroSum({v})" for v in ("U1 - U2", "U1", "-U2", "-U1", "U2", "2*U1 + U2", "U1 - 3*U2", "U1 + U2")),
        "a: P1 = BestResponse(y)",
        "b: P2 = BestResponse(x)",
        "u: P1 = BestResponse(y)\na: P1 = Mix(x, u, 1/3)",
        "u: P2 = BestResponse(x)\nb: P2 = Mix(y, u, 3*U1(x, y) - 1)",
        "u: P2 = BestResponse(x)\nb: P2 = Mix(y, u, sqrt(U1(x, y) / f2(x, y)) - M1(y))",
        "a, b, c, d = StationaryPoint()",
        "a, b, c, d, v, w = SampleLP()",
    ],
    3: [
        *(f"a, b, c = MaxPayoff({v})" for v in ("U2", "U1 - U2 + U3", "U1 + 2*U3")),
        *(f"a, b = ZeroSum(z, {v})" for v in ("U1 - U2", "U1 - U2 + U3", "U3", "U1", "-U2")),
        "a, c = ZeroSum(y, U1)",
        "b, c = ZeroSum(x, U2 - U3)",
        "a: P1 = BestResponse(y, z)",
        "b: P2 = BestResponse(x, z)",
        "c: P3 = BestResponse(x, y)",
        "u: P1 = BestResponse(y, z)\na: P1 = Mix(u, x, 1/2)",
        "u: P2 = BestResponse(x, z)\na: P2 = Mix(u, y, 2/3)",
        "u: P3 = BestResponse(x, y)\na: P3 = Mix(u, z, f1(x, y, z))",
        "a, b, c, d = StationaryPoint(z)",
        "a, b, c, d = StationaryPoint(y)",
        "a, b, c, d = StationaryPoint(x)",
        "a, b, c, d, e, f = JointStationaryPoint()",
        "a, b = Approximate(z, 1/3)",
        "a, b = Approximate(y, 1/3)",
        "a, b = Approximate(x, 1/2)",
    ],
}
ROWS = [(n, row) for n, rows in EACH_BLOCK.items() for row in rows]


def alone(players: int, row: str) -> Program:
    """One block after an arbitrary strategy of everyone."""
    start = "".join(f"{name}: P{i} = Random()\n" for i, name in enumerate("xyz"[:players], 1))
    return NashLanguage(players).algorithm(start + row)


@pytest.mark.parametrize(("players", "row"), ROWS)
def test_every_block_keeps_its_axioms(players: int, row: str) -> None:
    program = alone(players, row)
    games = list(suite(players, seed=2, largest=4 if players == 2 else 3))[:: 1 if players == 2 else 2]
    for seed, (_, payoffs) in enumerate(games):
        checked(program, execute(program, payoffs, delta=DELTA, seed=seed))


@pytest.mark.parametrize("players", EACH_BLOCK)
def test_the_matrix_has_a_row_for_every_block_in_every_overload(players: int) -> None:
    programs = [alone(players, row) for row in EACH_BLOCK[players]]
    calls = [step for program in programs for step in program.cases[0].steps if isinstance(step, Call)]
    assert {call.overload for call in calls} == {each for block in BLOCKS for each in block.overloads(players)}


@st.composite
def programs(draw: st.DrawFn) -> tuple[str, Program]:
    """Variants of known algorithms, several edits away."""
    players = draw(st.sampled_from([2, 2, 2, 3]))
    language, rng = LANGUAGES[players], random.Random(draw(st.integers(0, 2**32)))
    sources = [zoo.source(name) for name, known in zoo.KNOWN.items() if known.players == players]
    if players == 3:
        sources += ["a, b, c, d, e, f = JointStationaryPoint()", "z: P3 = Random()\na, b, c, d = StationaryPoint(z)"]
    program = language.check(draw(st.sampled_from(sources)))
    try:
        source = language.mutate(program, rng, draw(st.integers(1, 6)))
    except Rejected:
        assume(False)
    return source, language.algorithm(source)


@settings(max_examples=60, deadline=None)
@given(programs(), st.sampled_from(sorted(KINDS)), st.integers(0, 2**32))
def test_all_programs_keep_all_axioms_in_all_games(found: tuple[str, Program], kind: str, seed: int) -> None:
    _, program = found
    rng = np.random.default_rng(seed)
    payoffs = KINDS[kind](rng, rng.integers(1, 5 if program.players == 2 else 4, program.players).tolist())
    checked(program, execute(program, payoffs, delta=DELTA, seed=seed))


@settings(max_examples=12, deadline=None)
@given(programs(), st.integers(0, 2**32))
def test_no_bound_below_what_was_measured_can_be_proved(found: tuple[str, Program], seed: int) -> None:
    source, program = found
    measured = max(
        execute(program, payoffs, delta=DELTA, seed=seed).regrets.max()
        for _, payoffs in suite(program.players, seed, largest=3)
    )
    claim = Fraction(int(1000 * (measured - slack(program)) - 1), 1000)
    assume(claim > 0)
    systems = compile_program(program)
    answers = [
        decide(smtlib(target_problem(system, claim)), ordering=1, work=300_000, seconds=5)["answer"]
        for system in systems
    ]
    assert not all(answer == "unsat" for answer in answers), (
        f"SOUNDNESS: {measured} measured, {claim} proved:\n{source}"
    )


GAME = (np.array([[0.2, 0.9], [0.6, 0.1]]), np.array([[0.7, 0.3], [0.1, 0.8]]))


@pytest.mark.parametrize("name", ["bbm1", "bbm2", "cdffjs", "dfm", "dmp_lp"])
def test_the_assumption_holds_whichever_way_the_game_is_given(name: str) -> None:
    """A game and its mirror image are played alike, up to ties: the assumption, an axiom, is checked in both."""
    turned = set()
    for seed in range(8):
        payoffs = KINDS["binary"](np.random.default_rng(seed), (4, 3))
        for game in (payoffs, exchanged_payoffs(payoffs, 0, 1)):
            outcome = execute(algorithm(name), game)
            checked(algorithm(name), outcome)
            turned.add(outcome.exchanged)
    assert turned == {None, (0, 1)}


def test_an_assumption_is_mirrored_however_its_sides_are_written() -> None:
    """Equal products are one value in a run: `f2 * f1` is `f1 * f2`, and still turns into its mirror image."""
    whole = zoo.source("bbm1").replace(
        "wlog(f1(x, y) >= f2(x, y))", "wlog(f1(x, y) + f2(x, y) * f1(x, y) >= f2(x, y) + f1(x, y) * f2(x, y))"
    )
    program = LANGUAGES[2].algorithm(whole)
    for seed, (_, payoffs) in enumerate(suite(2, seed=5, rounds=1)):
        outcome = execute(program, payoffs, delta=DELTA, seed=seed)
        checked(program, outcome)
        assert outcome.exchanged == execute(algorithm("bbm1"), payoffs, delta=DELTA, seed=seed).exchanged


def test_what_the_assumption_rests_on_is_mirrored_not_computed_again() -> None:
    """A tie that would be broken otherwise in the mirrored game must not undo the exchange."""
    program = LANGUAGES[2].algorithm("x: P1 = Random()\ny: P2 = Random()\nwlog(f1(x, y) >= f2(x, y))\n")
    for seed in range(20):
        checked(program, execute(program, GAME, seed=seed))


CASES = """
x: P1 = Random()
y: P2 = Random()
if f1(x, y) >= 1/2:
    a: P1 = BestResponse(y)
elif f2(x, y) >= 1/2:
    b: P2 = BestResponse(x)
else:
    a: P1 = Mix(x, x, 1/2)
"""


@pytest.mark.parametrize(("row", "column", "case"), [(0, 0, 2), (1, 1, 0), (0, 1, 2), (1, 0, 1)])
def test_the_first_case_whose_condition_holds_is_taken(row: int, column: int, case: int) -> None:
    def chosen(call: Call, payoffs: Payoffs, inputs: Sequence[Any]) -> Sequence[Any] | None:
        return (
            (np.eye(2)[{"Random1": row, "Random2": column}[call.overload.op]],) if call.block.name == "Random" else None
        )

    program = LANGUAGES[2].algorithm(CASES)
    outcome = execute(program, GAME, override=chosen)
    assert outcome.case == case
    checked(program, outcome)


def test_equal_expressions_have_one_value() -> None:
    program = LANGUAGES[2].algorithm("x: P1 = Random()\nz: P1 = Random()\ny: P2 = BestResponse(x)\n")
    outcome = execute(program, KINDS["uniform"](np.random.default_rng(0), (50, 50)), seed=3)
    assert {name for names in program.cases[0].strategies for name in names} <= set(outcome.values)
    found = [value for name, value in outcome.values.items() if name in ("x", "z")]
    assert all((value == found[0]).all() for value in found)


def test_a_run_repeats_with_its_seed() -> None:
    payoffs = KINDS["uniform"](np.random.default_rng(0), (5, 5))
    first, second, other = (execute(algorithm("dmp"), payoffs, seed=seed).values["x"] for seed in (1, 1, 2))
    assert (first == second).all() and not (first == other).all()


@pytest.mark.parametrize(
    ("payoffs", "told"),
    [
        (GAME[:1], "at least two players"),
        ((np.ones((2, 2, 2)),) * 3, "the program is for 2 players; got the payoffs of 3"),
        ((np.ones((2, 2)), np.full((2, 2), np.nan)), "NaN"),
        ((np.ones((2, 2)), np.ones((3, 2))), "same shape"),
        ((np.ones((2, 2)), 2 * np.ones((2, 2))), "must lie in [0, 1]"),
    ],
)
def test_what_is_no_game_for_the_program_is_refused(payoffs: Sequence[Any], told: str) -> None:
    with pytest.raises(ValueError) as caught:
        execute(algorithm("dmp"), payoffs)
    assert told in str(caught.value)


DEGENERATE: dict[str, Callable[[int], Payoffs]] = {
    "one action": lambda n: (np.full((1,) * n, 0.5),) * n,
    "all equal": lambda n: (np.full((3,) * n, 1.0),) * n,
    "all zero": lambda n: (np.zeros((2,) * n),) * n,
    "one player has one action": lambda n: tuple(np.linspace(0, 1, 3).reshape((3,) + (1,) * (n - 1)) for _ in range(n)),
}


@pytest.mark.parametrize("kind", DEGENERATE)
@pytest.mark.parametrize("name", zoo.KNOWN)
def test_degenerate_games_are_played(name: str, kind: str) -> None:
    program = algorithm(name)
    outcome = execute(program, DEGENERATE[kind](program.players))
    checked(program, outcome)
    assert outcome.regrets.max() <= float(zoo.KNOWN[name].bound) + slack(program)
