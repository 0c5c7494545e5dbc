"""What providers of chat completions share: the parameters that a server turned out to take, what its failures mean."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from discovery.llm._base import ChatError, Message, ParameterRefused, Reply, Request, Transient, UnknownModel
from discovery.llm.answers import read_completion
from discovery.llm.refusals import OUTPUT_LIMITS, SYSTEM_ROLE, Failure, read_failure

__all__ = ["Wire", "connection_failure"]

#: Beginnings of the names of errors that mean that nobody was reached. The classes differ between versions of clients.
_NOBODY = ("ConnectError", "ConnectTimeout", "ConnectionRefused", "ClientConnect", "ProxyError", "gaierror")
#: Of those that no patience mends: the address, the certificate or the key is wrong.
_WRONG = ("TooManyRedirects", "UnsupportedProtocol", "InvalidURL", "LocalProtocolError", "SSLCertVerificationError")
_WRONG_WORDS = ("CERTIFICATE_VERIFY_FAILED", "WRONG_VERSION_NUMBER", "redirect")


class Wire:
    """One model's side of the wire: makes the arguments of a request, reads what comes back, remembers refusals.

    Args:
        who: Names model and server in messages.
        limits: Names to try for the most tokens of a reply, the likeliest first.
    """

    def __init__(self, who: str, limits: tuple[str, ...] = OUTPUT_LIMITS) -> None:
        self._who = who
        self._limits = list(limits)
        self._most: int | None = None
        self._temperature = True
        self._system = True
        self._answered = False

    def arguments(self, request: Request) -> dict[str, Any]:
        """Messages and parameters as the server takes them."""
        found: dict[str, Any] = {"messages": self._messages(request)}
        if self._limits:
            found[self._limits[0]] = min(request.max_tokens, self._most or request.max_tokens)
        if self._temperature and request.temperature is not None:
            found["temperature"] = request.temperature
        return found

    def reply(self, body: bytes | str, request: Request) -> Reply:
        """The reply in the body of an answer of status 200.

        Raises:
            ChatError: as `failure`; some gateways wrap errors in an answer that says 200. A web page, from a server
            that has not answered before, is a wrong address.
        """
        try:
            data = json.loads(body)
        except (ValueError, RecursionError) as error:
            text = body if isinstance(body, str) else body.decode("utf-8", "replace")
            if not self._answered and text.lstrip()[:1] == "<":
                raise UnknownModel(
                    f"{self._who} answered with a web page: {text[:200]!r}",
                    hint="check --base-url: the address of a server usually ends in /v1",
                ) from error
            raise Transient(
                f"{self._who} answered with something that is not JSON: {text[:200]!r}", lost=True
            ) from error
        wrapped = data.get("error") if isinstance(data, Mapping) and not data.get("choices") else None
        if wrapped:
            code = wrapped.get("code") if isinstance(wrapped, Mapping) else None
            status = code if isinstance(code, int) and 400 <= code < 600 else 500
            raise self.failure(status, json.dumps(data), {}, self.arguments(request))
        reply = read_completion(data, request)
        self._answered = True
        return reply

    def failure(self, status: int, body: str, headers: Mapping[str, str], sent: Mapping[str, Any]) -> ChatError:
        """What an answer that is no reply means; a refused parameter is left out (or lowered) from now on."""
        optional = {name: float(value) for name, value in sent.items() if isinstance(value, int | float)}
        if any(message["role"] == "system" for message in sent["messages"]):
            optional[SYSTEM_ROLE] = 1.0
        lower = {name.lower(): value for name, value in headers.items()}
        error = read_failure(Failure(status, body, lower, optional), self._who)
        if isinstance(error, ParameterRefused) and error.lasting:
            self._learn(error)
            error.unlimited = not self._limits
        return error

    def _learn(self, refused: ParameterRefused) -> None:
        """Requests that were under way meet the same refusal again; only the first teaches anything."""
        if refused.name == "temperature":
            self._temperature = False
        elif refused.name == SYSTEM_ROLE:
            self._system = False
        elif refused.value is not None:
            self._most = min(refused.value, self._most or refused.value)
        elif refused.name in self._limits:
            self._limits.remove(refused.name)

    def _messages(self, request: Request) -> list[dict[str, str]]:
        messages = [{"role": message.role, "content": _sendable(message)} for message in request.messages]
        if self._system:
            return messages
        system = "\n\n".join(message["content"] for message in messages if message["role"] == "system")
        rest = [message for message in messages if message["role"] != "system"]
        if rest and rest[0]["role"] == "user" and system:
            rest[0] = {"role": "user", "content": f"{system}\n\n{rest[0]['content']}"}
            return rest
        return [{"role": "user", "content": system}, *rest] if system else rest


def _sendable(message: Message) -> str:
    """A lone surrogate, which a candidate can print, has no encoding."""
    return message.content.encode("utf-8", "replace").decode("utf-8")


def connection_failure(error: BaseException, who: str) -> ChatError:
    """What an error of the transport means, told by the names of its causes: Transient, but where the address can never
    be reached, UnknownModel."""
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and len(chain) < 20:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    what = next((text for found in reversed(chain) if (text := str(found).strip())), type(error).__name__)
    if any(type(found).__name__ in _WRONG for found in chain) or any(word in what for word in _WRONG_WORDS):
        return UnknownModel(
            f"{who} cannot be reached like this: {what[:200]}",
            hint="check --base-url: the address of a server usually ends in /v1, and begins with http:// or https://",
        )
    if any(type(found).__name__.startswith(_NOBODY) for found in chain):
        return Transient(f"{who} cannot be reached: {what[:200]}", busy=True)
    return Transient(f"{who} broke off its answer: {what[:200]}", lost=True)
