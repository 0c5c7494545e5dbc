"""Conformance kits: a new language or strategy passes by subclassing a class here and supplying one fixture.

They need pytest, which the package itself does not depend on.
"""

from __future__ import annotations

from discovery.testing.language import LanguageConformance
from discovery.testing.strategy import StrategyConformance

__all__ = ["LanguageConformance", "StrategyConformance"]
