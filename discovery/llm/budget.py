"""Limits on spending, kept while replies are under way.

What is under way is reserved at the most it can cost. A call is let go while what is spent, and the most that the
others under way can still cost, stay below every limit. So a limit is exceeded by no more than one reply, the one that
crosses it; and a call that has to wait goes as soon as the others turned out cheaper than they might have been.

Replies that were lost on their way, to a broken connection or with a killed controller, may have been paid for: each
counts as the dearest that its model has given.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from discovery.llm._base import BudgetReached, Reply
from discovery.store import Spending

__all__ = ["Amount", "Budget", "Limits", "amount"]

_Limit = Literal["usd", "tokens", "calls"]


@dataclass(frozen=True)
class Limits:
    """Totals for a run, over all resumes; None is no limit."""

    usd: float | None = None
    tokens: int | None = None
    calls: int | None = None


@dataclass(frozen=True)
class Amount:
    """What one call costs, or at most costs (then possibly infinite)."""

    usd: float
    tokens: float


def amount(reply: Reply) -> Amount:
    """What `reply` cost."""
    return Amount(reply.usd or 0.0, reply.usage.input_tokens + reply.usage.output_tokens)


@dataclass
class Budget:
    """What a run may spend, has spent and has promised.

    Args:
        limits: See `Limits`.
        spent: What the journal holds.
        lost: What was lost on its way.
    """

    limits: Limits
    spent: Spending
    lost: Spending = field(default_factory=lambda: Spending(0, 0, 0.0, 0))
    _reserved: list[Amount] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def reserve(self, most: Callable[[], Amount]) -> Amount:
        """Promise a call that is about to be made the most that it can cost, as `most` says at that moment, and return
        that. Waits while it must not be made yet.

        Raises:
            BudgetReached: a limit is spent. Nothing is promised then.
        """
        while True:
            self.check()
            if self._fits():
                promised = most()
                self._reserved.append(promised)
                return promised
            self._changed.clear()
            await self._changed.wait()

    def settle(self, most: Amount, reply: Reply | None) -> None:
        """End the promise of `most`; what `reply` cost is spent. None: there was no reply."""
        self._reserved.remove(most)
        if reply is not None:
            self.spend(reply)
        self._changed.set()

    def spend(self, reply: Reply) -> None:
        """Count what `reply` cost."""
        paid = amount(reply)
        self.spent = Spending(
            calls=self.spent.calls + 1,
            tokens=self.spent.tokens + int(paid.tokens),
            usd=self.spent.usd + paid.usd,
            unpriced=self.spent.unpriced + (reply.usd is None),
            estimated=self.spent.estimated + reply.usage.estimated,
        )

    def lose(self, dearest: Amount | None, count: int = 1) -> None:
        """Count replies that were lost on their way; `dearest` is the dearest of their model, None before there was
        one."""
        each = dearest or Amount(0.0, 0)
        self.lost = Spending(
            calls=self.lost.calls + count,
            tokens=self.lost.tokens + count * int(each.tokens),
            usd=self.lost.usd + count * each.usd,
            unpriced=0,
        )
        self._changed.set()

    def check(self) -> None:
        """Raise BudgetReached when a limit is spent."""
        for name, limit, spent in self._measures():
            if spent >= limit:
                said = f"${spent:.4f} of ${limit:g}" if name == "usd" else f"{spent:,.0f} of {limit:,.0f} {name}"
                gone = f", with {self.lost.calls} replies that were lost on their way" if self.lost.calls else ""
                raise BudgetReached(
                    f"the limit on {name} is reached: {said} spent{gone}",
                    hint=f"a higher --max-{name} goes on",
                    limit=name,
                )

    def _fits(self) -> bool:
        promised = {
            "usd": sum(amount.usd for amount in self._reserved),
            "tokens": sum(amount.tokens for amount in self._reserved),
            "calls": len(self._reserved),
        }
        return all(spent + promised[name] < limit for name, limit, spent in self._measures())

    def _measures(self) -> list[tuple[_Limit, float, float]]:
        """Name, limit and what is spent of it."""
        found: list[tuple[_Limit, float | None, float]] = [
            ("usd", self.limits.usd, self.spent.usd + self.lost.usd),
            ("tokens", self.limits.tokens, self.spent.tokens + self.lost.tokens),
            ("calls", self.limits.calls, self.spent.calls + self.lost.calls),
        ]
        return [(name, limit, spent) for name, limit, spent in found if limit is not None]
