"""Conformance kits: a new language, strategy or chat passes by subclassing a class here and supplying one fixture.

They need pytest, which the package itself does not depend on.
"""

from __future__ import annotations

from discovery.testing.chat import ChatConformance, HttpChatConformance, MakeChat
from discovery.testing.language import LanguageConformance
from discovery.testing.strategy import StrategyConformance

__all__ = ["ChatConformance", "HttpChatConformance", "LanguageConformance", "MakeChat", "StrategyConformance"]
