"""Where code stands in a reply: fenced blocks, tags, JSON strings, or bare between prose."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

__all__ = ["Block", "bare_spans", "find_blocks", "objects", "without_blocks", "wrapped"]

_OPEN = re.compile(r"^(?P<indent>[ \t>]*)(?P<fence>`{3,}|~{3,})[ \t]*(?P<info>[^\n`]*)$")
_LANGUAGES = frozenset({"python", "py", "python3", "text", "txt", "plaintext", "code", "starlark", "diff", "patch"})
#: What a line of code looks like, in a language whose blocks are indented.
_CODE = re.compile(
    r"^\s*(def |class |import \w|from \w[\w.]* import |@\w|return\b|(if|elif|for|while|with) .*:|else:|try:"
    r"|[A-Za-z_][\w.]*(\s*,\s*[A-Za-z_]\w*)*(\s*:\s*\w+)?(\[[^\]]*\])?\s*(\+|-|\*|/)?=[^=]|\w+\(.*\)\s*$"
    r"|[)\]}],?\s*$|#)"
)
_TAGS = re.compile(r"<(code|program|answer|solution|python|rule)\b[^>]*>(.*?)</\1>", re.S | re.I)
_MANY = 2000  # more signs than this in a reply are not looked through for pairs of tags
_TRIES = 20  # braces at which an object may begin
_CODE_KEYS = ("code", "program", "source", "solution", "answer", "content", "rule")


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


def find_blocks(text: str) -> list[Block]:
    """The fenced blocks, in order. A fence that is never closed runs to the end, or to the next one that opens."""
    lines = text.split("\n")
    blocks: list[Block] = []
    heading, number = "", 0
    while number < len(lines):
        found = _OPEN.match(lines[number])
        if found is None:
            heading = lines[number].strip() or heading
            number += 1
            continue
        block, number = _fenced(lines, number, found, heading)
        # A block of Markdown that itself holds blocks stands for these.
        inner = [] if len(found["fence"]) == 3 and block.tag not in ("markdown", "md") else find_blocks(block.text)
        blocks += [replace(part, start=block.start, end=block.end) for part in inner] or [block]
        heading = ""
    return [block for block in blocks if block.text.strip()]


def _fenced(lines: list[str], start: int, opening: re.Match[str], heading: str) -> tuple[Block, int]:
    fence, indent, info = opening["fence"], len(opening["indent"]), opening["info"].strip()
    tag, _, rest = info.partition(" ")
    tag = tag.lower().strip("{}.:")
    body = []
    if info and tag not in _LANGUAGES and _CODE.match(info):
        tag, rest = "", info  # the code begins behind the fence
    if rest and _CODE.match(rest):
        body.append(rest)
    for number in range(start + 1, len(lines)):
        line = lines[number]
        bare = line.strip().lstrip("> \t")
        if bare.startswith(fence) and not bare.strip(fence[0]):
            return Block("\n".join(body), tag, True, heading, start, number + 1), number + 1
        if (again := _OPEN.match(line)) and again["info"].strip().lower() in _LANGUAGES and body:
            return Block("\n".join(body), tag, True, heading, start, number), number  # the end was forgotten
        if line.rstrip().endswith(fence) and line.count(fence) == 1:
            body.append(line.rstrip()[: -len(fence)])
            return Block("\n".join(body), tag, True, heading, start, number + 1), number + 1
        body.append(line[indent:] if not line[:indent].strip("> \t") else line)
    return Block("\n".join(body), tag, False, heading, start, len(lines)), len(lines)


def without_blocks(text: str, blocks: list[Block]) -> str:
    """The prose: `text` without its fenced blocks."""
    inside = {number for block in blocks for number in range(block.start, block.end)}
    return "\n".join(line for number, line in enumerate(text.split("\n")) if number not in inside)


def wrapped(text: str) -> Iterator[Block]:
    """Code inside tags such as `<code>`, in strings of a JSON object, and between the quotes of a long string."""
    if text.count("<") < _MANY:
        for found in _TAGS.finditer(text):
            yield Block(found[2].strip("\n"))
    for value in objects(text):
        yield from (Block(source) for source in _sources(value))
    stripped = text.strip()
    if len(stripped) > 2 and stripped[0] == stripped[-1] == "`":
        yield Block(stripped.strip("`"))


def objects(text: str) -> Iterator[dict[str, object]]:
    """The first JSON object in `text` (or one written as Python would), and the objects in it, outermost first."""
    for number, start in enumerate(found.start() for found in re.finditer(r"[{\[]", text)):
        if number == _TRIES:
            break
        try:
            value, _ = json.JSONDecoder(strict=False).raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict) or (isinstance(value, list) and value and isinstance(value[0], dict)):
            yield from _inner(value)
            return
    try:
        value = ast.literal_eval(text[text.index("{") : text.rindex("}") + 1])
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return
    yield from _inner(value)


def _inner(value: object, depth: int = 0) -> Iterator[dict[str, object]]:
    if isinstance(value, dict):
        yield {str(name).lower(): part for name, part in value.items()}
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in parts:
        if depth < 3:
            yield from _inner(part, depth + 1)


def _sources(value: dict[str, object]) -> Iterator[str]:
    for key in _CODE_KEYS:
        inner = value.get(key)
        if isinstance(inner, str) and "\n" in inner:
            yield inner
        elif isinstance(inner, list) and inner and all(isinstance(line, str) for line in inner):
            yield "\n".join(str(line) for line in inner)


def bare_spans(text: str) -> Iterator[Block]:
    """Spans of lines that look like code, where nothing marks it: the longest reading first."""
    lines = text.split("\n")
    marks = [number for number, line in enumerate(lines) if _CODE.match(line)]
    flush = [number for number in marks if not lines[number][:1].isspace()]
    if not flush:
        if marks:  # an indented block, as Markdown has them
            yield Block("\n".join(lines[marks[0] : marks[-1] + 1]))
        return
    last = marks[-1]
    while last + 1 < len(lines) and (lines[last + 1][:1].isspace() or not lines[last + 1].strip()):
        last += 1
    for start in dict.fromkeys((flush[0], *flush[1:4])):
        earlier = [number - 1 for number in reversed(flush[-3:]) if number > start]  # without what comes last
        for end in dict.fromkeys((last, marks[-1], *earlier)):
            yield Block("\n".join(lines[start : end + 1]))
