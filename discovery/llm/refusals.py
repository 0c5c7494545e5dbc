"""What a server's error means. Servers agree on status codes, roughly, and on nothing else: their words are read.

The words are those of OpenAI, Azure, vLLM, llama.cpp, Ollama, LM Studio, litellm, Google's and Mistral's compatible
endpoints, as their sources and users report them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from discovery.llm._base import (
    CallFailed,
    ChatError,
    ContextTooLong,
    ParameterRefused,
    Refused,
    Transient,
    Unauthorised,
    UnknownModel,
)

__all__ = ["OUTPUT_LIMITS", "SYSTEM_ROLE", "Failure", "read_failure", "retry_after"]

#: Names under which servers take the most tokens of a reply.
OUTPUT_LIMITS = ("max_completion_tokens", "max_tokens")
#: Not a parameter, but refused like one: templates of some small models have no place for a system message.
SYSTEM_ROLE = "system message"

_SHOWN = 400
_BUSY = (408, 425, 429, 502, 503, 504, 529)
_NO_CREDIT = re.compile(
    r"insufficient[_ ](quota|credit|balance|funds)|exceeded your current quota|billing|out of credit"
)
_KEY = re.compile(r"api[ _-]?key|unauthori[sz]ed|authenticat|permission denied")
_CONTEXT = re.compile(
    r"context[ _](length|size|window)|maximum context|exceed_context|prompt is too long|input is too long|"
    r"too many (input )?tokens|input length|reduce the length|longer than the (maximum )?model"
)
_LIMIT = re.compile(
    r"(?:maximum context length (?:is|of)|context size \(|context window of|n_ctx\D{1,4}|maximum input length of"
    r"|maximum (?:number of tokens )?is|> )\s*(\d{3,8})"
)
_AT_MOST = re.compile(
    r"(?:at most|less than or equal to|maximum(?: value)? (?:is|of)|up to|<=|exceeds?)\s*:?\s*[`'\"]?(\d{1,8})"
)
#: A limit on prompt and reply together, and what was asked for, in the words of vLLM, of OpenAI and vLLM, of TGI and
#: Together, of Groq: named groups are the limit, and either the prompt or the whole and the reply.
_TOGETHER = tuple(
    re.compile(pattern)
    for pattern in (
        r"\(\s*\d+ > (?P<limit>\d+) - (?P<prompt>\d+)\s*\)",
        r"context length is (?P<limit>\d+) tokens\D{1,40}requested (?P<whole>\d+) tokens"
        r"[^)]{0,80}?(?P<reply>\d+) (?:in|for) (?:the|your) completion",
        r"must be <= (?P<limit>\d+)\W+given: (?P<prompt>\d+) `?inputs`? tokens",
        r"limit (?P<limit>\d+), requested (?P<whole>\d+)",
    )
)
_ALONE = re.compile(r"max_\w*tokens\W{1,3}(?:must be|should be|cannot exceed)")
_CONTENT = re.compile(r"content[_ ](filter|policy|management)|moderation|flagged|safety (system|polic)|harmful")
_NO_MODEL = re.compile(
    r"model_not_found|invalid model|unknown model|model not exist|not a valid model|model_decommissioned"
    r"|model\W+[^ ]{0,80}\W* (is )?(not found|does not exist|not exist|unknown)"
)
_SYSTEM = re.compile(r"system role|roles? must alternate|role 'system'|only user and assistant roles")


@dataclass(frozen=True)
class Failure:
    """An HTTP answer that is no reply.

    Attributes:
        status: HTTP status.
        body: As received: JSON or not.
        headers: With names in lower case.
        sent: Parameters that the request carried and that can be left out, with their values.
        room: Fewest tokens for a reply that are worth asking for.
    """

    status: int
    body: str
    headers: Mapping[str, str]
    sent: Mapping[str, float]
    room: int = 256


def read_failure(failure: Failure, who: str) -> ChatError:
    """What `failure` means; `who` names model and server in the message."""
    message, code, parameter = _said(failure.body)
    status, words = failure.status, f"{message} {code}".lower()
    said = f"{who} answered {status}: {message[:_SHOWN]}" if message else f"{who} answered {status} without a reason"
    if status == 402 or _NO_CREDIT.search(words):
        return Unauthorised(said, hint="the account has no credit left; add some, then resume")
    if status == 401 or (status == 403 and not _CONTENT.search(words)):
        return Unauthorised(said, hint="the key is missing, wrong or without rights; see llm.key_variable")
    # llama.cpp says 500 where the prompt is at fault.
    at_fault = status == 500 and (_CONTEXT.search(words) or _SYSTEM.search(words))
    if status in _BUSY or (status >= 500 and not at_fault):
        return Transient(said, retry_after=retry_after(failure.headers), busy=status in _BUSY)
    if status in (404, 405) or _NO_MODEL.search(words):
        return UnknownModel(said, hint="check the model's name; the address of a server usually ends in /v1")
    return _refusal(failure, said, words, parameter)


def _refusal(failure: Failure, said: str, words: str, parameter: str) -> ChatError:
    """The server understood, and does not want this request."""
    reply = _named(words, OUTPUT_LIMITS, failure.sent) or next((n for n in OUTPUT_LIMITS if n in failure.sent), "")
    together = next((found for pattern in _TOGETHER if (found := pattern.search(words))), None)
    if together and reply:
        room = _room(together, failure.sent[reply])
        if failure.room <= room < failure.sent[reply]:
            return ParameterRefused(said, name=reply, value=room, lasting=False)
    if not together and (parameter in OUTPUT_LIMITS or _ALONE.search(words)) and reply:
        most = _most(words, failure.sent[reply])
        if most is not None:
            return ParameterRefused(said, name=reply, value=most)
    if together or _CONTEXT.search(words) or failure.status == 413:
        found = _LIMIT.search(words)
        limit = int(together["limit"]) if together else int(found[1]) if found else None
        return ContextTooLong(said, hint="a shorter prompt, or a server started with a larger context", limit=limit)
    name = parameter if parameter in failure.sent else _named(words, failure.sent, failure.sent)
    if name:
        return ParameterRefused(
            said, name=name, value=_most(words, failure.sent[name]) if name in OUTPUT_LIMITS else None
        )
    if SYSTEM_ROLE in failure.sent and _SYSTEM.search(words):
        return ParameterRefused(said, name=SYSTEM_ROLE)
    if _CONTENT.search(words):
        return Refused(said)
    if _KEY.search(words):
        return Unauthorised(said, hint="the key is missing, wrong or without rights; see llm.key_variable")
    return CallFailed(said)


def _room(together: re.Match[str], asked: float) -> int:
    """Tokens that the limit leaves for a reply, of which `asked` were asked for."""
    said = {name: int(value) for name, value in together.groupdict().items() if value is not None}
    prompt = said["prompt"] if "prompt" in said else said["whole"] - said.get("reply", int(asked))
    return said["limit"] - prompt


def _named(words: str, names: Collection[str], sent: Mapping[str, float]) -> str:
    """The first of `names` that was sent and that the message speaks of."""
    return next((name for name in names if name in sent and re.search(rf"(?<!\w){name}(?!\w)", words)), "")


def _most(words: str, asked: float) -> int | None:
    """The largest value that the server says it takes, if that is less than what was asked for."""
    values = [int(number) for number in _AT_MOST.findall(words)]
    return next((value for value in values if 0 < value < asked), None)


def _said(body: str) -> tuple[str, str, str]:
    """Message, code and parameter in the body of an error, whatever its shape."""
    try:
        data: Any = json.loads(body)
    except (ValueError, RecursionError):
        return " ".join(re.sub(r"<[^>]{0,200}>", " ", body[:10_000]).split()), "", ""
    if isinstance(data, list) and data:
        data = data[0]
    if not isinstance(data, Mapping):
        return str(data), "", ""
    inner = data.get("error", data)
    if not isinstance(inner, Mapping):
        return str(inner), "", ""
    message = inner.get("message") or inner.get("detail") or inner.get("msg") or ""
    extra = " ".join(f"{name}: {inner[name]}" for name in ("n_ctx",) if name in inner)
    text = message if isinstance(message, str) else json.dumps(message)
    code = " ".join(str(inner[name]) for name in ("code", "type") if inner.get(name))
    parameter = inner.get("param")
    return " ".join(f"{text} {extra}".split()), code, parameter if isinstance(parameter, str) else ""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server asks to wait: `Retry-After` as seconds or as a date, or `retry-after-ms`."""
    for name, scale in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        try:
            seconds = float(value) * scale
        except ValueError:
            continue
        if 0 <= seconds < float("inf"):
            return seconds
    try:
        moment = parsedate_to_datetime(headers.get("retry-after", ""))
    except (TypeError, ValueError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
