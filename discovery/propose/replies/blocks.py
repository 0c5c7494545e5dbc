"""Where code stands in a reply that marks it: fenced blocks, tags, JSON strings."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from discovery.propose.replies.spans import CODE

__all__ = ["Block", "find_blocks", "objects", "without_blocks", "wrapped"]

_OPEN = re.compile(r"^(?P<indent>[ \t>]*)(?P<fence>`{3,}|~{3,})[ \t]*(?P<info>[^\n`]*)$")
_LANGUAGES = frozenset({"python", "py", "python3", "text", "txt", "plaintext", "code", "starlark", "diff", "patch"})
_ITEM = re.compile(r"^(?:[-*\u2022] |\d+[.)] )?(?:`([^`]+)`|(\w.*))$")
_EXPLAINED = re.compile(r"^(?:[-*\u2022]|\d+[.):])\s+(?:\*\*[^*`]+\*\*:?\s+)?`([^`]+)`(?![`\w])")
_ROW = re.compile(r"^\|[^`]*`([^`]+)`[^`]*\|$")
_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_CREATES = re.compile(r"^(?:--- /dev/null|@@ -0,0 .*|new file mode .*)$", re.M)
_STRING = re.compile(r'"(?:code|program|source|solution|rule)"\s*:\s*"(.*)"\s*\}', re.S)
_ATTRIBUTE = re.compile(r"(?:title|file|filename|name|path|lines?|linenums|hl_lines)=\S")
_TAGS = re.compile(r"<(code|program|answer|solution|python|rule)\b[^>]*>(.*?)</\1>", re.S | re.I)
_LONG = re.compile(r"""^[ \t]*(?:\w+\s*[:=]\s*)?[rf]?('{3}|"{3})\w*\n(.*?)\n?\1""", re.S | re.M)
_MARKUP = re.compile(
    r"\[(code|python)\](?P<forum>.*?)\[/\1\]|#\+begin_src[^\n]*\n(?P<org>.*?)#\+end_src"
    r"|\\begin\{(verbatim|lstlisting|minted|code)\}(?:[\[{][^\]}\n]*[\]}])?(?P<latex>.*?)\\end\{\4\}",
    re.S | re.I,
)
_MANY = 2000  # more signs than this in a reply are not looked through for pairs of tags
_TRIES = 20  # braces at which an object may begin
_OLD_KEY = re.compile(r"old|original|previous|parent|before|draft|search|find")
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
        found = _opening(lines[number])
        if found is None:
            heading = lines[number].strip() or heading
            number += 1
            continue
        block, number = _fenced(lines, number, found, heading)
        # A block of Markdown that itself holds blocks stands for these.
        inner = [] if len(found["fence"]) == 3 and block.tag not in ("markdown", "md") else find_blocks(block.text)
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


def wrapped(text: str) -> Iterator[str]:
    """Code inside tags such as `<code>`, in strings of a JSON object, in a long string, or in the items of a list."""
    if text.count("<") < _MANY:
        for found in _TAGS.finditer(text):
            yield re.sub(r"<!\[CDATA\[|\]\]>", "", found[2]).strip("\n")
    for found in _MARKUP.finditer(text) if text.count("[") + text.count("\\begin") < _MANY else ():
        yield (found["forum"] or found["org"] or found["latex"] or "").strip("\n")
    values = list(objects(text))
    for value in values:
        yield from _sources(value)
    if not values and (string := _STRING.search(text)):  # JSON with quotes that nothing escapes
        yield string[1]
    for found in _LONG.finditer(text):
        yield found[2]
    for items in (_items(text), _explained(text), _statements(text)):
        if len(items) > 1:
            yield "\n".join(items)
    stripped = text.strip()
    if len(stripped) > 2 and stripped[0] == stripped[-1] == "`":
        yield stripped.strip("`")


def _items(text: str) -> list[str]:
    """Code written one line to an item of a list, or to a pair of backticks."""
    items: list[str] = []
    passed = False  # an item without code, which may stand for a line
    for line in text.split("\n"):
        found = _ITEM.match(line.strip().rstrip(".,;"))
        if found and (found[1] or line.lstrip()[:1] in "-*\u2022") and CODE.match(code := found[1] or found[2]):
            if passed:
                return []
            items.append(code)
        elif CODE.match(line):
            return []
        else:
            passed = passed or (bool(items) and bool(re.match(r"\s*(?:[-*\u2022]|\d+[.)])\s", line)))
    return items


def _explained(text: str) -> list[str]:
    """Code one line to an item, or to a row of a table, each with words beside it; none where one item has no code."""
    lines = [line.strip() for line in text.split("\n")]
    rows = [line for line in lines if line.startswith("|") and not set(line) <= set("|-: ")][1:]  # the first is a head
    items = rows or [line for line in lines if re.match(r"(?:[-*\u2022]|\d+[.):])\s", line)]
    found = [(_ROW if rows else _EXPLAINED).match(line) for line in items]
    code = [each[1] for each in found if each and CODE.match(each[1])]
    return code if len(code) == len(items) else []


def _statements(text: str) -> list[str]:
    """Several statements, with `;` between them, in the only pair of backticks that holds such."""
    spans = [[part.strip() for part in found[1].split(";") if part.strip()] for found in _SPAN.finditer(text)]
    several = [parts for parts in spans if len(parts) > 1 and all(CODE.match(part) for part in parts)]
    return several[0] if len(several) == 1 else []


def _created(block: Block) -> Block:
    """A diff that creates the whole file is the file."""
    lines = [
        line for line in block.text.strip("\n").split("\n") if not re.match(r"(---|\+\+\+|@@|diff |index |new )", line)
    ]
    if not _CREATES.search(block.text) or not all(line.startswith("+") for line in lines):
        return block
    return replace(block, text="\n".join(line[1:] for line in lines), tag="")


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
    """Texts of several lines in an object: those that are called code first, none that is called old."""
    for key in sorted(value, key=lambda name: name not in _CODE_KEYS):
        inner = value[key]
        if isinstance(inner, list) and len(inner) > 1 and all(isinstance(line, str) for line in inner):
            inner = "\n".join(str(line) for line in inner)
        if isinstance(inner, str) and "\n" in inner and not _OLD_KEY.search(key):
            blocks = find_blocks(inner)
            yield from [block.text for block in blocks] or [inner]
