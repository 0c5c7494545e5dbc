"""Exported modules find what the executor finds, and stand alone on numpy and highspy."""

from __future__ import annotations

import ast
import random
import re
import subprocess
import sys
import types
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from discovery.tasks.nash import zoo
from discovery.tasks.nash.execute import execute
from discovery.tasks.nash.export_module import nash_module
from discovery.tasks.nash.games import suite
from discovery.tasks.nash.language import NashLanguage

LANGUAGES = {2: NashLanguage(2), 3: NashLanguage(3)}

#: What is easily got wrong: names that the module needs itself, values across an exchange, conditions in branches.
AWKWARD = {
    "names": (
        2,
        """
payoffs: P1 = Random()
np: P2 = BestResponse(payoffs)
lambda_: P1 = Mix(payoffs, payoffs, 1/3)
regret: P1 = BestResponse(np)
found = f1(payoffs, np)
solve: P1 = Mix(regret, payoffs, found * found - found)
""",
    ),
    "mirrored": (
        2,
        """
x, y = ZeroSum(U1 - U2)
v = f1(x, y)
w = f2(x, y)
wlog(v >= w)
b: P2 = BestResponse(x)
a: P1 = BestResponse(b)
c: P1 = Mix(a, x, (v + v - w) / (1 + v * w) - w * v)
""",
    ),
    "drawn in the order of the program, not of the condition": (
        2,
        """
y: P2 = Random()
x: P1 = Random()
wlog(f1(x, y) >= f2(x, y))
a: P1 = Mix(x, x, 1/2)
b: P2 = BestResponse(a)
""",
    ),
    "drawn before a branch": (
        2,
        """
y: P2 = Random()
x: P1 = Random()
if f1(x, y) >= 1/2:
    b: P1 = BestResponse(y)
else:
    b: P2 = BestResponse(x)
""",
    ),
    "branches": (
        3,
        """
z: P3 = Random()
x, y = ZeroSum(z, U1 - U2)
w: P3 = BestResponse(x, y)
if f1(x, y, w) >= 1/3:
    a: P1 = BestResponse(y, w)
elif M2(x, w) - U2(x, y, w) >= 1/4:
    a: P2 = BestResponse(x, w)
    b: P2 = Mix(a, y, U3(x, y, w) - 1/2)
else:
    pass
""",
    ),
    "pairs of three": (
        3,
        """
x, y, z, u, v, w = JointStationaryPoint()
wlog(f1(u, v, w) >= f3(u, v, w))
a: P1 = Mix(x, u, f1(x, y, z) / f2(x, y, z))
""",
    ),
}


def loaded(text: str) -> Any:
    module = types.ModuleType("exported")
    sys.modules["exported"] = module
    exec(compile(text, "exported.py", "exec"), module.__dict__)
    return module


def same(players: int, source: str) -> None:
    program = LANGUAGES[players].algorithm(source)
    module = loaded(nash_module(program, "exported", "Header.", None))
    games = list(suite(players, 5, largest=4 if players == 2 else 3))[:: 1 if players == 2 else 4]
    for seed, (kind, payoffs) in enumerate(games):
        expected = execute(program, payoffs, seed=seed)
        profile, regrets = module.solve(*payoffs, seed=seed)
        assert regrets == pytest.approx(expected.regrets, abs=1e-9), (kind, source)
        for ours, theirs in zip(profile, expected.profile, strict=True):
            assert ours == pytest.approx(theirs, abs=1e-9), (kind, source)


@pytest.mark.parametrize("name", zoo.KNOWN)
def test_known_algorithms_are_exported_as_they_run(name: str) -> None:
    same(zoo.KNOWN[name].players, zoo.source(name))


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_programs_are_exported_as_they_run(name: str) -> None:
    same(*AWKWARD[name])


@pytest.mark.parametrize("seed", range(16))
def test_random_programs_are_exported_as_they_run(seed: int) -> None:
    rng = random.Random(seed)
    players = 3 if seed % 4 == 0 else 2
    name = rng.choice([name for name, known in zoo.KNOWN.items() if known.players == players])
    language = LANGUAGES[players]
    same(players, language.mutate(language.check(zoo.source(name)), rng, rng.randint(1, 8)))


@pytest.mark.parametrize("name", zoo.KNOWN)
def test_modules_need_numpy_and_highspy_only_and_test_themselves(name: str, tmp_path: Path) -> None:
    known = zoo.KNOWN[name]
    program = LANGUAGES[known.players].algorithm(zoo.source(name))
    text = nash_module(program, "found", 'A header with """quotes""" and \\ in it.', known.bound)
    imported = {node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
                for node in ast.parse(text).body if isinstance(node, ast.Import | ast.ImportFrom)}  # fmt: skip
    outside = {each.partition(".")[0] for each in imported if each} - sys.stdlib_module_names
    assert outside <= {"numpy", "highspy"} and max(map(len, text.split("\n"))) <= 120
    (tmp_path / "found.py").write_text(text)
    done = subprocess.run([sys.executable, "-P", "found.py"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.fullmatch(
        rf"found: largest regret [\d.]+ in 24 games; at most {float(known.bound):.6f} is proved: ok\n", done.stdout
    )


def test_the_self_test_fails_where_the_bound_does_not_hold(tmp_path: Path) -> None:
    text = nash_module(LANGUAGES[2].algorithm(zoo.source("dmp")), "found", "", Fraction(1, 4))
    (tmp_path / "found.py").write_text(text)
    done = subprocess.run([sys.executable, "-P", "found.py"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1 and "FAILED" in done.stdout


def test_solve_refuses_what_is_no_game() -> None:
    module = loaded(nash_module(LANGUAGES[2].algorithm(zoo.source("dmp")), "found", "", None))
    assert module.BOUND is None
    with pytest.raises(ValueError, match="the payoffs of 2 players; got 3"):
        module.solve(*(np.ones((1, 1, 1)),) * 3)
    with pytest.raises(ValueError, match="must lie in"):
        module.solve(np.full((2, 2), 2.0), np.ones((2, 2)))


@pytest.mark.parametrize("name", ["", "1a", "a b", "class", "a.b"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="identifier"):
        nash_module(LANGUAGES[2].algorithm(zoo.source("dmp")), name, "", None)
