"""A server, a journal and gateways between them, in a time that passes only when somebody waits."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from discovery.config import LLMConfig, Price
from discovery.events import Event
from discovery.llm import Gateway, Limits, Redactor
from discovery.llm.openai import OpenAIChat
from discovery.store import Journal, RunMeta
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
