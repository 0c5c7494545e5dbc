"""What every chat must do, and what one that speaks to an OpenAI-compatible server must do besides."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias, TypeVar

import pytest

from discovery.llm import (
    CallFailed,
    CallKey,
    Chat,
    ChatError,
    ContextTooLong,
    Message,
    ParameterRefused,
    Refused,
    Reply,
    Request,
    Transient,
    Unauthorised,
    UnknownModel,
)
from discovery.testing.loopback import Answer, Asked, Loopback, completion, failure

__all__ = ["ChatConformance", "HttpChatConformance", "MakeChat", "request"]

_T = TypeVar("_T")

#: Makes a chat whose model answers every prompt with `answer(text of its last message)`.
MakeChat: TypeAlias = Callable[[Callable[[str], str]], Chat]

TEXTS = ["x = 1", "```python\nx = 1\n```\n", "Grüße, 世界 \U0001f600", "line\r\nline\ttab", "a" * 200_000]


def request(text: str = "One program, please.", proposal: int = 0, **fields: Any) -> Request:
    """A request with a system message and `text`."""
    messages = (Message("system", "You write programs."), Message("user", text))
    return Request(CallKey(proposal, "generate"), messages, **{"max_tokens": 1000, **fields})


def run(work: Coroutine[Any, Any, _T]) -> _T:
    """Run to the end, within a minute."""

    async def within() -> _T:
        async with asyncio.timeout(60):
            return await work

    return asyncio.run(within())


class ChatConformance:
    """Subclass it and define a fixture `make_chat` that returns a `MakeChat`."""

    @pytest.fixture
    def make_chat(self) -> MakeChat:
        """Makes the chat under test."""
        raise NotImplementedError

    @pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
    def test_the_text_comes_as_it_was_written(self, make_chat: MakeChat, text: str) -> None:
        """Not a character is added or lost, and something was counted."""

        async def ask() -> Reply:
            chat = make_chat(lambda prompt: text)
            try:
                return await chat.complete(request())
            finally:
                await chat.close()

        reply = run(ask())
        assert reply.text == text
        assert reply.usage.input_tokens > 0 and reply.usage.output_tokens > 0

    def test_everybody_gets_their_own_answer(self, make_chat: MakeChat) -> None:
        """Twenty requests at a time."""

        async def ask() -> list[Reply]:
            chat = make_chat(lambda prompt: f"about {prompt}")
            try:
                return await asyncio.gather(*(chat.complete(request(f"prompt {n}", n)) for n in range(20)))
            finally:
                await chat.close()

        assert [reply.text for reply in run(ask())] == [f"about prompt {n}" for n in range(20)]

    def test_a_request_can_be_given_up(self, make_chat: MakeChat) -> None:
        """A cancelled request leaves the chat in order; closing it twice, and a commit of any key, do no harm."""

        async def ask() -> str:
            chat = make_chat(lambda prompt: "yes")
            given_up = asyncio.create_task(chat.complete(request("first")))
            await asyncio.sleep(0)
            given_up.cancel()
            await asyncio.gather(given_up, return_exceptions=True)
            reply = await chat.complete(request("second", 1))
            chat.committed(CallKey(1, "generate"))
            chat.committed(CallKey(99, "generate"))
            await chat.close()
            await chat.close()
            return reply.text

        assert run(ask()) == "yes"


class HttpChatConformance(ChatConformance):
    """Subclass it and define `make_http_chat`, which makes a chat of model `m` for the address it is given."""

    @pytest.fixture
    def make_http_chat(self) -> Callable[[str], Chat]:
        """Makes the chat under test."""
        raise NotImplementedError

    @pytest.fixture
    def server(self) -> Any:
        """A server that answers `x = 1`."""
        with Loopback(lambda asked: completion("x = 1")) as server:
            yield server

    @pytest.fixture
    def make_chat(self, server: Loopback, make_http_chat: Callable[[str], Chat]) -> MakeChat:
        """By way of the server."""

        def make(answer: Callable[[str], str]) -> Chat:
            server.behaviour = lambda asked: completion(answer(asked.body["messages"][-1]["content"]))
            return make_http_chat(server.url)

        return make

    @pytest.fixture
    def ask(self, server: Loopback, make_http_chat: Callable[[str], Chat]) -> Callable[..., Reply]:
        """Asks once, of a server that behaves as told."""

        def once(behaviour: Callable[[Asked], Answer] | Answer, sent: Request | None = None) -> Reply:
            server.behaviour = behaviour if callable(behaviour) else lambda asked: behaviour

            async def work() -> Reply:
                chat = make_http_chat(server.url)
                try:
                    return await chat.complete(sent or request())
                finally:
                    await chat.close()

            return run(work())

        return once

    def test_what_is_sent(self, server: Loopback, ask: Callable[..., Reply]) -> None:
        """Model, messages and limits; a lone surrogate, which has no encoding, is replaced."""
        ask(completion("yes"), request("half a pair: \ud83d", max_tokens=321, temperature=0.5))
        (asked,) = server.asked
        assert asked.path == "/v1/chat/completions"
        assert asked.body["model"] == "m" and asked.body["temperature"] == 0.5
        assert asked.body["messages"][0] == {"role": "system", "content": "You write programs."}
        assert asked.body["messages"][1] == {"role": "user", "content": "half a pair: ?"}
        assert 321 in (asked.body.get("max_tokens"), asked.body.get("max_completion_tokens"))

    def test_small_servers_leave_things_out(self, ask: Callable[..., Reply]) -> None:
        """Missing usage is estimated, and said to be."""
        full = ask(completion("x" * 400))
        assert (full.usage.input_tokens, full.usage.output_tokens, full.usage.estimated) == (100, 50, False)
        assert (full.finish, full.model) == ("stop", "loopback")
        bare = ask(completion("x" * 400, usage=None, model=None))
        assert bare.usage.estimated and bare.usage.output_tokens == 100 and bare.usage.input_tokens > 5
        assert bare.text == "x" * 400

    @pytest.mark.parametrize(
        ("answer", "error"),
        [
            (failure(429, "slow down", retry_after="7"), Transient),
            (failure(500, "oops"), Transient),
            (failure(502, "bad gateway"), Transient),
            (failure(503, "loading model"), Transient),
            (Answer(b"<html>busy</html>", 503, {"content-type": "text/html"}), Transient),
            (Answer(b"\x00\xff not json", 200), Transient),
            (Answer(b'{"choices": [{"message": {"content": "cut o', 200), Transient),
            (Answer(b"[]", 200), Transient),
            (Answer(b"{}", 200), Transient),
            (completion("x" * 5000, cut=2000), Transient),
            (completion("x" * 5000, cut=0), Transient),
            (failure(401, "Incorrect API key provided"), Unauthorised),
            (failure(429, "You exceeded your current quota", code="insufficient_quota"), Unauthorised),
            (failure(404, "The model `m` does not exist", code="model_not_found"), UnknownModel),
            (
                failure(
                    400,
                    "This model's maximum context length is 4096 tokens. Your messages resulted in 5000 tokens.",
                    code="context_length_exceeded",
                ),
                ContextTooLong,
            ),
            (failure(400, "flagged by the content management policy", code="content_filter"), Refused),
            (failure(400, "I do not like it"), CallFailed),
        ],
        ids=lambda value: value.__name__ if isinstance(value, type) else "",
    )
    def test_failures_are_told_apart(self, ask: Callable[..., Reply], answer: Answer, error: type[ChatError]) -> None:
        """Each as its kind, with what the server said."""
        with pytest.raises(error) as caught:
            ask(answer)
        assert caught.type is error and caught.value.message

    def test_a_server_says_when_to_come_back(self, ask: Callable[..., Reply]) -> None:
        """`Retry-After` reaches the gateway."""
        with pytest.raises(Transient) as caught:
            ask(failure(429, "slow down", retry_after="7"))
        assert caught.value.retry_after == 7 and caught.value.busy

    def test_nobody_there(self, server: Loopback, make_http_chat: Callable[[str], Chat]) -> None:
        """A dead server is told from a failing one; when it is back, the same chat goes on."""

        async def work() -> None:
            chat = make_http_chat(server.url)
            server.stop()
            with pytest.raises(Transient) as caught:
                await chat.complete(request())
            assert caught.value.busy
            server.start()
            assert (await chat.complete(request())).text == "x = 1"
            await chat.close()

        run(work())

    def test_refused_parameters_are_left_out_from_then_on(
        self, server: Loopback, make_http_chat: Callable[[str], Chat]
    ) -> None:
        """Temperature, then the name of the limit: each costs one refusal, whatever number of requests follows."""

        def picky(asked: Asked) -> Answer:
            for name in ("temperature", "max_tokens"):
                if name in asked.body:
                    return failure(400, f"Unsupported parameter: '{name}' is not supported", param=name)
            return completion("yes")

        async def work() -> int:
            server.behaviour = picky
            chat, refusals = make_http_chat(server.url), 0
            for number in range(5):
                while True:
                    try:
                        assert (await chat.complete(request(proposal=number, temperature=0.3))).text == "yes"
                        break
                    except ParameterRefused as error:
                        assert error.name in ("temperature", "max_tokens")
                        refusals += 1
            await chat.close()
            return refusals

        assert run(work()) == 2
        assert len(server.asked) == 7

    def test_a_key_is_sent_and_nothing_else_of_the_environment(
        self, server: Loopback, ask: Callable[..., Reply]
    ) -> None:
        """The bearer token, and no second copy of it."""
        ask(completion("yes"))
        (asked,) = server.asked
        assert asked.headers["authorization"].startswith("Bearer ")
        assert asked.headers["authorization"].removeprefix("Bearer ") not in json.dumps(dict(asked.body))
