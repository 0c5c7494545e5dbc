"""Values as text: harmless, bounded, and equal for equal values."""

from __future__ import annotations

import doctest
import importlib
import unicodedata
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from discovery.feedback import clean, clip, marked, named_values

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text(), inner) | st.sets(st.integers()),
    max_leaves=30,
)


@example("a\x1e\r")
@given(st.text(st.characters()) | st.text(st.sampled_from("a\t\n\r\x0b\x0c\x1c\x1e\x85\u2028\u2029")))
def test_clean_leaves_nothing_that_controls_a_terminal_or_hides(text: str) -> None:
    shown = clean(text)
    assert all(character == "\n" or unicodedata.category(character)[0] != "C" for character in shown)
    assert clean(shown) == shown


@given(PLAIN)
def test_clip_is_bounded(value: Any) -> None:
    assert len(clip(value)) <= 400
    assert clip(value) == clip(value)


def test_clip_runs_no_code_of_the_value() -> None:
    class Meta(type):
        @property
        def __name__(cls) -> str:
            raise AssertionError("ran")

    class Loud(metaclass=Meta):
        def __repr__(self) -> str:
            raise AssertionError("ran")

        __str__ = __len__ = __iter__ = __getattribute__ = __repr__  # type: ignore[assignment]

    class Pretender(list[int]):
        def __len__(self) -> int:
            raise AssertionError("ran")

    assert "Loud" in clip([Loud()]) and "Pretender" in clip({"a": Pretender()})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1 << 300, "<int of 301 bits>"),
        ({3, 1, 2}, "{1, 2, 3}"),
        (list(range(100)), "[0, 1, 2, 3, 4, 5, 6, 7, ... 100 in all]"),
        ([[[[1]]]], "[[[<list of 1>]]]"),
        (np.arange(20.0).reshape(4, 5), "array float64 4x5 [0, 1, 2, 3, 4, 5, 6, 7, ...]"),
        (np.float32(0.5), "0.5"),
        (float("nan"), "nan"),
        ("x" * 500, "'" + "x" * 120 + "'..."),
        ((), "()"),
    ],
)
def test_clip_examples(value: Any, text: str) -> None:
    assert clip(value) == text


@pytest.mark.parametrize("name", ["text", "source"])
def test_the_examples_in_the_docstrings(name: str) -> None:
    found = doctest.testmod(importlib.import_module(f"discovery.feedback.{name}"))
    assert found.attempted and not found.failed


def test_a_number_too_long_for_python_to_print_is_named() -> None:
    assert clip(10**5000) == "<int of 16610 bits>"


def test_the_line_is_marked_with_the_values_on_it() -> None:
    source = "def f(a):\n    b = 0\n    return a / b\n"
    note = named_values("    return a / b", {"a": 3, "b": 0, "f": test_clip_examples})
    assert marked(source, 3, note) == ("  1 | def f(a):\n  2 |     b = 0\n> 3 |     return a / b      <-- a = 3, b = 0")


@pytest.mark.parametrize("line", [None, 0, 4, -1])
def test_no_such_line_is_no_excerpt(line: int | None) -> None:
    assert marked("a\nb\nc\n", line) == ""
