"""Python-subset text to `ast`, for the front ends of families: safe on any text whatever, and never executed.

What comes back is small and shallow enough that a recursive visitor cannot exhaust the stack.
"""

from __future__ import annotations

import ast
import math
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from discovery.grammar.constants import MAX_DIGITS, too_long
from discovery.grammar.ir import Number, Span
from discovery.model import Rejected

__all__ = ["MAX_BYTES", "MAX_DEPTH", "Source", "parse_source"]

#: Longest text in UTF-8 bytes, deepest nesting of brackets and of the syntax tree.
MAX_BYTES = 64 * 1024
MAX_DEPTH = 100

#: Characters of the parser's own explanation that are passed on.
_MESSAGE = 150

#: Comments, strings (also unfinished ones), brackets. Each alternative consumes what it matches, so a scan is linear.
_TOKEN = re.compile(
    r"""\#[^\r\n]*"""
    r"""|'{3}(?:[^'\\]|\\.|'(?!''))*(?:'{3})?|"{3}(?:[^"\\]|\\.|"(?!""))*(?:"{3})?"""
    r"""|'(?:[^'\\\r\n]|\\.)*'?|"(?:[^"\\\r\n]|\\.)*"?"""
    r"""|[()\[\]{}]""",
    re.DOTALL,
)
_FORBIDDEN = re.compile("[\0\ud800-\udfff]")
_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class Source:
    """A parsed text.

    Attributes:
        text: The text, as it came.
        tree: Its syntax tree, at most `MAX_DEPTH` deep.
    """

    text: str
    tree: ast.Module
    _lines: list[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_lines", _LINE_END.split(self.text))

    def span(self, node: ast.AST) -> Span:
        """Where `node` stands: lines and columns from 1, columns in characters. The whole text for a node without a
        place (a module, an operator)."""
        line = getattr(node, "lineno", None)
        if line is None:
            return Span(1, 1, len(self._lines), len(self._lines[-1]) + 1)
        end_line = getattr(node, "end_lineno", None) or line
        end = getattr(node, "end_col_offset", None)
        start = node.col_offset  # type: ignore[attr-defined]
        return Span(line, self._column(line, start), end_line, self._column(end_line, start if end is None else end))

    def _column(self, line: int, offset: int) -> int:
        # `ast` counts UTF-8 bytes.
        before = self._lines[line - 1].encode("utf-8")[:offset]
        return len(before.decode("utf-8", "ignore")) + 1

    def rejected(self, node: ast.AST, message: str) -> Rejected:
        """A `Rejected` that points at `node`."""
        span = self.span(node)
        return Rejected(message, span.line, span.column)

    def number(self, node: ast.AST) -> Number | None:
        """The number that `node` spells (a literal, signed or not); None when it is something else.

        Whole numbers stay `int`. Raises `Rejected` for one too large to compute with.
        """
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            inner = self.number(node.operand) if isinstance(node.operand, ast.Constant) else None
            return -inner if inner is not None and isinstance(node.op, ast.USub) else inner
        if not isinstance(node, ast.Constant) or type(node.value) not in (int, float):
            return None
        value = node.value
        assert isinstance(value, int | float)
        if isinstance(value, float) and not math.isfinite(value):
            raise self.rejected(node, "expected a finite number; this literal overflows")
        if too_long(value):
            raise self.rejected(node, f"expected a whole number of at most {MAX_DIGITS} digits")
        return value

    def fraction(self, node: ast.AST) -> Fraction | None:
        """The fraction that `node` spells (`3`, `-1`, `1/2`, `-1/2`); None when it is something else."""
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            above, below = self.number(node.left), self.number(node.right)
            if not isinstance(above, int) or not isinstance(below, int):
                return None
            if below == 0:
                raise self.rejected(node, "a denominator must not be 0")
            return Fraction(above, below)
        value = self.number(node)
        return Fraction(value) if isinstance(value, int) else None


def parse_source(text: str) -> Source:
    """Parse `text` without running any of it.

    Raises:
        Rejected: text above `MAX_BYTES`, with NUL characters or lone surrogates, nested deeper than `MAX_DEPTH`, or
            no Python, with line and column where there is one place.
    """
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise Rejected(f"expected a program of at most {MAX_BYTES} bytes; got a longer text")
    if (found := _FORBIDDEN.search(text)) is not None:
        nouns = {"\0": "a NUL character"}
        # Half a surrogate pair is how a byte that is no UTF-8 arrives, and nothing that a text should hold.
        noun = nouns.get(found.group(), "something that is no UTF-8")
        raise Rejected(f"expected plain text; got {noun}", *_place(text, found.start()))
    _check_brackets(text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Python thinks of style is no business of a candidate's
            tree = ast.parse(text)
    except SyntaxError as error:
        line, column = error.lineno or 1, max(error.offset or 1, 1)
        reason = "a whole number has too many digits" if "limit" in error.msg else error.msg
        raise Rejected(f"not Python: {reason[:_MESSAGE]}", line, column) from None
    except (RecursionError, MemoryError):
        raise Rejected(f"expected expressions nested at most {MAX_DEPTH} deep; simplify this program") from None
    except (ValueError, OverflowError) as error:
        raise Rejected(f"not Python: {str(error)[:_MESSAGE]}") from None
    source = Source(text, tree)
    _check_depth(source)
    return source


def _place(text: str, index: int) -> tuple[int, int]:
    lines = _LINE_END.split(text[:index])
    return len(lines), len(lines[-1]) + 1


def _brackets(text: str) -> Iterator[tuple[int, int]]:
    depth = 0
    for match in _TOKEN.finditer(text):
        if match.group() in ("(", "[", "{"):
            depth += 1
            yield match.start(), depth
        elif match.group() in (")", "]", "}"):
            depth -= 1


def _check_brackets(text: str) -> None:
    """Before the parser sees them: its recursion is the interpreter's own stack."""
    for index, depth in _brackets(text):
        if depth > MAX_DEPTH:
            raise Rejected(f"expected brackets nested at most {MAX_DEPTH} deep", *_place(text, index))


def _check_depth(source: Source) -> None:
    """Chains such as a+a+a+... nest without brackets."""
    level: list[ast.AST] = [source.tree]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return
    deepest = next((node for node in level if hasattr(node, "lineno")), source.tree)
    raise source.rejected(deepest, f"expected expressions nested at most {MAX_DEPTH} deep; simplify this one")
