"""Every random choice of a run comes from here: named streams derived from one seed.

The standard library's generator is used on purpose: its streams are stable over versions, and the controller needs no
numpy (31 MB of memory, 0.2 s of start-up).
"""

from __future__ import annotations

import hashlib
import random

__all__ = ["derive", "stream"]


def derive(seed: int, *labels: str | int) -> int:
    """A seed in [0, 2**63) for the stream that `labels` name: the leading bits of SHA-256 over seed and labels."""
    text = "/".join(str(part) for part in (seed, *labels))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def stream(seed: int, *labels: str | int) -> random.Random:
    """A fresh generator of the stream that `labels` name."""
    return random.Random(derive(seed, *labels))
