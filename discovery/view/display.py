"""How a running controller shows itself: `full`, `plain`, `json` or `none`. All of it goes to stderr.

A display is an observer of events. It never raises into the loop: one that fails (a closed terminal, a full pipe) falls
silent. It costs little: an event only updates counts, and drawing happens at most four times a second.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Literal, TextIO

from discovery.errors import ConfigError
from discovery.events import Alarm, Event, Improved, Judged, ModelPaused, ModelResumed, RunStarted, RunStopped
from discovery.view.progress import Progress
from discovery.view.text import duration, one_line, score_text

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["Display", "DisplayKind", "make_display"]

DisplayKind = Literal["full", "plain", "json", "none"]
_FRAMES_PER_SECOND = 4
_QUIET_SECONDS = 15.0


class Display(ABC):
    """Shows a run while it goes on. A context manager and an `Observer`; call it from one thread."""

    _failed = False

    def __call__(self, event: Event) -> None:
        """Show `event`. Never raises: what cannot be shown must not stop a run."""
        if self._failed:
            return
        try:
            self._show(event)
        except Exception:
            self._failed = True

    @abstractmethod
    def _show(self, event: Event) -> None: ...

    def __enter__(self) -> Display:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


def make_display(
    kind: str | None = None, *, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
) -> Display:
    """The display of that kind on `stream` (stderr when None).

    None chooses: `full` on a terminal, else `plain`; also `plain` with NO_COLOR set or TERM=dumb.

    Raises:
        ConfigError: no such kind.
    """
    stream = sys.stderr if stream is None else stream
    if kind is None:
        dull = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not stream.isatty()
        kind = "plain" if dull else "full"
    if kind == "full":
        return _Full(stream, clock)
    if kind == "plain":
        return _Plain(stream, clock)
    if kind == "json":
        return _Lines(stream)
    if kind == "none":
        return _Silent()
    raise ConfigError(f"display must be full, plain, json or none; got {kind!r}")


class _Silent(Display):
    def _show(self, event: Event) -> None:
        return


class _Lines(Display):
    """One JSON object a line: `Event.to_json()`."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def _show(self, event: Event) -> None:
        print(json.dumps(event.to_json()), file=self._stream, flush=True)


class _Plain(Display):
    """One line for what matters, and one of progress when there was none for a while."""

    def __init__(self, stream: TextIO, clock: Callable[[], float]) -> None:
        self._stream, self._clock = stream, clock
        self._progress = Progress()
        self._spoke = clock()

    def _show(self, event: Event) -> None:
        now = self._clock()
        self._progress.update(event, now)
        if isinstance(event, Judged) and now - self._spoke < _QUIET_SECONDS:
            return
        line = self._line(event, now)
        if line:
            self._spoke = now
            print(line, file=self._stream, flush=True)

    def _line(self, event: Event, now: float) -> str:
        state = self._progress
        if isinstance(event, RunStarted):
            verb = f"resumed at proposal {event.proposals}" if event.resumed else "started"
            return (
                f"{event.run}: {verb}; task {event.task}, up to {event.max_proposals} proposals, "
                f"{event.workers} workers, sandbox {event.sandbox}; score: {event.score_name}"
            )
        if isinstance(event, Improved):
            gain = "" if event.previous is None else f" ({score_text(event.score - event.previous, signed=True)})"
            return f"#{event.index} {event.key[:12]} best {score_text(event.score)}{gain}"
        if isinstance(event, Judged):
            rate, left = state.per_minute(now), state.seconds_left(now)
            total = state.started.max_proposals if state.started else 0
            pace = "" if rate is None or left is None else f", {rate:.0f}/min, about {duration(left)} left"
            failed = sum(count for status, count in state.statuses.items() if status not in ("scored", "proved"))
            spent = "" if state.spent is None else f", {state.spending()}"
            return (
                f"{state.judged}/{total} judged, {failed} failed, {state.repeats} repeats, "
                f"best {score_text(state.best_score)}{spent}{pace}"
            )
        if isinstance(event, Alarm):
            about = "" if event.key is None else f"{event.key[:12]}: "
            return f"warning: {about}{one_line(event.message, 300)}"
        if isinstance(event, ModelPaused):
            return f"paused, for {duration(event.seconds)} at most: {one_line(event.message, 300)}"
        if isinstance(event, ModelResumed):
            return f"{event.model} answers again, after {duration(event.seconds)}"
        if isinstance(event, RunStopped):
            why = f": {one_line(event.message, 300)}" if event.message else ""
            return (
                f"stopped ({event.reason}{why}); {event.proposals} proposals, {event.judged} judged, "
                f"best {score_text(event.best_score)}"
            )
        return ""


class _Full(Display):
    """A live panel, drawn by a thread of its own four times a second, whatever the rate of events."""

    def __init__(self, stream: TextIO, clock: Callable[[], float]) -> None:
        from rich.console import Console
        from rich.live import Live

        self._clock = clock
        self._progress = Progress()
        self._lock = threading.Lock()
        self._console = Console(file=stream, force_terminal=True, highlight=False, markup=False, emoji=False)
        self._live = Live(console=self._console, refresh_per_second=_FRAMES_PER_SECOND, get_renderable=self._draw)

    def __enter__(self) -> Display:
        try:
            self._live.start()
        except Exception:
            self._failed = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._live.stop()
        except Exception:
            self._failed = True

    def _show(self, event: Event) -> None:
        with self._lock:
            self._progress.update(event, self._clock())

    def _draw(self) -> RenderableType:
        from discovery.view.panel import panel

        with self._lock:
            return panel(self._progress, self._clock(), self._console.width)
