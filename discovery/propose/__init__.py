"""Proposers: what writes programs."""

from __future__ import annotations

from discovery.propose._base import Proposer
from discovery.propose.symbolic import Symbolic

__all__ = ["Proposer", "Symbolic"]
