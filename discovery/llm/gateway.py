"""The gateway: every model call of a run passes here.

What holds, also over `kill -9` and resume:

- A key is paid once. The reply is committed to the journal before anybody sees it, and answers from then on.
- Nothing paid is thrown away. A call belongs to the gateway, not to whoever waits for it: when the caller is cancelled,
  the reply is still received and committed.
- A limit is exceeded by at most one reply, also when replies are lost with a killed process (see `budget`).
- A dead endpoint costs nothing but time (see `patience`).
- No key of the environment gets into a prompt, the journal, an event or an error.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import cast

from discovery.config import LLMConfig, Price
from discovery.errors import DiscoveryError
from discovery.events import Alarm, Event, ModelReplied
from discovery.llm._base import (
    CallFailed,
    CallKey,
    Chat,
    ChatError,
    Drained,
    Message,
    OutOfService,
    ParameterRefused,
    PromptChanged,
    Reply,
    Request,
    Role,
    Transient,
    Usage,
)
from discovery.llm.budget import Amount, Budget, Limits, amount
from discovery.llm.patience import Patience, backoff
from discovery.llm.prices import cost
from discovery.llm.redact import Redactor
from discovery.llm.replay import check_prompt, recorded_error, recorded_failure, recorded_reply
from discovery.llm.tokens import prompt_bound
from discovery.model import JSON
from discovery.store import Journal, ModelCall

__all__ = ["Gateway"]

_UNBOUNDED = float("inf")
_MOST_REFUSALS = 10
#: Step of the calls that find out whether a model answers at all, the most tokens of their replies, and what is asked
#: of a model that has answered nothing yet.
_PROBE, _PROBE_TOKENS = "probe", 64
_GREETING = (Message("user", "Answer with the one word: ready"),)
#: Prompts in a row that are given up, each for its own sake; at one more it is the endpoint.
_MOST_GIVEN_UP = 10
#: What a call that failed is journaled as.
_NOTHING = Reply("", Usage(0, 0), "", usd=0.0)


@dataclass
class _Model:
    """One model of the run: how it is reached, what it costs, how it has behaved."""

    chat: Chat
    price: Price | None
    patience: Patience
    #: Whether it takes a limit on the tokens of its reply, as far as is known.
    limited: bool = True
    #: The dearest reply so far; None before there was one.
    dearest: Amount | None = None
    #: Prompts given up since one of the run was answered.
    given_up: int = 0
    noted: set[str] = field(default_factory=set)

    def learn(self, reply: Reply) -> None:
        """Take in what a reply cost."""
        seen, now = self.dearest or Amount(0.0, 0), amount(reply)
        self.dearest = Amount(max(seen.usd, now.usd), max(seen.tokens, now.tokens))

    def most(self, request: Request) -> Amount:
        """The most that a reply to `request` can cost. Until the model has answered once, nobody knows whether it keeps
        to what it is asked for: with a limit on spending its first call goes alone. People are trusted to."""
        if not self.chat.free and (self.dearest is None or not self.limited):
            return Amount(_UNBOUNDED, _UNBOUNDED)
        seen = self.dearest or Amount(0.0, 0)
        prompt = prompt_bound(request.messages)
        price = self.price or Price(input=0, output=0)
        usd = (prompt * price.input + request.max_tokens * price.output) / 1e6
        return Amount(max(usd, seen.usd), max(prompt + request.max_tokens, seen.tokens))


@dataclass
class _Call:
    """One call under way; `begun` from when it has a place, `sending` while the server may be at work on it and until
    its reply is committed, `stuck` from when it has failed too often."""

    model: str
    request: Request
    begun: bool = False
    sending: bool = False
    stuck: bool = False
    task: asyncio.Task[Reply] = field(init=False)


class Gateway:
    """Model calls of one run. An async context manager; used from one event loop, by any number of callers.

    Args:
        journal: Of the run, open for writing.
        chats: Model (as the run calls it) to its chat. The gateway closes them.
        config: See `LLMConfig`.
        prices: Model to its price, or None where none is known.
        limits: Totals of the run; what its journal holds counts.
        emit: Told what happens.
        redactor: By default one for this process's environment.
        sleep, now: Time, so that tests need not wait.
    """

    def __init__(
        self,
        journal: Journal,
        chats: Mapping[str, Chat],
        config: LLMConfig,
        *,
        prices: Mapping[str, Price | None],
        limits: Limits = Limits(),  # noqa: B008 - frozen
        emit: Callable[[Event], None] = lambda event: None,
        redactor: Redactor | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._journal = journal
        self._config = config
        self._emit = emit
        self._redactor = redactor or Redactor()
        self._sleep = sleep
        self._rng = random.Random()
        self._budget = Budget(limits, journal.spending())
        self._slots = asyncio.Semaphore(config.concurrency)
        self._calls: dict[CallKey, _Call] = {}
        self._draining = False
        self._models = {
            name: _Model(
                chat,
                prices.get(name),
                Patience(name, config.pause, self._tell, self._rng, sleep=sleep, now=now),
            )
            for name, chat in chats.items()
        }
        for name, (count, usd, tokens) in journal.dearest_replies().items():
            if name in self._models:
                self._models[name].patience.answers = count
                self._models[name].dearest = Amount(usd, tokens)
        for name, count in journal.sent().items():
            model = self._models.get(name)
            if model is not None and count > model.patience.answers:
                self._budget.lose(model.dearest, count - model.patience.answers)

    async def __aenter__(self) -> Gateway:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close(wait=error is None or isinstance(error, DiscoveryError))

    # Asking

    async def complete(
        self,
        key: CallKey,
        messages: Sequence[Message],
        *,
        model: str,
        max_tokens: int | None = None,
        temperature: float | None = None,
    ) -> Reply:
        """See `Completes.complete`."""
        clean = tuple(Message(message.role, self._redactor.text(message.content)) for message in messages)
        call = self._calls.get(key)
        if call is None:
            recorded = self._journal.model_call(key.proposal, key.step, key.attempt)
            if recorded is not None:
                return self._again(recorded, clean, model)
            request = Request(
                key,
                clean,
                max_tokens or self._config.max_output_tokens,
                self._config.temperature if temperature is None else temperature,
            )
            call = self._begin(request, model)
        elif (call.model, call.request.messages) != (model, clean):
            raise PromptChanged(f"model call {key} is under way already, with another prompt or of another model")
        try:
            return await asyncio.shield(call.task)
        except asyncio.CancelledError:
            if call.task.cancelled() and self._draining:
                raise Drained(f"the run stops before model call {key} was made") from None
            raise

    def _again(self, recorded: ModelCall, messages: Sequence[Message], model: str) -> Reply:
        """What the journal holds: a reply, or the error that the call ended with."""
        check_prompt(recorded, messages, model)
        if model in self._models:  # it may have been killed between the commit and this
            self._models[model].chat.committed(CallKey(recorded.proposal, recorded.step, recorded.attempt))
        failure = recorded_failure(recorded)
        if failure is not None:
            raise failure
        return recorded_reply(recorded, reused=True)

    def _begin(self, request: Request, model: str) -> _Call:
        if self._draining:
            raise Drained(f"the run stops before model call {request.key} was made")
        if model not in self._models:
            raise ChatError(f"model {model!r} is not one of this run: {', '.join(self._models)}")
        self._budget.check()
        call = _Call(model, request)
        call.task = asyncio.create_task(self._make(call))
        self._calls[request.key] = call
        call.task.add_done_callback(lambda task: self._ended(request.key, task))
        return call

    def _ended(self, key: CallKey, task: asyncio.Task[Reply]) -> None:
        del self._calls[key]
        if not task.cancelled():
            task.exception()  # whoever waited was told; if nobody did, that is no news either

    async def _make(self, call: _Call) -> Reply:
        """Reserve, send until there is a reply, commit."""
        model = self._models[call.model]
        async with self._slots:
            call.begun = True
            most = await self._budget.reserve(lambda: model.most(call.request))
            started = time.monotonic()
            reply: Reply | None = None
            try:
                reply = await self._reply(call, model)
                seconds = time.monotonic() - started
                await self._commit(call, reply, _details(reply, seconds))
            except CallFailed as error:
                await self._commit(call, _NOTHING, {"error": recorded_error(error)})
                raise
            finally:
                self._budget.settle(most, reply)
        model.learn(reply)
        model.given_up = 0
        model.chat.committed(call.request.key)
        self._tell(self._replied(call, reply, seconds))
        return reply

    async def _commit(self, call: _Call, reply: Reply, details: Mapping[str, JSON]) -> None:
        """Safe from a kill as soon as this is entered, from a power cut when it returns."""
        key, usage = call.request.key, reply.usage
        made = ModelCall(
            proposal=key.proposal,
            step=key.step,
            attempt=key.attempt,
            model=call.model,
            prompt=tuple((message.role, message.content) for message in call.request.messages),
            text=reply.text,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            usd=reply.usd,
            details=details,
        )
        with self._journal.deferred():
            self._journal.add_model_call(made)
        await self._journal.durable()

    def _replied(self, call: _Call, reply: Reply, seconds: float) -> ModelReplied:
        spent = self._budget.spent
        return ModelReplied(
            index=call.request.key.proposal,
            step=call.request.key.step,
            model=call.model,
            tokens=reply.usage.input_tokens + reply.usage.output_tokens,
            estimated=reply.usage.estimated,
            usd=reply.usd,
            seconds=seconds,
            total_calls=spent.calls,
            total_tokens=spent.tokens,
            total_usd=spent.usd,
            total_estimated=spent.estimated,
        )

    # Sending

    async def _reply(self, call: _Call, model: _Model) -> Reply:
        """Send until a reply comes.

        Raises:
            CallFailed: the server will not answer this prompt, or has failed at it while it answered others.
            OutOfService: the endpoint answers nobody, for too long.
            Drained: the run stops.
            ChatError: the run cannot go on.
        """
        before, tries, refusals = model.patience.answers, 0, 0
        while True:
            try:
                return await self._send(call, model)
            except ParameterRefused as error:
                refusals += 1
                if refusals > _MOST_REFUSALS:
                    raise ChatError(f"{call.model} refuses one parameter after the other: {error.message}") from None
                self._take_note(call, model, error)
                continue
            except Transient as error:
                tries += not error.busy
                call.stuck = tries > self._config.retries
                failed = CallFailed(f"no reply in {tries} tries, while others got theirs: {error.message}")
                if call.stuck and model.patience.answers > before:
                    raise self._gives_up(call, model, failed) from None
                busy = error.busy
            if self._draining:
                raise Drained(f"the run stops before model call {call.request.key} got a reply")
            if not busy:
                await self._sleep(backoff(tries, self._rng))
                if call.stuck and await self._answers_others(call, model):
                    raise self._gives_up(call, model, failed)

    def _gives_up(self, call: _Call, model: _Model, failed: CallFailed) -> ChatError:
        """The outcome of a prompt that is given up; the end of the run where none of many prompts is answered."""
        model.given_up += 1
        if model.given_up <= _MOST_GIVEN_UP:
            return failed
        return OutOfService(
            f"{call.model} answers, but not one of the last {model.given_up} prompts of this run: {failed.message}",
            hint="see to the endpoint; prompts that it fails at are counted as failed proposals",
        )

    async def _answers_anybody(self, call: _Call, model: _Model) -> bool:
        """Whether the model has answered any prompt of the run, those among them that are under way now."""
        while not model.patience.answers:
            others = [other for other in self._calls.values() if other.model == call.model and other is not call]
            sent = [other.task for other in others if other.sending]
            if not sent:
                return False
            await asyncio.wait(sent, return_when=asyncio.FIRST_COMPLETED)
        return True

    async def _answers_others(self, call: _Call, model: _Model) -> bool:
        """Whether it is the prompt of `call` that fails, and not the endpoint. Other calls would tell, unless they are
        stuck as well; where none would, the prompt that was answered last is sent again, or a greeting if none was, for
        a short reply that is paid and journaled like any."""
        others = (other for other in self._calls.values() if other.model == call.model and other is not call)
        if any(other.begun and not other.stuck for other in others):
            return False
        known = self._journal.last_reply(call.model)
        index = call.request.key.proposal
        number = sum(made.step == _PROBE for made in self._journal.model_calls(index))
        messages = _GREETING if known is None else _messages(known)
        most = min(_PROBE_TOKENS, call.request.max_tokens)
        probe = _Call(
            call.model, replace(call.request, key=CallKey(index, _PROBE, number), messages=messages, max_tokens=most)
        )
        call.sending, started = True, time.monotonic()
        try:
            reply = await self._send(probe, model)
            await self._commit(probe, reply, _details(reply, seconds := time.monotonic() - started))
        except (Transient, ParameterRefused, CallFailed):
            return False
        finally:
            call.sending = False
        self._budget.spend(reply)
        model.learn(reply)
        self._tell(self._replied(probe, reply, seconds))
        return True

    async def _send(self, call: _Call, model: _Model) -> Reply:
        """Send once, when it is this call's turn. Errors leave without keys."""
        async with model.patience.turn():
            call.sending = True
            self._count(call.model, model, 1)
            try:
                reply = await model.chat.complete(call.request)
            except ChatError as error:
                call.sending = False
                if isinstance(error, Transient) and error.lost:
                    self._budget.lose(model.dearest)
                else:
                    self._count(call.model, model, -1)
                self._redactor.error(error)
                if isinstance(error, Transient):
                    model.patience.failed(error)
                elif type(error) is CallFailed and not await self._answers_anybody(call, model):
                    # This prompt is not at fault, and the next would fare no better.
                    raise ChatError(error.message, hint=error.hint) from None
                raise
            model.patience.answered()
        usd = cost(model.price, reply.usage) if reply.usd is None else reply.usd
        clean = self._redactor.text
        return replace(reply, text=clean(reply.text), model=clean(reply.model), finish=clean(reply.finish), usd=usd)

    def _count(self, name: str, model: _Model, count: int) -> None:
        """Journal what may be paid for before it is, so that it counts even when this process is killed meanwhile."""
        if not model.chat.free:
            with self._journal.deferred():
                self._journal.add_sent(name, count)

    def _take_note(self, call: _Call, model: _Model, refused: ParameterRefused) -> None:
        """The chat has learnt it already; the person at the run is told once."""
        if not refused.lasting and refused.value is not None:
            call.request = replace(call.request, max_tokens=refused.value)
            return
        model.limited = model.limited and not refused.unlimited
        if refused.name in model.noted:
            return
        model.noted.add(refused.name)
        done = "left out" if refused.value is None else f"lowered to {refused.value:,}"
        alone = "; its replies have no limit now, so with a limit on spending its calls go one at a time"
        self._tell(
            Alarm(f"{call.model} does not take {refused.name!r} as asked; it is {done}{alone * refused.unlimited}")
        )

    def _tell(self, event: Event) -> None:
        self._emit(event)

    # Ending

    def drain(self) -> None:
        """Send nothing more. Calls that wait raise `Drained`; replies under way are awaited and committed, unless it
        costs nothing to give them up. Idempotent."""
        self._draining = True
        for call in list(self._calls.values()):
            if not call.sending or self._models[call.model].chat.free:
                call.task.cancel()

    async def close(self, *, wait: bool = True) -> None:
        """Drain, and let the connections go; with `wait`, what is being paid for is received and committed first.
        Idempotent."""
        self.drain()
        tasks = [call.task for call in self._calls.values()]
        if not wait:
            for task in tasks:
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for model in self._models.values():
            await model.chat.close()


def _messages(made: ModelCall) -> tuple[Message, ...]:
    return tuple(Message(cast(Role, role), content) for role, content in made.prompt)


def _details(reply: Reply, seconds: float) -> dict[str, JSON]:
    return {
        "model": reply.model,
        "finish": reply.finish,
        "estimated": reply.usage.estimated,
        "cached_tokens": reply.usage.cached_tokens,
        "seconds": round(seconds, 3),
    }
