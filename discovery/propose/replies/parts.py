"""What a piece of a program lacks: names that it uses and that another piece, or the base, binds."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from discovery.propose.replies.mend import mended

__all__ = [
    "Names",
    "alters",
    "belonging",
    "continued",
    "goes_on",
    "leaves_open",
    "names_of",
    "parsed",
    "renamed",
    "threaded",
]

_OVERLAP = 40  # lines that a piece may say again of the one before it


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
        if (tree := parsed(version)) is not None and tree.body:
            return _names(tree)
    return Names(frozenset(), frozenset(), frozenset())


def parsed(text: str) -> ast.Module | None:
    """`text` as Python; None where it is none."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


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


def renamed(text: str, name: str, other: str) -> str:
    """`text`, which is Python, with `other` wherever it uses `name`; strings and keys stay."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == name:
            node.id = other
    return ast.unparse(tree)


def leaves_open(tree: ast.Module) -> bool:
    """Whether the last statement is a function whose end is reached, so that more of it may follow."""
    return bool(tree.body) and not _closed(tree.body[-1])


def _closed(last: ast.stmt) -> bool:
    match last:
        case ast.FunctionDef(body=body):
            return _returns(body)
        case ast.ClassDef(body=body):
            return _closed(body[-1])
    return True


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
    """Whether `second` begins within a function that `first` leaves open, so that only both together make sense."""
    start = next((line for line in second.split("\n") if line.strip()), "")
    if not start[:1].isspace() or not re.search(r"^def ", first, re.M):
        return False
    own = {line.strip() for line in first.split("\n")}
    tree = parsed(first)
    if (tree is not None and not leaves_open(tree)) or all(line.strip() in own for line in second.split("\n")):
        return False
    return parsed(continued(first, second)) is not None


def continued(first: str, second: str) -> str:
    """`first` with `second` behind it, without the lines at its end that `second` says again."""
    ours, theirs = first.rstrip().split("\n"), second.strip("\n").split("\n")
    most = min(len(ours), len(theirs), _OVERLAP)
    again = next((size for size in range(most, 0, -1) if ours[-size:] == theirs[:size]), 0)
    return "\n".join([*ours, *theirs[again:]])


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


def threaded(texts: Sequence[str]) -> bool:
    """Whether all pieces are one list of statements: none binds a name of another, and wherever the list is divided,
    something behind uses what is bound before."""
    names = [names_of(text) for text in texts]
    bound = [name for each in names for name in each.bound]
    if len(texts) < 2 or len(set(bound)) < len(bound) or any(each.defined for each in names):
        return False
    return all(
        frozenset().union(*(each.bound for each in names[:at])) & frozenset().union(*(each.free for each in names[at:]))
        for at in range(1, len(names))
    )


def alters(part: str, text: str) -> Literal["functions", "lines", ""]:
    """What of the program `text` the piece `part` writes differently: functions or other definitions of its top, lines
    within them, or nothing. Lines of the program that are only repeated, and uses of it, alter nothing."""
    own, lines = names_of(text), {line.strip() for line in text.split("\n")}
    if all(line.strip() in lines or line.strip().startswith("#") for line in part.split("\n")):
        return ""
    there = names_of(part)
    if there.bound & own.bound:
        return "functions"
    tree = next((tree for version, _ in mended(part) if (tree := parsed(version)) is not None and tree.body), None)
    if tree is None:
        heads = re.findall(r"^\s*def (\w+)", part, re.M)
        return "functions" if own.defined.intersection(heads) else ""
    program = parsed(text)
    if program is None or there.free & own.defined:
        return ""
    returns = any(isinstance(node, ast.Return) for node in tree.body)
    return "lines" if returns or _stored(tree) & _stored(program) else ""
