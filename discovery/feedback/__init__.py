"""What a run tells the next proposal: execution records (OPTO), written by evaluators and harnesses, read by prompts.

The package imports the standard library only, so that a harness can use it inside the sandbox: name it
`discovery.feedback` among the modules of the harness.
"""

from __future__ import annotations

from discovery.feedback.record import MAX_BYTES, SCHEMA, InvalidRecord, validated
from discovery.feedback.recorder import Recorder
from discovery.feedback.rendering import LEVELS, Level, fenced, new_marker, render
from discovery.feedback.source import marked, named_values
from discovery.feedback.subgraph import minimal
from discovery.feedback.text import clean, clip, label

__all__ = [
    "LEVELS",
    "MAX_BYTES",
    "SCHEMA",
    "InvalidRecord",
    "Level",
    "Recorder",
    "clean",
    "clip",
    "fenced",
    "label",
    "marked",
    "minimal",
    "named_values",
    "new_marker",
    "render",
    "validated",
]
