"""What an evaluation of a Python program tells the next proposal: each case, and how the failing call failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from discovery.feedback import Recorder, clean, clip, label, marked
from discovery.model import JSON

if TYPE_CHECKING:
    from discovery.sandbox import Answer, Limits
    from discovery.tasks.python.case import Case, Outcome

__all__ = ["Failure", "ended", "raised", "record"]

_LOG = 600


@dataclass(frozen=True)
class Failure:
    """How a call failed; all of it untrusted text but `stage`.

    Attributes:
        stage: `"import"`, `"run"`, `"answer"` (no plain data) or `"score"` (not acceptable).
        kind: Class of the exception, or the status.
        message: What it said.
        line: Line of the candidate's source, from 1, or None.
        values: Values of the names in that line.
        frames: The candidate's own frames, outermost first.
        answer: For stage `"score"`: the answer, clipped.
    """

    stage: str
    kind: str
    message: str
    line: int | None = None
    values: str = ""
    frames: tuple[str, ...] = ()
    answer: str = ""


def raised(data: Any) -> Failure:
    """The failure that the harness tells of an exception. Trusts nothing of it."""
    told = data if type(data) is dict else {}

    def text(name: str, length: int) -> str:
        value = told.get(name)
        return clean(value, length) if type(value) is str else ""

    frames = told.get("frames")
    frames = [label(each) for each in frames[-8:] if type(each) is str] if type(frames) is list else []
    line = told.get("line")
    return Failure(
        "import" if len(frames) == 1 and frames[0].startswith("<module>") else "run",
        label(text("type", 80)) or "Exception",
        text("message", 2000),
        line if type(line) is int and 0 < line < 1 << 30 else None,
        text("values", 200),
        tuple(frames),
    )


def ended(answer: Answer, limits: Limits) -> Failure:
    """The failure of a call that the sandbox ended, or whose program never got to run."""
    known = {
        "timeout": f"it ran too long: {answer.cpu_seconds:.2g} s of CPU time used, {limits.cpu_seconds:g} s allowed",
        "memory": f"it used too much memory: {limits.memory_bytes >> 20} MiB are allowed",
    }
    message = known.get(answer.status, "")
    if answer.clock_limited:
        message = f"it ran too long: more than {limits.wall_seconds:g} s by the clock"
    message = " ".join(
        part for part in (answer.message, f"({message})" if answer.message and message else message) if part
    )
    return Failure(
        "run", answer.error_type or answer.status, message or f"ended with {answer.status}", answer.error_line
    )


def record(
    entry: str, source: str, cases: Sequence[Case], outcomes: Sequence[Outcome], score: float | None, worst: float
) -> dict[str, JSON]:
    """The record of an evaluation that went over `cases` as far as `outcomes` go."""
    trace = Recorder()
    trace.variable("program", f"def {entry}(...)", doc="The program that is proposed.")
    done = {outcome.case: outcome for outcome in outcomes}
    scores = []
    for case in cases:
        outcome = done.get(case.name)
        if outcome is None:
            trace.case(case.name, worst, status="not run", note="an earlier case failed")
            continue
        name = f"{entry}({case.name})"
        trace.node(case.name, dict(case.inputs), role="input", op="case", doc="Keyword arguments of the call.")
        trace.node(name, outcome.answer, parents=["program", case.name], op=entry, doc="A call, in a fresh process.")
        scores.append(f"score({case.name})")
        trace.node(scores[-1], outcome.score, parents=[name, case.name], op="score", doc="Judged by the task.")
        trace.case(case.name, outcome.score, status=outcome.status)
        if outcome.failure is not None:
            _tell(trace, outcome, case, source, name)
    if score is not None:
        trace.output("score", score, parents=scores, op="mean", doc="Mean over the cases.")
    return trace.to_json()


def _tell(trace: Recorder, outcome: Outcome, case: Case, source: str, node: str) -> None:
    failure = outcome.failure
    assert failure is not None
    if failure.stage == "score":
        trace.counterexample(case.name, failure.message)
    trace.error(
        failure.stage,
        failure.kind,
        f"the answer {failure.answer} is not acceptable" if failure.stage == "score" else failure.message,
        line=failure.line,
        excerpt=marked(source, failure.line, failure.values),
        frames=failure.frames,
        inputs=_call(case.inputs),
        log=clean(outcome.log)[-_LOG:],
        case=case.name,
        node=node,
    )


def _call(inputs: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {clip(value, 300)}" for name, value in inputs.items())
