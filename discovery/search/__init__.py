"""Strategies that choose operators, models and parents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from discovery.errors import ConfigError
from discovery.search._base import Strategy
from discovery.search.bandit import Arms, Bandit
from discovery.search.best_of_n import BestOfN
from discovery.search.estimates import Estimates
from discovery.search.evolution import Evolution
from discovery.search.genetic import Genetic
from discovery.search.islands import Islands
from discovery.search.pareto import Pareto
from discovery.search.stopping import Stopping

if TYPE_CHECKING:
    from discovery.config import SearchConfig
    from discovery.task import Feature

__all__ = [
    "STRATEGIES",
    "BestOfN",
    "Estimates",
    "Evolution",
    "Genetic",
    "Islands",
    "Pareto",
    "Stopping",
    "Strategy",
    "make_strategy",
]

#: Name of a strategy, as in `SearchConfig`, to its class.
STRATEGIES: dict[str, type[Strategy]] = {
    "evolution": Evolution,
    "genetic": Genetic,
    "islands": Islands,
    "pareto": Pareto,
    "best_of_n": BestOfN,
}


def make_strategy(
    config: SearchConfig,
    seeds: Sequence[str],
    *,
    stage: str = "",
    features: Sequence[Feature] = (),
    models: Sequence[str] = (),
) -> Strategy:
    """The strategy that `config` names.

    Args:
        config: What to search with.
        seeds: Keys of the seed programs.
        stage: Name of the task's last stage.
        features: The task's features.
        models: Models that proposals may name; none without models.

    Raises:
        ConfigError: islands for a task that declares no features.
    """
    if config.strategy == "best_of_n":
        return BestOfN(seeds, models=models)
    assert config.crossover is not None
    options: dict[str, Any] = {
        "arms": Bandit(models) if models and config.bandit else Arms(config.crossover, models),
        "estimates": Estimates(stage),
        "edits": config.edits,
        "init": config.init if models else 0,
        "remeasure": config.remeasure,
    }
    if config.strategy == "pareto":
        return Pareto(seeds, **options)
    options["tournament"] = config.tournament
    if config.strategy == "islands":
        if not features:
            raise ConfigError(
                "islands need features to spread over, and this task declares none",
                hint="give the task `features`, or search with genetic, pareto or evolution",
            )
        spans: dict[str, Any] = {"islands": config.islands, "migrate": config.migrate, "reset": config.reset}
        return Islands(seeds, features=features, **spans, **options)
    options["population"] = config.population
    if config.strategy == "genetic":
        options["elite"] = config.elite
        return Genetic(seeds, **options)
    return Evolution(seeds, **options)
