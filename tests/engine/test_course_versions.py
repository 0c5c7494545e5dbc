"""A run is taken up, or replayed, only by the choices that it began with; and choices do not change unsaid."""

from __future__ import annotations

import json
import random
from hashlib import sha256

import pytest

from discovery.config import SearchConfig
from discovery.search import STRATEGIES, make_strategy
from discovery.task import Feature
from discovery.testing.strategy import SEEDS, tell_random

FEATURES = (Feature("size", 1, 100, bins=10, log=True), Feature("state", 0, 4, bins=4))

#: Strategy to its version, and a digest of what it chooses in made-up runs.
CHOICES = {
    "evolution": (2, "2a2b503a4cd54170"),
    "genetic": (2, "888b006f3f8cb882"),
    "islands": (2, "762331c7e0994486"),
    "pareto": (2, "b8add2ef453ee0c3"),
    "best_of_n": (1, "7a28213b3c257fe2"),
}


def digest(name: str) -> str:
    """Of what a strategy asks for, driven with and without models."""
    asked = []
    for models in ((), ("cheap", "dear")):
        strategy = make_strategy(
            SearchConfig(strategy=name),  # type: ignore[arg-type]
            SEEDS,
            stage="last",
            features=FEATURES,
            models=models,
        )
        for case in range(4):
            tell_random(strategy, random.Random(case), 60)
            asked += [strategy.ask(index, random.Random(index), 7).to_json() for index in range(300, 360)]
    return sha256(json.dumps(asked).encode()).hexdigest()[:16]


@pytest.mark.parametrize("name", STRATEGIES)
def test_who_changes_the_choices_of_a_strategy_raises_its_version(name: str) -> None:
    """When this fails and is meant to: raise `version` of the strategy's class, and write the new digest above.
    Runs recorded under `examples/` with that strategy have to be recorded anew."""
    assert (STRATEGIES[name].version, digest(name)) == CHOICES[name]
