"""A server, a journal and gateways between them, in a time that passes only when somebody waits."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from discovery.config import LLMConfig, Price
from discovery.events import Event
from discovery.llm import BudgetReached, CallKey, Gateway, Limits, Message, Redactor
from discovery.llm.openai import OpenAIChat
from discovery.store import Journal, ModelCall, RunMeta
from discovery.testing.loopback import Loopback

META = RunMeta("toy-1", "toy", {}, {}, {}, "2026-01-02T15:04:05+00:00")
PRICE = Price(input=1000, output=2000)  # 100 tokens in, 50 out, as the loopback says: 20 cents a reply


class Clock:
    """Time that passes only when somebody waits."""

    def __init__(self) -> None:
        self.time = 0.0
        self.waits: list[float] = []

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.time += seconds
        await asyncio.sleep(0)


class Setting:
    """A server, a journal, and gateways between them."""

    def __init__(self, server: Loopback, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.clock = Clock()
        self.events: list[Event] = []
        Journal.create(folder, META).close()

    def journal(self, *, write: bool = False) -> Journal:
        return Journal.open(self.folder, write=write)

    def gateway(
        self,
        journal: Journal,
        *,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        prices: Mapping[str, Price | None] | None = None,
        models: tuple[str, ...] = ("m",),
        key: str = "sk-a-secret-of-the-user",
        **config: Any,
    ) -> Gateway:
        return Gateway(
            journal,
            {model: OpenAIChat(model, base_url=self.server.url, key=key, timeout=30) for model in models},
            LLMConfig(**config),
            prices=dict.fromkeys(models, PRICE) if prices is None else prices,
            limits=limits,
            emit=self.events.append,
            redactor=Redactor([key], {}),
            sleep=self.clock.sleep,
            now=self.clock.now,
        )

    def named(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def prompt_of(number: int) -> str:
    """The prompt of call `number`; no other call has it."""
    return f"prompt number {number}."


def make_calls(
    folder: Path, url: str, count: int, told: Any, kill: tuple[str, int] | None = None, most: int | None = None
) -> None:
    """In a process of its own: make calls 0 to `count` - 1, eight at a time and `most` in all, and tell `told` of each
    reply that is handed over.

    With `kill` = (where, n) the process kills itself at the n-th commit: `"before"` or `"after"` it, or once it is on
    the `"disk"`, before anybody is handed the reply.
    """
    commits = 0

    class Watched(Journal):
        def add_model_call(self, call: ModelCall) -> None:
            nonlocal commits
            commits += 1
            self._die("before")
            super().add_model_call(call)
            self._die("after")

        async def durable(self) -> None:
            await super().durable()
            self._die("disk")

        def _die(self, where: str) -> None:
            if kill is not None and where == kill[0] and commits >= kill[1]:
                os.kill(os.getpid(), signal.SIGKILL)

    async def work() -> None:
        with Watched.open(folder, write=True) as journal:
            chat = OpenAIChat("m", base_url=url, key="none", timeout=30)
            limits = Limits(calls=most)
            async with Gateway(journal, {"m": chat}, LLMConfig(), prices={"m": PRICE}, limits=limits) as gateway:

                async def one(number: int) -> None:
                    prompt = (Message("user", prompt_of(number)),)
                    with suppress(BudgetReached):
                        reply = await gateway.complete(CallKey(number, "generate"), prompt, model="m")
                        told.send((number, reply.text))

                await asyncio.gather(*(one(number) for number in range(count)))

    asyncio.run(work())
