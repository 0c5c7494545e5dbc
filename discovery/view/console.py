"""Printing data on stdout: coloured on a terminal, plain and uncut in a pipe."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Mapping

from rich.console import Console, RenderableType

from discovery.model import JSON

__all__ = ["print_json", "show"]

_PIPE_WIDTH = 200


def show(*parts: RenderableType) -> None:
    """Print each part. NO_COLOR and TERM=dumb are honoured; what the encoding lacks is replaced."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    if sys.stdout.isatty():
        console = Console(highlight=False, markup=False, emoji=False)
        for part in parts:
            console.print(part)
        return
    width = None if "COLUMNS" in os.environ else _PIPE_WIDTH
    console = Console(width=width, highlight=False, markup=False, emoji=False)
    with console.capture() as text:
        for part in parts:
            console.print(part)
    print("\n".join(line.rstrip() for line in text.get().rstrip().split("\n")))


def print_json(verb: str, data: Mapping[str, JSON]) -> None:
    """Print one object with its schema, `discovery.<verb>/1`."""
    print(json.dumps({"schema": f"discovery.{verb}/1", **data}))
