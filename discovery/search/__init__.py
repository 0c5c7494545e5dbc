"""Strategies that choose operators and parents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from discovery.search._base import Strategy
from discovery.search.best_of_n import BestOfN
from discovery.search.evolution import Evolution

if TYPE_CHECKING:
    from discovery.config import SearchConfig

__all__ = ["BestOfN", "Evolution", "Strategy", "make_strategy"]


def make_strategy(config: SearchConfig, seeds: Sequence[str]) -> Strategy:
    """The strategy that `config` names, for seed programs with these keys."""
    if config.strategy == "best_of_n":
        return BestOfN(seeds)
    return Evolution(
        seeds,
        population=config.population,
        tournament=config.tournament,
        crossover=config.crossover,
        edits=config.edits,
    )
