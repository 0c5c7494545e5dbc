"""What calls cost: the built-in table, the run's own prices before it, and litellm's table for its models."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from discovery.config import Price
from discovery.llm._base import Usage

__all__ = ["cost", "price_of"]

_MILLION = 1e6
_DATED = re.compile(r"-(\d{4}-\d{2}-\d{2}|\d{8})$")
#: Providers under which nobody is paid.
_FREE = ("queue",)


def price_of(model: str, own: Mapping[str, Price]) -> Price | None:
    """The price of `model` (a specification as given with `--model`), or None when none is known.

    The run's own prices come first, then the built-in table, then what litellm carries for its models. Each is asked
    for the whole name, for the name without its provider, and for the name without a date at its end.
    """
    if model in _FREE:
        return Price(input=0, output=0)
    names = _names(model)
    for name in names:
        if name in own:
            return own[name]
    table = _table()
    for name in names:
        if name in table:
            return Price(**table[name])
    if model.startswith("litellm/"):
        return next((price for name in names if (price := _litellm_price(name)) is not None), None)
    return None


def cost(price: Price | None, usage: Usage) -> float | None:
    """US dollars for `usage`; None without a price."""
    if price is None:
        return None
    cached = min(usage.cached_tokens, usage.input_tokens)
    reused = price.input if price.cached is None else price.cached
    paid = (usage.input_tokens - cached) * price.input + cached * reused + usage.output_tokens * price.output
    return paid / _MILLION


def _names(model: str) -> list[str]:
    """From the most to the least specific."""
    names = [model]
    while "/" in names[-1]:
        names.append(names[-1].partition("/")[2])
    return [*names, *(_DATED.sub("", name) for name in names if _DATED.search(name))]


@cache
def _table() -> dict[str, dict[str, float]]:
    return tomllib.loads(resources.files("discovery.llm").joinpath("prices.toml").read_text(encoding="utf-8"))


def _litellm_price(name: str) -> Price | None:
    entry = _litellm_table().get(name, {})
    known = {
        ours: entry[theirs] * _MILLION
        for ours, theirs in (
            ("input", "input_cost_per_token"),
            ("output", "output_cost_per_token"),
            ("cached", "cache_read_input_token_cost"),
        )
        if isinstance(entry.get(theirs), int | float)
    }
    return Price(**known) if {"input", "output"} <= known.keys() else None


@cache
def _litellm_table() -> dict[str, dict[str, Any]]:
    """Read from the installed package without importing it, which takes seconds."""
    package = find_spec("litellm")
    if package is None or package.origin is None:
        return {}
    file = Path(package.origin).with_name("model_prices_and_context_window_backup.json")
    try:
        table: dict[str, dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return table
