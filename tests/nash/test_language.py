"""The language of algorithms: what it accepts, refuses and prints; keys; random edits that stay inside it."""

from __future__ import annotations

import random

import pytest

from discovery.model import Rejected
from discovery.task import Language
from discovery.tasks.nash import zoo
from discovery.tasks.nash.language import NashLanguage
from discovery.tasks.nash.printing import source_of
from discovery.testing import LanguageConformance

TWO, THREE = NashLanguage(2), NashLanguage(3)
DMP = "x: P1 = Random()\ny: P2 = BestResponse(x)\nw: P1 = BestResponse(y)\n"
MANY = "".join(f"x{k}: P1 = Random()\ny{k}: P2 = BestResponse(x{k})\n" for k in range(7))


def zoo_of(players: int) -> list[str]:
    return [zoo.source(name) for name, known in zoo.KNOWN.items() if known.players == players]


class TestTwoPlayers(LanguageConformance):
    @pytest.fixture
    def language(self) -> Language:
        return TWO

    @pytest.fixture
    def sources(self) -> list[str]:
        return zoo_of(2)


class TestThreePlayers(LanguageConformance):
    @pytest.fixture
    def language(self) -> Language:
        return THREE

    @pytest.fixture
    def sources(self) -> list[str]:
        return [*zoo_of(3), "x, y, z, u, v, w = JointStationaryPoint()"]


@pytest.mark.parametrize("name", zoo.KNOWN)
def test_printed_programs_mean_the_same(name: str) -> None:
    language = NashLanguage(zoo.KNOWN[name].players)
    text = source_of(language.lower(zoo.source(name)), language.words)
    assert language.check(text).key == language.check(zoo.source(name)).key
    assert source_of(language.lower(text), language.words) == text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (DMP, "y: P2 = Random()\nx: P1 = BestResponse(y)\nz: P2 = BestResponse(x)"),
        ("x, y = ZeroSum(U1)\nw: P1 = BestResponse(y)", "x, y = ZeroSum(-U2)\nz: P2 = BestResponse(x)"),
        (
            "x, y, w, z = StationaryPoint()\nwlog(f1(w, z) >= f2(w, z))\nm: P2 = Mix(y, z, 1/3)",
            "x, y, w, z = StationaryPoint()\nwlog(f2(w, z) >= f1(w, z))\nm: P1 = Mix(x, w, 1/3)",
        ),
        (
            "a, b, x, y, v, u = SampleLP()\nwlog(v >= u)\nr: P1 = BestResponse(b)",
            "a, b, x, y, v, u = SampleLP()\nwlog(u >= v)\nr: P2 = BestResponse(a)",
        ),
    ],
)
def test_renaming_the_players_keeps_the_key(one: str, other: str) -> None:
    assert TWO.check(one).key == TWO.check(other).key


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x: P1 = Random()", "player 2 has no strategy"),
        ("x: P2 = BestResponse(y)\ny: P1 = Random()", "line 1, column 22: `y` is used before it is defined"),
        ("x: P1 = Random()\ny: P1 = BestResponse(x)", "line 2, column 1: BestResponse gives P2 here"),
        ("x = Random()", "say whose strategy"),
        ("x: P1 = Randon()", "unknown block `Randon`; did you mean `Random`?"),
        (DMP + "m: P1 = Mix(x, y, 1/2)", "Mix expects arguments (P1, P1, weight) or (P2, P2, weight); got (P1, P2, n"),
        (DMP + "m: P1 = Mix(x, w, 3/2)", "expected a fraction from 0 to 1, got 3/2"),
        (DMP + "x: P1 = Random()", "`x` is already defined"),
        ("x, y = ZeroSum(U1 - U1)", "zero everywhere"),
        ("x, y = ZeroSum(U3)", "expected a payoff expression over U1, U2"),
        ("x, y = StationaryPoint()", "StationaryPoint gives 4 outputs (P1, P2, P1, P2); got 2 names"),
        (MANY, "player 1 has 7 strategies; at most 6"),
        (DMP + "wlog(f1(x, y) >= f2(x, y))", "`wlog(A >= B)` is free only if"),
        ("x, y = ZeroSum(U1)\nwlog(f1(x, y) >= f2(x, y))", "`wlog(A >= B)` is free only if"),
        ("x, y = ZeroSum(U1 - U2)\nwlog(f1(x, y) >= 1/3)", "`wlog(A >= B)` is free only if"),
        (
            "x, y = ZeroSum(U1 - U2)\nwlog(f1(x, y) >= f2(x, y))\nwlog(U1(x, y) >= U2(x, y))",
            "only one `wlog` is free",
        ),
        ("x, y = ZeroSum(U1 - U2)\nif f1(x, y) >= 1/3:\n    pass", "a case split needs `else:`"),
        ("x, y = ZeroSum(U1 - U2)\nwlog(x >= y)", "expected a value such as f1(x, y); got a strategy"),
        (DMP + "a = f1(x, y)*f1(x, y)\nb = a*a\nc = b*b\nm: P1 = Mix(x, w, c*c)", "degree 8 and 256 terms"),
        (DMP + "s = f1(x, y) + f2(x, y) + U1(w, y)\nt = s*s\nm: P1 = Mix(x, w, t*t)", "it 4 and 625 here"),
        (DMP + "s = f1(x, y) + f2(x, y)\nt = s*s\nm: P1 = Mix(x, w, 1 / t)", "`div` makes it 4 and 272 here"),
        ("import os\n", "expected `x: P1 = Block(...)`"),
    ],
)  # fmt: skip
def test_refusals_say_what_was_expected(text: str, says: str) -> None:
    with pytest.raises(Rejected) as caught:
        TWO.check(text)
    assert says in str(caught.value)


def test_three_players_import_no_guarantee_below_a_third() -> None:
    with pytest.raises(Rejected, match="from 1/3 to 1"):
        THREE.check("z: P3 = Random()\nx, y = Approximate(z, 1/4)")


def test_edits_find_the_free_assumption() -> None:
    program = TWO.check(zoo.source("ts"))
    assert any("wlog" in TWO.mutate(program, random.Random(seed)) for seed in range(60))
