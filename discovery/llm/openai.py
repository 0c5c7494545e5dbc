"""Models behind an OpenAI-compatible server, through the openai client.

Only what majors 2 and 3 of the client have in common is used. The client is imported on first use (0.9 s), retries
nothing itself, and hands over the raw body. What it would do besides, checking each request and answer against its
types, costs CPU at every call, and trusts an answer more than small servers deserve.
"""

from __future__ import annotations

import asyncio
import os
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from discovery.llm._base import CallKey, ChatError, Reply, Request, Transient, Unauthorised
from discovery.llm._wire import Wire, connection_failure
from discovery.llm.refusals import OUTPUT_LIMITS

if TYPE_CHECKING:
    from openai import AsyncOpenAI

__all__ = ["KEY_VARIABLE", "OpenAIChat", "find_key"]

KEY_VARIABLE = "OPENAI_API_KEY"
_NO_KEY = "none"
_CONNECT_SECONDS = 20.0


def find_key(base_url: str | None, variable: str | None) -> str:
    """The key for a server; `"none"` for one of the user's own without a key.

    The usual variable is read for OpenAI itself, and for other servers over https or on this machine: over plain http
    to another machine, anybody on the way could read a key that was meant for somebody else.

    Raises:
        Unauthorised: the variable that was named is not set, or there is none for OpenAI itself, or it holds no key.
    """
    if variable is not None:
        if not os.environ.get(variable, "").strip():
            raise Unauthorised(f"the environment variable {variable}, named by llm.key_variable, is not set")
        return _sendable(os.environ[variable].strip(), variable)
    key = os.environ.get(KEY_VARIABLE, "").strip()
    if base_url is None:
        if not key:
            raise Unauthorised(
                f"no key: the environment variable {KEY_VARIABLE} is not set",
                hint=f"export {KEY_VARIABLE}=..., or --base-url for a server of your own, or --model queue",
            )
        return _sendable(key, KEY_VARIABLE)
    return _sendable(key, KEY_VARIABLE) if key and _is_safe(base_url) else _NO_KEY


def _sendable(key: str, variable: str) -> str:
    """`key`; Unauthorised where no header could carry it, as with quotes that an editor made round."""
    if key.isascii() and key.isprintable() and " " not in key:
        return key
    raise Unauthorised(f"the key in {variable} holds characters that no key has: spaces, line ends or other than ASCII")


def _is_safe(base_url: str) -> bool:
    parts = urlsplit(base_url)
    if parts.scheme == "https" or parts.hostname == "localhost":
        return True
    try:
        return ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


class OpenAIChat:
    """A model of an OpenAI-compatible server.

    Args:
        name: The model, as the server calls it.
        base_url: The server's address; None is OpenAI's.
        key: What is sent as key.
        timeout: Seconds for one reply.
    """

    free = False

    def __init__(self, name: str, *, base_url: str | None, key: str, timeout: float) -> None:
        self._name = name
        self._base_url = base_url
        self._key = key
        self._timeout = timeout
        self._client: AsyncOpenAI | None = None
        self._where = base_url or "OpenAI"
        # Servers that know one name only know the old one, which OpenAI's reasoning models refuse.
        self._wire = Wire(f"{name} at {self._where}", OUTPUT_LIMITS if base_url is None else OUTPUT_LIMITS[::-1])

    async def complete(self, request: Request) -> Reply:
        """See `Chat.complete`."""
        import openai

        client = self._open()
        arguments = self._wire.arguments(request)
        try:
            async with asyncio.timeout(self._timeout):
                body = {"model": self._name, **arguments}
                answer = await client.post("/chat/completions", cast_to=str, body=body)
        except TimeoutError:
            raise Transient(f"{self._where} gave no reply within {self._timeout:g} s", lost=True) from None
        except openai.APIStatusError as error:
            response = error.response
            raise self._wire.failure(response.status_code, response.text, response.headers, arguments) from None
        except openai.APIConnectionError as error:
            raise connection_failure(error, self._where) from None
        except openai.OpenAIError as error:
            raise ChatError(f"the openai client: {error}") from None
        return self._wire.reply(answer, request)

    def committed(self, key: CallKey) -> None:
        """Nothing is kept here."""

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()

    def _open(self) -> AsyncOpenAI:
        if self._client is None:
            from openai import AsyncOpenAI

            self._client = AsyncOpenAI(base_url=self._base_url, api_key=self._key, timeout=self._timeout, max_retries=0)
        return self._client
