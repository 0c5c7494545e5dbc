"""Programs that a reply tells: line by line in a list or a table, in sentences, or as a change of the base.

A step that is told in words only is a line that is missing, so that all items of a list hold code, or none is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from discovery.propose.replies.blocks import Block
from discovery.propose.replies.spans import CODE, ENDED

__all__ = ["changed", "told"]

_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_ITEM = re.compile(r"^(?:[-*\u2022]|(?:step |line )?\d{1,3}[.):])\s++(.*)$", re.I)
_SWAP = re.compile(
    r"\b(?:replac\w+|chang\w+|swap\w*|substitut\w+)\s+`([^`\n]+)`\s+(?:with|by|to|for|into|\u2192|->)\s+`([^`\n]+)`",
    re.I,
)
_LINE = re.compile(r"\b(?:change|replace|modify|update|rewrite|set)\b[^.\n]{0,30}\bline (\d{1,4})\b", re.I)
_OTHER = re.compile(
    r"\b(?:instead|rather|original\w*|current\w*|parent|before|previous\w*|old|not|no longer|remove\w*|drop\w*|could"
    r"|might|or|either|alternativ\w*|was|were|try|tried)\b",
    re.I,
)


def told(text: str, *, line_ended: bool) -> Iterator[str]:
    """The lines of code that a text without blocks tells, at least two."""
    if not line_ended and not ENDED.search(text.rstrip()[-1:]) and text.rstrip()[-1:] not in ("`", ";", "|"):
        return  # it ends within a sentence
    lines = [line.strip() for line in text.split("\n")]
    rows = [line for line in lines if line.startswith("|") and not set(line) <= set("|-: ")][1:]  # the first is a head
    items = [found[1] for line in lines if (found := _ITEM.match(line))]
    alone = [found[1] for line in lines if (found := re.fullmatch(r"`([^`]+)`[.,;]?", line))]
    for parts in (rows, items, alone):
        code = [_code(part) for part in parts]
        if any(code):
            if all(code) and len(code) > 1 and not any(CODE.match(line) for line in lines):
                yield "\n".join(code)
            return
    yield from _spoken(text)


def _code(item: str) -> str:
    """The one line of code in an item, in backticks or alone; "" where there is none, or more than one."""
    spans = [found[1].strip() for found in _SPAN.finditer(item)]
    found = [span for span in spans if CODE.match(span)] or ([item] if CODE.match(item) and not spans else [])
    return found[0] if len(found) == 1 else ""


def _spoken(text: str) -> Iterator[str]:
    """Lines of code in backticks within sentences, where no sentence speaks of another program or of a choice."""
    code = [found[1].strip() for found in _SPAN.finditer(text) if CODE.match(found[1])]
    several = [line for line in code if ";" in line]
    if len(several) == 1 == len(code):
        code = [part.strip() for part in several[0].split(";") if part.strip()]
    distinct = len(code) > 1 and len(set(code)) == len(code) and text.count("`") % 2 == 0
    if distinct and not _OTHER.search(_SPAN.sub("", text)):
        yield "\n".join(code)


def changed(prose: str, blocks: Sequence[Block], base: str) -> Iterator[str]:
    """`base` with one term put for another that it holds once, or with a numbered line that assigns the same anew."""
    pairs = {(found[1], found[2]) for found in _SWAP.finditer(prose)}
    text = base
    if pairs and not blocks and all(base.count(old) == 1 and old != new for old, new in pairs):
        for old, new in sorted(pairs):
            text = text.replace(old, new)
        yield text
    if len(blocks) != 1 or (found := _LINE.search(blocks[0].heading)) is None:
        return
    lines, new, number = base.split("\n"), blocks[0].text.strip(), int(found[1])
    if 0 < number <= len(lines) and "\n" not in new and _target(lines[number - 1]) == _target(new) != "":
        old = lines[number - 1]
        lines[number - 1] = old[: len(old) - len(old.lstrip())] + new
        yield "\n".join(lines)


def _target(line: str) -> str:
    """What a line assigns to, without blanks; "" where it assigns nothing."""
    found = re.match(r"([\w,:.\[\]\"']+?)[-+*/]?=[^=]", "".join(line.split()))
    return "" if found is None else found[1]
