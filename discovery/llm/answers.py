"""Reading a chat completion defensively: what small servers leave out is estimated or left empty, never a crash."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from discovery.llm._base import Reply, Request, Transient, Usage
from discovery.llm.tokens import estimate_prompt, estimate_text

__all__ = ["read_completion"]

_SHOWN = 200


def read_completion(body: object, request: Request) -> Reply:
    """The reply in the body of a chat completion (parsed JSON).

    The text is the message's content: a string, or a list of parts whose texts are joined. Where that is empty, it is
    what the server put aside as a refusal, as arguments of a tool or as reasoning: some servers put everything there.
    Tokens that the server does not give (or gives as zero, which they never are) are estimated.

    Raises:
        Transient: this is no completion.
    """
    choice = _first_choice(body)
    if choice is None or not isinstance(body, Mapping):
        raise Transient(f"the server's answer is no chat completion: {str(body)[:_SHOWN]!r}", lost=True)
    message = choice.get("message")
    if not isinstance(message, Mapping):
        message = {"content": choice.get("text")}
    thought = _text(message.get("reasoning_content")) or _text(message.get("reasoning"))
    text = _text(message.get("content")) or _text(message.get("refusal")) or _arguments(message) or thought
    model, finish = body.get("model"), choice.get("finish_reason")
    return Reply(
        text=text,
        usage=_usage(body.get("usage"), request, text, thought),
        model=model if isinstance(model, str) else "",
        finish="filter" if finish == "content_filter" else finish if isinstance(finish, str) else "",
    )


def _first_choice(body: object) -> Mapping[str, Any] | None:
    choices = body.get("choices") if isinstance(body, Mapping) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, Mapping) and ("message" in first or "text" in first) else None


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = [part.get("text", "") if isinstance(part, Mapping) else part for part in content]
    return "".join(part for part in parts if isinstance(part, str))


def _arguments(message: Mapping[str, Any]) -> str:
    """What a model wrote as arguments of tools, which nobody had offered it."""
    calls = message.get("tool_calls")
    functions = [call.get("function") for call in calls if isinstance(call, Mapping)] if isinstance(calls, list) else []
    return "\n".join(_text(function.get("arguments")) for function in functions if isinstance(function, Mapping))


def _usage(usage: object, request: Request, text: str, thought: str) -> Usage:
    given = usage if isinstance(usage, Mapping) else {}
    prompt, completion = _count(given.get("prompt_tokens")), _count(given.get("completion_tokens"))
    details = given.get("prompt_tokens_details")
    cached = _count(details.get("cached_tokens")) if isinstance(details, Mapping) else 0
    # A reply may be empty, but then there is nothing to estimate either.
    spoken = text if text == thought else text + thought
    return Usage(
        input_tokens=prompt or estimate_prompt(request.messages),
        output_tokens=completion or estimate_text(spoken),
        estimated=not prompt or (not completion and bool(spoken)),
        cached_tokens=min(cached, prompt),
    )


def _count(value: object) -> int:
    """A number of tokens; 0 for whatever is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
        return 0
    return int(value)
