"""What a display knows of a run: a running count over events, nothing else."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

from discovery.events import (
    Alarm,
    Event,
    Improved,
    Judged,
    ModelPaused,
    ModelReplied,
    ModelResumed,
    Proposed,
    RunStarted,
    RunStopped,
)
from discovery.view.text import about

__all__ = ["Progress"]

_CURVE = 512
_KEPT = 5


@dataclass
class Progress:
    """State of a live display. `update` takes each event; the rest is read.

    Attributes:
        started: The controller's start, with the counts the journal held then; None before it.
        stopped: The controller's end.
        proposals, rejected, judged: Totals of the run, earlier controllers included, but for `rejected`.
        repeats: Outcomes answered from the journal since this controller started.
        statuses: Outcomes by status since this controller started.
        best_key, best_score: The best program so far.
        curve: Best score after each outcome, thinned to at most 512 points.
        improvements, alarms: The latest, newest last.
        spent: The latest reply of a model, which carries what the run has spent; None before there is one.
        paused: Models whose endpoint does not answer.
        since: Clock reading of the start, in seconds.
    """

    started: RunStarted | None = None
    stopped: RunStopped | None = None
    proposals: int = 0
    rejected: int = 0
    judged: int = 0
    repeats: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    best_key: str | None = None
    best_score: float | None = None
    curve: list[float] = field(default_factory=list)
    improvements: deque[Improved] = field(default_factory=lambda: deque(maxlen=_KEPT))
    alarms: deque[Alarm] = field(default_factory=lambda: deque(maxlen=_KEPT))
    spent: ModelReplied | None = None
    paused: dict[str, ModelPaused] = field(default_factory=dict)
    since: float = 0.0
    _stride: int = 1
    _skipped: int = 0

    def update(self, event: Event, now: float) -> None:
        """Take in one event; `now` is a monotonic clock in seconds."""
        if isinstance(event, RunStarted):
            self.started, self.since = event, now
            self.proposals, self.judged = event.proposals, event.judged
            self.best_key, self.best_score = event.best_key, event.best_score
        elif isinstance(event, Proposed):
            self.proposals += 1
            self.rejected += event.key is None
        elif isinstance(event, Judged):
            self.judged += 1
            self.repeats += event.repeat
            self.statuses[event.status] += 1
            self._extend_curve()
        elif isinstance(event, Improved):
            self.best_key, self.best_score = event.key, event.score
            self.improvements.append(event)
            if self.curve:
                self.curve[-1] = event.score
            else:
                self.curve.append(event.score)
        elif isinstance(event, Alarm):
            self.alarms.append(event)
        elif isinstance(event, ModelReplied):
            self.spent = event
        elif isinstance(event, ModelPaused):
            self.paused[event.model] = event
        elif isinstance(event, ModelResumed):
            self.paused.pop(event.model, None)
        elif isinstance(event, RunStopped):
            self.stopped = event

    def _extend_curve(self) -> None:
        """Append the best score; when the curve is full, keep every other point and double the stride."""
        if self.best_score is None:
            return
        self._skipped += 1
        if self._skipped < self._stride:
            return
        self._skipped = 0
        self.curve.append(self.best_score)
        if len(self.curve) >= _CURVE:
            self.curve = self.curve[1::2]
            self._stride *= 2

    def spending(self) -> str:
        """What the run has spent on models, in words, with a `~` where it is estimated; "" before the first reply."""
        if self.spent is None:
            return ""
        spent, guessed = self.spent, self.spent.total_estimated
        price = "price unknown" if spent.usd is None else about(f"${spent.total_usd:.4f}", guessed and spent.total_usd)
        return f"{spent.total_calls} replies, {about(f'{spent.total_tokens:,} tokens', guessed)}, {price}"

    def per_minute(self, now: float) -> float | None:
        """Outcomes per minute of this controller; None before there is one."""
        if self.started is None or now <= self.since or self.judged == self.started.judged:
            return None
        return (self.judged - self.started.judged) / (now - self.since) * 60

    def seconds_left(self, now: float) -> float | None:
        """Seconds to the limit of proposals at the rate so far; None when unknown."""
        rate = self.per_minute(now)
        if rate is None or self.started is None:
            return None
        return max(0, self.started.max_proposals - self.judged) / rate * 60
