"""How long to wait for an endpoint: back-off with jitter, a breaker that lets one call at a time try, and an end."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from discovery.events import Event, ModelPaused, ModelResumed
from discovery.llm._base import OutOfService, Transient

__all__ = ["Patience", "backoff"]

#: Rounds of failures in a row that open the breaker.
_TRIP = 3
_FIRST_SECONDS = 0.5
_LONGEST_SECONDS = 30.0


def backoff(failures: int, rng: random.Random) -> float:
    """Seconds to wait after so many failures in a row: it doubles, to a limit, and is spread."""
    longest = min(_LONGEST_SECONDS, _FIRST_SECONDS * 2.0 ** min(failures - 1, 30))
    return longest * rng.uniform(0.5, 1.0)


class Patience:
    """Waits out the failures of one model; every call takes its `turn`.

    After some failures in a row it is open: calls queue up, and one at a time tries whether the endpoint is back. The
    first reply closes it. Where the endpoint says when to come back, no call is sent before.

    Args:
        model: Name of the model, for messages.
        pause: Seconds without any reply after which to give up.
        emit: Told when the breaker opens and closes.
        rng: Spreads the waits of calls that failed together.
        sleep, now: Time, so that tests need not wait.

    Attributes:
        answers: Replies so far.
    """

    def __init__(
        self,
        model: str,
        pause: float,
        emit: Callable[[Event], None],
        rng: random.Random,
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.answers = 0
        self._model, self._pause, self._emit, self._rng = model, pause, emit, rng
        self._sleep, self._now = sleep, now
        self._rounds = 0
        self._since = 0.0
        self._not_before = 0.0
        self._open = False
        self._probe = asyncio.Lock()
        self._given_up: OutOfService | None = None

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """The right to send one request: at once, after the time the endpoint asked for, or as the one that tries.

        Raises:
            OutOfService: waiting is over.
        """
        await self._rest()
        if self._open:
            async with self._probe:
                await self._rest()
                if self._open:
                    yield
                    return
        yield

    async def _rest(self) -> None:
        while self._given_up is None and (left := self._not_before - self._now()) > 0:
            await self._sleep(left)
        if self._given_up is not None:
            raise self._given_up

    def answered(self) -> None:
        """A reply came."""
        self.answers += 1
        self._rounds = 0
        if self._open:
            self._open = False
            self._emit(ModelResumed(self._model, self._now() - self._since))

    def failed(self, error: Transient) -> None:
        """No reply came, for a reason that may pass.

        Raises:
            OutOfService: there was none for as long as the run may wait, or the server asks to wait longer.
        """
        now = self._now()
        if self._rounds == 0:
            self._since = now
        if now >= self._not_before:  # calls that failed together are one round
            self._rounds += 1
        left = self._since + self._pause - now
        asked = error.retry_after or 0.0
        if left <= 0 or asked > left:
            self._give_up(error, now - self._since, asked)
        opens = self._rounds >= _TRIP
        if error.busy or opens:
            wait = asked + backoff(self._rounds, self._rng)
            self._not_before = max(self._not_before, now + min(wait, left))
        if opens and not self._open:
            self._open = True
            self._emit(ModelPaused(self._model, error.message, left))

    def _give_up(self, error: Transient, waited: float, asked: float) -> None:
        why = f"asks to wait {asked:.0f} s" if asked else f"gave no reply for {waited:.0f} s"
        self._given_up = OutOfService(
            f"{self._model} {why}, and llm.pause allows {self._pause:g} s: {error.message}",
            hint=error.hint or "see to the endpoint; no proposal was lost to it",
        )
        raise self._given_up
