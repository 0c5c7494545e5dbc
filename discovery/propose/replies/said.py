"""Programs that a reply tells in its sentences: lines in backticks, and changes of one line or one term of the base."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from discovery.propose.replies.blocks import Block
from discovery.propose.replies.spans import CODE

__all__ = ["changed", "told"]

_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_SWAP = re.compile(
    r"\b(?:replac\w+|chang\w+|swap\w*|substitut\w+)\s+`([^`\n]+)`\s+(?:with|by|to|for|into|\u2192|->)\s+`([^`\n]+)`",
    re.I,
)
_LINE = re.compile(r"\b(?:change|replace|modify|update|rewrite|set)\b[^.]{0,30}\bline (\d{1,4})\b", re.I)
_ITEM = re.compile(r"^[ \t]*(?:[-*\u2022]|\d{1,3}[.):])[ \t]", re.M)
_OTHER = re.compile(
    r"\b(?:instead|rather|original\w*|current\w*|parent|before|previous\w*|old|not|no longer|remove\w*|drop\w*|could"
    r"|might|or|either|alternativ\w*|was|were|try|tried)\b",
    re.I,
)


def told(prose: str) -> Iterator[str]:
    """Lines of code in backticks within sentences, where no sentence speaks of another program or of a choice.

    Not those of a list: an item that holds none may be a step told in words.
    """
    if _ITEM.search(prose):
        return
    lines = [found[1].strip() for found in _SPAN.finditer(prose)]
    code = [line for line in lines if CODE.match(line)]
    if len(code) > 1 and len(set(code)) == len(code) and not _OTHER.search(_SPAN.sub("", prose)):
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
    found = re.match(r"\s*([\w\s,:.\[\]\"']+?)\s*[-+*/]?=[^=]", line)
    return "" if found is None else "".join(found[1].split())
