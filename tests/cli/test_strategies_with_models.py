"""Every strategy in a whole run with language models over HTTP: who is asked, what they are told, and what never."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from discovery.store import Journal
from discovery.testing.loopback import Answer, Asked, Loopback, completion

from .conftest import Result

Command = Callable[..., Result]
TARGET = "-123.4567"
HISTORY = ("# Tried lately", "# The best so far", "# Lessons so far")


def _near(asked: Asked) -> Answer:
    """A program near one that the prompt shows, or lessons where these are asked for."""
    if "Write the lessons anew" in asked.prompt:
        return completion("- Larger values have been better so far.")
    seen = [int(value) for value in re.findall(r"value = (-?\d+)\n", asked.prompt)] or [50]
    step = random.Random(asked.prompt).randint(1, 60)
    return completion(f"Idea: a bit larger\n\n```python\nvalue = {max(seen) + step}\n```\n")


@pytest.fixture(scope="module")
def server() -> Iterator[Loopback]:
    with Loopback(_near) as server:
        yield server


def _run(home: Path, here: Command, server: Loopback, search: str, *more: str) -> tuple[Path, list[Asked]]:
    before = len(server.asked)
    models = ("--model", "cheap", "--model", "dear", "--base-url", server.url)
    prices = [f"llm.prices.{name}={{input={usd}, output={usd}}}" for name, usd in (("cheap", 1.0), ("dear", 50.0))]
    sets = [part for price in (*prices, "agent.reflect_every=8") for part in ("--set", price)]
    limits = ("--max-proposals", "40", "--seed", "2", "--target", TARGET, "--display", "none", "--workers", "1")
    result = here("run", "./toy", "--search", search, *models, *sets, *limits, *more, cwd=home)
    assert result.returncode == 0, result.stderr
    return home / result.stdout.strip(), server.asked[before:]


@pytest.mark.parametrize("search", ["evolution", "genetic", "pareto", "best_of_n"])
def test_a_run_with_models(home: Path, here: Command, server: Loopback, search: str) -> None:
    folder, asked = _run(home, here, server, search)
    with Journal.open(folder) as journal:
        proposals = [row.proposal for row in journal.proposals()]
        outcomes = list(journal.outcomes())
        spent = {outcome.proposal.model: outcome.cost for outcome in outcomes if outcome.proposal.model}
        best = journal.best(1)[0][1].score
    assert len(proposals) == len(outcomes) == 40 and best is not None
    written = [proposal for proposal in proposals if proposal.operator in ("init", "mutate", "cross")]
    assert {proposal.model for proposal in written} == {"cheap", "dear"}
    assert spent["dear"] > 10 * spent["cheap"] > 0
    operators = {proposal.operator for proposal in written}
    assert operators - {"cross"} == ({"mutate"} if search == "best_of_n" else {"init", "mutate"})
    assert "cross" in operators or search in ("evolution", "best_of_n")
    prompts = [each.prompt for each in asked]
    assert not any(TARGET in prompt or "target" in prompt.lower() for prompt in prompts), "the target is no prompt's"
    for heading in HISTORY:
        assert any(heading in prompt for prompt in prompts) == (search != "best_of_n")
    assert any("#Feedback\nstatus: scored" in prompt for prompt in prompts)


@pytest.mark.parametrize("level", ["score", "graph"])
def test_the_level_of_feedback_is_what_prompts_tell(home: Path, here: Command, server: Loopback, level: str) -> None:
    _, asked = _run(home, here, server, "pareto", "--set", f"feedback={level}", "--max-proposals", "12")
    prompts = [each.prompt for each in asked]
    assert any("#Feedback" in prompt for prompt in prompts)
    assert any("cases (score, higher is better):" in prompt for prompt in prompts) == (level == "graph")


def test_behaviour_that_was_seen_before_is_told(home: Path, here: Command, server: Loopback) -> None:
    """In the toy, programs of equal size behave alike once the evaluator says so."""
    file = home / "toy" / "task.py"
    text = file.read_text()
    there = 'cases={"distance": score}'
    assert there in text
    file.write_text(text.replace(there, there + ', evidence={"fingerprint": str(value // 400)}'))
    _, asked = _run(home, here, server, "evolution")
    assert any("behaves exactly like #" in each.prompt for each in asked)


def test_the_control_of_a_run_with_models_samples_at_its_budget(home: Path, here: Command, server: Loopback) -> None:
    folder, _ = _run(home, here, server, "genetic", "--control")
    shown = json.loads(here("show", f"{folder.name}-control", "--json", cwd=home).stdout)
    assert shown["proposals"] == 40 and shown["config"]["search"]["strategy"] == "best_of_n"
    assert shown["config"]["llm"]["models"] == ["cheap", "dear"]
