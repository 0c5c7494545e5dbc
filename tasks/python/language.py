"""Plain Python as a language of programs: any text that parses and defines the wanted function.

There is no list of forbidden names. Such a list stops nobody who means harm, and the sandbox stops everybody.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Callable, Sequence

from discovery.grammar.source import MAX_BYTES, parse_source
from discovery.model import Program, Rejected, content_key
from discovery.sandbox import Limits
from discovery.tasks.python import edits as _edits
from discovery.tasks.python.source import canonical_text, without_docstrings

__all__ = ["PythonLanguage"]

_TRIES = 30
_KINDS = {ast.AsyncFunctionDef: "async def ", ast.ClassDef: "class "}


class PythonLanguage:
    """Programs that define a function.

    Args:
        entry: Name of the function that a program must define at its top level.
        limits: Of one call, as `describe` tells them.
        packages: What a program may import besides the standard library.
        example: Source of a program that is accepted, or nothing: its arguments are told.
    """

    def __init__(
        self,
        entry: str,
        *,
        limits: Limits | None = None,
        packages: Sequence[str] = ("numpy",),
        example: Callable[[], str] = str,
    ) -> None:
        self.entry = entry
        self._limits, self._packages, self._example = limits or Limits(), tuple(packages), example

    def check(self, source: str) -> Program:
        """Parse `source`, without running it. The key covers the program without comments, docstrings and layout; names
        count, because Python can look at them.

        Raises:
            Rejected: no Python, too large, nested too deep, or without the function.
        """
        tree = parse_source(source).tree
        try:
            compile(tree, "<candidate>", "exec", dont_inherit=True)
        except SyntaxError as error:
            raise Rejected(f"not Python: {error.msg}", error.lineno, error.offset) from None
        except (ValueError, OverflowError, RecursionError, MemoryError) as error:
            raise Rejected(f"not Python that compiles: {error}") from None
        if not any(isinstance(node, ast.FunctionDef) and node.name == self.entry for node in tree.body):
            raise Rejected(f"expected a top-level function `def {self.entry}(...)`; {_defined(tree)}")
        without_docstrings(tree)
        return Program(
            source,
            content_key("python/1\n" + canonical_text(tree)),
            content_key("python/1\n" + canonical_text(tree, constants=False)),
        )

    def describe(self) -> str:
        """The rules in Markdown."""
        limits, packages = self._limits, ", ".join(self._packages)
        return (
            f"A Python module of at most {MAX_BYTES // 1024} KiB that defines a function `{self.entry}` at its top "
            f"level.{self._arguments()} It may import the standard library{f' and {packages}' if packages else ''}.\n\n"
            "Every call runs by itself in a fresh process of a sandbox, without network, with no files but a scratch "
            f"folder. It may take {limits.cpu_seconds:g} s of CPU time and {limits.wall_seconds:g} s by the clock, "
            f"{_size(limits.memory_bytes)} of memory, and {limits.processes} processes and threads. It must return "
            "plain data: finite numbers, strings, booleans, lists, dicts with string keys, or numpy arrays, at most "
            f"{_size(limits.answer_bytes)}. What it prints is ignored.\n\n"
            "A program is called for several cases, and its score is the mean over them; one case in which it fails, "
            "by an error, a limit or an answer that is not acceptable, and it has no score. Where it draws at random, "
            "seed it."
        )

    def _arguments(self) -> str:
        """How the function is called, by the example."""
        try:
            tree = ast.parse(self._example())
        except (SyntaxError, ValueError):
            return ""
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.name == self.entry:
                return f" It is called with keyword arguments, as for `def {self.entry}({ast.unparse(node.args)})`."
        return ""

    def mutate(self, program: Program, rng: random.Random, edits: int = 1) -> str:
        """Source of a variant, `edits` random edits away: numbers, operators, comparisons, names, statements.

        Comments and layout are lost. The result passes `check`, and its key differs unless nothing can be edited.
        """

        def change(tree: ast.Module) -> ast.Module:
            for _ in range(edits):
                tree = _edits.mutate(tree, rng)
            return tree

        return self._child((program,), change)

    def cross(self, first: Program, second: Program, rng: random.Random) -> str:
        """Source of `first` with a function or a statement of `second`. Passes `check`; differs from both parents
        unless they have nothing to exchange."""
        other = parse_source(second.source).tree
        return self._child((first, second), lambda tree: _edits.cross(tree, other, rng))

    def _child(self, parents: tuple[Program, ...], change: Callable[[ast.Module], ast.Module]) -> str:
        tree = without_docstrings(parse_source(parents[0].source).tree)
        for _ in range(_TRIES):
            source = ast.unparse(ast.fix_missing_locations(change(tree))) + "\n"
            try:
                child = self.check(source)
            except Rejected:
                continue
            if child.key not in {parent.key for parent in parents}:
                return source
        return parents[0].source


def _defined(tree: ast.Module) -> str:
    names: list[str] = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.append(f"{_KINDS.get(type(node), '')}{node.name}")
    return f"it defines {', '.join(names[:5])}" if names else "it defines no function"


def _size(count: int) -> str:
    """Bytes as text: the largest unit that divides them."""
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if count % unit == 0:
            return f"{count // unit} {name}"
    return f"{count} bytes"
