"""Small repairs of program texts, in the order of how little they presume. None of them invents code."""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Callable, Iterator
from itertools import pairwise

from discovery.propose.replies.remarks import commented, remarks

__all__ = ["mended", "normal", "reindented"]

#: What is meant by signs that no program language has.
_SIGNS = {
    " ": "\u00a0\u2002\u2003\u2007\u2009\u202f\u3000", "": "\u00ad\u200b\u200c\u200d\u2060\ufeff",
    "'": "\u00b4\u2018\u2019\u201a\u201b\u2032", '"': "\u00ab\u00bb\u201c\u201d\u201e\u201f\u2033",
    "-": "\u2010\u2011\u2012\u2013\u2014\u2212\ufe63", "*": "\u00b7\u00d7\u2217\u2219\u22c5", "/": "\u00f7\u2044\u2215",
    ">=": "\u2265\u2a7e", "<=": "\u2264\u2a7d", "!=": "\u2260", "=": "\u2190\u2254", "...": "\u2026", ",": "\u3001",
    "**2": "\u00b2", "**3": "\u00b3", "(1/2)": "\u00bd", "(1/3)": "\u2153", "(2/3)": "\u2154", "(1/4)": "\u00bc",
    "(3/4)": "\u00be", **{str(digit): chr(0x2080 + digit) for digit in range(10)},
}  # fmt: skip
_FULL_WIDTH = {code + 0xFEE0: chr(code) for code in range(0x21, 0x7F)}
_CHARACTERS = _FULL_WIDTH | {ord(sign): plain for plain, signs in _SIGNS.items() for sign in signs}
_NAMES = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lam mu nu xi omicron pi rho varsigma sigma tau upsilon"
    " phi chi psi omega"
)
_GREEK = {0x03B1 + number: name for number, name in enumerate(_NAMES.split())}
_COMMANDS = {r"\geq": ">=", r"\ge": ">=", r"\leq": "<=", r"\le": "<=", r"\cdot": "*", r"\times": "*", r"\_": "_"}
_NUMBERED = re.compile(
    r"^\s*(?:(?:in|l|ln|line|step|row)\s*(?=[\d\[(]))?[\[(]?(\d+)(?:\s*[|:.)\]\u2502\u2192]+:?|\t|(?=\s)|$) ?", re.I
)
_OPENER = re.compile(
    r"^([ \t]*)((?:if|elif|for|while|def|with|class)\b[^\n]*[^\n:,(\[{\\\s]|else|try)[ \t]*\n(?=\1[ \t]+\S)", re.M
)
_LANGUAGE_WORD = re.compile(r"\A\s*(python3?|py|code|text|txt|plaintext|program|rule|nash|starlark)\s*\n", re.I)


