"""Every provider passes the kit, against real servers and real files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from discovery.llm import Chat, Reply, Request
from discovery.llm.litellm import LiteLLMChat
from discovery.llm.openai import OpenAIChat
from discovery.llm.queue import QueueChat
from discovery.testing import ChatConformance, HttpChatConformance, MakeChat


class TestOpenAI(HttpChatConformance):
    @pytest.fixture
    def make_http_chat(self) -> Callable[[str], Chat]:
        return lambda url: OpenAIChat("m", base_url=url, key="sk-secret-key", timeout=20)


class TestLiteLLM(HttpChatConformance):
    @pytest.fixture
    def make_http_chat(self) -> Callable[[str], Chat]:
        return lambda url: LiteLLMChat("openai/m", base_url=url, key="sk-secret-key", timeout=20)


class _Answered(QueueChat):
    """A queue with somebody who answers: whatever is put into the inbox gets its reply, in one go."""

    def __init__(self, folder: Path, answer: Callable[[str], str]) -> None:
        super().__init__(folder)
        self._answer = answer
        self._box = folder / "outbox"

    async def complete(self, request: Request) -> Reply:
        asking = asyncio.create_task(super().complete(request))
        self._box.mkdir(parents=True, exist_ok=True)
        text = self._answer(request.messages[-1].content)
        (self._box / f"{request.key}.md").write_bytes(text.encode())
        return await asking


class TestQueue(ChatConformance):
    @pytest.fixture
    def make_chat(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeChat:
        monkeypatch.setattr("discovery.llm.queue.SETTLED_SECONDS", 0.05)
        monkeypatch.setattr("discovery.llm.queue._POLL_SECONDS", 0.02)
        return lambda answer: _Answered(tmp_path, answer)
