"""Your own problem, in plain Python: subclass `PythonTask` in a folder's `task.py`.

The names are loaded when they are used: the part of this package that runs inside the sandbox comes without the engine.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from discovery.task import Feature
    from discovery.tasks.python.case import Case, Invalid
    from discovery.tasks.python.language import PythonLanguage
    from discovery.tasks.python.task import PythonTask

__all__ = ["Case", "Feature", "Invalid", "PythonLanguage", "PythonTask"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = {"PythonLanguage": "language", "Case": "case", "Invalid": "case"}.get(name, "task")
    return getattr(import_module(f"{__name__}.{module}"), name)
