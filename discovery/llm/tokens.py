"""Tokens without a tokenizer: an estimate where a server says nothing, and a bound for what is still under way.

A tokenizer of the model's own would be exact, but it is another download for every model.
"""

from __future__ import annotations

from collections.abc import Iterable

from discovery.llm._base import Message

__all__ = ["estimate_prompt", "estimate_text", "prompt_bound"]

#: English text and code come to 3.5 to 4.5 bytes a token with the vocabularies in use.
_BYTES_PER_TOKEN = 4
#: What chat templates put around a message.
_FRAME_TOKENS = 4
_FRAME_BOUND = 32


def estimate_text(text: str) -> int:
    """About how many tokens `text` has."""
    return -(-_size(text) // _BYTES_PER_TOKEN)


def estimate_prompt(messages: Iterable[Message]) -> int:
    """About how many tokens a prompt has, at least 1."""
    return 1 + sum(_FRAME_TOKENS + estimate_text(message.content) for message in messages)


def prompt_bound(messages: Iterable[Message]) -> int:
    """At most how many tokens a prompt has: no token of a byte-level vocabulary stands for less than one byte."""
    return _FRAME_BOUND + sum(_FRAME_BOUND + _size(message.content) for message in messages)


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