def normal(text: str) -> str:
    """`text` with plain line ends, no blank lines at its ends, and one newline at the end."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.rstrip().lstrip("\n") + "\n"


def mended(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """`text` itself, then with one repair after the other added, each with the names of those that changed it."""
    text = normal(_LANGUAGE_WORD.sub("", text, count=1))
    yield text, ()
    names: tuple[str, ...] = ()
    for name, repair in _REPAIRS:
        changed = normal(repair(text))
        if changed != text:
            if name == "tabs":
                yield normal(text.expandtabs(8)), (*names, name)
            text, names = changed, (*names, name)
            yield text, names


def _escaped_lines(text: str) -> str:
    """A program on one line, its line ends written out."""
    if text.strip().count("\n") or "\\n" not in text:
        return text
    return text.strip().strip("\"'").replace("\\n", "\n").replace("\\t", "\t").replace('\\"', '"')


def _prefixes(text: str) -> str:
    """Line numbers, prompts of an interpreter, marks of a quotation or of added lines, where every line has one."""
    lines = text.split("\n")
    filled = [line for line in lines if line.strip()]
    numbers = [int(found[1]) for line in filled if (found := _NUMBERED.match(line))]
    several = len(filled) > 1 or bool(re.match(r"\s*\d+\s*\|", text))
    if several and len(filled) == len(numbers) and all(later > number for number, later in pairwise(numbers)):
        return "\n".join(_NUMBERED.sub("", line, count=1) for line in lines)
    if len(filled) > 1 and filled[0].startswith(">>>"):  # what has no prompt is output
        return "\n".join(line[4:] for line in lines if line.startswith((">>>", "...")))
    if len(filled) > 1 and all(re.fullmatch(r"`[^`]+`[.,;]?", line.strip()) for line in filled):
        return "\n".join(line.strip().rstrip(".,;").strip("`") for line in lines)
    for marks in (("> ", ">"), ("+ ", "+"), ("- ",), ("* ",), ("\u2022 ",)):
        if filled and all(line.lstrip().startswith(marks) for line in filled):
            cut = marks if marks[0] != "+ " else ("+",)
            return "\n".join(_cut(line, cut) for line in lines)
    return text


def _unguided(text: str) -> str:
    """The strokes with which editors show indentation as blanks."""
    return re.sub(r"^(?:[\u2502\u250a\u254e|] {1,7})+", lambda found: " " * len(found[0]), text, flags=re.M)


def _cut(line: str, marks: tuple[str, ...]) -> str:
    bare = line.lstrip()
    return next((bare[len(mark) :] for mark in marks if bare.startswith(mark)), line)


def _colons(text: str) -> str:
    """The colon of a line that opens a block, where it was forgotten."""
    return _OPENER.sub(r"\1\2:\n", text)


def _entities(text: str) -> str:
    names = r"&(lt|gt|amp|quot|nbsp|[lg]e|minus|times|#\d+|#x[0-9a-f]+);"
    return html.unescape(text) if re.search(names, text, re.I) else text


def _commands(text: str) -> str:
    """Signs written as LaTeX does."""
    return re.sub(r"\\[a-z]+\b|\\_", lambda found: _COMMANDS.get(found[0], found[0]), text)


def _foreign_marks(text: str) -> str:
    """Marks that other languages put around statements: `;` at the end, `:=`, `let`."""
    text = re.sub(r";[ \t]*$", "", text, flags=re.M)
    return re.sub(
        r"^([ \t]*)(?:(?:let|var|const) +)?(\w+(?: *, *\w+)*(?: *: *\w+)?) *:?=(?!=)", r"\1\2 =", text, flags=re.M
    )


def _unwrapped(text: str) -> str:
    """The body of a function that holds the whole program, without what it returns."""
    head, _, body = text.partition("\n")
    if not re.match(r"def \w+\(.*\).*:\s*$", head) or any(line and not line[0].isspace() for line in body.split("\n")):
        return text
    lines = textwrap.dedent(body).rstrip().split("\n")
    return "\n".join(lines[:-1] if lines[-1].startswith("return ") else lines)


def _escapes(text: str) -> str:
    """Backslashes that Markdown puts before its own signs."""
    return re.sub(r"\\([_*\[\]<>#`])", r"\1", text)


def reindented(text: str) -> str:
    """Indentation made consistent: a line at a depth that no open block has goes to the nearest one; the body of a
    definition that is not indented at all is."""
    levels, opened, depth = [0], False, 0
    aliases: dict[int, int] = {}
    out = []
    for line in _bodies(text.expandtabs(4)).split("\n"):
        bare = line.strip()
        if not bare or depth > 0 or bare.startswith("#"):
            out.append(line if depth > 0 or not bare else " " * (4 * (len(levels) - 1 + opened)) + bare)
            depth += _brackets(bare)
            continue
        width = len(line) - len(line.lstrip())
        if opened and width > levels[-1]:
            levels.append(width)
            aliases = {deep: level for deep, level in aliases.items() if deep < width}
        else:
            width = aliases.get(width, width)
            if width > levels[-1]:
                aliases[width] = levels[-1]
            elif width not in levels:
                aliases[width] = width = min(levels, key=lambda level: (abs(level - width), -level))
            while levels[-1] > width:
                levels.pop()
        out.append(" " * (4 * (len(levels) - 1)) + bare)
        depth += _brackets(bare)
        opened = depth <= 0 and re.sub(r"#.*", "", bare).rstrip().endswith(":")
    return "\n".join(out)


def _bodies(text: str) -> str:
    """Lines after a `def` that is followed by none that is deeper, moved in up to the next top-level statement."""
    out, inside = [], False
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if re.match(r"(def|class|@|import|from)\b|[A-Z_]+\s*=", line):
            below = next((later for later in lines[number + 1 :] if later.strip()), "")
            inside = line.startswith("def ") and not below[:1].isspace()
            out.append(line)
        else:
            out.append("    " + line if inside and line.strip() else line)
    return "\n".join(out)


def _brackets(line: str) -> int:
    code = re.sub(r"'[^']*'|\"[^\"]*\"|#.*", "", line)
    return sum(code.count(sign) for sign in "([{") - sum(code.count(sign) for sign in ")]}")


_REPAIRS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("line ends written out", _escaped_lines),
    ("prefixes of lines dropped", _prefixes),
    ("guides of indentation dropped", _unguided),
    ("dedented", textwrap.dedent),
    ("HTML entities", _entities),
    ("characters", lambda text: text.translate(_CHARACTERS)),
    ("Markdown escapes", _escapes),
    ("tabs", lambda text: text.expandtabs(4)),
    ("LaTeX", _commands),
    ("Greek letters", lambda text: text.translate(_GREEK)),
    ("comments", remarks),
    ("foreign marks", _foreign_marks),
    ("colons", _colons),
    ("sentences", commented),
    ("indentation", reindented),
    ("wrapping function dropped", _unwrapped),
)
