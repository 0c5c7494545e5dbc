"""What every search strategy must do."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TypeAlias

import pytest

from discovery.model import MEASURE, Proposal, Verdict
from discovery.search import Strategy
from discovery.store import Outcome

__all__ = ["SEEDS", "MakeStrategy", "StrategyConformance", "tell_random"]

SEEDS = ("a" * 64, "b" * 64)

#: Makes a fresh strategy for seeds with these keys.
MakeStrategy: TypeAlias = Callable[[Sequence[str]], Strategy]

_CASES = ("one", "two", "three")


def tell_random(strategy: Strategy, rng: random.Random, count: int) -> set[str]:
    """Drive `strategy` for `count` proposals after the seeds, with made-up outcomes that lag behind by a few proposals;
    the keys of the programs that have a score, and that no measurement took it from.

    Outcomes are consistent, as a journal's are: a program's verdict stays what it was, and only what was asked to be
    measured again gets another replicate.
    """
    verdicts: dict[str, Verdict] = {}
    waiting: list[tuple[Proposal, str | None, Verdict]] = []
    scored: set[str] = set()
    told = 0
    for index in range(count + len(strategy.seeds)):
        proposal = strategy.ask(index, random.Random(rng.random()), told)
        if proposal.operator == MEASURE:
            key: str | None = proposal.parents[0]
            verdict = _verdict(rng, replicate=index)
        elif proposal.seed is not None:
            key = strategy.seeds[proposal.seed]
            verdict = verdicts.setdefault(key, _verdict(rng, status="scored"))
        elif rng.random() < 0.2:
            key, verdict = None, Verdict("rejected")
        else:
            key = f"{rng.randrange(10 * count):064x}"
            verdict = verdicts.setdefault(key, _verdict(rng))
        waiting.append((proposal, key, verdict))
        while len(waiting) > 3:
            told += 1
            proposal, key, verdict = waiting.pop(0)
            strategy.tell(Outcome(told, proposal, key, verdict, cost=rng.random() * bool(proposal.model)))
            if key is not None and verdict.score is None:
                scored.discard(key)
            elif key is not None and verdict.replicate == 0 and strategy.estimates.holds(key):
                scored.add(key)
    return scored


def _verdict(rng: random.Random, *, status: str = "", replicate: int = 0) -> Verdict:
    if status != "scored" and rng.random() < 0.2:
        return Verdict("error", stage="last", replicate=replicate)
    if status != "scored" and rng.random() < 0.2:
        return Verdict("scored", -rng.random() - 9, {"one": -9.0}, stage="first", replicate=replicate)
    cases = {name: rng.randrange(20) / 4 for name in _CASES}
    features = {"size": rng.randrange(1, 200), "state": rng.randrange(5)}
    score = sum(cases.values()) / len(cases)
    return Verdict("scored", score, cases, evidence={"features": features}, stage="last", replicate=replicate)


class StrategyConformance:
    """Subclass it and define a fixture `make_strategy` that returns a `MakeStrategy`."""

    @pytest.fixture
    def make_strategy(self) -> MakeStrategy:
        """The strategy under test."""
        raise NotImplementedError

    def test_the_seeds_come_first(self, make_strategy: MakeStrategy) -> None:
        """Proposals 0 to n-1 are the seeds."""
        proposals = [make_strategy(SEEDS).ask(index, random.Random(0), 0) for index in range(2)]
        assert [(proposal.operator, proposal.seed) for proposal in proposals] == [("seed", 0), ("seed", 1)]

    @pytest.mark.parametrize("case", range(6))
    def test_asks_are_a_function_of_what_was_told(self, make_strategy: MakeStrategy, case: int) -> None:
        """Told the same, with the same generator: the same proposals, asked for or not. On this rest resume, replay and
        the same run at any number of workers."""
        outcomes: list[Outcome] = []
        driven = make_strategy(SEEDS)
        tell, driven.tell = driven.tell, lambda outcome: outcomes.append(outcome) or tell(outcome)  # type: ignore
        tell_random(driven, random.Random(case), 40 * case)
        resumed = make_strategy(SEEDS)
        for outcome in outcomes:
            resumed.tell(outcome)
        asked = [[each.ask(index, random.Random(index), 7) for index in range(20, 60)] for each in (driven, resumed)]
        assert asked[0] == asked[1]
        assert [(proposal.index, proposal.seen) for proposal in asked[0]] == [(index, 7) for index in range(20, 60)]

    def test_asking_changes_nothing(self, make_strategy: MakeStrategy) -> None:
        """Proposals that are asked twice, or in another order, are the same."""
        strategy = make_strategy(SEEDS)
        tell_random(strategy, random.Random(1), 60)
        first = {index: strategy.ask(index, random.Random(index), 0) for index in range(70, 110)}
        again = {index: strategy.ask(index, random.Random(index), 0) for index in reversed(range(70, 110))}
        assert first == again

    @pytest.mark.parametrize("case", range(6))
    def test_parents_are_seeds_or_scored(self, make_strategy: MakeStrategy, case: int) -> None:
        """A failed program is never a parent, nor one that failed when it was measured again; two parents differ."""
        strategy = make_strategy(SEEDS)
        allowed = tell_random(strategy, random.Random(case), 40 * case) | set(SEEDS)
        for index in range(2, 100):
            proposal = strategy.ask(index, random.Random(index), 0)
            assert set(proposal.parents) <= allowed and proposal.edits >= 1
            wanted = {"init": 0, "cross": 2}.get(proposal.operator, 1)
            assert len(set(proposal.parents)) == len(proposal.parents) == wanted
            assert proposal.model in (*strategy.arms.models, "")
            assert bool(proposal.model) == (bool(strategy.arms.models) and proposal.operator != MEASURE)
