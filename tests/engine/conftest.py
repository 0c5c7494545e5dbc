"""Shared pieces of the engine's tests: the toy task in a folder of its own, and an evaluator pool in this process."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import pytest

from discovery.config import RunConfig
from discovery.evaluate import Pool
from discovery.events import Event
from discovery.loop import Loop, Summary
from discovery.model import Program, Verdict
from discovery.propose import Symbolic
from discovery.sandbox import Slot
from discovery.store import Journal, RunMeta
from discovery.task import Context, Stage, Task, load_task

TOY = Path(__file__).parent / "toy"


@pytest.fixture
def tmp_path(in_memory: Callable[[], TemporaryDirectory[str]]) -> Iterator[Path]:
    """A folder of the test's own, in memory."""
    with in_memory() as folder:
        yield Path(folder)


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """A copy of the toy task's folder, so that its evaluation log is this test's own."""
    folder = tmp_path / "toy"
    shutil.copytree(TOY, folder, ignore=shutil.ignore_patterns("__pycache__", "*.log"))
    return folder


class InProcessPool:
    """Judges in this process, without a sandbox: for tests of the loop alone. Finishes in a shuffled order."""

    sandbox = "none"

    def __init__(self, task: Task, seed: int, order: Callable[[Program], int] = lambda _: 0) -> None:
        self.task, self.seed, self.order = task, seed, order
        self.on_lost: Callable[[str], None] = lambda _: None
        self.evaluated: list[tuple[str, str, int]] = []

    async def evaluate(self, program: Program, stage: Stage, replicate: int = 0) -> Verdict:
        for _ in range(self.order(program)):
            await asyncio.sleep(0)
        self.evaluated.append((program.key, stage.name, replicate))
        context = Context(cast(Slot, None), self.seed, stage.limits)
        verdict = self.task.evaluate(program, stage, replicate, context)
        return Verdict.from_json({**verdict.to_json(), "stage": stage.name, "replicate": replicate})


def new_journal(folder: Path, spec: str, config: RunConfig) -> Journal:
    meta = RunMeta(folder.name, spec, config.model_dump(mode="json"), {"task": "1"}, {"backend": "none"}, "2026-01-02")
    return Journal.create(folder, meta)


def drive(
    journal: Journal, spec: str, config: RunConfig, order: Callable[[Program], int] = lambda _: 0
) -> tuple[Summary, list[Event], InProcessPool]:
    """Run the loop in this process; its summary, its events, and the pool that counted."""
    task = load_task(spec)
    pool = InProcessPool(task, config.seed, order)
    events: list[Event] = []
    loop = Loop(journal, task, config, Symbolic(task), cast(Pool, pool), [events.append])
    return asyncio.run(loop.drive()), events, pool


def programs(journal: Journal) -> list[tuple[int, str, str | None]]:
    """What a run proposed, in order: number, source and key."""
    return [(row.proposal.index, row.source, row.key) for row in journal.proposals()]
