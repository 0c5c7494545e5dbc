"""Where a program ends: whether a text may have been cut off, and whether it is a skeleton that nobody filled in."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Callable

from discovery.propose.replies.elisions import is_elision
from discovery.propose.replies.parts import leaves_open, names_of, parsed

__all__ = ["ends_itself", "repeats", "turn_ended", "unfilled"]

#: Signs with which chat formats end a turn: what stands before one was not cut off.
_TURN = re.compile(
    r"<\|(?:im_end|eot_id|eom_id|endoftext|end|return)\|>|</s>|<end_of_turn>|<\uff5cend[^\uff5c\n]{0,30}\uff5c>"
)
_BUILT_IN = frozenset(dir(builtins))
_TO_DO = re.compile(
    r"#\s*(?:todo\b|fixme\b|placeholder\b|your (?:code|logic|implementation)\b)"
    r"|#.{0,80}\b(?:code|logic|implementation|implement|body|algorithm)\b.{0,40}\b(?:goes )?here\b"
    r"|#.{0,80}\b(?:left as an exercise|to be (?:implemented|filled|done)|not (?:yet )?implemented)\b",
    re.I,
)


def turn_ended(reply: str) -> bool:
    """Whether a reply ends with the sign of its chat format for the end of a turn."""
    return bool(_TURN.search(reply[-200:]))


def ends_itself(text: str, *, line_ended: bool, done: bool, known: Callable[[str, str], bool]) -> bool:
    """Whether nothing that could follow would belong to the program `text`, so that it was not cut off.

    Its functions are complete: the last returns on every path or is followed by a statement, and they use no name that
    is still to come. Its last line is whole: it ends in a line end or a bracket. A list of statements never ends
    itself, for one more may follow.

    Args:
        text: A program that its language accepts.
        line_ended: Whether a line end stood behind it.
        done: Whether the model said that it was done; then a list of statements is whole.
        known: Whether a name that `text` uses and does not bind is one of the language.
    """
    tree = parsed(text)
    if tree is None or not any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in tree.body):
        return done
    if not line_ended and text.rstrip()[-1:] not in (")", "]", "}"):
        return False
    if leaves_open(tree):
        return False
    return all(known(text, name) for name in sorted(names_of(text).free - _BUILT_IN))


def repeats(part: str, whole: str) -> bool:
    """Whether `part`, whose last line may be cut, only says again what `whole` begins with."""
    return "".join(whole.split()).startswith("".join(part.split()))


def unfilled(text: str, base: str) -> str:
    """What `text` leaves to be filled in, as one line that says where, or "": a function without a body, a comment that
    stands for code. What stands in `base` too is meant."""
    for number, line in enumerate(text.split("\n"), 1):
        if (is_elision(line) or _TO_DO.search(line)) and line not in base:
            return f"line {number} of the program, {line.strip()[:80]!r}, stands for code: write all of it"
    tree, old = parsed(text), parsed(base)
    kept = {ast.unparse(node) for node in _functions(old)}
    for node in _functions(tree):
        if _is_stub(node) and ast.unparse(node) not in kept:
            return f"line {node.lineno} of the program: `{node.name}` has no body: write all of it"
    return ""


def _functions(tree: ast.Module | None) -> list[ast.FunctionDef]:
    return [] if tree is None else [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def _is_stub(node: ast.FunctionDef) -> bool:
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    match body:
        case [] | [ast.Pass()] | [ast.Expr(value=ast.Constant())]:
            return True
        case [ast.Raise(exc=ast.Call(func=ast.Name(id="NotImplementedError")) | ast.Name(id="NotImplementedError"))]:
            return True
    return False
