"""Parsing is safe on any text: an answer or a `Rejected`, in little time, with a place where there is one."""

from __future__ import annotations

import ast
import contextlib
import subprocess
import sys
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discovery.grammar.source import MAX_BYTES, MAX_DEPTH, parse_source
from discovery.model import Rejected

LONG = 60_000

HOSTILE = {
    "open parentheses": "(" * LONG,
    "open brackets": "[" * LONG,
    "open braces": "{" * LONG,
    "closed": "(" * 20_000 + ")" * 20_000,
    "just above the cap": "(" * (MAX_DEPTH + 1) + "1" + ")" * (MAX_DEPTH + 1),
    "mixed": "([{" * 10_000,
    "bad at depth": "(" * 90 + "1 1" + ")" * 90,
    "calls at depth": "f(" * 90 + "1 1" + ")" * 90,
    "keywords at depth": "f(a=" * 90 + "1 1" + ")" * 90,
    "dicts at depth": "{1:" * 90 + "1 1" + "}" * 90,
    "with at depth": "with " + "(" * 90 + "a" + ")" * 90 + " as x pass",
    "match at depth": "match x:\n case " + "[" * 90 + "a b" + "]" * 90 + ": pass",
    "sum": "x = " + "+".join("a" * (LONG // 2)),
    "power": "2**" * 20_000 + "1",
    "minus": "-" * LONG + "1",
    "not": "not " * 15_000 + "1",
    "attributes": "x = a" + ".b" * 30_000,
    "subscripts": "a" + "[0]" * 20_000,
    "calls": "a" + "()" * 30_000,
    "conditional": "1 if 1 else " * 5_000 + "1",
    "lambda": "lambda:" * 9_000 + "1",
    "elif": "if a:\n x\n" + "elif b:\n y\n" * 5_000,
    "indentation": "".join(" " * depth + "if 1:\n" for depth in range(99)) + " " * 99 + "pass pass",
    "huge integer": "x = " + "9" * LONG,
    "NUL": "x = 1\0",
    "surrogate": "x = '\ud800'",
    "not Python": "x = = 1",
    "unfinished string": "x = '''" + "a" * 1000,
    "backslash": "x = 1\\",
    "tabs": "if 1:\n\tx\n        y",
    "form feeds": "\f" * LONG + "1 1",
    "empty lines, then nonsense": "\n" * LONG + "1 1",
    "too long": "x" * (MAX_BYTES + 1),
    "too long in bytes": "é" * (MAX_BYTES // 2 + 1),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_rejected(name: str) -> None:
    with pytest.raises(Rejected) as caught:
        parse_source(HOSTILE[name])
    assert len(str(caught.value)) < 200


def test_a_text_of_50_megabytes_is_rejected() -> None:
    with pytest.raises(Rejected, match="at most 65536 bytes"):
        parse_source("x = 1\n" * 8_500_000)


def test_the_interpreter_survives_all_of_it() -> None:
    """In one process that has little stack to spare, and whose warnings are errors."""
    program = (
        "import resource, sys, threading\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "from test_source import HOSTILE\n"
        "from discovery.grammar.source import parse_source\n"
        "from discovery.model import Rejected\n"
        "def run():\n"
        "    for name, text in HOSTILE.items():\n"
        "        try:\n"
        "            parse_source(text)\n"
        "        except Rejected:\n"
        "            continue\n"
        "        raise SystemExit(name)\n"
        "    print('done')\n"
        "threading.stack_size(2 * 1024 * 1024)\n"
        "thread = threading.Thread(target=run)\n"
        "thread.start(); thread.join()\n"
    )
    folder = __file__.rsplit("/", 1)[0]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, folder], capture_output=True, text=True, timeout=120
    )
    assert done.stdout == "done\n", done.stderr[-2000:]


@given(st.text(max_size=300))
@settings(max_examples=300, deadline=None)
def test_any_text_parses_or_is_rejected(text: str) -> None:
    try:
        source = parse_source(text)
    except Rejected:
        return
    assert ast.dump(source.tree) == ast.dump(ast.parse(text))


@given(st.text(alphabet="()[]{}'\"#\\\n\r frx0,:=+", max_size=120))
@settings(max_examples=300, deadline=None)
def test_any_brackets_and_quotes_parse_or_are_rejected(text: str) -> None:
    with contextlib.suppress(Rejected):
        parse_source(text)


def test_brackets_in_strings_and_comments_do_not_count() -> None:
    many = "(" * 500
    for text in (
        f"x = '{many}'",
        f'x = "\\"{many}"',
        f"# {many}\nx = 1",
        f"'''\n{many}\n'''",
        f'x = """{many}""" # {many}',
    ):
        parse_source(text)


def test_within_the_cap_everything_parses() -> None:
    deep = "(" * (MAX_DEPTH // 2) + "1" + ")" * (MAX_DEPTH // 2)
    parse_source(f"x = {deep}")
    parse_source("x = " + "+".join("a" * (MAX_DEPTH // 2)))
    with pytest.raises(Rejected, match="nested at most"):
        parse_source("x = " + "+".join("a" * (MAX_DEPTH * 2)))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("x = 1\ny = 'é' ? 2", (2, 9)),
        ("x = 1\ny = \0", (2, 5)),
        ("é = '\ud800'", (1, 6)),
        ("a\r\nb\rc\n" + "(" * (MAX_DEPTH + 1), (4, MAX_DEPTH + 1)),
        ("x = 1\nif x\n  y = 2", (2, 5)),
    ],
)
def test_errors_have_line_and_column_in_characters(text: str, place: tuple[int, int]) -> None:
    with pytest.raises(Rejected) as caught:
        parse_source(text)
    assert (caught.value.line, caught.value.column) == place


def test_spans_count_characters() -> None:
    source = parse_source("x = 1\nä = fü(é, b)\n")
    call = source.tree.body[1].value  # type: ignore[attr-defined]
    span = source.span(call.args[1])
    assert (span.line, span.column, span.end_line, span.end_column) == (2, 11, 2, 12)
    assert source.rejected(call, "no").column == 5
    assert source.span(source.tree).end_line == 3


def test_nothing_is_executed_and_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parse_source("import os\nos._exit(1)\nx = '\\d'\nassert (1, 2)\n1 is 1")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("text", ["1e999", "-1e999", "0x" + "f" * 50_000, "9" * 31])
def test_numbers_too_large_to_compute_with_are_rejected(text: str) -> None:
    source = parse_source(text)
    with pytest.raises(Rejected):
        source.number(source.tree.body[0].value)  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", ["True", "None", "'1'", "1j", "--1", "~1", "a", "1 + 1", "..."])
def test_other_expressions_are_no_numbers(text: str) -> None:
    source = parse_source(text)
    assert source.number(source.tree.body[0].value) is None  # type: ignore[attr-defined]
