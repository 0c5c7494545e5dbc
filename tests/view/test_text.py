from __future__ import annotations

import doctest
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

import discovery.view.compare
import discovery.view.text
from discovery.view.text import one_line, printable, score_text, sparkline

ANY_TEXT = st.text(st.characters())
FINITE = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize("module", [discovery.view.text, discovery.view.compare])
def test_examples(module: object) -> None:
    failed, tried = doctest.testmod(module)  # type: ignore[arg-type]
    assert tried and not failed


@given(ANY_TEXT)
def test_printable_text_cannot_steer_a_terminal(text: str) -> None:
    shown = printable(text)
    assert all(unicodedata.category(c) not in ("Cc", "Cf", "Cs") for c in shown if c not in "\n\t")
    shown.encode("utf-8")


def test_a_reversed_line_is_shown_as_written() -> None:
    assert printable("a\u202eb\x1b]0;title\x07") == "a\\u202eb\\x1b]0;title\\x07"


@given(ANY_TEXT, st.integers(0, 40))
def test_one_line_is_one_line_that_fits(text: str, width: int) -> None:
    line = one_line(text, width)
    assert len(line) <= max(width, 1) and "\n" not in line


@given(st.lists(FINITE, max_size=200), st.integers(0, 80))
def test_a_sparkline_fits_and_follows_the_order(values: list[float], width: int) -> None:
    bars = sparkline(sorted(values), width)
    assert len(bars) == min(width, len(values))
    assert list(bars) == sorted(bars)


def test_a_sparkline_ends_at_the_last_value() -> None:
    assert sparkline([0.0] * 999 + [7.0], 10) == "▁" * 9 + "█"


@given(st.none() | FINITE)
def test_scores_are_short(score: float | None) -> None:
    assert len(score_text(score, signed=True)) <= 12
