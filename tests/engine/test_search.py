"""Strategies: invariants that hold for each, and what is particular to one."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.config import SearchConfig
from discovery.model import Verdict
from discovery.search import Evolution, Strategy, make_strategy
from discovery.search._base import geometric

SEEDS = ("a" * 64, "b" * 64)
STRATEGIES = ["evolution", "best_of_n"]

tellings = st.lists(st.tuples(st.integers(0, 30), st.none() | st.floats(-10, 10)), max_size=60)


def _strategy(name: str, **changes: Any) -> Strategy:
    return make_strategy(SearchConfig(strategy=name, **changes), SEEDS)  # type: ignore[arg-type]


def _told(strategy: Strategy, outcomes: list[tuple[int, float | None]]) -> Strategy:
    for number, score in outcomes:
        strategy.tell(f"{number:064x}", Verdict("error") if score is None else Verdict("scored", score=score))
    return strategy


@pytest.mark.parametrize("name", STRATEGIES)
@given(outcomes=tellings, index=st.integers(0, 1000))
def test_asks_are_a_function_of_what_was_told(name: str, outcomes: list[tuple[int, float | None]], index: int) -> None:
    asked = [_told(_strategy(name), outcomes).ask(index, random.Random(5), 7) for _ in range(2)]
    assert asked[0] == asked[1] and asked[0].index == index and asked[0].seen == 7


@pytest.mark.parametrize("name", STRATEGIES)
@given(outcomes=tellings)
def test_parents_are_seeds_or_scored(name: str, outcomes: list[tuple[int, float | None]]) -> None:
    strategy = _told(_strategy(name), outcomes)
    allowed = set(SEEDS) | {f"{number:064x}" for number, score in outcomes if score is not None}
    for index in range(2, 12):
        proposal = strategy.ask(index, random.Random(index), 0)
        assert set(proposal.parents) <= allowed and proposal.edits >= 1
        assert len(proposal.parents) == (2 if proposal.operator == "cross" else 1)


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_seeds_come_first(name: str) -> None:
    proposals = [_strategy(name).ask(index, random.Random(0), 0) for index in range(2)]
    assert [(proposal.operator, proposal.seed) for proposal in proposals] == [("seed", 0), ("seed", 1)]


def test_evolution_forgets_the_oldest_even_when_it_is_the_best() -> None:
    strategy = _strategy("evolution", population=5, tournament=50, crossover=0)
    _told(strategy, [(0, 9.0)])
    assert strategy.ask(2, random.Random(0), 0).parents == (f"{0:064x}",)
    _told(strategy, [(number, 1.0) for number in range(1, 6)])
    assert strategy.ask(2, random.Random(0), 0).parents != (f"{0:064x}",)


def test_tournaments_favour_the_better() -> None:
    strategy = _told(_strategy("evolution", population=50, crossover=0), [(n, float(n)) for n in range(30)])
    drawn = [int(strategy.ask(9, random.Random(n), 0).parents[0], 16) for n in range(300)]
    assert sum(drawn) / len(drawn) > 22


def test_best_of_n_never_leaves_the_seeds() -> None:
    strategy = _told(_strategy("best_of_n"), [(n, float(n)) for n in range(30)])
    assert {strategy.ask(n, random.Random(n), 0).parents for n in range(2, 60)} == {(seed,) for seed in SEEDS}


def test_choosing_costs_the_same_at_ten_thousand() -> None:
    def operations(told: int) -> int:
        strategy = Evolution(SEEDS, population=40, tournament=6, crossover=0.1, edits=1.5)
        _told(strategy, [(number, float(number % 97)) for number in range(told)])
        return len(strategy._alive)

    assert operations(100) == operations(10_000) == 40


@given(mean=st.floats(1, 8), seed=st.integers(0, 100))
def test_geometric_is_at_least_one(mean: float, seed: int) -> None:
    assert geometric(random.Random(seed), mean) >= 1


def test_geometric_has_its_mean() -> None:
    rng = random.Random(0)
    assert sum(geometric(rng, 3.0) for _ in range(20_000)) / 20_000 == pytest.approx(3.0, rel=0.05)
