"""Where code stands in a text that does not mark it: between lines of prose."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["CODE", "ENDED", "Span", "bare_spans", "is_prose", "numbered", "says"]

#: What a line of code looks like, in a language whose blocks are indented.
CODE = re.compile(
    r"^\s*(def |class |import \w|from \w[\w.]* import |@\w|return\b|(if|elif|for|while|with) .*:|else:|try:"
    r"|[A-Za-z_][\w.]*(\s*,\s*[A-Za-z_]\w*)*(\s*:\s*\w+)?(\[[^\]]*\])?\s*(\+|-|\*|/)?=[^=]|\w+\(.*\)\s*$"
    r"|[)\]}],?\s*$|#)"
)
_WORD = re.compile(r"^[(\"'*_`]*[^\W\d_]{1,}(?:['\u2019-][^\W\d_]+)*[)\"'*_`,.;:!?]*$")
#: How a sentence, or what announces something, ends.
ENDED = re.compile(r"[.!?:)*_\u3002\uff01\uff1f\uff1a]\s*$")
#: A line that is nothing but marks of some markup.
_MARKUP = re.compile(r"(?:\[/?\w+\]|</?\w[^<>]*>|\\(?:begin|end)\{\w+\}|#\+\w+.*|[\W_]*+)$")
_USE = re.compile(r"^(print\(|assert\b|if __name__\b)")
_IMPORT = re.compile(r"^(import \w|from \w[\w.]* import )")
_TAG = re.compile(r"^</?\w[^<>\n]{0,80}>")
_HEAD = re.compile(r"def \w+\(|class \w+[(:]|if __name__\b")
_NUMBER = re.compile(r"[ \t]{0,9}(\d{1,4})(?:[.:)|]| \|)?(?:[ \t]|$)(.*)$")
_LETTERS = re.compile(r"[^\W\d_]{3}")
_LAST = 3  # top-level lines at the end that may be uses of the program


def is_prose(line: str) -> bool:
    """Whether a line is text of a natural language, blank, or only markup, rather than code not understood."""
    bare = line.strip()
    bare = _TAG.sub("", bare, count=1)
    if _HEAD.match(bare) or (bare[:1] in ("+", "-") and CODE.match(bare[1:]) and not bare[1:2].isspace()):
        return False
    if _MARKUP.match(bare) or not re.search(r"[=(\[{]", bare):
        return True
    words = bare.split()
    plain = sum(bool(_WORD.match(word)) for word in words)
    return plain >= 3 and plain >= 0.6 * len(words)


def says(text: str) -> bool:
    """Whether `text` holds a line that can be no beginning of a line of code: words, or marks of some markup."""
    for line in text.split("\n"):
        bare = line.strip()
        if not bare or line[:1].isspace() or not is_prose(line):
            continue  # an indented line goes on from code, however it reads
        words = [word for word in bare.split() if _LETTERS.search(word)]
        if len(words) > 2 or _MARKUP.match(bare) or (words and ENDED.search(bare)):
            return True
    return False


class Span(NamedTuple):
    """Lines that look like code, and the text behind them."""

    text: str
    rest: str


def bare_spans(text: str) -> Iterator[Span]:
    """Spans of lines that look like code, the longest reading first.

    What is left out is prose, imports before the code, or uses of the program after it: a line that looks like part of
    the program is never dropped, for what remains might be a program, and another one than was meant.
    """
    lines = text.split("\n")
    marks = [number for number, line in enumerate(lines) if CODE.match(line)]
    flush = [number for number in marks if not lines[number][:1].isspace()]
    if not flush:
        if marks:  # an indented block, as Markdown has them
            yield _span(lines, marks[0], marks[-1])
        return
    last = marks[-1]
    while last + 1 < len(lines) and (lines[last + 1][:1].isspace() or not lines[last + 1].strip()):
        last += 1
    for start in dict.fromkeys((flush[0], *flush[1:4])):
        if not all(is_prose(line) or _IMPORT.match(line) for line in lines[:start]):
            continue
        earlier = [number - 1 for number in reversed(flush[-_LAST:]) if number > start]
        for end in dict.fromkeys((last, marks[-1], *earlier)):
            if _may_end(lines[start : end + 1], lines[end + 1 :]):
                yield _span(lines, start, end)


def numbered(text: str) -> Iterator[Span]:
    """The first run of at least three lines that are numbered, one after the other, without their numbers."""
    lines = text.split("\n")
    found = [_NUMBER.match(line) for line in lines]
    numbers = [int(each[1]) if each else -1 for each in found]
    starts = [at for at in range(len(lines) - 2) if numbers[at] == 1 and numbers[at + 1] == 2 and numbers[at + 2] == 3]
    if starts:
        end = starts[0]
        while end < len(lines) and numbers[end] == end - starts[0] + 1:
            end += 1
        code = [each[2] for each in found[starts[0] : end] if each is not None]
        yield Span("\n".join(code), "\n".join(lines[end:]))


def _span(lines: list[str], first: int, last: int) -> Span:
    return Span("\n".join(lines[first : last + 1]), "\n".join(lines[last + 1 :]))


def _may_end(kept: list[str], dropped: list[str]) -> bool:
    """Whether all that follows a span is an explanation, or uses what the span defines."""
    defined = "|".join(found[1] for line in kept if (found := re.match(r"def (\w+)", line)))
    use = re.compile(rf"^[^#]*\b(?:{defined})\(" if defined else r"(?!)")
    before = kept[-1] if kept else ""
    inside = words = False  # of a use that goes on; behind a line of words
    for line in dropped:
        is_use = bool(_USE.match(line) or (not line[:1].isspace() and use.match(line)))
        comment = line.lstrip().startswith("#")
        ended = not before.strip() or bool(ENDED.search(line)) or is_prose(before)
        behind = words or not line.strip() or not line[:1].isspace()  # else it goes on from code, however it reads
        told = behind and is_prose(line) and (ended or bool(_MARKUP.match(line.strip())))
        if not (is_use or comment or told or (inside and line[:1].isspace())):
            return False
        inside = is_use or (inside and (line[:1].isspace() or not line.strip()))
        before, words = line, (told and bool(line.strip())) or (words and not line.strip())
    return True
