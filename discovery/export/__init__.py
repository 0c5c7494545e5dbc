"""Bundles: writing, reading and re-checking them."""

from __future__ import annotations

from discovery.export.bundle import (
    default_name,
    misnumbered,
    provenance,
    read_bundle,
    seal,
    search_scores,
    write_bundle,
)
from discovery.export.verify import verify

__all__ = [
    "default_name",
    "misnumbered",
    "provenance",
    "read_bundle",
    "seal",
    "search_scores",
    "verify",
    "write_bundle",
]
