"""A case, what an answer to it is worth, and how a program did on it."""

from __future__ import annotations

import copy
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from discovery.model import JSON, Status
from discovery.sandbox import Answer
from discovery.tasks.python.trace import Failure

__all__ = ["Case", "Invalid", "Misjudged", "Outcome", "digest_of", "explained", "finite", "own_copy", "short"]

_SAMPLE_BYTES = 2048


class Invalid(Exception):
    """Raised by `PythonTask.score` for an answer that is not acceptable; the message says why, for people and
    proposers."""


class Misjudged(Exception):
    """`score` gave no score and did not refuse the answer. An answer may have led it astray, so that no run ends by it;
    but for a seed program, the task itself is at fault."""


@dataclass(frozen=True)
class Case:
    """One instance of the problem.

    Attributes:
        name: Short, unique among the cases of one call.
        inputs: Keyword arguments of the program's function: plain data or numpy arrays.
        hidden: What only `score` may know, such as the expected answer. It never enters the sandbox.
    """

    name: str
    inputs: Mapping[str, Any]
    hidden: Any = field(default=None, repr=False)


@dataclass(frozen=True)
class Outcome:
    """How a program did on one case: its score, or a failing status with a message.

    Attributes:
        case: The case's name.
        status: As in a verdict.
        score: At least the task's `worst`; exactly that for a failure.
        message: What went wrong, or that the score was raised to `worst`, or "".
        answer: The coded answer with arrays as lists, when it is short; else None.
        clock_limited: Whether the wall clock decided, and not a limit of CPU time.
        failure: How it failed, or None.
        log: What the program printed, bounded. Never a result.
        digest: SHA-256 of the answer, or "" for a failure.
    """

    case: str
    status: Status
    score: float
    message: str = ""
    answer: JSON = None
    clock_limited: bool = False
    failure: Failure | None = None
    log: str = ""
    digest: str = ""


def finite(score: Any) -> float:
    """What `score()` gave, as a float. Raises `Misjudged`."""
    try:
        number = math.nan if isinstance(score, str | bytes) else float(score)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        told = "" if score is None else f" {score!r:.80}"
        raise Misjudged(f"score() must give a finite number; for this answer it gave {type(score).__name__}{told}")
    return number


def explained(failure: Failure, source: str) -> str:
    """What went wrong, with the candidate's line."""
    shown = failure.stage == "run" or failure.stage == "import"
    text = failure.message
    if shown and failure.kind not in text:
        text = f"{failure.kind}: {text}"
    lines = source.splitlines()
    if failure.line is None or not 1 <= failure.line <= len(lines):
        return text
    return f"{text}\n  line {failure.line}: {lines[failure.line - 1].strip()[:200]}"


def digest_of(answer: Answer) -> str:
    """SHA-256 of an answer, arrays included."""
    digest = hashlib.sha256(json.dumps(answer.value, sort_keys=True).encode())
    for name, array in sorted(answer.arrays.items()):
        digest.update(f"{name}{array.dtype}{array.shape}".encode() + array.data)
    return digest.hexdigest()


def own_copy(case: Case) -> Case:
    """A copy for one call of `score`, which may sort or empty what it gets: the next program has to meet the same."""
    inputs = copy.deepcopy(dict(case.inputs))
    try:
        return Case(case.name, inputs, copy.deepcopy(case.hidden))
    except Exception:  # it holds something that has no copy, such as an open file
        return Case(case.name, inputs, case.hidden)


def short(value: Any) -> JSON:
    """`value` with arrays as lists, when its text is short; else None."""
    try:
        text = json.dumps(value, default=lambda array: array.tolist())
    except (TypeError, ValueError):
        return None
    return json.loads(text) if len(text) <= _SAMPLE_BYTES else None
