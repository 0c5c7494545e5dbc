"""The displays over events, with a clock of the test's own."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import replace

import pytest
from rich.console import Console

from discovery.errors import ConfigError
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
from discovery.view import make_display
from discovery.view.panel import panel
from discovery.view.progress import Progress

KEY = "0123456789abcdef" * 4


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Broken(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError("gone")


def started(resumed: bool = False, proposals: int = 0) -> RunStarted:
    best = (KEY, 0.25) if resumed else (None, None)
    return RunStarted("toy-1", "toy", "closeness", 100, 2, "bubblewrap", resumed, proposals, proposals, *best)


def judged(index: int, status: str = "scored", repeat: bool = False) -> Judged:
    return Judged(index, KEY, status, 1.0 if status == "scored" else None, "full", "", repeat, 0.1)  # type: ignore[arg-type]


def improved(index: int, score: float, previous: float | None = None) -> Improved:
    return Improved(index, KEY, score, previous, {}, 3.0)


def feed(kind: str, *events: Event | float) -> str:
    """What a display writes; a number moves the clock on by so many seconds."""
    stream, clock = io.StringIO(), Clock()
    with make_display(kind, stream=stream, clock=clock) as display:
        for event in events:
            if isinstance(event, Event):
                display(event)
            else:
                clock.now += event
    return stream.getvalue()


def test_plain_speaks_on_improvements_and_alarms() -> None:
    text = feed("plain", started(), judged(0), improved(0, 1.0), judged(1), improved(1, 1.5, 1.0), Alarm("look", KEY))
    lines = text.splitlines()
    assert lines[0].startswith("toy-1: started") and "sandbox bubblewrap" in lines[0]
    assert lines[1:] == [
        "#0 0123456789ab best 1.0000",
        "#1 0123456789ab best 1.5000 (+0.5000)",
        "warning: 0123456789ab: look",
    ]


def test_plain_reports_progress_only_after_silence() -> None:
    quick = [judged(index) for index in range(50)]
    assert len(feed("plain", started(), *quick).splitlines()) == 1
    text = feed("plain", started(), judged(0), improved(0, 1.0), judged(1, "error"), 60.0, judged(2, repeat=True))
    assert text.splitlines()[-1] == "3/100 judged, 1 failed, 1 repeats, best 1.0000, 3/min, about 32m20s left"


def test_plain_says_how_it_ended() -> None:
    text = feed("plain", started(True, 7), RunStopped("failed", "worker\x1b[2J lost", 9, 8, KEY, 0.5))
    assert "resumed at proposal 7" in text
    assert text.splitlines()[-1] == "stopped (failed: worker\\x1b[2J lost); 9 proposals, 8 judged, best 0.5000"


def replied(usd: float | None = 0.2) -> ModelReplied:
    return ModelReplied(0, "generate", "openai/m", 150, False, usd, 1.0, 7, 12_345, 1.5)


def test_a_paused_model_and_its_return_are_said() -> None:
    pause = ModelPaused("openai/m", "http://there cannot be reached\x1b[2J", 600)
    text = feed("plain", started(), pause, ModelResumed("openai/m", 65))
    assert text.splitlines()[1:] == [
        "paused, for 10m00s at most: http://there cannot be reached\\x1b[2J",
        "openai/m answers again, after 1m05s",
    ]
    assert "cannot be reached" in feed("full", started(), pause)
    progress = Progress()
    progress.update(pause, 0.0)
    progress.update(ModelResumed("openai/m", 65), 0.0)
    assert not progress.paused


def test_spending_is_shown() -> None:
    assert "7 replies, 12,345 tokens, $1.5000" in feed("full", started(), replied())
    assert "7 replies, 12,345 tokens, price unknown" in feed("plain", started(), 60.0, replied(None), judged(0))
    guessed = replace(replied(), total_estimated=2)
    assert "7 replies, ~12,345 tokens, ~$1.5000" in feed("plain", started(), 60.0, guessed, judged(0))


def test_json_writes_every_event_as_a_line() -> None:
    events = [started(), Proposed(0, "seed", (), KEY, False), judged(0), improved(0, 1.0)]
    assert [json.loads(line) for line in feed("json", *events).splitlines()] == [
        json.loads(json.dumps(event.to_json())) for event in events
    ]


def test_none_is_silent() -> None:
    assert feed("none", started(), Alarm("look")) == ""


def test_full_draws_the_run() -> None:
    text = feed("full", started(), judged(0), improved(0, 1.0), RunStopped("limit", "", 1, 1, KEY, 1.0))
    assert "1/100 judged" in text and "stopped (limit)" in text and "0123456789ab" in text


@pytest.mark.parametrize("kind", ["full", "plain", "json"])
def test_a_display_never_raises_into_the_loop(kind: str) -> None:
    with make_display(kind, stream=Broken(), clock=Clock()) as display:
        for event in (started(), judged(0), improved(0, 1.0), Alarm("x"), RunStopped("limit", "", 1, 1, KEY, 1.0)):
            display(event)


@pytest.mark.parametrize(
    ("terminal", "environment", "live"),
    [
        (True, {}, True),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"TERM": "dumb"}, False),
        (False, {}, False),
    ],
)
def test_the_terminal_chooses(
    terminal: bool, environment: dict[str, str], live: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    stream = Terminal() if terminal else io.StringIO()
    with make_display(stream=stream, clock=Clock()) as display:
        display(started())
    assert ("╭" in stream.getvalue()) == live
    assert ("\x1b" in stream.getvalue()) == live


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match="full, plain, json or none"):
        make_display("loud")


def test_displays_import_rich_only_to_draw() -> None:
    code = (
        "import sys, discovery.view as v; v.make_display('plain'); v.make_display('json'); print('rich' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"


def _drawn(progress: Progress, now: float, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(panel(progress, now, width))
    stream = console.file
    assert isinstance(stream, io.StringIO)
    return stream.getvalue()


def test_the_panel_shows_what_people_look_for() -> None:
    progress = Progress()
    assert "starting" in _drawn(progress, 0.0)
    events = [started(), *(Proposed(i, "mutate", (), KEY, False) for i in range(12)), judged(0), improved(0, 1.0)]
    events += [Proposed(12, "mutate", (), None, False), judged(12, "rejected"), judged(1, "timeout")]
    events += [judged(2, repeat=True), improved(2, 1.5, 1.0), Alarm("clock \x1b[2J limited")]
    for event in events:
        progress.update(event, 60.0)
    text = _drawn(progress, 120.0)
    assert "1.5000  0123456789ab  closeness" in text
    assert "4/100 judged" in text
    assert "2 scored, 1 failed, 1 rejected, 1 repeats, 9 in flight" in text
    assert "4 per minute, 1m00s so far, about 24m00s left" in text
    assert "#2 0123456789ab  1.5000  +0.5000" in text
    assert "clock \\x1b[2J limited" in text and "\x1b" not in text


def test_an_echoed_interrupt_does_not_wrap() -> None:
    """A terminal writes ^C behind the panel's last line; were that to wrap, the next frame would be a line too low."""
    progress = Progress()
    for width in (40, 80):
        assert max(len(line) for line in _drawn(progress, 0.0, width).splitlines()) <= width - len("^C")
    progress.update(started(), 0.0)
    assert max(len(line) for line in _drawn(progress, 0.0, 80).splitlines()) <= 80 - len("^C")


