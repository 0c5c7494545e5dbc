"""Frames between the controller and its evaluator workers: a 4-byte big-endian length, then UTF-8 JSON.

Both ends are our own code; the length bound only keeps a broken stream from being read as a huge allocation.
"""

from __future__ import annotations

import json
import struct
from typing import BinaryIO

from discovery.model import JSON

__all__ = ["HEADER", "MAX_FRAME", "pack", "read", "size_of"]

HEADER = struct.Struct(">I")
MAX_FRAME = 256 << 20


def pack(message: JSON) -> bytes:
    """The frame of a message; ValueError when it holds a non-finite number or is too large."""
    body = json.dumps(message, allow_nan=False, separators=(",", ":")).encode()
    if len(body) > MAX_FRAME:
        raise ValueError(f"a message may have {MAX_FRAME} bytes; got {len(body)}")
    return HEADER.pack(len(body)) + body


def size_of(header: bytes) -> int:
    """Length of the body that follows `header`; ValueError past the bound."""
    (size,) = HEADER.unpack(header)
    if size > MAX_FRAME:
        raise ValueError(f"a frame may have {MAX_FRAME} bytes; this one announces {size}")
    return int(size)


def read(stream: BinaryIO) -> JSON | None:
    """The next message, or None at the end of the stream (also in the middle of a frame: the writer died)."""
    header = stream.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    size = size_of(header)
    body = stream.read(size)
    return json.loads(body) if len(body) == size else None
