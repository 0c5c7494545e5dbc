"""The task as the engine sees it: verdicts of known programs, through the stages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction

import pytest

from discovery.model import Verdict
from discovery.tasks.nash import zoo
from discovery.tasks.nash.language import NashLanguage
from discovery.tasks.nash.stages import Judge
from discovery.tasks.nash.task import NashTask


@pytest.fixture(scope="module")
def judges() -> Iterator[dict[int, Judge]]:
    made = {players: Judge(NashLanguage(players)) for players in (2, 3)}
    yield made
    for judge in made.values():
        judge.solver.close()


def final(judge: Judge, source: str) -> Verdict:
    for stage in NashTask().stages:
        verdict = judge.judge(source, stage.name)
        if not verdict.advance:
            break
    return verdict


@pytest.mark.parametrize("name", [name for name in zoo.KNOWN if name != "bbm2"])
def test_the_stages_prove_the_bounds_of_the_zoo(judges: dict[int, Judge], name: str) -> None:
    known = zoo.KNOWN[name]
    verdict = final(judges[known.players], zoo.source(name))
    assert verdict.status == "proved" and not verdict.clock_limited
    bound, refuted = Fraction(verdict.evidence["bound"]), Fraction(verdict.evidence["refuted"])
    assert known.below < bound <= known.bound
    assert known.bound - Fraction(3, 10**6) <= refuted < bound and verdict.evidence["counterexample"]["tight_lines"]
    assert verdict.score == pytest.approx(-float(bound), abs=1e-7)


@pytest.mark.parametrize("players", [2, 3])
def test_seeds_are_proved_to_guarantee_nothing(judges: dict[int, Judge], players: int) -> None:
    for seed in NashTask(str(players)).seeds():
        verdict = final(judges[players], seed.source)
        assert (verdict.status, verdict.evidence["bound"]) == ("proved", "1")


@pytest.mark.parametrize("players", [2, 3])
def test_prompts_tell_no_good_program_and_no_known_bound(judges: dict[int, Judge], players: int) -> None:
    task = NashTask(str(players))
    (example,) = re.findall(r"```python\n(.*?)```", task.language.describe(), re.DOTALL)
    assert final(judges[players], example).evidence["bound"] == "1"
    assert not re.search(r"0\.\d|\d/\d", task.statement)


def test_verdicts_repeat(judges: dict[int, Judge]) -> None:
    first = final(judges[2], zoo.source("ts"))
    judge = Judge(NashLanguage(2))
    again = final(judge, zoo.source("ts"))
    judge.solver.close()
    drop = ("proof_seconds",)
    assert {k: v for k, v in first.evidence.items() if k not in drop} == {
        k: v for k, v in again.evidence.items() if k not in drop
    }
