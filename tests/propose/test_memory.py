"""What prompts say of earlier programs: what they are worth by all measurements, and which behave alike."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from discovery.config import AgentConfig, RunConfig
from discovery.llm import CallKey, Message, Reply, Usage
from discovery.model import MEASURE, Proposal, Verdict
from discovery.propose import Agent, Brief, Context, Memory, Prompts, load_templates
from discovery.search import Estimates
from discovery.store import Journal, RunMeta
from discovery.task import Task, load_task

PROGRAM = "def pack(sizes):\n    return {}\n"


class Told:
    """A journal, and what was told of it, driven by hand."""

    def __init__(self, journal: Journal, task: Task) -> None:
        self.journal, self.task, self.index = journal, task, 0
        self.estimates = Estimates()
        self.memory = Memory(journal, self.estimates)

    def __call__(self, text: str, score: float, *, operator: str = "mutate", **more: Any) -> str:
        """Propose a program and judge it; its key."""
        program = self.task.language.check(PROGRAM.format(text))
        proposal = Proposal(self.index, operator, more.pop("parents", ()))
        replicate = self.index if operator == MEASURE else 0
        verdict = Verdict("scored", score, {"even": score}, stage="cases", replicate=replicate, **more)
        self.journal.add_proposal(proposal, program.source, program, f"idea {self.index}", {})
        outcome = self.journal.add_verdict(program.key, verdict, concludes=self.index)
        assert outcome is not None
        self.estimates.tell(outcome)
        self.memory.tell(outcome)
        self.index += 1
        return program.key

    def context(self, *parents: str) -> Context:
        return self.memory.context(Proposal(self.index, "mutate", parents), random.Random(0))


@pytest.fixture(scope="module")
def task() -> Task:
    return load_task("examples/bin-packing")


@pytest.fixture
def told(tmp_path: Path, task: Task) -> Iterator[Told]:
    meta = RunMeta("run", "toy", RunConfig().model_dump(mode="json"), {"task": "1"}, {}, "2026-01-02")
    with Journal.create(tmp_path / "run", meta) as journal:
        yield Told(journal, task)


class Reader:
    """A gateway that keeps what it was asked, and answers one thing."""

    def __init__(self, reply: str) -> None:
        self.reply, self.asked = reply, list[str]()

    async def complete(self, key: CallKey, messages: Sequence[Message], *, model: str, **_: Any) -> Reply:
        self.asked.append(messages[-1].content)
        return Reply(self.reply, Usage(1, 1), model, "stop")

    def drain(self) -> None:
        """Nothing waits."""


def prompt(task: Task, context: Context) -> str:
    """The prompt of a proposal in this context."""
    reader = Reader(f"Idea: x\n```python\n{PROGRAM.format(99)}```")
    agent = Agent(task, Prompts(load_templates(), Brief.of(task)), reader, models=["m"], config=AgentConfig())
    parents = tuple(parent.program.key for parent in context.parents)
    asyncio.run(agent.propose(Proposal(50, "mutate", parents), context))
    return reader.asked[0]


def best_lines(text: str) -> list[str]:
    section = text.partition("# The best so far")[2].partition("end notes")[0]
    return [line for line in section.splitlines() if line.startswith("#")]


def test_a_lucky_score_that_was_measured_again_leads_no_ranking(told: Told, task: Task) -> None:
    steady, lucky = told("1", 0.5), told("2", 0.9)
    for _ in range(3):
        told("2", 0.1, operator=MEASURE, parents=(lucky,))
        told("1", 0.5, operator=MEASURE, parents=(steady,))
    text = prompt(task, told.context(lucky))
    lines = best_lines(text)
    assert lines[0].startswith("#0 ") and " by 4 measurements" in lines[0]
    assert lines[1].startswith("#1 ") and not any("0.9" in line for line in lines)
    assert "score: 0.9 (higher is better)\nestimate: 0.3" in text, "the parent's"
    assert "measure:" not in text


def test_a_gain_is_over_what_the_parent_is_worth(told: Told, task: Task) -> None:
    lucky = told("1", 0.9)
    for _ in range(3):
        told("1", 0.1, operator=MEASURE, parents=(lucky,))
    context = told.context(told("2", 0.5, parents=(lucky,)))
    assert context.recent[-1].gain is not None and context.recent[-1].gain > 0
    assert [each.operator for each in context.recent] == ["mutate", "mutate"]


def test_equal_scores_are_no_gain_although_luck_is_taken_off_one(told: Told, task: Task) -> None:
    """Of the parent's estimate and the child's alike, once scores turned out noisy."""
    first, parent = told("1", 0.2), told("2", 0.9)
    told("1", 0.4, operator=MEASURE, parents=(first,))
    assert told.estimates.value(parent) < 0.9
    context = told.context(told("3", 0.9, parents=(parent,)))
    assert [each.gain for each in context.recent if each.index == 3] == [0]


def test_a_parent_is_called_by_its_number(told: Told, task: Task) -> None:
    told("1", 0.2)
    assert "# The program, #1\n" in prompt(task, told.context(told("2", 0.9)))


def test_a_parent_that_behaves_like_an_earlier_program_is_told_so(told: Told, task: Task) -> None:
    first = told("1", 0.5, evidence={"fingerprint": "f"})
    twin = told("2", 0.5, evidence={"fingerprint": "f"})
    other = told("3", 0.5, evidence={"fingerprint": "g"})
    assert "It behaves exactly like #0, although it is written otherwise." in prompt(task, told.context(twin))
    for key in (first, other):
        assert "It behaves exactly like" not in prompt(task, told.context(key))
        assert "; behaves exactly like #0" in prompt(task, told.context(key)), "the twin, among what was tried"


def test_a_context_does_not_change_when_more_is_told(told: Told) -> None:
    key = told("1", 0.9)
    context = told.context(key)
    told("1", 0.1, operator=MEASURE, parents=(key,))
    told("2", 5.0)
    assert [each.score for each in context.best] == [0.9] and context.parents[0].estimate == 0.9


def test_measurements_anew_alone_are_no_reason_to_reflect(told: Told, task: Task) -> None:
    key = told("1", 0.9)
    told("1", 0.1, operator=MEASURE, parents=(key,))
    reader = Reader("- Larger bins have been better so far.")
    agent = Agent(task, Prompts(load_templates(), Brief.of(task)), reader, models=["m"], config=AgentConfig())
    assert asyncio.run(agent.reflect(1, told.memory.since(1, 2), ("old",))) == ("old",) and not reader.asked
    assert asyncio.run(agent.reflect(1, told.memory.since(0, 2), ("old",))) == ("Larger bins have been better so far.",)
    assert "#0 mutate: 0.9" in reader.asked[0] and "measure" not in reader.asked[0].partition("end results")[0]
