"""Code that something else than a fence holds: tags, other markups, a long string, JSON."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator

from discovery.propose.replies.blocks import find_blocks

__all__ = ["objects", "wrapped"]

#: What opens, and what closes it. Each is looked for with `find`, so that a text costs what its length is.
_PAIRS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"<(code|program|answer|solution|python|rule)\b[^<>\n]*>", re.I), lambda found: f"</{found[1]}>"),
    (re.compile(r"\[(code|python)\]", re.I), lambda found: f"[/{found[1]}]"),
    (re.compile(r"#\+begin_src[^\n]*\n", re.I), lambda found: "#+end_src"),
    (
        re.compile(r"\\begin\{(verbatim|lstlisting|minted|code)\}(?:[\[{][^\]}\n]*[\]}])?"),
        lambda found: f"\\end{{{found[1]}}}",
    ),
    (
        re.compile(r"""^[ \t]*+(?:["']?\w++["']?[ \t]*+[:=][ \t]*+)?[rf]?('{3}|"{3})\w*\n""", re.M),
        lambda found: found[1],
    ),
)
_CDATA = re.compile(r"<!\[CDATA\[|\]\]>")
_TRIES = 20  # braces at which an object may begin
_DEEPEST = 2  # tags within tags that are looked into
_OLD_KEY = re.compile(r"old|original|previous|parent|before|draft|search|find")
_CODE_KEYS = ("code", "program", "source", "solution", "answer", "content", "rule")


def wrapped(text: str) -> Iterator[str]:
    """Code inside tags such as `<code>`, other markups, a long string, or strings of a JSON object."""
    yield from _enclosed(text)
    sources = [source for value in objects(text) for source in _sources(value)]
    yield from sources or _unescaped(text)
    if text.count("`") == 2 and "\n" in (inner := text.split("`")[1]):
        yield inner
    stripped = text.strip()
    if len(stripped) > 2 and stripped[0] == stripped[-1] == "`":
        yield stripped.strip("`")


def _enclosed(text: str, depth: int = 0) -> Iterator[str]:
    """What stands between an opening and the next that closes it; what is within that first."""
    for opening, closing in _PAIRS:
        cursor, missing = 0, set()
        while found := opening.search(text, cursor):
            close, cursor = closing(found), found.end()
            end = -1 if close in missing else text.find(close, cursor)
            if end < 0:
                missing.add(close)
                continue
            inner = _CDATA.sub("", text[cursor:end]).strip("\n")
            if depth < _DEEPEST:
                yield from _enclosed(inner, depth + 1)
            yield inner
            cursor = end + len(close)


def _unescaped(text: str) -> Iterator[str]:
    """The last string of a JSON object whose quotes and line ends nothing escapes."""
    body = text.rstrip("` \n")
    if not body.endswith("}") or not body[:-1].rstrip().endswith('"'):
        return
    for key in _CODE_KEYS:
        if found := re.search(rf'"{key}"\s*+:\s*+"', body):
            yield body[found.end() : body.rindex('"')]
            return


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
