"""Runs with a language model for tests: the loop in this process, a real gateway, a real server on this machine."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

from discovery.config import RunConfig
from discovery.evaluate import Pool
from discovery.events import Event
from discovery.llm import open_gateway
from discovery.loop import Loop, Summary
from discovery.model import Program
from discovery.propose import Agent, Brief, Prompts, load_templates
from discovery.store import Journal
from discovery.task import load_task
from discovery.testing.loopback import Answer, Asked, completion

from .conftest import InProcessPool, new_journal


def config_for(url: str, **changes: Any) -> RunConfig:
    """A configuration for the server at `url`; `llm` and `agent` given as dictionaries are merged."""
    llm = {"models": ["mock"], "base_url": url, "concurrency": 4, **changes.pop("llm", {})}
    given = {"seed": 3, "visibility": "arrival", "max_proposals": 30, "window": 4, **changes}
    return RunConfig.model_validate({**given, "llm": {**llm, "models": tuple(llm["models"])}})


def start_run(folder: Path, spec: str, config: RunConfig, templates: dict[str, str] | None = None) -> None:
    """A new run with its prompts, not driven yet."""
    with new_journal(folder, spec, config) as journal:
        Prompts(templates or load_templates(), Brief.of(load_task(spec))).record(journal)


def drive_models(
    folder: Path,
    spec: str,
    config: RunConfig,
    order: Callable[[Program], int] = lambda _: 0,
    watch: Callable[[Loop, Event], None] = lambda loop, event: None,
) -> tuple[Summary, list[Event], InProcessPool]:
    """Drive the run in `folder` to its end; its summary, its events, and the pool that counted."""
    task = load_task(spec)
    pool = InProcessPool(task, config.seed, order)
    events: list[Event] = []

    async def work(journal: Journal) -> Summary:
        loops: list[Loop] = []

        def saw(event: Event) -> None:
            events.append(event)
            watch(loops[0], event)

        async with open_gateway(journal, config, lambda event: loops[0].emit(event)) as gateway:
            agent = Agent(
                task,
                Prompts.recorded(journal),
                gateway,
                models=config.llm.models,
                config=config.agent,
                level=config.feedback,
                seed=config.seed,
            )
            writers = config.llm.concurrency
            loops.append(Loop(journal, task, config, agent, cast(Pool, pool), [saw], writers=writers))
            return await loops[0].drive()

    with Journal.open(folder, write=True) as journal:
        return asyncio.run(work(journal)), events, pool


def numbers(asked: Asked) -> Answer:
    """A model that answers with a number, or now and then with what small models answer: a function of the prompt."""
    return completion(numbers_text(asked.prompt))


def numbers_text(prompt: str) -> str:
    """What `numbers` answers to a prompt."""
    rng = random.Random(sha256(prompt.encode()).hexdigest())
    if "Write the lessons anew" in prompt:
        return f"- numbers near {rng.randrange(900)} do well here\n- multiples of thirteen fail always"
    found = [int(number) for number in re.findall(r"value = (\d+)", prompt)]
    value = max(found, default=0) + rng.randrange(-20, 60)
    kind = rng.random()
    if kind < 0.06:
        return ""
    if kind < 0.12:
        return "I'm sorry, but I can't help with that."
    if kind < 0.2:
        return f"Idea: sum\n```python\nvalue = {value} + {value}\n```"
    if kind < 0.26:
        return "Idea: as it was\n```python\nvalue = 2\n```"
    return f"Idea: try {value}\n```python\nvalue = {value}\n```"
