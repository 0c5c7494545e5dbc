"""Runs inside the sandbox: one program on one case. Standard library, `plain` and `source` only.

The candidate shares this process, so nothing here is a protection: whatever comes back is bounded plain data that the
evaluator checks and scores outside.
"""

from __future__ import annotations

import ast
import sys
from types import ModuleType
from typing import Any

from discovery.tasks.python.plain import NotPlain, NumpyArray, decode, encode
from discovery.tasks.python.source import without_docstrings

__all__ = ["call"]


def call(payload: dict[str, Any], arrays: dict[str, NumpyArray]) -> tuple[dict[str, Any], dict[str, NumpyArray]]:
    """Run the program on one case.

    Args:
        payload: `source` (program text), `entry` (name of its function), `inputs` (coded keyword arguments).
        arrays: The arrays of `inputs`; handed to the program as copies that it may write.

    Returns:
        `{"answer": coded}` and its arrays, or `{"invalid": reason}` when the answer is not plain data.
    """
    inputs = decode(payload["inputs"], {name: array.copy() for name, array in arrays.items()})
    module = ModuleType("candidate")
    sys.modules["candidate"] = module
    tree = without_docstrings(ast.parse(payload["source"], "<candidate>"))
    exec(compile(tree, "<candidate>", "exec", dont_inherit=True), module.__dict__)
    answer = getattr(module, payload["entry"])(**inputs)
    if answer is None:
        return {"invalid": f"{payload['entry']} returned nothing (None)"}, {}
    found: dict[str, NumpyArray] = {}
    try:
        return {"answer": encode(answer, found)}, found
    except NotPlain as error:
        return {"invalid": str(error)}, {}
