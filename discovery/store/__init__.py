"""Durable state of runs: the journal, its lease, the folders in which runs live."""

from __future__ import annotations

from discovery.store.hints import MAX_HINT, drop_hint, give_hint, waiting_hints
from discovery.store.journal import Journal
from discovery.store.layout import (
    CONTROL,
    all_runs,
    find_run,
    new_run_folder,
    runs_folder,
    series,
    series_name,
    split_program,
)
from discovery.store.lease import lease_holder
from discovery.store.rows import Asked, ModelCall, Outcome, ProgramRow, ProposalRow, RunMeta, Spending

__all__ = [
    "CONTROL",
    "MAX_HINT",
    "Asked",
    "Journal",
    "ModelCall",
    "Outcome",
    "ProgramRow",
    "ProposalRow",
    "RunMeta",
    "Spending",
    "all_runs",
    "drop_hint",
    "find_run",
    "give_hint",
    "lease_holder",
    "new_run_folder",
    "runs_folder",
    "series",
    "series_name",
    "split_program",
    "waiting_hints",
]
