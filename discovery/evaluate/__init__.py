"""Evaluator workers: judging programs in processes that hold no keys."""

from __future__ import annotations

from discovery.evaluate.pool import Pool

__all__ = ["Pool"]
