"""Words that a program carries without the sign of a comment, or with that of another language."""

from __future__ import annotations

import ast
import re
from collections import Counter

from discovery.propose.replies.spans import CODE, ENDED, is_prose

__all__ = ["commented", "remarks"]

_BLOCK = re.compile(r"/\*+(.*?)\*+/", re.S)
_AFTER = re.compile(r"^(?P<code>.*\S)\s+//\s*(?P<words>[A-Za-z][\w ,.:;'()=-]*)$")
_STEP = re.compile(
    r"(?:\*\*|#{0,6} ?)?(?:step|part|phase|stage|section|line)\s*\d+\w?\s*[:.)\u2013-]\s*(?P<words>\S.*)$", re.I
)
_MANY = 200  # more comments of C than this are not looked for
_LONGEST = 200  # signs of a line that may be a heading
_WRAPS = 30  # letters from which a comment may have been wrapped


def commented(text: str) -> str:
    """`text` with words that are no code turned into comments.

    These are sentences that stand alone between blank lines, numbered headings of the code below them, and what goes on
    from a long comment on the line above.
    """
    lines = text.split("\n")
    around = ["", *lines, ""]
    out: list[str] = []
    for number, line in enumerate(lines):
        alone = not around[number].strip() and not around[number + 2].strip()
        words = (alone and _is_sentence(line)) or _is_heading(line, lines[number + 1 : number + 3])
        words = words or (bool(out) and _goes_on(out[-1], line))
        out.append(f"# {line.strip()}" if words else line)
    return "\n".join(out)


def remarks(text: str) -> str:
    """`text` with the comments of C as those of Python."""
    if 0 < text.count("/*") < _MANY:
        text = _BLOCK.sub(lambda found: "\n".join("# " + line.strip(" *") for line in found[1].split("\n")), text)
    lines = text.split("\n")
    uses = Counter(re.findall(r"[^\W\d]\w*", text))
    return "\n".join(_remark(line, uses) for line in lines)


def _remark(line: str, uses: Counter[str]) -> str:
    bare = line.lstrip()
    if bare.startswith("//"):
        return f"{line[: len(line) - len(bare)]}#{bare[2:]}"
    found = _AFTER.match(line)
    # `//` also divides: behind a comment's stand no names of the program, and before it a whole statement.
    if found is None or not _parses(found["code"]):
        return line
    names = re.findall(r"[^\W\d]\w*", found["words"])
    if not names or (_parses(line) and any(uses[name] > 1 for name in names)):
        return line
    return f"{found['code']}  # {found['words']}"


def _is_sentence(line: str) -> bool:
    return len(line.split()) > 2 and not CODE.match(line) and is_prose(line) and bool(ENDED.search(line))


def _is_heading(line: str, below: list[str]) -> bool:
    """Whether a line such as "Step 2: answer it" stands above code."""
    found = _STEP.match(line.strip()[:_LONGEST])
    return (
        found is not None
        and not CODE.match(found["words"])
        and is_prose(line)
        and any(CODE.match(later) for later in below)
    )


def _goes_on(above: str, line: str) -> bool:
    """Whether a line is the rest of the comment above it, which was wrapped."""
    comment, words = above.strip(), line.split()
    return (
        comment.startswith("#")
        and len(comment) > _WRAPS
        and not ENDED.search(comment)
        and len(words) > 1
        and words[0][0].islower()
        and is_prose(line)
        and not CODE.match(line)
        and not _parses(line)
    )


def _parses(line: str) -> bool:
    try:
        ast.parse(line.strip())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
