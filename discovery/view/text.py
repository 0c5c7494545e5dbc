"""Small pure pieces of text: safe to print, short, aligned."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping, Sequence

from discovery.model import JSON

__all__ = ["about", "duration", "one_line", "printable", "score_text", "sparkline", "standing"]

_BARS = "▁▂▃▄▅▆▇█"
_HIDDEN = ("Cc", "Cf", "Cs")  # controls, invisible formatting (also right-to-left overrides), lone surrogates


def standing(entry: Mapping[str, JSON], alarms: Sequence[str]) -> str:
    """How a finalist of a journaled confirmation stands: what its test says, never without the alarms on it."""
    confirmed = entry.get("confirmed", entry["evidence"]["confirmed"])
    return ("confirmed" if confirmed else "not confirmed") + (", but with an ALARM" if alarms else "")


def printable(text: str) -> str:
    """`text` with everything that could steer a terminal, or hide, written out as an escape.

    Sources and messages come from candidates: they must not move the cursor or reverse a line.

    >>> printable("a\\x1b[2Jb")
    'a\\\\x1b[2Jb'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character
        if character in "\n\t" or unicodedata.category(character) not in _HIDDEN
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def one_line(text: str, width: int) -> str:
    """The first line of `text` that is not blank, safe to print, at most `width` characters."""
    line = next((part.strip() for part in printable(text).splitlines() if part.strip()), "").replace("\t", " ")
    return line if len(line) <= width else line[: max(width - 1, 0)] + "…"


def about(text: str, estimated: object) -> str:
    """`text`, marked when what it says rests on an estimate.

    >>> about("1,234 tokens", True)
    '~1,234 tokens'
    """
    return f"~{text}" if estimated else text


def score_text(score: float | None, *, signed: bool = False) -> str:
    """A score to four digits; a dash for none."""
    if score is None:
        return "-"
    sign = "+" if signed else ""
    plain = score == 0 or 1e-3 <= abs(score) < 1e5
    return f"{score:{sign}.4f}" if plain else f"{score:{sign}.3e}"


def duration(seconds: float) -> str:
    """A length of time in its one or two largest units.

    >>> duration(42), duration(754), duration(7300), duration(200_000)
    ('42s', '12m34s', '2h01m', '2d07h')
    """
    whole = max(0, round(seconds))
    for size, name, below, under in ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if whole >= size:
            return f"{whole // size}{name}{whole % size // below:02d}{under}"
    return f"{whole}s"


def sparkline(values: Sequence[float], width: int) -> str:
    """`values` as one line of at most `width` bars, scaled from their least to their greatest.

    More values than columns are thinned: a column shows the last value that falls into it. Values must be finite.

    >>> sparkline([0, 1, 2, 3, 4, 5, 6, 7], 8)
    '▁▂▃▄▅▆▇█'
    """
    if not values or width < 1:
        return ""
    count = min(width, len(values))
    shown = [values[math.ceil((column + 1) * len(values) / count) - 1] for column in range(count)]
    low, high = min(shown), max(shown)
    if high == low:
        return _BARS[0] * count
    # Halves first: the span of two finite floats may itself overflow.
    span = high / 2 - low / 2
    return "".join(_BARS[min(7, int((value / 2 - low / 2) / span * 8))] if span else _BARS[0] for value in shown)
