"""Whether a program looks ahead. Handed all of a stream at once, it may; a score of its answer alone cannot tell.

So it is called once more, with a beginning of the stream: there it has to answer as it did before. Where the stream is
cut it cannot know, for that follows from the run's seed and the program's own key.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import Any

__all__ = ["beginning", "continues"]

_RELATIVE, _ABSOLUTE = 1e-6, 1e-9


def beginning(stream: Any, rng: Random) -> Any:
    """A proper beginning of a list or array, at least a quarter of it; the stream itself if it has fewer than two
    entries."""
    count = len(stream)
    return stream if count < 2 else stream[: rng.randrange(max(1, count // 4), count)]


def continues(whole: Any, start: Any, missing: int) -> bool:
    """Whether the answer `whole` goes on from the answer `start`, which was given with `missing` entries of the stream
    less: shorter by as many, and equal as far as it goes, floats up to rounding."""
    whole, start = (value.tolist() if hasattr(value, "tolist") else value for value in (whole, start))
    if not isinstance(whole, list) or not isinstance(start, list) or len(whole) - len(start) != missing:
        return False
    return _same(whole[: len(start)], start)


def _same(one: Any, other: Any) -> bool:
    one, other = (value.tolist() if hasattr(value, "tolist") else value for value in (one, other))
    if isinstance(one, float) or isinstance(other, float):
        numbers = isinstance(one, int | float) and isinstance(other, int | float)
        return numbers and math.isclose(one, other, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE)
    if isinstance(one, Sequence) and not isinstance(one, str):
        return type(one) is type(other) and len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict):
        return (
            isinstance(other, dict) and one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
        )
    return bool(one == other)
