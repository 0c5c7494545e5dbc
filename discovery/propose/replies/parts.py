"""What a piece of a program lacks: names that it uses and that another piece, or the base, binds."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import NamedTuple

from discovery.propose.replies.mend import mended

__all__ = ["Names", "belonging", "goes_on", "names_of", "unfinished"]


class Names(NamedTuple):
    """Names of a text: functions, classes and modules bound at its top, variables assigned there, names only used."""

    defined: frozenset[str]
    assigned: frozenset[str]
    free: frozenset[str]

    @property
    def bound(self) -> frozenset[str]:
        """All that is bound at the top."""
        return self.defined | self.assigned


def names_of(text: str) -> Names:
    """The names of `text`; none where it has not the syntax of Python, whatever is mended."""
    for version, _ in mended(text):
        try:
            tree = ast.parse(version)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        return _names(tree)
    return Names(frozenset(), frozenset(), frozenset())


def _names(tree: ast.Module) -> Names:
    defined: set[str] = set()
    assigned: set[str] = set()
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            defined.add(statement.name)
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            defined.update((item.asname or item.name).split(".")[0] for item in statement.names)
        else:
            assigned.update(_stored(statement))
    local = {name for node in ast.walk(tree) for name in _binds(node)}
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    return Names(frozenset(defined), frozenset(assigned), frozenset(used - local))


def _stored(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def _binds(node: ast.AST) -> set[str]:
    match node:
        case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
            return {name}
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Import(names=items) | ast.ImportFrom(names=items):
            return {(item.asname or item.name).split(".")[0] for item in items}
    return set()


def unfinished(text: str) -> bool:
    """Whether `text`, which nothing ends, may have been cut off: it ends within a function that returns on no last
    path, or is a list of statements, which one more may always follow."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    last = tree.body[-1] if tree.body else None
    if isinstance(last, ast.FunctionDef):
        return not _returns(last.body)
    return not any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in tree.body)


def _returns(body: Sequence[ast.stmt]) -> bool:
    """Whether the end of `body` is never reached."""
    match body[-1]:
        case ast.Return() | ast.Raise():
            return True
        case ast.If(body=then, orelse=other):
            return bool(other) and _returns(then) and _returns(other)
        case ast.With(body=inner):
            return _returns(inner)
        case ast.Try(body=inner, handlers=handlers, orelse=other, finalbody=final):
            if final and _returns(final):
                return True
            return _returns(other or inner) and all(_returns(handler.body) for handler in handlers)
        case ast.While(test=ast.Constant(value=True)) as loop:
            return not any(isinstance(node, ast.Break) for node in ast.walk(loop))
    return False


def goes_on(first: str, second: str) -> bool:
    """Whether `second` begins within the function that `first` leaves unfinished, so that only both make sense."""
    start = next((line for line in second.split("\n") if line.strip()), "")
    if not start[:1].isspace() or not re.search(r"^def ", first, re.M):
        return False
    return (unfinished(first) or not _is_python(first)) and _is_python(f"{first.rstrip()}\n{second}")


def _is_python(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def belonging(texts: Sequence[str], chosen: int) -> list[int]:
    """The pieces that make up a program with piece `chosen`, in order.

    A piece belongs to it that binds a name which it uses and does not bind, or that goes on from it: comes later,
    assigns something, and uses what it assigned. One that only repeats its lines does not.
    """
    own = names_of(texts[chosen])
    lines = {line.strip() for line in texts[chosen].split("\n")}
    parts = [chosen]
    assigned = own.assigned
    for number, text in enumerate(texts):
        if number == chosen or all(line.strip() in lines for line in text.split("\n")):
            continue
        there = names_of(text)
        goes_on = number > chosen and bool(there.assigned - own.bound) and bool(there.free & assigned)
        if own.free & there.bound or (goes_on and not there.free & own.defined):
            parts.append(number)
            assigned |= there.assigned
    return sorted(parts)
