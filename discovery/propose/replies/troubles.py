"""What can go wrong with a model's reply."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

__all__ = ["MAX_REPLY_BYTES", "TROUBLES", "Trouble", "Unreadable"]

MAX_REPLY_BYTES = 100_000

Trouble: TypeAlias = Literal[
    "empty reply",
    "refusal",
    "oversized reply",
    "cut off",
    "wrong language",
    "no program",
    "edit does not apply",
    "not accepted",
    "known program",
    "instruction-like reply",
    "prompt trimmed",
    "context too long",
    "call failed",
]
#: What can go wrong with a model's reply, and what a single message says of each.
TROUBLES: Mapping[str, str] = {
    "empty reply": "the model answered nothing",
    "refusal": "the model declined",
    "oversized reply": f"the reply was larger than {MAX_REPLY_BYTES // 1000} kB",
    "cut off": "the reply ended before the program did",
    "wrong language": "the program was in another language",
    "no program": "the reply held no program",
    "edit does not apply": "an edit did not fit the program",
    "not accepted": "the task's language refused the program",
    "known program": "the program had been judged already",
    "instruction-like reply": "the reply tried to instruct the engine; that text was left out",
    "prompt trimmed": "the prompt was shortened to fit the context",
    "context too long": "the model's context was too small for the prompt",
    "call failed": "the provider gave no usable answer",
}


class Unreadable(Exception):
    """A reply from which no program could be had; the message says what failed and where."""

    def __init__(self, trouble: Trouble, message: str) -> None:
        super().__init__(message)
        self.trouble: Trouble = trouble
