"""Runs inside the sandbox: one program on one case. Standard library, `feedback`, `plain` and `source` only.

The candidate shares this process, so nothing here is a protection: whatever comes back is bounded plain data that the
evaluator checks and scores outside.
"""

from __future__ import annotations

import ast
import sys
from types import ModuleType
from typing import Any

from discovery.feedback import clean, label, named_values
from discovery.tasks.python.plain import NotPlain, NumpyArray, decode, encode
from discovery.tasks.python.source import without_docstrings

__all__ = ["call"]

_FILENAME = "<candidate>"


def call(payload: dict[str, Any], arrays: dict[str, NumpyArray]) -> tuple[dict[str, Any], dict[str, NumpyArray]]:
    """Run the program on one case.

    Args:
        payload: `source` (program text), `entry` (name of its function), `inputs` (coded keyword arguments).
        arrays: The arrays of `inputs`; handed to the program as copies that it may write.

    Returns:
        `{"answer": coded}` and its arrays; `{"invalid": reason}` when the answer is not plain data; or
        `{"raised": ...}`, see `_raised`, when the program raised an ordinary exception.
    """
    inputs = decode(payload["inputs"], {name: array.copy() for name, array in arrays.items()})
    module = ModuleType("candidate")
    sys.modules["candidate"] = module
    tree = without_docstrings(ast.parse(payload["source"], _FILENAME))
    try:
        exec(compile(tree, _FILENAME, "exec", dont_inherit=True), module.__dict__)
        answer = getattr(module, payload["entry"])(**inputs)
    except MemoryError:
        raise
    except Exception as error:
        if isinstance(error, RuntimeError) and "can't allocate memory" in str(error):  # what torch says
            raise
        return {"raised": _raised(error, payload["source"])}, {}
    if answer is None:
        return {"invalid": f"{payload['entry']} returned nothing (None)"}, {}
    found: dict[str, NumpyArray] = {}
    try:
        return {"answer": encode(answer, found)}, found
    except NotPlain as error:
        return {"invalid": str(error)}, {}


def _raised(error: Exception, source: str) -> dict[str, Any]:
    """What is known of an exception: its class and text, the candidate's own frames, outermost first, and the values of
    the names in the line that raised. Runs no code of the candidate but the exception's `__str__`."""
    try:
        text = str(error)
    except Exception:
        text = "(its message cannot be printed)"
    found: dict[str, Any] = {"type": label(type(error).__name__), "message": clean(text, 2000), "frames": []}
    trace = error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        if frame.f_code.co_filename == _FILENAME:
            found["frames"].append(f"{label(frame.f_code.co_name, 60)}, line {trace.tb_lineno}")
            found["line"], last = trace.tb_lineno, frame
        trace = trace.tb_next
    lines = source.splitlines()
    if "line" in found and 1 <= found["line"] <= len(lines) and type(last.f_locals) is dict:
        found["values"] = named_values(lines[found["line"] - 1], last.f_locals)
    found["frames"] = found["frames"][-8:]
    return found
