"""Which of several programs in one reply is meant, by what the reply says before each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

__all__ = ["announced", "has_idea", "meant", "retracts"]

_FINAL = (
    r"final(?:ly|e|es)?|corrected|correction|fix(?:ed)?|improved|updated|revised|complete|full|whole|together|combined"
    r"|(?:new|better|best) (?:version|program|one|rule|algorithm|code)|instead|wait|actually|mistake|oops|submit"
    r"|my answer|mine|should (?:be|read)|answer is|corregido|korrigiert\w*|endgültig\w*"
)
_ASIDE = (
    r"original(?:ly)?|current(?:ly)?|existing|before|previous(?:ly)?|old|baseline|parent|seed|draft|comparison"
    r"|reference|(?:first|initial) (?:attempt|try|version|idea)|example|alternative(?:ly)?|option|variant|version \w"
    r"|choice|either|could also|entwurf|borrador|brouillon"
)
_FINAL_WORD = re.compile(rf"\b(?:{_FINAL})\b|最终|修正|最終|итог|исправлен", re.I)
_IDEA = re.compile(r"^\W{0,9}idea\b", re.I | re.M)
_WORDS = re.compile(rf"{_FINAL_WORD.pattern}|\b(?:{_ASIDE})\b", re.I)

#: Sentences behind a program that take some of it back.
_RETRACTS = re.compile(
    r"(?:^|[.!?:] )[ \t>*_]{0,9}(?:wait\b|oops\b|hmm\b|correction\b|on (?:reflection|second thoughts?)\b"
    r"|i made a mistake)"
    r"|`[^`\n]+` (?:should|must) (?:be|read|have been) `"
    r"|(?:^|[.!?:] )[ \t>*_]{0,9}(?:please |then |finally,? )?(?:replace|change|set)\s+`[^`\n]+`\s+"
    r"(?:with|by|to)\s+`",
    re.I | re.M,
)


def retracts(prose: str) -> bool:
    """Whether the text behind a program takes some of it back, in words."""
    return bool(_RETRACTS.search(prose))


def meant(programs: Sequence[tuple[str, str]]) -> int | None:
    """Number of the program that is meant, or None where nothing says so.

    One that is announced as an aside (the original, a draft, an option, a comparison) is none of them. Of the others
    the last is meant if it is the only one, if it alone is announced as the final, corrected or complete one, or if it
    goes on from all before it, whose every line it holds. Of two such words in an announcement the later counts.

    Args:
        programs: In order, the prose before each and its text. All differ.
    """
    if len(programs) == 1:
        return 0
    words = [_announcing(prose) for prose, _ in programs]
    said = [_kind(word) for word in words]
    left = [number for number, kind in enumerate(said) if kind != "aside"]
    if not left:
        return None
    last = left[-1]
    texts = [_lines(text) for _, text in programs]
    grown = all(texts[number] <= texts[last] for number in left)
    final = said[last] == "final" and all(words[number] != words[last] for number in left[:-1])
    return last if len(left) == 1 or final or grown else None


def has_idea(prose: str) -> bool:
    """Whether the text before a program holds the line with its idea, as the answer's does."""
    return bool(_IDEA.search(prose))


def announced(prose: str) -> Literal["final", "aside", ""]:
    """What the text closest before a program, the last paragraph and one above it, says of it."""
    return _kind(_announcing(prose))


def _announcing(prose: str) -> str:
    """The last word before a program that says what it is, or ""."""
    paragraphs = [part.strip() for part in prose[-2000:].split("\n\n") if part.strip()]
    words = _WORDS.findall("\n".join(paragraphs[-2:])[-400:])
    return words[-1].lower() if words else ""


def _kind(word: str) -> Literal["final", "aside", ""]:
    if not word:
        return ""
    return "final" if _FINAL_WORD.fullmatch(word) else "aside"


def _lines(text: str) -> set[str]:
    return {line.strip() for line in text.split("\n") if line.strip()}
