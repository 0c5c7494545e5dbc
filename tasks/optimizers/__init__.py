"""Update rules for training neural networks. Imports lazily: parts of this package also run inside the sandbox."""

from __future__ import annotations

from typing import Any

__all__ = ["OptimizersTask"]


def __getattr__(name: str) -> Any:
    if name == "OptimizersTask":
        from discovery.tasks.optimizers.task import OptimizersTask

        return OptimizersTask
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
