"""The live panel: one picture of `Progress`."""

from __future__ import annotations

from rich.console import RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from discovery.view.progress import Progress
from discovery.view.text import duration, one_line, score_text, sparkline

__all__ = ["panel"]

_MARGIN = 24  # columns that borders and labels take from the curve and the messages
_ECHO = 3  # columns left free: a terminal echoes ^C after the last line, and were that to wrap, redrawing would be off


def panel(progress: Progress, now: float, width: int) -> RenderableType:
    """Draw the state at clock reading `now` (seconds) for a terminal of `width` columns."""
    width = max(1, width - _ECHO)
    started = progress.started
    if started is None:
        return Panel(Text("starting the evaluators ...", style="dim"), title="discovery", width=width)
    room = max(20, width - _MARGIN)
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="bold", no_wrap=True)
    rows.add_column(no_wrap=True, overflow="ellipsis")
    rows.add_row("best", _best(progress, started.score_name))
    rows.add_row("", Text(sparkline(progress.curve, min(room, 64)), style="green"))
    rows.add_row("done", _bar(progress.judged, started.max_proposals, min(room // 2, 32)))
    rows.add_row("since start", _counts(progress))
    rows.add_row("pace", _pace(progress, now))
    rows.add_row("evaluators", f"{started.workers} workers in sandbox {started.sandbox}")
    if progress.spent is not None:
        rows.add_row("models", progress.spending())
    for place, event in enumerate(reversed(progress.improvements)):
        gain = "" if event.previous is None else f"  {score_text(event.score - event.previous, signed=True)}"
        line = f"#{event.index} {event.key[:12]}  {score_text(event.score)}{gain}  at {duration(event.seconds)}"
        rows.add_row("improved" if place == 0 else "", line)
    for pause in progress.paused.values():
        rows.add_row(Text("paused", style="yellow"), Text(one_line(pause.message, room), style="yellow"))
    for alarm in list(progress.alarms)[-2:]:
        rows.add_row(Text("warning", style="yellow"), Text(one_line(alarm.message, room), style="yellow"))
    title = f"{started.run} · {started.task}"
    if progress.stopped is not None:
        title += f" · stopped ({progress.stopped.reason})"
    return Panel(rows, title=Text(one_line(title, width - 8)), border_style="cyan", width=width)


def _best(progress: Progress, score_name: str) -> Text:
    if progress.best_score is None or progress.best_key is None:
        return Text("no program scored yet", style="dim")
    text = Text(score_text(progress.best_score), style="bold green")
    return text.append(f"  {progress.best_key[:12]}  {score_name}", style="not bold default")


def _bar(done: int, total: int, width: int) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    grid.add_row(ProgressBar(total=max(total, 1), completed=min(done, total), width=width), f"{done}/{total} judged")
    return grid


def _counts(progress: Progress) -> str:
    """Outcomes since this controller started."""
    scored = progress.statuses["scored"] + progress.statuses["proved"]
    failed = sum(progress.statuses.values()) - scored - progress.statuses["rejected"]
    waiting = progress.proposals - progress.judged
    return (
        f"{scored} scored, {failed} failed, {progress.rejected} rejected, {progress.repeats} repeats, "
        f"{waiting} in flight"
    )


def _pace(progress: Progress, now: float) -> str:
    rate, left = progress.per_minute(now), progress.seconds_left(now)
    elapsed = duration(now - progress.since)
    if rate is None or left is None:
        return f"{elapsed} so far"
    return f"{rate:.0f} per minute, {elapsed} so far, about {duration(left)} left"
