"""Arithmetic of the values that a program computes: defined everywhere."""

from __future__ import annotations

import math

__all__ = ["quotient", "root"]


def quotient(above: float, below: float) -> float:
    """`above / below`, and 0 where `below` is 0."""
    return above / below if below else 0.0


def root(square: float) -> float:
    """The square root of `square`, and 0 of a negative number."""
    return math.sqrt(square) if square > 0 else 0.0
