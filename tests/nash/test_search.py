"""Search without a model: it climbs from trivial seeds, reads worst cases, and repeats at any number of workers."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from discovery.model import Proposal, Rejected, Verdict
from discovery.propose import Context, Parent, Told
from discovery.propose.symbolic import Symbolic
from discovery.tasks.nash import zoo
from discovery.tasks.nash.language import NashLanguage
from discovery.tasks.nash.stages import Judge
from discovery.tasks.nash.task import NashTask

TWO, THREE = NashLanguage(2), NashLanguage(3)


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    made = Judge(TWO)
    yield made
    made.solver.close()


@pytest.fixture(scope="module")
def stuck(judge: Judge) -> Verdict:
    """What is known of a stationary point alone."""
    return final(judge, zoo.source("ts"))


def final(judge: Judge, source: str) -> Verdict:
    for stage in NashTask().stages:
        verdict = judge.judge(source, stage.name)
        if not verdict.advance:
            break
    return verdict


def found_by_run(folder: Path, workers: int, *options: str) -> list[dict[str, Any]]:
    """The programs of a run."""
    environment = {**os.environ, "NO_COLOR": "1"}
    command = [sys.executable, "-P", "-m", "discovery"]
    run = ["run", "nash", "--workers", str(workers), "--out", str(folder), "--display", "none", *options]
    ran = subprocess.run([*command, *run], capture_output=True, text=True, env=environment)
    assert ran.returncode == 0, ran.stderr
    show = ["show", "@last", "--out", str(folder), "--programs", "--json"]
    shown = subprocess.run([*command, *show], capture_output=True, text=True, env=environment)
    programs: list[dict[str, Any]] = json.loads(shown.stdout)["programs"]
    return programs


def test_it_climbs_from_trivial_seeds_alike_at_any_number_of_workers(tmp_path: Path) -> None:
    options = ("--seed", "0", "--max-proposals", "60", "--target", "-0.3394")
    one, two = (found_by_run(tmp_path / str(workers), workers, *options) for workers in (1, 2))
    assert one == two
    scores = [each["score"] for each in one if each["status"] == "proved"]
    assert min(scores) <= -1 and max(scores) >= -0.3394


def test_some_answer_to_the_worst_case_of_a_stationary_point_guarantees_a_third(judge: Judge, stuck: Verdict) -> None:
    program = TWO.check(zoo.source("ts"))
    answers = {TWO.check(text).key: text for seed in range(60) if (text := TWO.answer(program, stuck, rng(seed)))}
    bounds = (Fraction(str(final(judge, text).evidence["bound"])) for text in answers.values())
    assert any(bound == Fraction(1, 3) for bound in bounds)


def test_every_answer_builds_a_strategy_that_was_not_there(stuck: Verdict) -> None:
    program = TWO.check(zoo.source("ts"))
    for seed in range(40):
        strategies = TWO.algorithm(TWO.answer(program, stuck, rng(seed))).cases[0].strategies
        assert sum(map(len, strategies)) > 4


def test_a_verdict_without_a_worst_case_cannot_be_answered() -> None:
    with pytest.raises(Rejected, match="with a counterexample"):
        TWO.answer(TWO.check(zoo.source("ts")), Verdict("scored", -1.0), rng(0))


def test_answers_that_were_judged_before_are_not_proposed_again(stuck: Verdict) -> None:
    """When all are known, the parent is edited at random."""
    task = NashTask()
    program = TWO.check(zoo.source("ts"))
    proposal = Proposal(9, "mutate", (program.key,))
    asked: list[str] = []

    def known(key: str) -> Told | None:
        asked.append(key)
        return Told(1, "mutate", key, "proved", -0.4)

    for seed in range(8):
        context = Context(rng(seed), (Parent(program, stuck),), known=known)
        text = asyncio.run(Symbolic(task).propose(proposal, context)).source
        assert TWO.check(text).key != program.key
    assert len(asked) > len(set(asked)) > 1


def test_one_edit_extends_a_guarantee_between_two_players_to_three() -> None:
    """And one edit has all three players respond to a profile."""
    seed = THREE.check(NashTask("3").seeds()[1].source)
    extension = THREE.check(zoo.source("extension3")).key
    assert any(THREE.check(THREE.mutate(seed, rng(number))).key == extension for number in range(600))
    joint = "x, y, z, u, v, w = JointStationaryPoint()\n"
    replies = "a: P1 = BestResponse(v, w)\nb: P2 = BestResponse(u, w)\nc: P3 = BestResponse(u, v)\n"
    wanted = THREE.check(joint + replies).key
    assert any(THREE.check(THREE.mutate(THREE.check(joint), rng(number))).key == wanted for number in range(300))


def rng(seed: int) -> random.Random:
    return random.Random(seed)
