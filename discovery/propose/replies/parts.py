"""What a piece of a program lacks: names that it uses and that another piece, or the base, binds."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import NamedTuple

from discovery.propose.replies.mend import mended

__all__ = ["Names", "belonging", "names_of"]


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
