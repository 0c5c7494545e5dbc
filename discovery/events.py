"""Typed, versioned events: all that the panel, the plain display and observers read. Observers cannot change a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import ClassVar, TypeAlias

from discovery.model import JSON, Status

__all__ = [
    "Alarm",
    "Event",
    "Hinted",
    "Improved",
    "Judged",
    "ModelPaused",
    "ModelReplied",
    "ModelResumed",
    "Observer",
    "Proposed",
    "Reflected",
    "RunStarted",
    "RunStopped",
]


@dataclass(frozen=True)
class Event:
    """Root. `version` grows when a field changes meaning; `journaled` says whether the journal keeps it (what can be
    derived from other tables is not kept twice)."""

    version: ClassVar[int] = 1
    journaled: ClassVar[bool] = False

    def to_json(self) -> dict[str, JSON]:
        """Plain data with `event` (class name) and `version`."""
        return {"event": type(self).__name__, "version": self.version, **asdict(self)}


@dataclass(frozen=True)
class RunStarted(Event):
    """A controller took up a run: `resumed` is False for the first time. Counts are what the journal already held;
    limits and workers are those now in force."""

    journaled: ClassVar[bool] = True
    run: str
    task: str
    score_name: str
    max_proposals: int
    workers: int
    sandbox: str
    resumed: bool
    proposals: int
    judged: int
    best_key: str | None
    best_score: float | None
    max_time: float | None = None
    max_usd: float | None = None
    max_tokens: int | None = None
    max_calls: int | None = None
    target: float | None = None
    stagnation: int | None = None
    models: tuple[str, ...] = ()


@dataclass(frozen=True)
class Proposed(Event):
    """Proposal `index` was committed. `key` is None when the language rejected it; `repeat` says that a program with
    this key had been proposed before."""

    index: int
    operator: str
    parents: tuple[str, ...]
    key: str | None
    repeat: bool


@dataclass(frozen=True)
class Judged(Event):
    """The outcome of proposal `index` was committed; `repeat`: answered from the journal."""

    index: int
    key: str
    status: Status
    score: float | None
    stage: str
    message: str
    repeat: bool
    wall_seconds: float


@dataclass(frozen=True)
class Improved(Event):
    """The run has a new best program. `seconds` since this controller took up the run."""

    journaled: ClassVar[bool] = True
    index: int
    key: str
    score: float
    previous: float | None
    cases: Mapping[str, float]
    seconds: float


@dataclass(frozen=True)
class Alarm(Event):
    """Something a person should look at: a score that did not reproduce, a clock-limited verdict, a lost worker."""

    journaled: ClassVar[bool] = True
    message: str
    key: str | None = None


@dataclass(frozen=True)
class ModelReplied(Event):
    """The reply to a model call for proposal `index` was committed. `usd` is None without a known price; `estimated`
    says that tokens or their price rest on the length of the text. Totals are the run's, over all resumes;
    `total_estimated` is a number of replies."""

    index: int
    step: str
    model: str
    tokens: int
    estimated: bool
    usd: float | None
    seconds: float
    total_calls: int
    total_tokens: int
    total_usd: float
    total_estimated: int = 0


@dataclass(frozen=True)
class ModelPaused(Event):
    """The endpoint of `model` does not answer: its calls wait, for `seconds` more at most."""

    journaled: ClassVar[bool] = True
    model: str
    message: str
    seconds: float


@dataclass(frozen=True)
class ModelResumed(Event):
    """The endpoint of `model` answers again, after `seconds`."""

    journaled: ClassVar[bool] = True
    model: str
    seconds: float


@dataclass(frozen=True)
class Reflected(Event):
    """Reflection `number`, from 1, was made: the lessons now are these."""

    journaled: ClassVar[bool] = True
    number: int
    lessons: tuple[str, ...]


@dataclass(frozen=True)
class Hinted(Event):
    """A person's hint was taken in; `name` is its file's."""

    journaled: ClassVar[bool] = True
    name: str
    text: str


@dataclass(frozen=True)
class RunStopped(Event):
    """The controller let the run go. `reason`: `"limit"`, `"time"`, `"target"`, `"stagnation"`,
    `"budget"` (of models), `"unreachable"` (the model), `"interrupted"` or `"failed"`."""

    journaled: ClassVar[bool] = True
    reason: str
    message: str
    proposals: int
    judged: int
    best_key: str | None
    best_score: float | None


Observer: TypeAlias = Callable[[Event], None]
