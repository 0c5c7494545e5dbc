"""The reflection memory: short lines, read from a model's answer."""

from __future__ import annotations

import re

from discovery.propose.replies.prose import answer, instructs, one_line

__all__ = ["read_lessons"]

_LENGTH = 240
_BULLET = re.compile(r"^\s*(?:[-*\u2022\u2013]|\d{1,2}[.)])\s+(.*)$")


def read_lessons(text: str, most: int) -> tuple[str, ...]:
    """The lessons in an answer, at most `most`: its bulleted lines. Empty when it has none.

    A line that speaks to the engine is left out: what is kept here is shown to every later writer.
    """
    found = [one_line(match[1], _LENGTH) for line in answer(text).split("\n") if (match := _BULLET.match(line))]
    lessons = dict.fromkeys(line for line in found if len(line.split()) >= 3 and not instructs(line))
    return tuple(lessons)[:most]
