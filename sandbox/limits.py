"""Limits as they are checked and as they travel to the warm process."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from ._base import Limits

__all__ = ["from_plain", "require_sane", "require_within", "to_plain"]


def to_plain(limits: Limits) -> dict[str, Any]:
    """Plain data for `from_plain`."""
    return dataclasses.asdict(limits)


def from_plain(data: dict[str, Any]) -> Limits:
    """Inverse of `to_plain`."""
    return Limits(**data)


def require_sane(limits: Limits) -> Limits:
    """Return `limits`, every one a positive finite number; ValueError otherwise."""
    for name, value in to_plain(limits).items():
        if not math.isfinite(value) or value <= 0:
            raise ValueError(f"limit {name} must be positive and finite; got {value}")
    return limits


def require_within(limits: Limits, bound: Limits) -> Limits:
    """Return `limits`, none of which may exceed that of `bound`; ValueError otherwise."""
    widest = to_plain(bound)
    for name, value in to_plain(require_sane(limits)).items():
        if value > widest[name]:
            raise ValueError(f"limit {name} is {value}; the slot was opened with {widest[name]}. Open it with more")
    return limits
