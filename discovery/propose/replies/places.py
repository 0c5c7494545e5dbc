"""Where an edit fits into a program.

Lines that a model copies from memory are stale, re-indented or shortened, so a SEARCH text is looked for in four ways,
the strictest first: to the letter; but for indentation; but for all white space; and as the closest run of lines. The
last needs `ALIKE`, and a lead over every other place, because an edit in the wrong place is worse than none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from discovery.propose.replies.elisions import expand, is_elision

__all__ = ["ALIKE", "Edit", "EditFailed", "apply"]

#: Likeness in [0, 1] from which the closest run of lines is taken: of several lines, and of a single one.
ALIKE = (0.72, 0.82)
#: By how much it must be more alike than any place elsewhere.
_LEAD = 0.06

_COMPARED = 16  # places that are compared letter by letter
_MOST = 100  # edits of one reply
_TOKEN = re.compile(r"[^\W\d]\w*|\d+|\S")
_WORD = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class Edit:
    """Replace the lines `search` by the lines `replace`; `closed`: the end of the edit is marked."""

    search: str
    replace: str
    closed: bool = True


class EditFailed(Exception):
    """An edit that does not apply. The message says which, why, and what stands there."""


def apply(base: str, edits: Sequence[Edit]) -> str:
    """`base` with every edit made, in order.

    Raises:
        EditFailed: one of them fits nowhere, or in several places, or all of them change nothing.
    """
    if len(edits) > _MOST:
        raise EditFailed(f"the reply has {len(edits)} edits; at most {_MOST} are applied: write the whole program")
    searches = [" ".join(edit.search.split()) for edit in edits]
    if len(set(searches)) < len(searches):
        raise EditFailed("two edits look for the same lines: nothing says which is meant; give one edit a place")
    lines = base.rstrip("\n").split("\n")
    for number, edit in enumerate(edits, 1):
        name = "the edit" if len(edits) == 1 else f"edit {number} of {len(edits)}"
        lines = _apply_one(lines, edit, name)
    text = "\n".join(lines) + "\n"
    if text.split() == base.split():
        raise EditFailed("the edits change nothing: what they put in stands there already")
    return text


def _apply_one(lines: list[str], edit: Edit, name: str) -> list[str]:
    search, replace = edit.search.split("\n"), edit.replace.split("\n") if edit.replace.strip() else []
    if not edit.search.strip():
        raise EditFailed(f"{name} has nothing between SEARCH and =======; copy there the lines to be replaced")
    search, replace = _whole_lines(lines, search, replace, name)
    try:
        start, end = _place(lines, search, name, edit)
    except EditFailed:
        start, end, names = _renamed(lines, search)
        if not names:
            raise
        search = lines[start:end]
        replace = [_TOKEN.sub(lambda found: names.get(found[0], found[0]), line) for line in replace]
    if start < 0:
        return lines
    within = not lines[start].strip().startswith(edit.search.strip())
    if end - start == 1 == len(search) and lines[start].count(edit.search) == 1 and (within or len(replace) <= 1):
        return [*lines[:start], *lines[start].replace(edit.search, edit.replace).split("\n"), *lines[end:]]
    there = lines[start:end]
    replace = expand(replace, there) or replace
    return [*lines[:start], *_settled(replace, search, there), *lines[end:]]


def _whole_lines(lines: list[str], search: list[str], replace: list[str], name: str) -> tuple[list[str], list[str]]:
    """`search` and `replace` with the program's line in place of the last, where that is only its beginning.

    Raises:
        EditFailed: `replace` does not end with that beginning too, so that nothing says what becomes of the rest.
    """
    wanted = [_squeezed(line) for line in search if line.strip()]
    if (len(wanted) == 1 and len(replace) < 2) or _exact(lines, search, _squeezed) or not wanted[-1]:
        return search, replace
    filled = [number for number, line in enumerate(lines) if line.strip()]
    for last in range(len(wanted) - 1, len(filled)):
        run = [_squeezed(lines[number]) for number in filled[last - len(wanted) + 1 : last + 1]]
        if run[:-1] != wanted[:-1] or not _begins(wanted[-1], run[-1]):
            continue
        whole, part = lines[filled[last]].strip(), next(line for line in reversed(search) if line.strip())
        if not replace or _squeezed(replace[-1]) != wanted[-1]:
            raise _half(name, part, filled[last], whole)
        at = max(number for number, line in enumerate(search) if line.strip())
        indents = [line[: len(line) - len(line.lstrip())] for line in (part, replace[-1])]
        return [*search[:at], indents[0] + whole], [*replace[:-1], indents[1] + whole]
    return search, replace


def _begins(part: str, line: str) -> bool:
    """Whether `part` is only a beginning of `line`, of which more than a colon is missing."""
    return line.startswith(part) and line[len(part) :] not in ("", ":")


def _half(name: str, part: str, number: int, whole: str) -> EditFailed:
    return EditFailed(
        f"{name}: the last line of its SEARCH text, {part.strip()!r}, is only the beginning of line {number + 1} of the"
        f" program, {whole.strip()!r}: copy the line whole"
    )


def _place(lines: list[str], search: list[str], name: str, edit: Edit) -> tuple[int, int]:
    """Where `search` stands: from, to. (-1, -1) when it is gone and what replaces it stands there already."""
    if any(is_elision(line) for line in search) and (found := _around(lines, search)) is not None:
        return found
    ways: tuple[Callable[[str], str], ...] = (str.rstrip, str.strip, _squeezed)
    for way in ways:
        places = _exact(lines, search, way)
        if len(places) > 1:
            where = ", ".join(str(start + 1) for start, _ in places[:6])
            raise EditFailed(
                f"{name} fits in {len(places)} places (lines {where}): give more lines around it, so that one is meant"
            )
        if places:
            return places[0]
    if len(search) == 1:
        inside = [number for number, line in enumerate(lines) if edit.search.strip() in line]
        if len(inside) == 1:
            edit_line = lines[inside[0]]
            if edit_line.count(edit.search) == 1:
                return inside[0], inside[0] + 1
    try:
        return _closest(lines, search, name)
    except EditFailed:
        if edit.replace.strip() and _exact(lines, edit.replace.split("\n"), str.strip):
            return -1, -1
        raise


def _renamed(lines: list[str], search: list[str]) -> tuple[int, int, dict[str, str]]:
    """The only place that equals `search` but for some names, each of which stands for one of the program.

    Returns:
        From, to, and the program's name for each other one; no names where there is no such place, or several, where
        more names differ than agree, or where a differing name is one of the program.
    """
    filled = [number for number, line in enumerate(lines) if line.strip()]
    wanted = [_TOKEN.findall(line) for line in search if line.strip()]
    own = set(_TOKEN.findall("\n".join(lines)))
    found = []
    for first in range(len(filled) - len(wanted) + 1):
        run = filled[first : first + len(wanted)]
        there = [_TOKEN.findall(lines[number]) for number in run]
        if list(map(len, there)) != list(map(len, wanted)):
            continue
        pairs = {pair for theirs, ours in zip(wanted, there, strict=True) for pair in zip(theirs, ours, strict=True)}
        if len(dict(pairs)) < len(pairs):
            continue
        other = {theirs: ours for theirs, ours in pairs if theirs != ours}
        one_to_one = len({ours for _, ours in pairs}) == len(pairs)
        names = all(each.isidentifier() for pair in other.items() for each in pair) and not own & other.keys()
        agreeing = sum(theirs.isidentifier() for theirs, ours in pairs if theirs == ours)
        if one_to_one and names and 0 < len(other) <= agreeing:
            found.append((run[0], run[-1] + 1, other))
    return found[0] if len(found) == 1 else (0, 0, {})


def _exact(lines: list[str], search: list[str], way: Callable[[str], str]) -> list[tuple[int, int]]:
    """The runs of lines that equal `search` when each is seen through `way`, blank lines aside."""
    wanted = [way(line) for line in search if line.strip()]
    filled = [(number, way(line)) for number, line in enumerate(lines) if line.strip()]
    found = []
    for first in range(len(filled) - len(wanted) + 1):
        run = filled[first : first + len(wanted)]
        if [text for _, text in run] == wanted:
            found.append((run[0][0], run[-1][0] + 1))
    return found


def _around(lines: list[str], search: list[str]) -> tuple[int, int] | None:
    """A search text that leaves lines out: from where its first part stands to where its last does."""
    marks = [number for number, line in enumerate(search) if is_elision(line)]
    head, tail = search[: marks[0]], search[marks[-1] + 1 :]
    heads = _exact(lines, head, str.strip) if any(line.strip() for line in head) else [(0, 0)]
    if len(heads) != 1:
        return None
    if not any(line.strip() for line in tail):
        return heads[0]
    tails = [place for place in _exact(lines, tail, str.strip) if place[0] >= heads[0][1]]
    return (heads[0][0], tails[0][1]) if tails else None


def _closest(lines: list[str], search: list[str], name: str) -> tuple[int, int]:
    wanted = [_squeezed(line) for line in search if line.strip()]
    filled = [number for number, line in enumerate(lines) if line.strip()]
    rated = []
    for first, length in _likely(lines, filled, search, len(wanted)):
        start, end = filled[first], filled[first + length - 1] + 1
        there = [_squeezed(line) for line in lines[start:end] if line.strip()]
        alike = SequenceMatcher(None, "\n".join(there), "\n".join(wanted), autojunk=False)
        hopeless = alike.real_quick_ratio() < min(ALIKE) - _LEAD  # by length alone
        rated.append((0.0 if hopeless else alike.ratio(), start, end))
    if not rated:
        raise EditFailed(f"{name} is longer than the program that it is to change")
    best, start, end = max(rated, key=lambda place: (place[0], -abs(place[2] - place[1] - len(wanted))))
    elsewhere = max((rate for rate, low, high in rated if high <= start or low >= end), default=0.0)
    enough = ALIKE[len(wanted) == 1]
    if best >= enough and best - elsewhere >= _LEAD:
        part, ends = next(line for line in reversed(search) if line.strip()), [at for at in filled if at >= end - 1][:2]
        if _squeezed(part) and _squeezed(lines[end - 1]) != _squeezed(part):
            for at in ends:
                if _begins(_squeezed(part), _squeezed(lines[at])):
                    raise _half(name, part, at, lines[at])
        return start, end
    shown = "\n".join(f"{number + 1:4} | {lines[number]}" for number in range(start, min(end, start + 8)))
    why = "is nowhere in the program" if best < enough else "is much like several places"
    raise EditFailed(
        f"{name}: its SEARCH text {why}. The closest is line {start + 1} ({best:.0%} alike):\n{shown}\n"
        "copy the lines exactly as they stand"
    )


def _likely(lines: list[str], filled: list[int], search: list[str], size: int) -> list[tuple[int, int]]:
    """The runs of about `size` filled lines, as (first, length), that share most words with `search`."""
    words = [Counter(_WORD.findall(lines[number])) for number in filled]
    wanted = Counter(_WORD.findall("\n".join(search)))
    rated = []
    for length in range(max(1, size - 2), size + 3):
        for first, shared, total in _shared(words, length, wanted):
            rated.append((2 * shared / max(1, total + wanted.total()), first, length))
    return [(first, length) for _, first, length in sorted(rated, reverse=True)[:_COMPARED]]


def _shared(words: Sequence[Counter[str]], length: int, wanted: Counter[str]) -> Iterator[tuple[int, int, int]]:
    """For each run of `length` lines: its first, how many words it shares with `wanted`, how many it has."""
    there: Counter[str] = Counter()
    shared = total = 0
    for number in range(len(words)):
        gone = words[number - length] if number >= length else Counter[str]()
        for line, sign in ((words[number], 1), (gone, -1)):
            for word, count in line.items():
                before = min(there[word], wanted[word])
                there[word] += sign * count
                shared += min(there[word], wanted[word]) - before
            total += sign * line.total()
        if number >= length - 1:
            yield number - length + 1, shared, total


def _squeezed(line: str) -> str:
    return re.sub(r"\s+", "", re.sub(r"\s#.*$", "", line))


def _settled(replace: list[str], search: list[str], there: list[str]) -> list[str]:
    """`replace` moved to the indentation of the lines it comes in for: a line kept from `search` has that of the
    program, any other the distance to the kept line before it that it had in the reply."""
    real = {line.strip(): line for line in there if line.strip()}
    old = next((line for line in search if line.strip()), "")
    new = next((line for line in there if line.strip()), "")
    shift = _indent(new) - _indent(old)
    out = []
    for line in replace:
        bare = line.strip()
        if bare in real and any(bare == part.strip() for part in search):
            shift = _indent(real[bare]) - _indent(line)
        out.append(" " * max(0, _indent(line) + shift) + bare if bare else "")
    return out


def _indent(line: str) -> int:
    line = line.expandtabs(4)
    return len(line) - len(line.lstrip())
