"""The contract of the model gateway: messages in, one durable reply out.

Two levels. A `Chat` is one model at one provider: it sends one request once, and says what came of it in the terms of
this module. The `Gateway` stands in front of all of them and is what proposers call: it answers from the journal what
was paid already, keeps the budget, retries, waits out a dead endpoint, and commits every reply before it hands it over.

A key answers for one prompt. A resumed run has to compose the same prompt under the same key, so what a prompt is made
of (the proposal, the position up to which it saw outcomes) is committed before its first call.

What a caller of the gateway has to expect:

- `CallFailed` (and its kinds): *this* prompt got no usable answer. The outcome of one proposal, journaled under its key
  like a reply, so that a resumed or replayed run meets it again without asking.
- `BudgetReached`: a limit is spent. Nothing was asked. The run drains; what the proposal had got so far is kept, and
  a resume with a higher limit goes on with it. `Drained` is the same for a run that was told to stop.
- any other `ChatError`: the run cannot go on (endpoint dead, key refused, model unknown). No proposal is at fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, TypeAlias

from discovery.errors import DiscoveryError

__all__ = [
    "BudgetReached",
    "CallFailed",
    "CallKey",
    "Chat",
    "ChatError",
    "Completes",
    "ContextTooLong",
    "Drained",
    "Message",
    "NotRecorded",
    "OutOfService",
    "ParameterRefused",
    "PromptChanged",
    "Refused",
    "Reply",
    "Request",
    "Role",
    "Transient",
    "Unauthorised",
    "UnknownModel",
    "Usage",
]

Role: TypeAlias = Literal["system", "user", "assistant"]


@dataclass(frozen=True)
class Message:
    """One message of a conversation; `content` is plain text."""

    role: Role
    content: str


@dataclass(frozen=True)
class CallKey:
    """Names one call of a run. A key is paid once: asked again, also after a crash, it is answered from the journal.

    Attributes:
        proposal: Number of the proposal, from 0.
        step: What the call is for, such as `"generate"` or `"repair"`: lower-case letters, digits, `_` and `-`.
        attempt: From 0; counts calls of the same step for the same proposal.
    """

    proposal: int
    step: str
    attempt: int = 0

    def __str__(self) -> str:
        return f"{self.proposal}-{self.step}-{self.attempt}"


@dataclass(frozen=True)
class Usage:
    """Tokens of one call.

    Attributes:
        input_tokens: Of the prompt.
        output_tokens: Of the reply, reasoning included.
        estimated: Whether the server said nothing (or nonsense) and a number was estimated from the length of the text.
        cached_tokens: Part of `input_tokens` that the provider served from its cache, at a lower price.
    """

    input_tokens: int
    output_tokens: int
    estimated: bool = False
    cached_tokens: int = 0


@dataclass(frozen=True)
class Reply:
    """What a model answered.

    Attributes:
        text: The answer, as it came; may be empty.
        usage: Tokens.
        model: Name of the model as the server gave it.
        finish: `"stop"`, `"length"` (cut at the limit of tokens), `"filter"`, another word of the server's, or "" when
            it gave none.
        usd: Price of the call in US dollars; None when no price is known. Set by the gateway.
        reused: Whether the journal answered, so that nothing was paid now. Set by the gateway; not journaled.
    """

    text: str
    usage: Usage
    model: str
    finish: str = ""
    usd: float | None = None
    reused: bool = False


@dataclass(frozen=True)
class Request:
    """One request to a `Chat`.

    Attributes:
        key: The call it belongs to.
        messages: The prompt, at least one message.
        max_tokens: Most tokens that the reply may have, reasoning included, at least 1.
        temperature: Sampling temperature, at least 0; None leaves it to the server.
    """

    key: CallKey
    messages: Sequence[Message]
    max_tokens: int
    temperature: float | None = None


class Completes(Protocol):
    """What proposers call: the gateway, seen from above."""

    async def complete(
        self,
        key: CallKey,
        messages: Sequence[Message],
        *,
        model: str,
        max_tokens: int | None = None,
        temperature: float | None = None,
    ) -> Reply:
        """The reply to `messages` of the model that the run calls `model`, durable before it is returned.

        Args:
            key: Answered from the journal when it was paid already.
            messages: The prompt.
            model: Specification, as given with `--model`.
            max_tokens: Most tokens of the reply; by default `llm.max_output_tokens`.
            temperature: By default `llm.temperature`.

        Raises:
            CallFailed: the outcome of this call; see the head of this module.
            BudgetReached: nothing was asked.
            ChatError: the run cannot go on.
        """
        ...

    def drain(self) -> None:
        """Send nothing more: calls that wait raise `Drained`. Idempotent."""
        ...


class Chat(Protocol):
    """One model at one provider. Used from one event loop; any number of requests at a time.

    It holds no state that a crash could lose: the journal is the gateway's. It does not retry and does not wait.

    Attributes:
        free: Whether a request that is given up costs nothing and can be made again, so that a run that stops need not
            wait for its reply.
    """

    free: bool

    async def complete(self, request: Request) -> Reply:
        """Send `request` once.

        Raises:
            Transient: no reply this time (busy, unreachable, broken answer); the same request may succeed later.
            ParameterRefused: the server does not take a parameter, or not its value; it will be left out from now on.
            CallFailed: this prompt will not be answered, however often it is sent.
            ChatError: the run cannot go on.
        """
        ...

    def committed(self, key: CallKey) -> None:
        """The reply to `key` is in the journal: whatever the provider kept for it may go."""
        ...

    async def close(self) -> None:
        """Let connections go. Idempotent."""
        ...


class ChatError(DiscoveryError):
    """Root: something about a model call. As such, of a kind that ends the run."""


class CallFailed(ChatError):
    """This call got no usable answer while its model answers others: the outcome of one proposal, not of the run."""


class ContextTooLong(CallFailed):
    """The prompt (with room for the reply) does not fit the model.

    Args:
        limit: Tokens that the model takes, when the server said so.
    """

    def __init__(self, message: str, *, hint: str = "", limit: int | None = None) -> None:
        super().__init__(message, hint=hint)
        self.limit = limit


class Refused(CallFailed):
    """The provider refuses the content of this prompt. (A model that declines in words gives an ordinary reply.)"""


class Unauthorised(ChatError):
    """The key is missing, wrong, without rights, or its account has no credit left."""

    exit_code: ClassVar[int] = 5


class UnknownModel(ChatError):
    """The endpoint has no model of this name, or the path of its address is wrong."""

    exit_code: ClassVar[int] = 2


class OutOfService(ChatError):
    """The endpoint did not answer for as long as the run was told to wait. No proposal was burnt."""

    exit_code: ClassVar[int] = 5


class BudgetReached(ChatError):
    """A limit on spending is reached; nothing was asked.

    Args:
        limit: `"usd"`, `"tokens"` or `"calls"`.
    """

    def __init__(self, message: str, *, hint: str = "", limit: Literal["usd", "tokens", "calls"]) -> None:
        super().__init__(message, hint=hint)
        self.limit: Literal["usd", "tokens", "calls"] = limit


class PromptChanged(ChatError):
    """The journal holds another prompt under this key. The message shows the difference."""


class NotRecorded(ChatError):
    """Replay: the recorded run made no such call."""

    exit_code: ClassVar[int] = 3


class Transient(ChatError):
    """No reply this time. Handled by the gateway; proposers never see it.

    Args:
        retry_after: Seconds that the server asks to wait, or None.
        busy: The endpoint answers nobody just now (busy, down, unreachable), whatever the prompt; it is not this call's
            fault, however often it happens.
        lost: There may have been a reply, which was lost on its way: it may have been paid for.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        retry_after: float | None = None,
        busy: bool = False,
        lost: bool = False,
    ) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after
        self.busy = busy
        self.lost = lost


class ParameterRefused(ChatError):
    """A server does not take a parameter, or not its value. The chat has learnt it and leaves it out (or lowers it)
    from now on; the gateway sends the request again at once. Proposers never see it.

    Args:
        name: The parameter.
        value: The most that the server takes, when it said so.
        lasting: Whether that holds for every request; False: for this prompt, whose length leaves no more room.

    Attributes:
        unlimited: Whether nothing limits the length of replies any more; set by the chat.
    """

    def __init__(self, message: str, *, name: str, value: int | None = None, lasting: bool = True) -> None:
        super().__init__(message)
        self.name = name
        self.value = value
        self.lasting = lasting
        self.unlimited = False


class Drained(ChatError):
    """The run is stopping: this call was not sent, nothing was paid. A resume makes it."""
