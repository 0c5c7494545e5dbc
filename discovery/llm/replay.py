"""Recorded replies of a run, by call key: the same run again, without a model."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from discovery.errors import DiscoveryError
from discovery.llm import _base
from discovery.llm._base import (
    CallFailed,
    CallKey,
    ContextTooLong,
    Message,
    NotRecorded,
    PromptChanged,
    Reply,
    Usage,
)
from discovery.store import Journal, ModelCall

__all__ = ["Recorded", "check_prompt", "recorded_error", "recorded_failure", "recorded_reply"]

_DIFF_LINES = 60


class Recorded:
    """Answers proposers from a journal that is only read: a gateway without models. See `Completes`.

    Args:
        journal: Of the recorded run.
        any_prompt: Answer by call key alone, also where the prompt is another than the recorded one.

    Attributes:
        any_prompt: As given.
        used: Replies given.
        changed: Those of them whose prompt was another.
    """

    def __init__(self, journal: Journal, *, any_prompt: bool = False) -> None:
        self._journal, self.any_prompt = journal, any_prompt
        self.used = 0
        self.changed = 0

    async def complete(
        self,
        key: CallKey,
        messages: Sequence[Message],
        *,
        model: str,
        max_tokens: int | None = None,
        temperature: float | None = None,
    ) -> Reply:
        """The recorded reply.

        Raises:
            NotRecorded: the run made no call of this key.
            PromptChanged: it made one with another prompt, or of another model.
            CallFailed: as recorded.
        """
        call = _recorded(self._journal, key)
        if self.any_prompt:
            self.changed += call.prompt != tuple((message.role, message.content) for message in messages)
        else:
            check_prompt(call, messages, model)
        self.used += 1
        failure = recorded_failure(call)
        if failure is not None:
            raise failure
        return recorded_reply(call, reused=True)

    def drain(self) -> None:
        """Nothing waits."""


def _recorded(journal: Journal, key: CallKey) -> ModelCall:
    """The call of this key. Raises NotRecorded."""
    call = journal.model_call(key.proposal, key.step, key.attempt)
    if call is None:
        made = [f"{other.step}-{other.attempt}" for other in journal.model_calls(key.proposal)]
        raise NotRecorded(
            f"run {journal.meta.name} holds no reply for model call {key}; for proposal "
            f"{key.proposal} it holds: {', '.join(made) or 'none'}",
            hint="the replay has left the path of the run: has the task, a prompt or a version changed?",
        )
    return call


def check_prompt(call: ModelCall, messages: Sequence[Message], model: str) -> None:
    """Raise PromptChanged, showing the difference, unless `call` was made with these messages and this model."""
    prompt = tuple((message.role, message.content) for message in messages)
    if call.prompt == prompt and call.model == model:
        return
    name = f"{call.proposal}-{call.step}-{call.attempt}"
    if call.model != model:
        raise PromptChanged(
            f"model call {name} was made of {call.model} and is now asked of {model}",
            hint="keep the models of a run, or start a new one",
        )
    lines = difflib.unified_diff(_lines(call.prompt), _lines(prompt), "recorded", "now", n=1, lineterm="")
    shown = list(lines)
    more = f"\n... {len(shown) - _DIFF_LINES} more lines" if len(shown) > _DIFF_LINES else ""
    raise PromptChanged(
        f"the prompt of model call {name} differs from the one that was answered:\n"
        + "\n".join(shown[:_DIFF_LINES])
        + more,
        hint="go back to the templates, task and version that the run was made with, or start a new run",
    )


def _lines(prompt: Sequence[tuple[str, str]]) -> list[str]:
    return [line for role, content in prompt for line in (f"[{role}]", *content.splitlines())]


def recorded_reply(call: ModelCall, *, reused: bool = False) -> Reply:
    """The reply that `call` holds."""
    usage = Usage(call.input_tokens, call.output_tokens, call.details["estimated"], call.details["cached_tokens"])
    return Reply(call.text, usage, call.details["model"], call.details["finish"], call.usd, reused)


def recorded_error(error: CallFailed) -> dict[str, Any]:
    """`error` as the journal keeps it."""
    limit = error.limit if isinstance(error, ContextTooLong) else None
    return {"kind": type(error).__name__, "message": error.message, "hint": error.hint, "limit": limit}


def recorded_failure(call: ModelCall) -> DiscoveryError | None:
    """The error that `call` ended with, or None when it holds a reply."""
    error = call.details.get("error")
    if error is None:
        return None
    kind: type[CallFailed] = getattr(_base, error["kind"])
    if kind is ContextTooLong:
        return ContextTooLong(error["message"], hint=error["hint"], limit=error["limit"])
    return kind(error["message"], hint=error["hint"])
