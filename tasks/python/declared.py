"""What a task of your own declares, checked when it is made; its folder; and its version."""

from __future__ import annotations

import hashlib
import math
import re
import sys
from collections.abc import Callable, Mapping
from keyword import iskeyword
from pathlib import Path
from typing import TYPE_CHECKING, Any

from discovery.errors import TaskError
from discovery.sandbox import Limits

if TYPE_CHECKING:
    from discovery.tasks.python.task import PythonTask

__all__ = ["folder_of", "is_text", "require_declared", "version_of"]


def _name(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,63}", value) is not None


def is_text(value: object) -> bool:
    """Whether it is a text that says something."""
    return isinstance(value, str) and value.strip() != ""


def _real(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _names(value: object) -> bool:
    return isinstance(value, tuple | list) and all(map(is_text, value))


#: Attribute of a task to a test of its value, what is expected, and an example.
_EXPECTED: Mapping[str, tuple[Callable[[Any], bool], str, str]] = {
    "name": (_name, "letters, digits, - and _, a letter first", '"bin-packing"'),
    "statement": (is_text, "a text", '"Pack the items ..."'),
    "entry": (lambda v: is_text(v) and v.isidentifier() and not iskeyword(v), "the name of a function", '"pack"'),
    "score_name": (is_text, "a text", '"mean fill"'),
    "worst": (_real, "a finite number", "0.0"),
    "score_seconds": (lambda v: _real(v) and v > 0, "a number of seconds", "60.0"),
    "online": (lambda v: v == "" or (is_text(v) and v.isidentifier()), "the name of an argument", '"sizes"'),
    "rounds": (lambda v: type(v) is int and 7 <= v <= 16, "a whole number from 7 to 16", "12"),
    "alpha": (lambda v: _real(v) and 0 < v < 1, "a number between 0 and 1", "0.01"),
    "preload": (_names, "a tuple of names of packages", '("numpy",)'),
    "limits": (lambda v: isinstance(v, Limits), "discovery.sandbox.Limits", "Limits(cpu_seconds=5.0)"),
}


def require_declared(kind: type[PythonTask]) -> None:
    """Raises TaskError for an attribute that is missing or has a value that cannot be used; with an example."""
    for name, (holds, expected, example) in _EXPECTED.items():
        hint = f"for example: {name} = {example}"
        if not hasattr(kind, name):
            raise TaskError(f"{kind.__name__} lacks `{name}`", hint=hint)
        value = getattr(kind, name)
        if not holds(value):
            raise TaskError(f"{kind.__name__}.{name} must be {expected}; got {value!r:.80}", hint=hint)


def folder_of(kind: type[PythonTask]) -> Path:
    """Where the module that defines `kind` lies; the current folder for one that no file defines."""
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    return Path(file).resolve().parent if file else Path.cwd()


def version_of(folder: Path) -> str:
    """A hash over the files right beside the task, but for hidden ones and pages: its code and its data."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.is_file() and not path.name.startswith(".") and path.suffix not in (".md", ".pyc"):
            digest.update(f"{path.name}\n{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()[:16]
