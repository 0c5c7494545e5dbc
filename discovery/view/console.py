"""Printing data on stdout: coloured on a terminal, plain and uncut in a pipe."""

from __future__ import annotations

import io
import os
import sys

from rich.console import Console, RenderableType
from rich.table import Table

__all__ = ["show"]

_PIPE_WIDTH = 200
_TABLE_WIDTH = 80


def show(*parts: RenderableType) -> None:
    """Print each part. NO_COLOR and TERM=dumb are honoured; what the encoding lacks is replaced. Where a table does not
    fit a narrow terminal, its lines break there, rather than that names and numbers are cut."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    if sys.stdout.isatty():
        for part in parts:
            _console(part).print(part)
        return
    texts = []
    for part in parts:
        console = _console(part)
        with console.capture() as text:
            console.print(part)
        texts.append(text.get())
    print("\n".join(line.rstrip() for line in "".join(texts).rstrip().split("\n")))


def _console(part: RenderableType) -> Console:
    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    console = Console(width=_PIPE_WIDTH if piped else None, highlight=False, markup=False, emoji=False)
    if isinstance(part, Table) and part.show_header:
        console.width = max(console.width, _TABLE_WIDTH)
    return console
