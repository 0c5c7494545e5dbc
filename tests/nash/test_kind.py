"""How algorithms differ in kind, and when two are told to be the same."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from discovery.model import Rejected
from discovery.search.islands import cell_of
from discovery.tasks.nash import zoo
from discovery.tasks.nash.kind import kind
from discovery.tasks.nash.language import NashLanguage
from discovery.tasks.nash.task import NashTask

DMP = "x: P1 = Random()\ny: P2 = BestResponse(x)\nw: P1 = BestResponse(y)\n"
LANGUAGES = {players: NashLanguage(players) for players in (2, 3)}


def of(source: str, players: int = 2) -> dict[str, object]:
    language = LANGUAGES[players]
    return kind(language.lower(source), language.words)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("dmp", (3, 0, 1)),
        ("cdffjs", (6, 1, 1)),
        ("ts", (4, 2, 1)),
        ("dmp_lp", (7, 4, 1)),
        ("bbm2", (5, 1, 3)),
        ("extension3", (4, 4, 1)),
    ],
)
def test_the_kinds_of_known_algorithms(name: str, values: tuple[int, int, int]) -> None:
    known = zoo.KNOWN[name]
    assert of(zoo.source(name), known.players)["features"] == dict(
        zip(("strategies", "tools", "cases"), values, strict=True)
    )


def test_copies_that_nothing_uses_change_nothing() -> None:
    copied = DMP + "v: P1 = BestResponse(y)\nr: P2 = Random()\n"
    renamed = "b: P2 = Random()\na: P1 = BestResponse(b)\nc: P2 = BestResponse(a)\n"
    assert of(copied) == of(DMP) == of(renamed)
    assert of(DMP + "m: P1 = Mix(x, w, 1/2)\n")["fingerprint"] != of(DMP)["fingerprint"]
    prints = [of(zoo.source(name))["fingerprint"] for name, known in zoo.KNOWN.items() if known.players == 2]
    assert len(set(prints)) == len(prints)


@pytest.mark.parametrize("players", [2, 3])
def test_every_program_has_a_kind_and_what_search_meets_is_spread(players: int) -> None:
    task, language = NashTask(str(players)), LANGUAGES[players]
    program = language.check(task.seeds()[0].source)
    rng, cells, walk = random.Random(0), set(), [program]
    for step in range(60):
        if step % 6 == 0:
            program = walk[0]
        try:
            program = language.check(language.mutate(program, rng))
        except Rejected:
            continue
        walk.append(program)
        values = of(program.source, players)["features"]
        assert isinstance(values, dict) and set(values) == {feature.name for feature in task.features}
        assert all(feature.low <= values[feature.name] for feature in task.features)
        cells.add(cell_of(values, task.features))
    assert len(cells) >= 6
    for first, second in pairwise(walk):
        same = of(first.source, players)["fingerprint"] == of(second.source, players)["fingerprint"]
        assert same or first.key != second.key


def test_verdicts_hold_the_kind() -> None:
    from discovery.tasks.nash.stages import Judge

    judge = Judge(LANGUAGES[2])
    try:
        for stage in ("screen", "estimate", "prove"):
            evidence = judge.judge(DMP, stage).evidence
            assert {name: evidence[name] for name in ("features", "fingerprint")} == of(DMP)
    finally:
        judge.solver.close()
