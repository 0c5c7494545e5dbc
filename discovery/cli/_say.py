"""What verbs say: data as JSON on stdout; beside it lines on stderr, or with `--display json` an object a line."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from itertools import pairwise

from discovery.model import JSON

__all__ = ["complain", "json_lines", "print_json", "say"]


def print_json(verb: str, data: Mapping[str, JSON]) -> None:
    """Print one object with its schema, `discovery.<verb>/1`, on stdout."""
    print(json.dumps({"schema": f"discovery.{verb}/1", **data}))


def json_lines() -> bool:
    """Whether every line on stderr is to be JSON."""
    words = sys.argv[1:]
    return "--display=json" in words or ("--display", "json") in pairwise(words)


def say(message: str) -> None:
    """Tell the user something in a line on stderr."""
    if json_lines():
        message = json.dumps({"event": "Message", "version": 1, "message": message})
    print(message, file=sys.stderr, flush=True)


def complain(message: str, hint: str, code: int) -> None:
    """Say why the command failed, and end it with this exit code."""
    if "--json" in sys.argv[1:] or json_lines():
        print(json.dumps({"code": code, "message": message, "hint": hint}), file=sys.stderr)
    else:
        print(f"error: {message}" + (f"\nhint: {hint}" if hint else ""), file=sys.stderr)
    raise SystemExit(code)
