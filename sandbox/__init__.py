"""Isolation of untrusted programs. Imports nothing of the engine."""

from __future__ import annotations

from ._base import (
    Answer,
    AnswerStatus,
    Array,
    Capability,
    Harness,
    Level,
    Limits,
    Sandbox,
    SandboxError,
    Slot,
)

__all__ = [
    "Answer",
    "AnswerStatus",
    "Array",
    "Capability",
    "Harness",
    "Level",
    "Limits",
    "Sandbox",
    "SandboxError",
    "Slot",
]
