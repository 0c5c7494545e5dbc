"""Proposers: what writes programs."""

from __future__ import annotations

from discovery.propose._base import Context, Draft, Parent, Proposer, Told
from discovery.propose.agent import Agent
from discovery.propose.memory import Memory
from discovery.propose.notebook import Notebook
from discovery.propose.prompts import Brief, Prompts, load_templates
from discovery.propose.symbolic import Symbolic

__all__ = [
    "Agent",
    "Brief",
    "Context",
    "Draft",
    "Memory",
    "Notebook",
    "Parent",
    "Prompts",
    "Proposer",
    "Symbolic",
    "Told",
    "load_templates",
]
