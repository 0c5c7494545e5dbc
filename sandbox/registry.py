"""Sandboxes by name."""

from __future__ import annotations

from ._base import Options, Sandbox, SandboxError
from .alone import Inner
from .bubblewrap import Bubblewrap
from .docker import Docker
from .unsafe import Unsafe

__all__ = ["open_sandbox", "sandbox_names"]

_BACKENDS: dict[str, type[Sandbox]] = {backend.name: backend for backend in (Bubblewrap, Docker, Inner, Unsafe)}

#: What `auto` looks at, in this order.
_AUTOMATIC = ("bubblewrap", "docker")


def sandbox_names() -> tuple[str, ...]:
    """Names that `open_sandbox` takes."""
    return ("auto", *_BACKENDS)


def open_sandbox(name: str = "auto", options: Options | None = None) -> Sandbox:
    """The backend called `name`; `auto` is bubblewrap where it works, else docker, and never a weaker one.

    Raises:
        SandboxError: no such backend, or `auto` and none that isolates works here; the hint says what to do.
    """
    if name == "auto":
        return _first_that_works(options)
    if name not in _BACKENDS:
        raise SandboxError(f"no sandbox named {name!r}", hint=f"choose one of {', '.join(sandbox_names())}")
    return _BACKENDS[name](options)


def _first_that_works(options: Options | None) -> Sandbox:
    problems = []
    for name in _AUTOMATIC:
        sandbox = _BACKENDS[name](options)
        problem = sandbox.unavailable()
        if problem is None:
            return sandbox
        problems.append((name, problem))
    raise SandboxError(
        "; ".join(f"{name}: {problem.message}" for name, problem in problems),
        hint="; or ".join(problem.hint for _, problem in problems),
    )
