"""A slot around a warm process, whatever keeps it: start it, call it, replace it when it is lost or worn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar

from ._base import Answer, Array, Limits, SandboxError, Slot
from .exchange import Exchange
from .limits import require_within

__all__ = ["CALLS_PER_START", "WarmProcess", "WarmSlot"]

#: Calls after which the environment is made anew, against whatever might pile up in it unseen.
CALLS_PER_START = 1000

_Exchange = TypeVar("_Exchange", bound=Exchange)
_ExchangeIn = TypeVar("_ExchangeIn", bound=Exchange, contravariant=True)


class WarmProcess(Protocol[_ExchangeIn]):
    """A started environment. `usable`: whether there can be another call."""

    usable: bool

    def alive(self) -> bool:
        """Whether the warm process still runs."""

    def run(self, number: int, exchange: _ExchangeIn, limits: Limits) -> Answer:
        """One call."""

    def kill(self) -> None:
        """Kill everything in it and wait until it is dead. Idempotent."""


class WarmSlot(Slot, Generic[_Exchange]):
    """See `Slot`.

    Args:
        start: Starts an environment; it is warm when this returns.
        exchange: The kind of exchange that its `run` takes.
        limits: Bounds of every call.
        calls_per_start: Calls after which the environment is made anew; 1 where a candidate may leave something in a
            device, which is freed with the last process that used it.
    """

    def __init__(
        self,
        start: Callable[[], WarmProcess[_Exchange]],
        exchange: Callable[[Mapping[str, Any], Mapping[str, Array], Limits], _Exchange],
        limits: Limits,
        calls_per_start: int = CALLS_PER_START,
    ) -> None:
        self._start = start
        self._exchange = exchange
        self._limits = limits
        self._calls_per_start = calls_per_start
        self._calls = 0
        self._closed = False
        self._warm: WarmProcess[_Exchange] | None = start()

    def call(
        self,
        payload: Mapping[str, Any],
        arrays: Mapping[str, Array] | None = None,
        limits: Limits | None = None,
    ) -> Answer:
        """See `Slot`."""
        if self._closed:
            raise SandboxError("the slot is closed", hint="open another one")
        limits = self._limits if limits is None else require_within(limits, self._limits)
        with self._exchange(payload, arrays or {}, limits) as exchange:
            if self._warm is not None and (self._worn() or not self._warm.alive()):
                self._drop()  # if lost, then between calls: by no fault of this candidate
            if self._warm is None:
                self._warm = self._start()
            self._calls += 1
            try:
                answer = self._warm.run(self._calls, exchange, limits)
            except BaseException:  # Ctrl-C: a call may still be under way
                self._drop()
                raise
        if not self._warm.usable:
            self._drop()
        return answer

    def _worn(self) -> bool:
        return self._calls > 0 and self._calls % self._calls_per_start == 0

    def _drop(self) -> None:
        if self._warm is not None:
            warm, self._warm = self._warm, None
            warm.kill()

    def close(self) -> None:
        """See `Slot`."""
        self._closed = True
        self._drop()
