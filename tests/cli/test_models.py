"""The command with a language model: a real server on this machine, real evaluators, the default sandbox."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from discovery.testing.loopback import Asked, Loopback, completion, failure

from .conftest import Result

Command = Callable[..., Result]


def _model(asked: Asked) -> Any:
    """Counts up from the best number it is shown; now and then an answer that cannot be used."""
    if "lessons anew" in asked.prompt:
        return completion("- larger numbers up to nine hundred are better")
    if asked.number % 9 == 4:
        return completion("I'm sorry, but I can't help with that.")
    found = [int(number) for number in re.findall(r"value = (\d+)", asked.prompt)]
    return completion(f"Idea: more\n```python\nvalue = {max(found, default=0) + 7 + asked.number}\n```")


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback(_model) as loopback:
        yield loopback


def _run(here: Command, home: Path, server: Loopback, *more: str) -> Result:
    limits = ("--max-proposals", "14", "--set", "agent.reflect_every=4")
    return here("run", "./toy", "--model", "mock", "--base-url", server.url, *limits, *more, cwd=home)


def _json(result: Result) -> Any:
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_a_run_with_a_model_shows_what_was_asked_and_replays(home: Path, here: Command, server: Loopback) -> None:
    assert _run(here, home, server).returncode == 0
    shown = _json(here("show", "@last", "--json", cwd=home))
    assert shown["judged"] == 14 and shown["config"]["visibility"] == "arrival"
    assert shown["spent"]["calls"] == len(server.served) and shown["spent"]["unpriced"] == shown["spent"]["calls"]
    assert f"{150 * len(server.served):,} tokens" in here("list", cwd=home).stdout
    calls = _json(here("show", "@last", "--prompts", "--json", cwd=home))["calls"]
    assert len(calls) == len(server.asked) and all(call["input_tokens"] == 100 for call in calls)
    best = _json(here("show", "@last@best", "--prompts", "--json", cwd=home))["prompts"]
    assert best["idea"] == "more" and best["calls"][-1]["reply"].startswith("Idea: more")
    assert "Guess the number." in best["calls"][0]["prompt"][0]["content"] and best["usd"] is None
    assert "=== " in here("show", "@last:#5", "--prompts", cwd=home).stdout
    failures = _json(here("show", "@last", "--failures", "--json", cwd=home))["failures"]["agent"]
    assert "refusal" in {entry["trouble"] for entry in failures["troubles"]}
    assert "the model declined" in here("show", "@last", "--failures", cwd=home).stdout
    replay = _json(here("replay", "@last", "--json", cwd=home))
    assert replay["equal"] and replay["replies"] == len(server.asked) and replay["proposals"] == 14
    again = here("replay", "@last", "--re-evaluate", cwd=home)
    assert again.returncode == 0 and "the same programs, order and verdicts" in again.stdout


def test_nothing_wrong_is_said_without_a_table(home: Path, here: Command, server: Loopback) -> None:
    server.behaviour = lambda asked: completion(f"Idea: more\n```python\nvalue = {105 + asked.number}\n```")
    arguments = ("--max-proposals", "5", "--set", "agent.reflect_every=0")
    assert here("run", "./toy", "--model", "m", "--base-url", server.url, *arguments, cwd=home).returncode == 0
    out = here("show", "@last", "--failures", cwd=home).stdout
    assert "none of 5 judged proposals failed" in out and "no trouble with replies" in out
    assert "commonest message" not in out and "meaning" not in out


def test_what_is_estimated_is_marked(home: Path, here: Command, server: Loopback) -> None:
    """A server that says nothing of tokens."""
    server.behaviour = lambda asked: completion("Idea: more\n```python\nvalue = 77\n```", usage=None)
    price = "llm.prices.mock={input=1, output=2}"
    result = _run(here, home, server, "--max-proposals", "5", "--display", "plain", "--set", price)
    assert result.returncode == 0
    shown = _json(here("show", "@last", "--json", cwd=home))["spent"]
    assert shown["estimated"] == shown["calls"] > 0
    text = here("show", "@last", cwd=home).stdout
    assert re.search(rf"{shown['calls']} replies, ~[\d,]+ tokens \({shown['calls']} replies estimated\), ~\$0\.", text)
    assert re.search(r" ~\$0\.0\d+", here("list", cwd=home).stdout)
    assert re.search(r"~\d+ +~\d+ +~\$", here("show", "@last", "--prompts", cwd=home).stdout)
    assert re.search(r"~\d+ tokens of prompts", here("show", "@last:#3", "--prompts", cwd=home).stdout)
    assert _json(here("show", "@last", "--prompts", "--json", cwd=home))["calls"][0]["estimated"] is True


def test_every_line_is_json_when_lines_are(home: Path, here: Command, server: Loopback) -> None:
    """What a verb says besides events, too: of a run, of going on, of what cannot be done, of a wrong option."""
    lines = ("--display", "json")
    results = [
        _run(here, home, server, *lines, "--max-proposals", "5"),
        here("resume", "@last", "--max-proposals", "7", *lines, cwd=home),
        here("resume", "nowhere", *lines, cwd=home),
        here("run", "./toy", "--max-proposals", "many", "--display=json", cwd=home),
        _run(here, home, server, *lines, "--repeat", "2", "--max-proposals", "3"),
    ]
    said = [[json.loads(line) for line in result.stderr.splitlines()] for result in results]
    assert [result.returncode for result in results] == [0, 0, 3, 2, 0]
    messages = [" ".join(entry["message"] for entry in part if entry.get("event") == "Message") for part in said]
    assert "in sandbox" in messages[0] and "next: `discovery confirm" in messages[1]
    assert said[2][0]["code"] == 3 and said[3][0]["code"] == 2 and "then: " in messages[4]
    assert {"RunStarted", "Judged", "ModelReplied", "RunStopped"} <= {entry["event"] for entry in said[0]}


def test_a_dead_endpoint_is_exit_5_with_the_line_that_resumes(home: Path, here: Command, server: Loopback) -> None:
    server.stop()
    result = _run(here, home, server, "--set", "llm.pause=0.2")
    assert result.returncode == 5 and "discovery resume" in result.stderr and "Traceback" not in result.stderr
    assert _json(here("show", "@last", "--json", cwd=home))["proposals"] == 2
    server.start()
    assert here("resume", "@last", cwd=home).returncode == 0
    assert _json(here("show", "@last", "--json", cwd=home))["judged"] == 14
    assert _json(here("replay", "@last", "--json", cwd=home))["equal"]


def test_a_spent_limit_goes_on_with_a_higher_one(home: Path, here: Command, server: Loopback) -> None:
    assert _run(here, home, server, "--max-calls", "5").returncode == 0
    assert len(server.served) == 5
    assert here("resume", "@last", "--max-calls", "500", cwd=home).returncode == 0
    assert _json(here("show", "@last", "--json", cwd=home))["judged"] == 14


def test_a_dry_run_asks_nobody(home: Path, here: Command, server: Loopback) -> None:
    price = "llm.prices.mock={input=2.0, output=10.0}"
    plan = _json(_run(here, home, server, "--dry-run", "--json", "--set", price))["plan"]
    assert plan["estimate"]["calls"] == 18 and plan["estimate"]["usd"]["mock"] > 0
    assert "value = 1" in plan["prompt"][1]["content"]
    text = _run(here, home, server, "--dry-run").stdout
    assert "Guess the number." in text and "no price known" in text and "--max-usd" in text
    assert not server.asked and not (home / "runs").exists()


def test_a_plan_needs_no_key_and_a_run_does(home: Path, here: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    command = ("run", "./toy", "--model", "openai/gpt-5-mini")
    plan = here(*command, "--dry-run", cwd=home)
    assert plan.returncode == 0 and "about $" in plan.stdout and "OPENAI_API_KEY" in plan.stderr
    run = here(*command, cwd=home)
    assert run.returncode == 5 and "OPENAI_API_KEY" in run.stderr and not (home / "runs").exists()


def test_several_models_share_a_run(home: Path, here: Command, server: Loopback) -> None:
    assert _run(here, home, server, "--model", "other", "--max-proposals", "24").returncode == 0
    calls = _json(here("show", "@last", "--prompts", "--json", cwd=home))["calls"]
    assert {call["model"] for call in calls} == {"mock", "other"}
    assert {asked.body["model"] for asked in server.asked} == {"mock", "other"}
    assert _json(here("replay", "@last", "--json", cwd=home))["equal"]


def test_a_model_that_is_not_there_ends_the_run_and_names_the_way_without_it(
    home: Path, here: Command, server: Loopback
) -> None:
    missing = failure(404, "The model `other` does not exist", code="model_not_found")
    server.behaviour = lambda asked: missing if asked.body["model"] == "other" else _model(asked)
    result = _run(here, home, server, "--model", "other")
    assert result.returncode == 2 and "`other` does not exist" in result.stderr
    assert "discovery resume" in result.stderr and "of the other models starts" in result.stderr
    assert "--from" in result.stderr


def test_starting_from_files_and_runs(home: Path, here: Command, server: Loopback) -> None:
    (home / "start.py").write_text("value = 640\n")
    assert _run(here, home, server, "--from", "start.py").returncode == 0
    first = _json(here("show", "@last", "--programs", "--json", cwd=home))["programs"]
    assert [row["operator"] for row in first[:3]] == ["seed"] * 3
    assert here("run", "./toy", "--from", "@last", "--max-proposals", "9", cwd=home).returncode == 0
    second = _json(here("show", "@last", "--programs", "--json", cwd=home))["programs"]
    best = max(first, key=lambda row: row["score"] or -1e9)
    assert best["key"] in {row["key"] for row in second if row["operator"] == "seed"}
    assert _json(here("replay", "@last", "--json", cwd=home))["equal"], "a run without a model"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--from", "nowhere"], 3, "no run 'nowhere'"),
        (["--from", "bad.py"], 2, "does not take this program"),
        (["--prompts", "nowhere"], 3, "no folder of prompts"),
        (["--prompts", "mine"], 2, "did you mean 'answer.md.jinja'"),
        (["--model", "litellm/x"], 2, "litellm/PROVIDER/NAME"),
        (["--max-usd", "3"], 2, "price"),
        (["--set", "agent.repair_turn=3"], 2, "did you mean 'repair_turns'"),
        (["--max-calls", "0"], 2, "max_calls"),
    ],
)
def test_what_cannot_start_says_so_before_there_is_a_run(
    home: Path, here: Command, server: Loopback, arguments: list[str], code: int, message: str
) -> None:
    (home / "bad.py").write_text("nonsense\n")
    (home / "mine").mkdir()
    (home / "mine" / "answers.md.jinja").write_text("x")
    result = _run(here, home, server, *arguments)
    assert result.returncode == code and message in result.stderr and "Traceback" not in result.stderr
    assert not (home / "runs").exists() and not server.asked


def test_a_language_without_edits_needs_a_model_and_works_with_one(home: Path, here: Command, server: Loopback) -> None:
    file = home / "toy" / "task.py"
    for verb in ("value = value_of(program)\n        for", "low, high = sorted"):
        assert verb in file.read_text()
        file.write_text(file.read_text().replace(verb, f"raise NotImplementedError\n        {verb}"))
    alone = here("run", "./toy", "--max-proposals", "5", cwd=home)
    assert alone.returncode == 2 and "--model" in alone.stderr and not (home / "runs").exists()
    assert _run(here, home, server).returncode == 0


def test_a_hint_waits_for_the_run_and_reaches_the_model(home: Path, here: Command, server: Loopback) -> None:
    assert _run(here, home, server).returncode == 0
    assert here("steer", "@last", "hint", "Think of 900.", cwd=home).returncode == 0
    begun = len(server.asked)
    assert here("resume", "@last", "--max-proposals", "18", cwd=home).returncode == 0
    later = [asked.prompt for asked in server.asked[begun:] if "lessons anew" not in asked.prompt]
    assert later and all("Think of 900." in prompt for prompt in later)
    assert not any("Think of 900." in asked.prompt for asked in server.asked[:begun])
    assert here("steer", "@last", "hint", "   ", cwd=home).returncode == 2
    assert here("run", "./toy", "--max-proposals", "4", cwd=home).returncode == 0
    alone = here("steer", "@last", "hint", "x", cwd=home)
    assert alone.returncode == 2 and "no language model" in alone.stderr


def test_templates_of_ones_own_stay_with_the_run(home: Path, here: Command, server: Loopback) -> None:
    (home / "mine").mkdir()
    (home / "mine" / "initializer.md.jinja").write_text(
        "OURS {{ recent | outcomes }}\n{% include 'answer.md.jinja' %}\n"
    )
    assert _run(here, home, server, "--prompts", "mine", "--set", "search.init=12").returncode == 0
    (home / "mine" / "initializer.md.jinja").unlink()
    assert all("OURS" in asked.prompt for asked in server.asked if "lessons anew" not in asked.prompt)
    assert _json(here("replay", "@last", "--json", cwd=home))["equal"]
    alone = here("run", "./toy", "--prompts", "mine", cwd=home)
    assert alone.returncode == 2 and "--model" in alone.stderr


def test_two_controllers_of_one_run_are_refused(home: Path, here: Command, server: Loopback) -> None:
    from discovery.store import Journal

    assert _run(here, home, server).returncode == 0
    (folder,) = (home / "runs").iterdir()
    with Journal.open(folder, write=True):
        result = here("resume", "@last", "--max-proposals", "20", cwd=home)
    assert result.returncode == 1 and "another" in result.stderr
