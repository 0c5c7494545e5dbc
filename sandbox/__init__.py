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
    Options,
    Sandbox,
    SandboxError,
    Slot,
)
from .registry import open_sandbox, sandbox_names

__all__ = [
    "Answer",
    "AnswerStatus",
    "Array",
    "Capability",
    "Harness",
    "Level",
    "Limits",
    "Options",
    "Sandbox",
    "SandboxError",
    "Slot",
    "open_sandbox",
    "sandbox_names",
]
