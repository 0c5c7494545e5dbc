"""The bounds of known algorithms, by proof from both sides."""

from __future__ import annotations

from fractions import Fraction

import pytest

from discovery.tasks.nash import zoo
from discovery.tasks.nash.compiler.system import System, compile_program
from discovery.tasks.nash.language import NashLanguage
from discovery.tasks.nash.solvers.encoding import target_problem
from discovery.tasks.nash.solvers.smtlib import smtlib
from discovery.tasks.nash.solvers.z3 import decide

EASY = [name for name in zoo.KNOWN if name not in zoo.LARGE]


def systems(name: str) -> list[System]:
    return compile_program(NashLanguage(zoo.KNOWN[name].players).algorithm(zoo.source(name)))


def answer(system: System, target: Fraction, ordering: int = 4) -> str:
    lines = {index for index, line in enumerate(system.lines) if line.label.startswith("line")}
    problem = target_problem(system, target, lines=lines, regrets=True)
    return str(decide(smtlib(problem), ordering=ordering, work=20_000_000, seconds=30)["answer"])


@pytest.mark.parametrize("name", EASY)
def test_the_bound_holds_and_nothing_below_it(name: str) -> None:
    known = zoo.KNOWN[name]
    (system,) = systems(name)
    assert answer(system, known.bound) == "unsat"
    assert answer(system, known.below) == "sat"
