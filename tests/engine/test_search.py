"""Strategies: the conformance kit for each, and what is particular to one."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.config import SearchConfig
from discovery.model import Proposal, Verdict
from discovery.search import BestOfN, Evolution, make_strategy
from discovery.search._base import geometric
from discovery.store import Outcome
from discovery.testing import StrategyConformance
from discovery.testing.strategy import SEEDS, MakeStrategy, tell_random


@pytest.mark.parametrize("name", ["evolution", "best_of_n"])
class TestEachStrategy(StrategyConformance):
    @pytest.fixture
    def make_strategy(self, name: str) -> MakeStrategy:
        config = SearchConfig(strategy=name, crossover=0.4)  # type: ignore[arg-type]
        return lambda seeds: make_strategy(config, seeds)


def _evolution(scores: list[float], population: int, tournament: int = 6) -> Evolution:
    strategy = Evolution(SEEDS, population=population, tournament=tournament, crossover=0, edits=1.5)
    for number, score in enumerate(scores):
        strategy.tell(Outcome(number + 1, Proposal(number, "mutate"), f"{number:064x}", Verdict("scored", score=score)))
    return strategy


def test_evolution_forgets_the_oldest_even_when_it_is_the_best() -> None:
    young = _evolution([9.0], population=5, tournament=50)
    assert young.ask(2, random.Random(0), 0).parents == (f"{0:064x}",)
    old = _evolution([9.0, 1.0, 1.0, 1.0, 1.0, 1.0], population=5, tournament=50)
    assert old.ask(2, random.Random(0), 0).parents != (f"{0:064x}",)


def test_tournaments_favour_the_better() -> None:
    strategy = _evolution([float(number) for number in range(30)], population=50)
    drawn = [int(strategy.ask(9, random.Random(number), 0).parents[0], 16) for number in range(300)]
    assert sum(drawn) / len(drawn) > 22


def test_best_of_n_never_leaves_the_seeds() -> None:
    strategy = BestOfN(SEEDS)
    tell_random(strategy, random.Random(0), 50)
    assert {strategy.ask(number, random.Random(number), 0).parents for number in range(2, 60)} == {
        (seed,) for seed in SEEDS
    }


@given(mean=st.floats(1, 8), seed=st.integers(0, 100))
def test_geometric_is_at_least_one(mean: float, seed: int) -> None:
    assert geometric(random.Random(seed), mean) >= 1


def test_geometric_has_its_mean() -> None:
    rng = random.Random(0)
    assert sum(geometric(rng, 3.0) for _ in range(20_000)) / 20_000 == pytest.approx(3.0, rel=0.05)
