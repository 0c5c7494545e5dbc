"""What every search strategy must do."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TypeAlias

import pytest

from discovery.model import Proposal, Verdict
from discovery.search import Strategy
from discovery.store import Outcome

__all__ = ["SEEDS", "MakeStrategy", "StrategyConformance", "tell_random"]

SEEDS = ("a" * 64, "b" * 64)

#: Makes a fresh strategy for seeds with these keys.
MakeStrategy: TypeAlias = Callable[[Sequence[str]], Strategy]


def tell_random(strategy: Strategy, rng: random.Random, count: int) -> set[str]:
    """Tell `count` random outcomes (scored, failed and rejected); the keys of those that were scored."""
    scored: set[str] = set()
    for index in range(count):
        key: str | None = f"{rng.randrange(count):064x}"
        kind = rng.randrange(4)
        if kind == 0:
            key, verdict = None, Verdict("rejected")
        elif kind == 1:
            verdict = Verdict("error")
        else:
            verdict = Verdict("scored", score=float(int(key or "", 16) % 11))
            scored.add(key or "")
        strategy.tell(Outcome(index + 1, Proposal(index, "mutate", (SEEDS[0],)), key, verdict))
    return scored


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
        """Told the same, with the same generator: the same proposals. This is what resume and replay rest on."""
        asked = []
        for _ in range(2):
            strategy = make_strategy(SEEDS)
            tell_random(strategy, random.Random(case), 10 * case)
            asked.append([strategy.ask(index, random.Random(index), 7) for index in range(2, 30)])
        assert asked[0] == asked[1]
        assert [(proposal.index, proposal.seen) for proposal in asked[0]] == [(index, 7) for index in range(2, 30)]

    @pytest.mark.parametrize("case", range(6))
    def test_parents_are_seeds_or_scored(self, make_strategy: MakeStrategy, case: int) -> None:
        """A failed program is never a parent."""
        strategy = make_strategy(SEEDS)
        allowed = tell_random(strategy, random.Random(case), 10 * case) | set(SEEDS)
        for index in range(2, 60):
            proposal = strategy.ask(index, random.Random(index), 0)
            assert set(proposal.parents) <= allowed and proposal.edits >= 1
            assert len(proposal.parents) == (2 if proposal.operator == "cross" else 1)
