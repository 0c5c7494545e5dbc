"""What of a program's text takes part in its behaviour. Standard library only: it runs inside the sandbox too.

Docstrings are taken out before a program is compiled, so they cannot matter; comments and layout never did. Names stay:
Python can look at them. What is left is what the canonical key covers.
"""

from __future__ import annotations

import ast
from typing import Any

__all__ = ["canonical_text", "without_docstrings"]


def without_docstrings(tree: ast.Module) -> ast.Module:
    """Take the docstrings out of `tree`, in place, and return it. A body left empty gets `pass`."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if ast.get_docstring(node, clean=False) is not None:
            text = node.body.pop(0)
            if not node.body:
                node.body.append(ast.copy_location(ast.Pass(), text))
    return tree


def canonical_text(tree: ast.AST, *, constants: bool = True) -> str:
    """`tree` as text without positions: equal texts compile to the same code up to line numbers.

    Unlike `ast.dump` it does not differ between Python versions. With `constants` False, numbers are left out.

    >>> canonical_text(ast.parse("f( 1 )  # x")) == canonical_text(ast.parse("f(1)"))
    True
    """
    parts: list[str] = []
    _dump(tree, constants, parts)
    return "".join(parts)


def _dump(node: Any, constants: bool, parts: list[str]) -> None:
    if isinstance(node, ast.Constant):
        hidden = not constants and type(node.value) in (int, float, complex)
        parts.append("#" if hidden else f"{type(node.value).__name__}:{node.value!r}")
    elif isinstance(node, ast.AST):
        parts.append(type(node).__name__ + "(")
        for name, value in ast.iter_fields(node):
            if value is None or value == [] or name in ("ctx", "type_comment", "type_ignores"):
                continue
            parts.append(name + "=")
            _dump(value, constants, parts)
            parts.append(",")
        parts.append(")")
    elif isinstance(node, list):
        parts.append("[")
        for item in node:
            _dump(item, constants, parts)
            parts.append(",")
        parts.append("]")
    else:
        parts.append(repr(node))
