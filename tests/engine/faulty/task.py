"""A task whose own code misbehaves in the way that the program names: for tests of what the engine makes of it."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from itertools import repeat
from pathlib import Path
from typing import Any

import psutil

from discovery.model import Evidence, Program, Verdict, content_key
from discovery.task import Context, Feature, Stage, load_task
from discovery.tasks.python.deadline import within

FOLDER = Path(__file__).parent
TOY = load_task(str(FOLDER.parent / "toy"))


def _numpy() -> Verdict:
    import numpy as np

    return Verdict("scored", np.float32(1.5), {"one": np.int64(2)})  # type: ignore[arg-type]


def _prints() -> Verdict:
    print("said by the task")
    return Verdict("scored", 1.0, message=f"read {sys.stdin.read()!r}, {os.read(0, 9)!r}")


def _raises() -> Verdict:
    raise OSError("no data")


def _once(end: Callable[[], object]) -> Verdict:
    """Ends the worker in the first evaluation of this kind, after leaving the ids of its processes behind."""
    marker = FOLDER / "ended"
    if marker.exists():
        return Verdict("scored", 1.0)
    me = psutil.Process()
    marker.write_text(" ".join(str(process.pid) for process in (me, *me.children(recursive=True))))
    end()
    raise AssertionError("it should have ended")


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _spends() -> None:
    """Below Python, where no signal's handler gets a turn."""
    with within(0.1):
        deque(repeat(0), maxlen=0)


def _kill_and_stay_down() -> None:
    (FOLDER / "down").touch()
    _kill()


NAN = float("nan")
FAULTS: dict[str, Callable[[], Any]] = {
    "nothing": lambda: None,
    "unknown status": lambda: Verdict("great", 1.0),  # type: ignore[arg-type]
    "no score": lambda: Verdict("scored"),
    "failure with a score": lambda: Verdict("error", 1.0),
    "NaN": lambda: Verdict("scored", NAN),
    "infinite": lambda: Verdict("proved", float("inf")),
    "boolean": lambda: Verdict("scored", True),
    "text": lambda: Verdict("scored", "1"),  # type: ignore[arg-type]
    "NaN in a case": lambda: Verdict("scored", 1.0, {"one": NAN}),
    "NaN in the evidence": lambda: Verdict("scored", 1.0, evidence={"bound": NAN}),
    "object in the evidence": lambda: Verdict("scored", 1.0, evidence={"bound": object()}),
    "features": lambda: Verdict("scored", 1.0, evidence={"features": {"size": 3}}),
    "no features": lambda: Verdict("scored", 1.0),
    "another feature": lambda: Verdict("scored", 1.0, evidence={"features": {"shape": 3}}),
    "a feature of text": lambda: Verdict("scored", 1.0, evidence={"features": {"size": "large"}}),
    "failed without features": lambda: Verdict("error"),
    "unsound record": lambda: Verdict("scored", 1.0, record={"schema": "feedback/1"}),
    "raises": _raises,
    "numpy": _numpy,
    "prints": _prints,
    "large": lambda: Verdict("scored", 1.0, evidence={"text": "x" * (8 << 20)}),
    "exits": lambda: sys.exit(3),
    "sleeps": lambda: time.sleep(3600),
    "spends": _spends,
    "killed once": lambda: _once(_kill),
    "killed, stays down": lambda: _once(_kill_and_stay_down),
}


class Texts(type(TOY.language)):  # type: ignore[misc]
    """Every text is a program."""

    def check(self, source: str) -> Program:
        return Program(source, content_key(source))


class Faulty(type(TOY)):  # type: ignore[misc]
    name = "faulty"
    language = Texts()
    stages = (Stage("only"), Stage("hurried", backstop=0.5), Stage("last"))
    features = (Feature("size", 0, 9),)

    def evaluate(self, program: Program, stage: Stage, replicate: int, ctx: Context) -> Verdict:
        found: Verdict = FAULTS[program.source]()
        return found

    def confirm(self, program: Program, ctx: Context) -> Evidence:
        for step in ("half of it", "all of it"):
            ctx.tell(step)
        return Evidence(True, "it is so", float(program.source), 1.0, (1.0, 1.0))


if (FOLDER / "down").exists():
    os._exit(7)
task = Faulty()
