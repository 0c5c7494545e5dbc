"""A candidate's source line, marked in its context. Standard library only."""

from __future__ import annotations

import re
from collections.abc import Mapping

from discovery.feedback.text import clean, clip, cut

__all__ = ["marked", "named_values"]

_CONTEXT = 2
_LINE = 160


def marked(source: str, line: int | None, note: str = "") -> str:
    """The `line` of `source` (from 1) with two lines around it, marked, and `note` behind it; "" when there is none.

    >>> print(marked("a = 1\\nb = a / 0\\n", 2, "a = 1"))
      1 | a = 1
    > 2 | b = a / 0      <-- a = 1
    """
    lines = source.splitlines()
    if line is None or not 1 <= line <= len(lines):
        return ""
    first, last = max(1, line - _CONTEXT), min(len(lines), line + _CONTEXT)
    width = len(str(last))
    shown = []
    for number in range(first, last + 1):
        text = f"{'>' if number == line else ' '} {number:>{width}} | {clean(lines[number - 1], _LINE)}".rstrip()
        shown.append(text + (f"      <-- {clean(note, _LINE)}" if note and number == line else ""))
    return "\n".join(shown)


def named_values(text: str, values: Mapping[str, object]) -> str:
    """The `values` whose names occur in a line of source, as `name = value, ...`; plain data only.

    >>> named_values("return total / count", {"count": 0, "other": 3, "total": 2.5})
    'total = 2.5, count = 0'
    """
    names = dict.fromkeys(re.findall(r"[^\W\d]\w*", text))
    shown = [f"{name} = {clip(values[name], 60)}" for name in names if name in values and _telling(values[name])]
    return cut(", ".join(shown), _LINE)


def _telling(value: object) -> bool:
    return not clip(value, 60).startswith("<")
