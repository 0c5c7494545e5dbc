"""An evaluator worker: a process without keys that owns one sandbox slot and judges programs with trusted code.

Started by `pool.Pool` as `python -P -m discovery.evaluate.worker`. Requests come on standard input, replies leave on a
private copy of standard output; whatever a task prints goes to standard error. It dies with its controller: the kernel
kills it (`PR_SET_PDEATHSIG`), and the end of its input ends it too.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any, BinaryIO

from discovery.errors import DiscoveryError, TaskError
from discovery.evaluate import protocol
from discovery.model import JSON, Program
from discovery.sandbox import SandboxError, Slot, open_sandbox
from discovery.task import Context, Task, load_task

__all__ = ["main"]

_PR_SET_PDEATHSIG = 1


class _Evaluator:
    """One task, one open slot."""

    def __init__(self, task: str, sandbox: str) -> None:
        self.task: Task = load_task(task)
        self.sandbox = open_sandbox(sandbox)
        if sandbox != "unsafe":
            self._require()
        self.slot: Slot = self.sandbox.open(self.task.harness, self.task.slot_limits)

    def _require(self) -> None:
        report = self.sandbox.capabilities()
        missing = [name for name in self.task.requires if report[name].level != "enforced"]
        if missing:
            raise SandboxError(
                f"task {self.task.name!r} needs {', '.join(missing)} enforced; backend {self.sandbox.name} on this "
                "machine does not",
                hint="`discovery doctor` says what is missing and how to get it",
            )

    def hello(self) -> JSON:
        report = {name: asdict(value) for name, value in self.sandbox.capabilities().items()}
        return {"sandbox": self.sandbox.name, "capabilities": report}

    def evaluate(self, request: Mapping[str, Any]) -> JSON:
        stage = next(stage for stage in self.task.stages if stage.name == request["stage"])
        context = Context(self.slot, request["seed"], stage.limits)
        started, cpu = time.monotonic(), time.process_time()
        verdict = self.task.evaluate(Program(**request["program"]), stage, request["replicate"], context)
        return replace(
            verdict,
            stage=stage.name,
            replicate=request["replicate"],
            wall_seconds=time.monotonic() - started,
            cpu_seconds=verdict.cpu_seconds + time.process_time() - cpu,
        ).to_json()

    def confirm(self, request: Mapping[str, Any]) -> JSON:
        context = Context(self.slot, request["seed"], self.task.slot_limits)
        return self.task.confirm(Program(**request["program"]), context).to_json()

    def verify(self, request: Mapping[str, Any]) -> JSON:
        context = Context(self.slot, request["seed"], self.task.slot_limits)
        return asdict(self.task.verify(request["files"], request["provenance"], context))


def _serve(requests: BinaryIO, replies: BinaryIO) -> None:
    evaluator: _Evaluator | None = None

    def start(request: Mapping[str, Any]) -> JSON:
        nonlocal evaluator
        evaluator = _Evaluator(request["task"], request["sandbox"])
        return evaluator.hello()

    try:
        while (request := protocol.read(requests)) is not None:
            verb: Callable[[Mapping[str, Any]], JSON]
            verb = start if request["verb"] == "start" else getattr(evaluator, request["verb"])
            replies.write(_reply(verb, request))
            replies.flush()
    finally:
        if evaluator is not None:
            evaluator.slot.close()


def _reply(verb: Callable[[Mapping[str, Any]], JSON], request: Mapping[str, Any]) -> bytes:
    try:
        return protocol.pack({"ok": verb(request)})
    except SandboxError as error:
        return protocol.pack({"failed": "sandbox", "message": error.message, "hint": error.hint})
    except DiscoveryError as error:
        kind = "task" if isinstance(error, TaskError) else "evaluator"
        return protocol.pack({"failed": kind, "message": error.message, "hint": error.hint})
    except Exception as error:
        trace = "".join(traceback.format_exception(error)[-3:])
        message = f"the evaluator's own code raised {type(error).__name__}: {error}"
        return protocol.pack({"failed": "evaluator", "message": message, "hint": trace})


def main() -> None:
    """Serve requests until the input ends."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(sys.argv[1]):
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _serve(sys.stdin.buffer, replies)


if __name__ == "__main__":
    main()
