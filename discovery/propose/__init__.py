"""Proposers: what writes programs."""

from __future__ import annotations

from discovery.propose._base import Context, Draft, Parent, Proposer, Told
from discovery.propose.memory import Memory
from discovery.propose.symbolic import Symbolic

__all__ = ["Context", "Draft", "Memory", "Parent", "Proposer", "Symbolic", "Told"]
