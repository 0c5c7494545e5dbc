"""Bundles: writing, reading and re-checking them."""

from __future__ import annotations

from discovery.export.bundle import default_name, provenance, read_bundle, seal, write_bundle
from discovery.export.verify import verify

__all__ = ["default_name", "provenance", "read_bundle", "seal", "verify", "write_bundle"]
