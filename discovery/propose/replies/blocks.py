"""Fenced blocks of a reply, and the prose around them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from discovery.propose.replies.spans import CODE, is_prose

__all__ = ["Block", "find_blocks", "without_blocks"]

_OPEN = re.compile(r"^(?P<indent>[ \t>]*+)(?P<fence>`{3,}+|~{3,}+)[ \t]*+(?P<info>[^\n`]*+)$")
_LANGUAGES = frozenset({"python", "py", "python3", "text", "txt", "plaintext", "code", "starlark", "diff", "patch"})
_CREATES = re.compile(r"^(?:--- /dev/null|@@ -0,0 .*|new file mode .*)$", re.M)
_HEADER = ("---", "+++", "@@", "diff ", "index ", "new ")
_ATTRIBUTE = re.compile(r"(?:title|file|filename|name|path|lines?|linenums|hl_lines)=\S")
_DEEPEST = 2  # blocks within blocks that are looked into


@dataclass(frozen=True)
class Block:
    """A piece of a reply that may be a program.

    Attributes:
        text: Its lines.
        tag: Name of a language, lower case, or "".
        closed: Whether its end was marked.
        heading: The last line of prose before it.
        start, end: Its lines in the reply, fences included; 0 for one without fences.
    """

    text: str
    tag: str = ""
    closed: bool = True
    heading: str = ""
    start: int = 0
    end: int = 0


def find_blocks(text: str, depth: int = 0) -> list[Block]:
    """The fenced blocks, in order. A fence that is never closed runs to the end, or to the next one that opens."""
    lines = text.split("\n")
    blocks: list[Block] = []
    heading, number = "", 0
    while number < len(lines):
        found = _opening(lines[number])
        if found is None:
            heading = lines[number].strip() or heading
            number += 1
            continue
        block, number = _fenced(lines, number, found, heading)
        # A block of Markdown that itself holds blocks stands for these.
        nests = depth < _DEEPEST and (len(found["fence"]) > 3 or block.tag in ("markdown", "md"))
        inner = find_blocks(block.text, depth + 1) if nests else []
        blocks += [replace(part, start=block.start, end=block.end) for part in inner] or [block]
        heading = ""
    return [_created(block) for block in blocks if block.text.strip()]


def _opening(line: str) -> re.Match[str] | None:
    """A fence that opens on `line`, alone or behind words."""
    words, fence, info = line.rpartition("```")
    if words.strip() and words[-1:].isspace() and "`" not in words and re.fullmatch(r"\w*", info.strip()):
        return _OPEN.match(fence + info)
    return _OPEN.match(line)


def _fenced(lines: list[str], start: int, opening: re.Match[str], heading: str) -> tuple[Block, int]:
    fence, indent, info = opening["fence"], len(opening["indent"]), opening["info"].strip()
    tag, _, rest = info.partition(" ")
    tag = tag.lower().strip("{}.:")
    body = []
    if info and tag not in _LANGUAGES and CODE.match(info):
        tag, rest = "", info  # the code begins behind the fence
    if rest and CODE.match(rest) and not _ATTRIBUTE.match(rest):
        body.append(rest)
    for number in range(start + 1, len(lines)):
        line = lines[number]
        bare = line.strip().lstrip("> \t")
        if bare.startswith(fence) and _closes(bare.lstrip(fence[0])):
            return Block("\n".join(body), tag, True, heading, start, number + 1), number + 1
        if (again := _OPEN.match(line)) and again["info"].strip().lower() in _LANGUAGES and body:
            return Block("\n".join(body), tag, True, heading, start, number), number  # the end was forgotten
        if line.rstrip().endswith(fence) and line.count(fence) == 1:
            body.append(line.rstrip()[: -len(fence)])
            return Block("\n".join(body), tag, True, heading, start, number + 1), number + 1
        body.append(line[indent:] if not line[:indent].strip("> \t") else line)
    return Block("\n".join(body), tag, False, heading, start, len(lines)), len(lines)


def _closes(rest: str) -> bool:
    """Whether what stands behind a fence, on its line, is nothing, or a sentence."""
    return not rest.strip() or (len(rest.split()) > 2 and is_prose(rest) and not CODE.match(rest))


def _created(block: Block) -> Block:
    """A diff that creates the whole file is the file."""
    lines = [line for line in block.text.strip("\n").split("\n") if not line.startswith(_HEADER)]
    if not _CREATES.search(block.text) or not all(line.startswith("+") for line in lines):
        return block
    return replace(block, text="\n".join(line[1:] for line in lines), tag="")


def without_blocks(text: str, blocks: Sequence[Block]) -> str:
    """The prose: `text` without its fenced blocks."""
    inside = {number for block in blocks for number in range(block.start, block.end)}
    return "\n".join(line for number, line in enumerate(text.split("\n")) if number not in inside)
