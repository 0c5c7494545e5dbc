"""Random programs: nothing that is measured, estimated or found exceeds what is proved.

`python tests/nash/hostile.py 500` does the same at length.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import pytest
from hostile import LANGUAGE, compared, hostile_program
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from discovery.model import Verdict
from discovery.tasks.nash.compiler.system import compile_program, restricted
from discovery.tasks.nash.proof.counterexample import from_model, violations
from discovery.tasks.nash.solvers.encoding import target_problem
from discovery.tasks.nash.solvers.process import Solver
from discovery.tasks.nash.solvers.smtlib import smtlib
from discovery.tasks.nash.stages import Judge


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    made = Judge(LANGUAGE)
    yield made
    made.solver.close()


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32))
def test_nothing_exceeds_what_is_proved(judge: Judge, seed: int) -> None:
    found = compared(judge, hostile_program(random.Random(seed)), seed % 2**31, games=3, steps=12, nodes=0)
    assert not found.alarms, f"SOUNDNESS: {found.alarms}:\n{found.source}"


class _Liar(Judge):
    """Claims a bound that is too small."""

    def judge(self, source: str, stage: str) -> Verdict:
        verdict = super().judge(source, stage)
        return replace(verdict, evidence={**verdict.evidence, "bound": "1/20"})


def test_a_bound_that_is_too_small_is_noticed_in_every_way() -> None:
    liar = _Liar(LANGUAGE)
    source = "x: P1 = Random()\ny: P2 = BestResponse(x)\nr: P1 = BestResponse(y)\n"
    found = compared(liar, source, 0, games=3, steps=30, nodes=20)
    liar.solver.close()
    assert {alarm.partition(":")[0] for alarm in found.alarms} == {"played", "pool", "optimised"}


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_leaving_strategies_out_leaves_every_state_a_state(seed: int) -> None:
    """So what is refuted without them is refuted with them."""
    rng = random.Random(seed)
    (system, *_) = compile_program(LANGUAGE.algorithm(hostile_program(rng)))
    kept = [name for names in system.state.constructed for name in (names[0], *names[1 : rng.randint(1, len(names))])]
    shorter = restricted(system, kept)
    with Solver() as solver:
        text = smtlib(target_problem(system, Fraction(1, 10)))
        found = solver.decide(text, ordering=4, work=200_000, seconds=20)
    if found.get("answer") != "sat":
        return
    values = from_model(found["model"])
    if violations(system, values):
        return
    known = {name: value for name, value in values.items() if name in shorter.state.variables}
    assert not violations(shorter, known)
    assert set(shorter.state.variables) <= set(system.state.variables)
    assert all(line.label in {each.label for each in system.lines} for line in shorter.lines)
