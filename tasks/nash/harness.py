"""Nothing of this family runs in the sandbox: a program is compiled to constraints, never executed."""

from __future__ import annotations

from typing import Any

__all__ = ["call"]


def call(payload: dict[str, Any], arrays: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Refuses; no stage calls it.

    Raises:
        RuntimeError: always.
    """
    raise RuntimeError("programs of this family are compiled, not run")
