"""Sandboxes by name."""

from __future__ import annotations

from ._base import Sandbox, SandboxError
from .bubblewrap import Bubblewrap
from .unsafe import Unsafe

__all__ = ["open_sandbox", "sandbox_names"]

_BACKENDS: dict[str, type[Sandbox]] = {backend.name: backend for backend in (Bubblewrap, Unsafe)}


def sandbox_names() -> tuple[str, ...]:
    """Names that `open_sandbox` takes."""
    return ("auto", *_BACKENDS)


def open_sandbox(name: str = "auto") -> Sandbox:
    """The backend called `name`; `auto` is the default one where it works, and never a weaker one.

    Raises:
        SandboxError: no such backend, or `auto` and none that isolates works here; the hint says what to do.
    """
    if name == "auto":
        sandbox = Bubblewrap()
        problem = sandbox.unavailable()
        if problem is not None:
            raise problem
        return sandbox
    if name not in _BACKENDS:
        raise SandboxError(f"no sandbox named {name!r}", hint=f"choose one of {', '.join(sandbox_names())}")
    return _BACKENDS[name]()
