"""Durable state of runs: the journal, its lease, the folders in which runs live."""

from __future__ import annotations

from discovery.store.journal import Journal, Outcome, ProgramRow, ProposalRow, RunMeta

__all__ = ["Journal", "Outcome", "ProgramRow", "ProposalRow", "RunMeta"]
