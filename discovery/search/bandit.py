"""How operator and model are chosen: by fixed odds, or by a bandit that learns from outcomes what pays."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from discovery.store import Outcome

if TYPE_CHECKING:
    from discovery.search.estimates import Estimates

__all__ = ["Arms", "Bandit"]

_OPERATORS = ("mutate", "cross")
#: Weight of what was learnt, per outcome: what pays changes as the programs get better.
DISCOUNT = 0.99
#: A share of the mean cost that even a free arm counts with, so that no arm is infinitely cheap.
_FLOOR = 0.1


class Arms:
    """Fixed odds.

    Args:
        crossover: Probability of a crossover; else a mutation.
        models: Names of the models, each as likely; empty for none.
    """

    def __init__(self, crossover: float = 0.0, models: Sequence[str] = ()) -> None:
        self.crossover = crossover
        self.models = tuple(models)

    def model(self, rng: random.Random) -> str:
        """A model for a proposal whose operator is given; "" without models."""
        return rng.choice(self.models) if self.models else ""

    def choose(self, rng: random.Random) -> tuple[str, str]:
        """Operator and model of the next proposal."""
        return _OPERATORS[rng.random() < self.crossover], self.model(rng)

    def tell(self, outcome: Outcome, before: Estimates) -> None:
        """Learn from an outcome; `before` has not been told it yet."""


@dataclass
class _Arm:
    """What is known of one arm: discounted wins and losses; tries, and their cost in total."""

    won: float = 0.0
    lost: float = 0.0
    tries: int = 0
    cost: float = 0.0


class Bandit(Arms):
    """Cost-aware Thompson sampling over operator x model.

    An outcome wins when it is a new program that scores above the best of its parents. Per arm, the rate of winning has
    the posterior Beta(1 + wins, 1 + losses); the arm with the greatest ratio of a draw from it to the arm's mean cost,
    in units of the mean over all arms, is chosen (Xia et al., "Thompson Sampling for Budgeted Multi-Armed Bandits",
    IJCAI 2015). Older outcomes are discounted, because what pays changes during a run (Raj and Kalyani,
    arXiv 1707.09727). All is derived from outcomes told, so a resumed run knows the same.
    """

    def __init__(self, models: Sequence[str] = ()) -> None:
        super().__init__(0.5, models)
        self._arms = {(operator, model): _Arm() for operator in _OPERATORS for model in self.models or ("",)}

    def choose(self, rng: random.Random) -> tuple[str, str]:
        """See `Arms.choose`."""
        costs = {key: arm.cost / arm.tries for key, arm in self._arms.items() if arm.tries}
        mean = sum(costs.values()) / len(costs) if costs else 0.0

        def promise(key: tuple[str, str], arm: _Arm) -> float:
            price = costs.get(key, mean) / mean if mean > 0.0 else 1.0
            return rng.betavariate(1.0 + arm.won, 1.0 + arm.lost) / (_FLOOR + price)

        return max((promise(key, arm), key) for key, arm in self._arms.items())[1]

    def tell(self, outcome: Outcome, before: Estimates) -> None:
        """See `Arms.tell`."""
        proposal, verdict = outcome.proposal, outcome.verdict
        arm = self._arms.get((proposal.operator, proposal.model))
        if arm is None:
            return
        best = max((before.value(parent) for parent in proposal.parents), default=float("-inf"))
        new = outcome.key is not None and not before.known(outcome.key)
        won = new and verdict.score is not None and verdict.score > best
        for each in self._arms.values():
            each.won, each.lost = DISCOUNT * each.won, DISCOUNT * each.lost
        arm.won += won
        arm.lost += not won
        arm.tries += 1
        arm.cost += outcome.cost
