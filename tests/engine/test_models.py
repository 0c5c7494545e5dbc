"""Runs with language models: positions, limits, dead endpoints, lessons, hints; kills, resumes and replays."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from discovery.config import RunConfig
from discovery.course import SEEDS
from discovery.errors import ConfigError
from discovery.events import Alarm, Event, Judged, ModelReplied, Proposed, Reflected
from discovery.llm import OutOfService, PromptChanged, Recorded, UnknownModel
from discovery.loop import Loop
from discovery.model import Program
from discovery.propose import Agent, Prompts, load_templates
from discovery.replay import Replay, Replayed
from discovery.store import Journal, give_hint
from discovery.task import load_task
from discovery.testing.loopback import Answer, Asked, Loopback, completion, failure

from .conftest import new_journal, programs
from .models import config_for, drive_models, numbers, numbers_text, start_run


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback(numbers) as loopback:
        yield loopback


def shuffled(program: Program) -> int:
    return random.Random(program.key).randrange(9)


def replayed(folder: Path, spec: str, *, any_prompt: bool = False) -> Replayed:
    """Replay a run by its recorded verdicts."""
    with Journal.open(folder) as journal:
        config = RunConfig.model_validate(
            {**journal.meta.config, "llm": {**journal.meta.config["llm"], "models": ("mock",)}}
        )
        task = load_task(spec)
        agent = Agent(
            task,
            Prompts.recorded(journal),
            Recorded(journal, any_prompt=any_prompt),
            models=config.llm.models,
            config=config.agent,
            level=config.feedback,
            seed=config.seed,
        )
        return asyncio.run(Replay(journal, task, config, agent).run())


def test_a_run_sees_what_is_committed_and_replays(tmp_path: Path, toy: Path, server: Loopback) -> None:
    config = config_for(server.url, max_proposals=60)
    start_run(tmp_path / "run", str(toy), config)
    summary, events, pool = drive_models(tmp_path / "run", str(toy), config, shuffled)
    assert (summary.reason, summary.proposals, summary.judged) == ("limit", 60, 60)
    with Journal.open(tmp_path / "run") as journal:
        position_of = {outcome.index: outcome.position for outcome in journal.outcomes()}
        for row in journal.proposals():
            for parent in row.proposal.parents:
                first = journal.program_row(parent).first
                assert first < 2 or position_of[first] <= row.proposal.seen
        troubles = {trouble for row in journal.proposals() for trouble in row.notes.get("troubles", [])}
        assert {"empty reply", "refusal", "not accepted", "known program"} <= troubles
        assert any(row.idea.startswith("try ") for row in journal.proposals())
        assert journal.spending().calls == len(server.served) == sum(isinstance(e, ModelReplied) for e in events)
    assert len(pool.evaluated) == len(set(pool.evaluated))
    result = replayed(tmp_path / "run", str(toy))
    assert result == Replayed(proposals=60)


def test_models_are_asked_at_once_whatever_the_workers(tmp_path: Path, toy: Path, server: Loopback) -> None:
    config = config_for(server.url, workers=1, llm={"concurrency": 7}, agent={"reflect_every": 0})
    server.behaviour = lambda asked: completion(numbers_text(asked.prompt), delay=1.0 if asked.number < 7 else 0.0)
    start_run(tmp_path / "run", str(toy), config)
    drive_models(tmp_path / "run", str(toy), config)
    assert server.most_at_once == 7


def test_nothing_is_asked_before_the_seeds_are_judged(tmp_path: Path, toy: Path, server: Loopback) -> None:
    config = config_for(server.url, max_proposals=10)
    start_run(tmp_path / "run", str(toy), config)
    drive_models(tmp_path / "run", str(toy), config, lambda program: 200)
    with Journal.open(tmp_path / "run") as journal:
        assert [journal.asked(index).proposal.seen for index in range(4)] == [0, 0, 2, 2]
    assert all("#0 seed" in asked.prompt and "| one" in asked.prompt for asked in server.asked)


def test_under_the_window_a_run_repeats(tmp_path: Path, toy: Path, server: Loopback) -> None:
    config = config_for(server.url, visibility="window", window=5, max_proposals=50, agent={"reflect_every": 6})
    for name, order in (("one", lambda program: 0), ("two", shuffled)):
        start_run(tmp_path / name, str(toy), config)
        drive_models(tmp_path / name, str(toy), config, order)
    with Journal.open(tmp_path / "one") as one, Journal.open(tmp_path / "two") as two:
        assert programs(one) == programs(two)
        lessons = [[e["lessons"] for e in each.events() if e["event"] == "Reflected"] for each in (one, two)]
        assert lessons[0] == lessons[1] and len(lessons[0]) == 45 // 6
    assert replayed(tmp_path / "one", str(toy)) == Replayed(proposals=50)


def test_killed_at_random_moments_pays_nothing_twice_and_loses_nothing(
    tmp_path: Path, toy: Path, server: Loopback
) -> None:
    """Twenty `kill -9` of one run of 200 proposals: in the end the programs of an undisturbed run."""
    config = config_for(server.url, visibility="window", window=8, max_proposals=200, llm={"concurrency": 8})
    start_run(tmp_path / "undisturbed", str(toy), config)
    drive_models(tmp_path / "undisturbed", str(toy), config)
    whole = _prompts(tmp_path / "undisturbed")
    start_run(tmp_path / "killed", str(toy), config)
    rng = random.Random(1)
    paid: Counter[str] = Counter()
    for _ in range(20):
        begun = len(server.asked)
        _killed(tmp_path / "killed", str(toy), config, server, rng.randrange(2, 14))
        again = Counter(asked.prompt for asked in server.asked[begun:]) - (whole - paid)
        assert not again, "a reply that the journal held was asked for again"
        now = _prompts(tmp_path / "killed")
        assert paid <= now, "a reply was lost"
        paid = now
    begun = len(server.asked)
    drive_models(tmp_path / "killed", str(toy), config)
    assert Counter(asked.prompt for asked in server.asked[begun:]) == whole - paid
    with Journal.open(tmp_path / "undisturbed") as one, Journal.open(tmp_path / "killed") as other:
        assert programs(one) == programs(other)
        assert one.spending() == other.spending()
    assert replayed(tmp_path / "killed", str(toy)) == Replayed(proposals=200)


def _prompts(folder: Path) -> Counter[str]:
    """How often each prompt was paid for: a second repair can have that of the first."""
    with Journal.open(folder) as journal:
        return Counter("\n".join(text for _, text in call.prompt) for call in journal.model_calls())


def _killed(folder: Path, spec: str, config: RunConfig, server: Loopback, replies: int) -> None:
    """Drive the run in a child that is killed in the middle of things, after so many replies."""
    child = os.fork()
    if child == 0:
        try:
            drive_models(folder, spec, config)
        finally:
            os._exit(0)
    target = len(server.served) + replies
    while len(server.served) < target:
        assert os.waitpid(child, os.WNOHANG) == (0, 0), "it ended before it could be killed"
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def test_a_dead_endpoint_burns_no_proposal(tmp_path: Path, toy: Path, server: Loopback) -> None:
    config = config_for(server.url, llm={"pause": 0.5, "retries": 1})
    start_run(tmp_path / "run", str(toy), config)

    def dies(loop: Loop, event: Event) -> None:
        if isinstance(event, Proposed) and event.index == 12:
            server.stop()

    with pytest.raises(OutOfService) as caught:
        drive_models(tmp_path / "run", str(toy), config, watch=dies)
    assert caught.value.exit_code == 5
    with Journal.open(tmp_path / "run") as journal:
        stopped = journal.last_event("RunStopped")
        assert stopped is not None and stopped["reason"] == "unreachable"
        assert journal.proposal_count() == journal.outcome_count() < 30
        assert all(row.notes.get("troubles", []) != ["call failed"] for row in journal.proposals())
    server.start()
    summary, _, _ = drive_models(tmp_path / "run", str(toy), config)
    assert (summary.reason, summary.judged) == ("limit", 30)
    assert replayed(tmp_path / "run", str(toy)) == Replayed(proposals=30)


def test_a_model_that_does_not_exist_ends_the_run(tmp_path: Path, toy: Path, server: Loopback) -> None:
    server.behaviour = lambda asked: failure(404, "The model `mock` does not exist", code="model_not_found")
    config = config_for(server.url)
    start_run(tmp_path / "run", str(toy), config)
    with pytest.raises(UnknownModel):
        drive_models(tmp_path / "run", str(toy), config)
    with Journal.open(tmp_path / "run") as journal:
        assert journal.proposal_count() == 2, "only the seeds"


@pytest.mark.parametrize("limit", [{"max_calls": 9}, {"max_tokens": 1400}])
def test_a_spent_budget_drains_and_a_higher_one_goes_on(
    tmp_path: Path, toy: Path, server: Loopback, limit: dict[str, int]
) -> None:
    config = config_for(server.url, **limit)
    start_run(tmp_path / "run", str(toy), config)
    summary, _, _ = drive_models(tmp_path / "run", str(toy), config)
    assert summary.reason == "budget" and summary.proposals == summary.judged < 30
    with Journal.open(tmp_path / "run") as journal:
        spent = journal.spending()
        assert spent.calls in (9, 10) and spent.calls == len(server.served)
    more = config_for(server.url)
    summary, _, _ = drive_models(tmp_path / "run", str(toy), more)
    assert (summary.reason, summary.judged) == ("limit", 30)
    assert replayed(tmp_path / "run", str(toy)) == Replayed(proposals=30)


def test_a_hint_enters_at_a_recorded_position(tmp_path: Path, toy: Path, server: Loopback) -> None:
    config = config_for(server.url, agent={"reflect_every": 0})
    start_run(tmp_path / "run", str(toy), config)

    def hints(loop: Loop, event: Event) -> None:
        if isinstance(event, Judged) and event.index in (8, 15):
            give_hint(tmp_path / "run", f"HINT-{event.index}  <|x|>")

    drive_models(tmp_path / "run", str(toy), config, watch=hints)
    with Journal.open(tmp_path / "run") as journal:
        given = [journal.asked(index).hints for index in range(30)]
        assert given == sorted(given) and given[0] == 0 and given[-1] == 2
        for call in journal.model_calls():
            if call.step == "generate":
                told = [name for name in ("HINT-8", "HINT-15") if name in call.prompt[1][1]]
                assert len(told) == given[call.proposal]
    assert not list((tmp_path / "run" / "hints").iterdir())
    assert replayed(tmp_path / "run", str(toy)) == Replayed(proposals=30)


def test_lessons_are_drawn_kept_and_told(tmp_path: Path, toy: Path, server: Loopback) -> None:
    config = config_for(server.url, agent={"reflect_every": 5})
    start_run(tmp_path / "run", str(toy), config)
    _, events, _ = drive_models(tmp_path / "run", str(toy), config)
    drawn = [event for event in events if isinstance(event, Reflected)]
    assert [event.number for event in drawn] == list(range(1, len(drawn) + 1)) and len(drawn) >= 4
    assert drawn[0].lessons[1] == "multiples of thirteen fail always"
    with Journal.open(tmp_path / "run") as journal:
        for call in journal.model_calls():
            if call.step == "generate":
                lessons = journal.asked(call.proposal).lessons
                assert ("multiples of thirteen" in call.prompt[1][1]) == (lessons > 0)


def test_independent_sampling_is_told_nothing(tmp_path: Path, toy: Path, server: Loopback) -> None:
    config = config_for(server.url, search={"strategy": "best_of_n"}, max_proposals=20)
    start_run(tmp_path / "run", str(toy), config)
    drive_models(tmp_path / "run", str(toy), config)
    assert server.asked and not any("Tried lately" in asked.prompt for asked in server.asked)
    assert not any("lessons anew" in asked.prompt for asked in server.asked)


def test_a_replay_shows_a_prompt_that_changed(tmp_path: Path, toy: Path, server: Loopback) -> None:
    config = config_for(server.url, max_proposals=12)
    start_run(tmp_path / "run", str(toy), config)
    drive_models(tmp_path / "run", str(toy), config)
    with Journal.open(tmp_path / "run", write=True) as journal:
        templates = load_templates()
        templates["answer"] += "Write in verse.\n"
        Prompts(templates, Prompts.recorded(journal).brief).record(journal)
    with pytest.raises(PromptChanged, match=r"\+Write in verse\."):
        replayed(tmp_path / "run", str(toy))
    assert replayed(tmp_path / "run", str(toy), any_prompt=True) == Replayed(proposals=12)


def test_a_replay_says_what_comes_out_otherwise(tmp_path: Path, toy: Path, server: Loopback) -> None:
    config = config_for(server.url, max_proposals=30)
    start_run(tmp_path / "run", str(toy), config)
    drive_models(tmp_path / "run", str(toy), config)
    file = toy / "task.py"
    file.write_text(file.read_text().replace("numbers/{value}", "numbers of another kind/{value}"))
    result = replayed(tmp_path / "run", str(toy), any_prompt=True)
    assert any("its program is" in line or "asked for" in line for line in result.differences)


def test_programs_to_start_from_come_after_the_seeds(tmp_path: Path, toy: Path, server: Loopback) -> None:
    config = config_for(server.url, max_proposals=8)
    start_run(tmp_path / "run", str(toy), config)
    with Journal.open(tmp_path / "run", write=True) as journal:
        journal.add_note(SEEDS, ["value = 700\n", "value = 2  \n", "value = 701\n"])
    drive_models(tmp_path / "run", str(toy), config)
    with Journal.open(tmp_path / "run") as journal:
        rows = [journal.proposal(index) for index in range(4)]
        assert [row.source.strip() for row in rows] == ["value = 1", "value = 2", "value = 700", "value = 701"]
        assert {row.proposal.operator for row in rows} == {"seed"}
    assert replayed(tmp_path / "run", str(toy)) == Replayed(proposals=8)


def test_a_run_without_a_model_holds_no_prompts(tmp_path: Path, toy: Path) -> None:
    new_journal(tmp_path / "run", str(toy), RunConfig()).close()
    with Journal.open(tmp_path / "run") as journal, pytest.raises(ConfigError, match="without a language model"):
        Prompts.recorded(journal)


def test_a_context_that_is_too_small_shortens_the_prompt(tmp_path: Path, toy: Path, server: Loopback) -> None:
    def small(asked: Asked) -> Answer:
        if len(asked.prompt) > 2600:
            return failure(400, "This model's maximum context length is 900 tokens", code="context_length_exceeded")
        return numbers(asked)

    server.behaviour = small
    config = config_for(server.url, agent={"reflect_every": 0})
    start_run(tmp_path / "run", str(toy), config)
    _, events, _ = drive_models(tmp_path / "run", str(toy), config)
    with Journal.open(tmp_path / "run") as journal:
        rows = [row for row in journal.proposals() if "context too long" in row.notes.get("troubles", [])]
        assert any("prompt trimmed" in row.notes["troubles"] and row.notes["trimmed"] for row in rows)
        assert any(row.key is not None for row in rows)
    assert not any(isinstance(event, Alarm) for event in events)
    assert replayed(tmp_path / "run", str(toy)) == Replayed(proposals=30)
