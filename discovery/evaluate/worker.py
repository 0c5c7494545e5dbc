"""An evaluator worker: a process without keys that owns one sandbox slot and judges programs with trusted code.

Started by `pool.Pool` as `python -P -m discovery.evaluate.worker`. Requests come on a private copy of standard input,
replies leave on one of standard output; a task that reads finds an end of file, and whatever it prints goes to standard
error at once. It dies with its controller: the kernel kills it (`PR_SET_PDEATHSIG`), and the end of its input ends it
too. What a task returns is held to the contract here: nothing but a sound record leaves.
"""

from __future__ import annotations

import ctypes
import errno
import io
import math
import os
import signal
import site
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from numbers import Real
from typing import Any, BinaryIO, TypeVar

from discovery.errors import DiscoveryError, TaskError
from discovery.evaluate import protocol
from discovery.feedback import InvalidRecord, validated
from discovery.model import JSON, STATUSES, Evidence, Program, Verdict
from discovery.sandbox import Options, SandboxError, Slot, open_sandbox
from discovery.task import Context, Task, Verification, load_task

__all__ = ["main"]

_PR_SET_PDEATHSIG = 1
_Record = TypeVar("_Record", Verdict, Evidence, Verification)


class _Evaluator:
    """One task, one open slot. `tell` carries progress to the controller."""

    def __init__(self, task: str, sandbox: str, options: Mapping[str, Any], tell: Callable[[str], None]) -> None:
        self.task: Task = load_task(task)
        self._tell = tell
        self.sandbox = open_sandbox(sandbox, Options(**options))
        if sandbox != "unsafe":
            self._require()
        harness = self.task.harness
        harness = replace(harness, hidden=(*harness.hidden, *_folders_of(self.task)))
        self.slot: Slot = self.sandbox.open(harness, self.task.slot_limits)

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
        return {"sandbox": self.sandbox.name, "capabilities": report, "backstop": self.task.backstop}

    def evaluate(self, request: Mapping[str, Any]) -> JSON:
        stage = next(stage for stage in self.task.stages if stage.name == request["stage"])
        context = Context(self.slot, request["seed"], stage.limits)
        started, cpu = time.monotonic(), time.process_time()
        found = self.task.evaluate(Program(**request["program"]), stage, request["replicate"], context)
        verdict = _require(found, Verdict, "evaluate")
        if verdict.score is not None and stage is self.task.stages[-1]:
            _check_features(verdict, self.task)
        return replace(
            verdict,
            record=_record(verdict),
            score=_score(verdict),
            cases={name: _finite(value, f"case {name!r}") for name, value in verdict.cases.items()},
            stage=stage.name,
            replicate=request["replicate"],
            wall_seconds=time.monotonic() - started,
            cpu_seconds=verdict.cpu_seconds + time.process_time() - cpu,
        ).to_json()

    def confirm(self, request: Mapping[str, Any]) -> JSON:
        context = Context(self.slot, request["seed"], self.task.slot_limits, self._tell)
        evidence = _require(self.task.confirm(Program(**request["program"]), context), Evidence, "confirm")
        p_value = evidence.p_value
        if p_value is not None and not 0 <= _finite(p_value, "the p-value") <= 1:
            raise TaskError(f"confirm: a p-value must lie in [0, 1]; got {p_value!r}")
        return evidence.to_json()

    def verify(self, request: Mapping[str, Any]) -> JSON:
        context = Context(self.slot, request["seed"], self.task.slot_limits, self._tell)
        return asdict(
            _require(self.task.verify(request["files"], request["provenance"], context), Verification, "verify")
        )


def _folders_of(task: Task) -> list[str]:
    """Where the task's own code and data lie: wherever that is, no candidate may look there."""
    name = type(task).__module__
    package = sys.modules[name.partition(".")[0]]
    if hasattr(package, "__path__"):
        return list(package.__path__)
    file = getattr(sys.modules[name], "__file__", None)
    folder = None if file is None else os.path.dirname(os.path.realpath(file))
    # A lone module among the installed packages cannot be hidden without them.
    return [] if folder is None or folder in map(os.path.realpath, site.getsitepackages()) else [folder]


def _require(found: object, kind: type[_Record], method: str) -> _Record:
    if not isinstance(found, kind):
        raise TaskError(f"{method} must return {kind.__name__}; got {type(found).__name__}")
    return found


def _record(verdict: Verdict) -> dict[str, Any] | None:
    """The verdict's record, sound and within its bytes: prompts are made of it."""
    try:
        return None if verdict.record is None else validated(verdict.record)
    except InvalidRecord as error:
        raise TaskError(f"evaluate: {error}", hint="discovery.feedback.Recorder writes sound records") from error


def _score(verdict: Verdict) -> float | None:
    """The verdict's score, for exactly the statuses that carry one."""
    if verdict.status not in STATUSES:
        raise TaskError(f"evaluate: the status must be one of {', '.join(STATUSES)}; got {verdict.status!r}")
    if (verdict.status in ("scored", "proved")) != (verdict.score is not None):
        raise TaskError(
            f"evaluate: a verdict {verdict.status!r} came with score {verdict.score!r}",
            hint="'scored' and 'proved' carry a score, the others do not",
        )
    return None if verdict.score is None else _finite(verdict.score, "the score")


def _check_features(verdict: Verdict, task: Task) -> None:
    """Without a value a program would fall into the last cell of its axis, and islands would not spread over it."""
    values = verdict.evidence.get("features")
    for feature in task.features:
        if not isinstance(values, Mapping) or feature.name not in values:
            raise TaskError(
                f"evaluate: task {task.name!r} declares the feature {feature.name!r}, but no verdict gives it",
                hint="put it into evidence['features'] (own problems: return it from `describe`), or do not declare it",
            )
        _finite(values[feature.name], f"the feature {feature.name!r}")


def _finite(value: object, what: str) -> float:
    if not isinstance(value, Real) or isinstance(value, bool) or not math.isfinite(value):
        raise TaskError(f"{what} must be a finite number; got {value!r:.100}", hint="a candidate's failure is a status")
    return float(value)


def _serve(requests: BinaryIO, replies: BinaryIO) -> None:
    evaluator: _Evaluator | None = None

    def tell(text: str) -> None:
        replies.write(protocol.pack({"told": str(text)}))
        replies.flush()

    def start(request: Mapping[str, Any]) -> JSON:
        nonlocal evaluator
        evaluator = _Evaluator(request["task"], request["sandbox"], request["options"], tell)
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
        result = verb(request)
        try:
            return protocol.pack({"ok": result})
        except (TypeError, ValueError) as error:
            raise TaskError(f"what a task returns must be plain data with finite numbers: {error}") from error
    except SandboxError as error:
        return protocol.pack({"failed": "sandbox", "message": error.message, "hint": error.hint})
    except DiscoveryError as error:
        kind = "task" if isinstance(error, TaskError) else "evaluator"
        return protocol.pack({"failed": kind, "message": error.message, "hint": error.hint})
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            message = f"no space left on a disk that evaluating needs: {error}"
            return protocol.pack({"failed": "sandbox", "message": message, "hint": "free space; `discovery doctor`"})
        trace = "".join(traceback.format_exception(error)[-3:])
        message = f"the evaluator's own code raised {type(error).__name__}: {error}"
        return protocol.pack({"failed": "evaluator", "message": message, "hint": trace})


def main() -> None:
    """Serve requests until the input ends."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(sys.argv[1]):
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    assert isinstance(sys.stdout, io.TextIOWrapper)
    sys.stdout.reconfigure(line_buffering=True)
    _serve(requests, replies)


if __name__ == "__main__":
    main()
