"""The difference of two sources."""

from __future__ import annotations

import difflib

from rich.text import Text

from discovery.view.text import printable

__all__ = ["diff_view", "unified_diff"]

_STYLES = (("+++", "bold"), ("---", "bold"), ("@@", "cyan"), ("+", "green"), ("-", "red"))


def unified_diff(old: str, new: str, old_name: str, new_name: str) -> str:
    """Unified diff with three lines of context; "" when the sources are equal."""
    lines = difflib.unified_diff(_lines(old), _lines(new), old_name, new_name)
    return "".join(lines)


def _lines(source: str) -> list[str]:
    """Lines as the diff shows them, each with its end; a missing last newline is no difference worth a line."""
    return [f"{line}\n" for line in source.splitlines()]


def diff_view(diff: str) -> Text:
    """The diff, coloured and safe to print."""
    text = Text()
    for line in diff.splitlines():
        style = next((style for start, style in _STYLES if line.startswith(start)), "")
        text.append(printable(line) + "\n", style=style)
    text.rstrip()
    return text
