"""Models of any provider that litellm knows, through its client. An optional package, imported on first use (5 s).

litellm downloads a table of prices when it is imported; that is switched off. Two of its releases carried a stealer of
credentials; they are refused before they are imported.
"""

from __future__ import annotations

import asyncio
import json
import os
from importlib import metadata
from types import ModuleType
from typing import Any

from discovery.errors import EnvironmentMissing
from discovery.llm._base import CallFailed, CallKey, ChatError, ContextTooLong, Reply, Request, Transient, Unauthorised
from discovery.llm._wire import Wire, connection_failure

__all__ = ["LiteLLMChat", "load_litellm"]

_COMPROMISED = ("1.82.7", "1.82.8")


def load_litellm() -> ModuleType:
    """The package, imported.

    Raises:
        EnvironmentMissing: it is not installed, or is one of the compromised releases.
    """
    try:
        version = metadata.version("litellm")
    except metadata.PackageNotFoundError:
        raise EnvironmentMissing(
            "models named litellm/... need the package litellm", hint='pip install "discovery-agent[litellm]"'
        ) from None
    if version in _COMPROMISED:
        raise EnvironmentMissing(
            f"litellm {version} steals credentials and is not imported; treat the keys of this machine as known",
            hint='pip install --upgrade "discovery-agent[litellm]"',
        )
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    import litellm

    litellm.suppress_debug_info = True  # it prints advertisements for itself on standard output
    litellm.telemetry = False
    return litellm


class LiteLLMChat:
    """A model behind litellm.

    Args:
        name: `PROVIDER/NAME`, as litellm calls it.
        base_url: Another address than the provider's own, or None.
        key: Sent as key; None lets litellm find the provider's own variable.
        timeout: Seconds for one reply.
    """

    free = False

    def __init__(self, name: str, *, base_url: str | None, key: str | None, timeout: float) -> None:
        self._litellm = load_litellm()
        self._name = name
        self._options: dict[str, Any] = {"timeout": timeout, "num_retries": 0, "max_retries": 0}
        self._options |= {"api_base": base_url} if base_url else {}
        self._options |= {"api_key": key} if key else {}
        self._timeout = timeout
        self._wire = Wire(f"{name} (litellm)", ("max_tokens",))

    async def complete(self, request: Request) -> Reply:
        """See `Chat.complete`."""
        arguments = self._wire.arguments(request)
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._litellm.acompletion(model=self._name, **arguments, **self._options)
        except TimeoutError:
            raise Transient(f"{self._name} gave no reply within {self._timeout:g} s", lost=True) from None
        except Exception as error:
            raise self._failure(error, arguments) from None
        return self._wire.reply(json.dumps(answer.model_dump()), request)

    def _failure(self, error: Exception, arguments: dict[str, Any]) -> ChatError:
        """litellm's errors are the openai client's with a status of litellm's choosing, under messages of its own."""
        kind, message = type(error).__name__, str(error)
        if kind == "APIConnectionError" or "Connection error" in message:
            return connection_failure(error, self._name)
        if kind == "Timeout":
            return Transient(f"{self._name} gave no reply: {message[:400]}", lost=True)
        if kind == "AuthenticationError":
            return Unauthorised(f"{self._name}: {message[:400]}", hint="export the provider's key variable")
        status = getattr(error, "status_code", None)
        if kind == "APIError" and not isinstance(status, int):
            return Transient(f"{self._name}: {message[:400]}")  # an error in an answer that says 200
        if not isinstance(status, int):
            return ChatError(f"litellm raised {kind}: {message[:400]}")
        response = getattr(error, "response", None)
        headers = dict(getattr(response, "headers", None) or {})
        found = self._wire.failure(status, message, headers, arguments)
        if kind == "ContextWindowExceededError" and type(found) is CallFailed:
            return ContextTooLong(found.message)
        return found

    def committed(self, key: CallKey) -> None:
        """Nothing is kept here."""

    async def close(self) -> None:
        """Close the connections that litellm keeps."""
        await self._litellm.close_litellm_async_clients()
