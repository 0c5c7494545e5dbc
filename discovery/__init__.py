"""discovery: an agent that discovers algorithms and proves or measures what it found."""

from __future__ import annotations

__version__ = "0.1.0"

__all__ = ["__version__"]
