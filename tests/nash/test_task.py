"""The task as the engine sees it: verdicts of known programs, through the stages."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from fractions import Fraction

import pytest
from nash_bundles import OWN

from discovery.errors import NotFound
from discovery.model import Rejected, Verdict
from discovery.task import load_task
from discovery.tasks.nash import zoo
from discovery.tasks.nash.language import NashLanguage
from discovery.tasks.nash.solvers.process import Solver
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


@pytest.mark.parametrize("name", [name for name in zoo.KNOWN if name not in zoo.LARGE])
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


def test_a_variant_leaves_blocks_out() -> None:
    task = load_task("nash:2-StationaryPoint-MaxPayoff")
    assert task.name == "nash:2-StationaryPoint-MaxPayoff"
    assert "StationaryPoint" not in task.language.describe() and "`ZeroSum`" in task.language.describe()
    for seed in task.seeds():
        program = task.language.check(seed.source)
        for number in range(60):
            assert "StationaryPoint" not in task.language.mutate(program, random.Random(number), 3)
    with pytest.raises(Rejected, match="unknown block `StationaryPoint`"):
        task.language.check(zoo.source("ts"))
    assert load_task("nash").language.check(zoo.source("ts"))


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("nash:2-StationaryPiont", "cannot leave out 'StationaryPiont'"),
        ("nash:2-Approximate", "cannot leave out 'Approximate'"),
        ("nash:3-Random", "cannot leave out 'Random'"),
        ("nash:4", "no variant '4'"),
        ("nash:2-", "cannot leave out ''"),
    ],
)
def test_variants_that_are_none_are_refused(spec: str, says: str) -> None:
    with pytest.raises(NotFound, match=re.escape(says)):
        load_task(spec)


def test_an_estimate_that_the_clock_cut_off_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would not come out again, so `verify` must not ask for it."""
    cut = {"status": "timelimit", "value": 0.55, "ceiling": 1.0, "point": None}
    monkeypatch.setattr(Solver, "estimate", lambda self, system, **limits: cut)
    judge = Judge(NashLanguage(2))
    try:
        verdict = judge.judge(OWN["weighted"], "estimate")
    finally:
        judge.solver.close()
    assert verdict.status == "scored" and verdict.advance and verdict.clock_limited