def test_the_panel_says_all_counts_in_80_columns() -> None:
    progress = Progress()
    for event in (started(), *(Proposed(i, "mutate", (), KEY, False) for i in range(2000))):
        progress.update(event, 0.0)
    assert "2000 in flight" in _drawn(progress, 1.0, 80)


@pytest.mark.parametrize("width", [20, 40, 200])
def test_the_panel_fits_any_width(width: int) -> None:
    progress = Progress()
    for event in (started(), judged(0), improved(0, 1.0), Alarm("x" * 500)):
        progress.update(event, 0.0)
    assert max(len(line) for line in _drawn(progress, 1.0, width).splitlines()) <= width


def test_the_curve_stays_small_and_ends_at_the_best() -> None:
    progress = Progress()
    progress.update(started(), 0.0)
    for index in range(20_000):
        progress.update(judged(index), 0.0)
        if index % 1000 == 0:
            progress.update(improved(index, float(index)), 0.0)
    assert len(progress.curve) <= 512
    assert progress.curve == sorted(progress.curve) and progress.curve[-1] == 19_000.0
    assert len(progress.improvements) == 5


def test_a_resumed_run_counts_on() -> None:
    progress = Progress()
    progress.update(started(True, 40), 0.0)
    progress.update(Proposed(40, "mutate", (), KEY, False), 1.0)
    progress.update(judged(40), 60.0)
    assert (progress.proposals, progress.judged, progress.best_score) == (41, 41, 0.25)
    assert progress.per_minute(60.0) == 1.0
    assert progress.seconds_left(60.0) == 59 * 60.0
