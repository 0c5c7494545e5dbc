"""Every provider passes the kit, against real servers and real files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from discovery.llm import Chat, ReplayChat, Reply, Request
from discovery.llm.litellm import LiteLLMChat
from discovery.llm.openai import OpenAIChat
from discovery.llm.queue import QueueChat
from discovery.store import Journal, ModelCall, RunMeta
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


class TestReplay(ChatConformance):
    @pytest.fixture
    def journal(self, tmp_path: Path, meta: RunMeta) -> Iterator[Journal]:
        with Journal.create(tmp_path / "run", meta) as journal:
            yield journal

    @pytest.fixture
    def make_chat(self, journal: Journal) -> MakeChat:
        class Recorded(ReplayChat):
            """Whose run was asked, just before, what it is asked now."""

            def __init__(self, answer: Callable[[str], str]) -> None:
                super().__init__(journal, "m")
                self._answer = answer

            async def complete(self, request: Request) -> Reply:
                journal.add_model_call(_recorded(request, self._answer(request.messages[-1].content)))
                return await super().complete(request)

        return Recorded


def _recorded(request: Request, text: str) -> ModelCall:
    prompt = tuple((message.role, message.content) for message in request.messages)
    details = {"model": "m", "finish": "stop", "estimated": False, "cached_tokens": 0}
    key = request.key
    return ModelCall(key.proposal, key.step, key.attempt, "m", prompt, text, 10, 5, 0.5, details)
