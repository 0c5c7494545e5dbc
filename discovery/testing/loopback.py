"""An OpenAI-compatible server on this machine, for tests and benchmarks: real HTTP, and whatever can go wrong with it.

How it answers is a function from what was asked to an `Answer`, which says the status, the body, the wait before it,
and after how many bytes the connection breaks. It can be stopped and started again at the same address. It has a thread
and an event loop of its own.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Any, TypeAlias

__all__ = ["Answer", "Asked", "Behaviour", "Loopback", "completion", "failure"]

_HOST = "127.0.0.1"


@dataclass(frozen=True)
class Asked:
    """A request as it arrived.

    Attributes:
        number: From 0, in the order of arrival.
        path: Such as `/v1/chat/completions`.
        headers: Names in lower case.
        body: Parsed JSON.
    """

    number: int
    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def prompt(self) -> str:
        """The text of all messages."""
        return "\n".join(str(message["content"]) for message in self.body["messages"])


@dataclass(frozen=True)
class Answer:
    """How to answer.

    Attributes:
        body: What is sent.
        status: HTTP status.
        headers: Besides length and type.
        delay: Seconds before anything is sent; infinite for never.
        cut: Bytes of the body after which the connection is broken; None sends all of it.
    """

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    cut: int | None = None


Behaviour: TypeAlias = Callable[[Asked], Answer]


def completion(text: object, *, delay: float = 0.0, cut: int | None = None, **fields: object) -> Answer:
    """A chat completion whose message has content `text`; `fields` replace or (None) remove parts of the body."""
    usage = {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    body: dict[str, object] = {"id": "chat-1", "object": "chat.completion", "created": 0, "model": "loopback"}
    body |= {"choices": [choice], "usage": usage, **fields}
    kept = {name: value for name, value in body.items() if value is not None}
    return Answer(json.dumps(kept).encode(), delay=delay, cut=cut)


def failure(
    status: int, message: str = "", *, code: str | None = None, param: str | None = None, **headers: str
) -> Answer:
    """An error in OpenAI's shape; `headers` with `_` for `-`."""
    error = {"message": message, "type": "error", "code": code, "param": param}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(json.dumps({"error": error}).encode(), status, named)


class Loopback:
    """The server. A context manager that starts and stops it.

    Args:
        behaviour: May be replaced at any time. Called in the server's thread.

    Attributes:
        asked: Every request, in the order of arrival.
        served: Numbers of the requests whose answer of status 200 was sent whole.
        at_once, most_at_once: Requests that are under way together now, and the most that were.
    """

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.asked: list[Asked] = []
        self.served: list[int] = []
        self.most_at_once = 0
        self.at_once = 0
        self._port = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="loopback", daemon=True)

    @property
    def url(self) -> str:
        """The address to give to a client."""
        return f"http://{_HOST}:{self._port}/v1"

    def __enter__(self) -> Loopback:
        self._thread.start()
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def start(self) -> None:
        """Listen, at the address of last time if there was one."""
        self._run(self._listen())

    def stop(self) -> None:
        """Die: break every connection and refuse new ones. Idempotent."""
        self._run(self._die())

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._connected, _HOST, self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def _die(self) -> None:
        if self._server is None:
            return
        self._server.close()
        self._server = None
        tasks = list(self._open)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            while await self._exchange(reader, writer):
                pass
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(task)
            writer.transport.abort()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its answer; False when the connection is to be closed."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:]) if name}
        data = await reader.readexactly(int(headers.get("content-length", 0)))
        asked = Asked(len(self.asked), head[0].split()[1], headers, json.loads(data) if data else {})
        self.asked.append(asked)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            answer = self.behaviour(asked)
            await self._wait(answer.delay)
            writer.write(_head(answer) + answer.body[: answer.cut])
            await writer.drain()
        finally:
            self.at_once -= 1
        if answer.cut is not None:
            return False
        if answer.status == HTTPStatus.OK:
            self.served.append(asked.number)
        return True

    async def _wait(self, seconds: float) -> None:
        if seconds == float("inf"):
            await asyncio.Event().wait()
        elif seconds:
            await asyncio.sleep(seconds)


def _head(answer: Answer) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}", f"Content-Length: {len(answer.body)}"]
    given = {name.lower() for name in answer.headers}
    lines += [] if "content-type" in given else ["Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
