"""The gateway's promises, paid once, nothing thrown away, limits kept, a dead endpoint burns nothing."""

from __future__ import annotations

import asyncio
import os
import re
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from model_setting import Setting

from discovery.events import Alarm, ModelPaused, ModelReplied, ModelResumed
from discovery.llm import (
    BudgetReached,
    CallFailed,
    CallKey,
    ChatError,
    ContextTooLong,
    Drained,
    Gateway,
    Limits,
    Message,
    OutOfService,
    PromptChanged,
    Reply,
    Unauthorised,
    UnknownModel,
)
from discovery.store import Journal
from discovery.testing.chat import run
from discovery.testing.loopback import Answer, Asked, completion, failure

PROMPT = (Message("system", "You write programs."), Message("user", "one"))


def prompt(text: str) -> tuple[Message, ...]:
    return (Message("user", text),)


async def ask(gateway: Gateway, number: int, model: str = "m", **options: Any) -> Reply:
    return await gateway.complete(CallKey(number, "generate"), prompt(f"p{number}"), model=model, **options)


async def ask_all(gateway: Gateway, numbers: Sequence[int]) -> list[Reply | BaseException]:
    return await asyncio.gather(*(ask(gateway, number) for number in numbers), return_exceptions=True)


# Paid once


def test_a_key_is_paid_once(setting: Setting) -> None:
    async def first() -> Reply:
        with setting.journal(write=True) as journal:
            async with setting.gateway(journal) as gateway:
                reply = await ask(gateway, 3)
                again = await ask(gateway, 3)
                assert again.reused and not reply.reused
                assert (again.text, again.usage, again.usd) == (reply.text, reply.usage, reply.usd)
                return reply

    reply = run(first())
    assert reply.text == "about p3" and reply.usd == pytest.approx(0.2)

    async def resumed() -> Reply:
        with setting.journal(write=True) as journal:
            async with setting.gateway(journal) as gateway:
                return await ask(gateway, 3)

    again = run(resumed())
    assert (again.text, again.usd, again.reused) == (reply.text, reply.usd, True)
    assert len(setting.server.asked) == 1


def test_a_key_asked_for_twice_at_a_time_is_paid_once(setting: Setting) -> None:
    async def work() -> None:
        with setting.journal(write=True) as journal:
            async with setting.gateway(journal) as gateway:
                replies = await ask_all(gateway, [5, 5, 5])
                assert {reply.text for reply in replies if isinstance(reply, Reply)} == {"about p5"}
                pending = asyncio.create_task(ask(gateway, 6))
                await asyncio.sleep(0)
                with pytest.raises(PromptChanged):
                    await gateway.complete(CallKey(6, "generate"), prompt("other"), model="m")
                await pending

    run(work())
    assert len(setting.server.asked) == 2


def test_another_prompt_under_a_paid_key_shows_the_difference(setting: Setting) -> None:
    async def work() -> None:
        with setting.journal(write=True) as journal:
            async with setting.gateway(journal, models=("m", "n")) as gateway:
                key = CallKey(0, "generate")
                await gateway.complete(key, prompt("same\nold line\nsame"), model="m")
                with pytest.raises(PromptChanged) as caught:
                    await gateway.complete(key, prompt("same\nnew line\nsame"), model="m")
                assert "0-generate-0" in caught.value.message
                assert "-old line" in caught.value.message and "+new line" in caught.value.message
                with pytest.raises(PromptChanged, match="made of m and is now asked of n"):
                    await gateway.complete(key, prompt("same\nold line\nsame"), model="n")

    run(work())
    assert len(setting.server.asked) == 1


def test_the_reply_is_committed_before_it_is_handed_over(setting: Setting) -> None:
    """A second reader sees it, at the moment the caller gets it."""

    async def work() -> None:
        with setting.journal(write=True) as journal, setting.journal() as reader:
            async with setting.gateway(journal) as gateway:

                async def one(number: int) -> None:
                    reply = await ask(gateway, number)
                    found = reader.model_call(number, "generate", 0)
                    assert found is not None and found.text == reply.text

                await asyncio.gather(*(one(number) for number in range(30)))

    run(work())


def test_the_reply_is_on_the_disk_before_it_is_handed_over(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller waits for a flush that began after the commit."""
    may_flush, flushed = threading.Event(), threading.Event()
    flush = os.fdatasync

    def slow(descriptor: int) -> None:
        may_flush.wait(30)
        flush(descriptor)
        flushed.set()

    async def work() -> None:
        with setting.journal(write=True) as journal, setting.journal() as reader:
            async with setting.gateway(journal) as gateway:
                monkeypatch.setattr(os, "fdatasync", slow)
                asking = asyncio.create_task(ask(gateway, 0))
                while reader.model_call(0, "generate", 0) is None:
                    await asyncio.sleep(0.001)
                again = asyncio.create_task(ask(gateway, 0))
                await asyncio.wait([asking, again], timeout=0.05)
                assert not asking.done() and not again.done() and not flushed.is_set()
                may_flush.set()
                assert (await asking).text == (await again).text == "about p0"
                assert flushed.is_set()

    run(work())


# Nothing paid is thrown away


def test_a_caller_that_gives_up_loses_nothing(setting: Setting) -> None:
    """However far the call is, what the server served is in the journal; the next to ask pays nothing."""

    async def work() -> None:
        setting.server.behaviour = lambda asked: completion("paid", delay=0.05)
        with setting.journal(write=True) as journal:
            async with setting.gateway(journal) as gateway:
                callers = [asyncio.create_task(ask(gateway, number)) for number in range(40)]
                for number, caller in enumerate(callers):
                    await asyncio.sleep(0.004 * (number % 5))
                    caller.cancel()
                await asyncio.gather(*callers, return_exceptions=True)
            recorded = {call.proposal for call in journal.model_calls()}
            assert len(setting.server.served) == len(recorded) > 0
            assert any(caller.cancelled() for caller in callers)

    run(work())


def test_when_the_run_drains_replies_under_way_are_kept_and_nothing_more_is_sent(setting: Setting) -> None:
    async def work() -> None:
        setting.server.behaviour = lambda asked: completion("paid", delay=0.2)
        with setting.journal(write=True) as journal:
            gateway = setting.gateway(journal, concurrency=3)
            callers = [asyncio.create_task(ask(gateway, number)) for number in range(10)]
            while len(setting.server.asked) < 3:
                await asyncio.sleep(0.01)
            gateway.drain()
            results = await asyncio.gather(*callers, return_exceptions=True)
            assert sum(isinstance(result, Reply) for result in results) == 3
            assert sum(isinstance(result, Drained) for result in results) == 7
            with pytest.raises(Drained):
                await ask(gateway, 20)
            assert (await ask(gateway, 0)).reused  # what was paid is still answered
            await gateway.close()
            assert journal.spending().calls == 3

    run(work())
    assert len(setting.server.asked) == 3


# Limits


@pytest.mark.parametrize(
    ("limits", "name", "replies"),
    [
        (Limits(usd=1.0), "usd", 5),
        (Limits(usd=1.01), "usd", 6),
        (Limits(tokens=1000), "tokens", 7),
        (Limits(calls=4), "calls", 4),
    ],
)
@pytest.mark.parametrize(("at_once", "most_tokens"), [(1, 1000), (8, 1000), (8, 1)])
def test_a_limit_is_exceeded_by_one_reply_at_most(
    setting: Setting, limits: Limits, name: str, replies: int, at_once: int, most_tokens: int
) -> None:
    """A reply costs 20 cents and 150 tokens here, whatever was asked for; also more than a server should give."""
    options = {"concurrency": at_once, "max_output_tokens": most_tokens}

    async def work() -> None:
        setting.server.behaviour = lambda asked: completion("paid", delay=0.005)
        with setting.journal(write=True) as journal:
            async with setting.gateway(journal, limits=limits, **options) as gateway:
                results = await ask_all(gateway, range(20))
        reached = [result for result in results if isinstance(result, BudgetReached)]
        assert len(reached) == 20 - replies and all(error.limit == name for error in reached)
        assert f"--max-{name}" in reached[0].hint

        with setting.journal(write=True) as journal:
            assert journal.spending().calls == replies  # every paid reply is there
            async with setting.gateway(journal, limits=limits) as gateway:  # limits are totals over resumes
                with pytest.raises(BudgetReached):
                    await ask(gateway, 30)
                paid = next(journal.model_calls()).proposal
                assert (await ask(gateway, paid)).reused

    run(work())
    assert len(setting.server.asked) == replies


def test_dear_replies_under_way_count_at_their_most(setting: Setting) -> None:
    """Prices differ by a factor of 300 between replies: what is under way may turn out as dear as was allowed."""

    def behave(asked: Asked) -> Answer:
        tokens = 3000 if asked.number else 10
        return completion("x", delay=0.01, usage={"prompt_tokens": 10, "completion_tokens": tokens})

    async def work() -> None:
        setting.server.behaviour = behave
        with setting.journal(write=True) as journal:
            limits = Limits(usd=20.0)
            async with setting.gateway(journal, limits=limits, max_output_tokens=3000) as gateway:
                await ask_all(gateway, range(40))
            costs = [call.usd or 0.0 for call in journal.model_calls()]
            assert sum(costs) >= 20.0 and sum(costs) - max(costs) < 20.0

    run(work())


def test_without_a_limit_calls_go_together(setting: Setting) -> None:
    async def work() -> None:
        setting.server.behaviour = lambda asked: completion("x", delay=0.1)
        with setting.journal(write=True) as journal:
            async with setting.gateway(journal, concurrency=6) as gateway:
                await ask_all(gateway, range(18))

    run(work())
    assert setting.server.most_at_once == 6


def test_a_run_far_from_its_limit_calls_together(setting: Setting) -> None:
    async def work() -> None:
        setting.server.behaviour = lambda asked: completion("x", delay=0.1)
        with setting.journal(write=True) as journal:
            async with setting.gateway(journal, concurrency=6, limits=Limits(usd=1e6)) as gateway:
                await ask_all(gateway, range(18))

    run(work())
    assert setting.server.most_at_once == 6


def test_an_unknown_price_is_no_price(setting: Setting) -> None:
    async def work() -> None:
        with setting.journal(write=True) as journal:
            async with setting.gateway(journal, prices={}) as gateway:
                assert (await ask(gateway, 0)).usd is None
            assert (journal.spending().usd, journal.spending().unpriced) == (0.0, 1)

    run(work())


def test_replies_that_are_lost_on_their_way_count(setting: Setting) -> None:
    """Broken off, or given up while the server is at work: they may have been paid for. A refusal was not."""

    def behave(asked: Asked) -> Answer:
        if asked.number == 1:
            return completion("lost", cut=30)
        if asked.number == 3:
            return failure(503, "busy")
        return completion("paid", delay=float("inf") if "p5" in asked.prompt else 0.0)

    async def broken() -> None:
        with setting.journal(write=True) as journal:
            async with setting.gateway(journal, limits=Limits(calls=5)) as gateway:
                for number in range(3):
                    await ask(gateway, number)
                assert journal.sent() == {"m": 4}

    async def given_up() -> None:
        with setting.journal(write=True) as journal:
            gateway = setting.gateway(journal, limits=Limits(calls=5))
            asking = asyncio.create_task(ask(gateway, 5))
            while len(setting.server.asked) < 6:
                await asyncio.sleep(0.01)
            await gateway.close(wait=False)
            with pytest.raises(Drained):
                await asking

    async def counted() -> None:
        with setting.journal(write=True) as journal:
            async with setting.gateway(journal, limits=Limits(calls=5)) as gateway:
                with pytest.raises(BudgetReached, match="5 of 5 calls spent, with 2 replies that were lost"):
                    await ask(gateway, 6)
            async with setting.gateway(journal, limits=Limits(usd=1.0)) as gateway:
                with pytest.raises(BudgetReached, match=r"\$1\.0000 of \$1 spent"):  # three replies and two lost ones
                    await ask(gateway, 6)
            async with setting.gateway(journal, limits=Limits(calls=6)) as gateway:
                await ask(gateway, 6)

    setting.server.behaviour = behave
    run(broken())
    run(given_up())
    run(counted())


def test_a_dead_endpoint_uses_up_no_limit(setting: Setting) -> None:
    async def work() -> None:
        setting.server.stop()
        with setting.journal(write=True) as journal:
            async with setting.gateway(journal, pause=30, limits=Limits(calls=3)) as gateway:
                assert all(isinstance(result, OutOfService) for result in await ask_all(gateway, range(8)))
            assert journal.sent() == {"m": 0}

    run(work())


# Endpoints that fail


def test_passing_failures_are_waited_out(setting: Setting) -> None:
    """429, 500, garbage, half a body, and at last a reply; each wait is longer than the last, and none is the same."""
    answers = [
        failure(429, "slow down"),
        failure(500, "oops"),
        Answer(b"garbage"),
        completion("half", cut=20),
        failure(503, "loading"),
    ]

    async def work() -> None:
        setting.server.behaviour = lambda asked: (
            answers[asked.number] if asked.number < len(answers) else completion("at last")
        )
        with setting.journal(write=True) as journal:
            async with setting.gateway(journal) as gateway:
                assert (await ask(gateway, 0)).text == "at last"
            assert journal.spending().calls == 1

    run(work())
    waits = setting.clock.waits
    assert len(waits) >= 5 and len(set(waits)) == len(waits) and sum(waits) >= 1.25
    assert len(setting.named(ModelPaused)) == 1 and len(setting.named(ModelResumed)) == 1


def test_retry_after_is_honoured_by_all_calls(setting: Setting) -> None:
    """One call is told to wait 40 s: no call of that model is sent before."""
    times: list[float] = []

    def behave(asked: Asked) -> Answer:
        times.append(setting.clock.time)
        return failure(429, "slow down", retry_after="40") if asked.number == 0 else completion("yes")

    async def work() -> None:
        setting.server.behaviour = behave
        with setting.journal(write=True) as journal:
            async with setting.gateway(journal) as gateway:
                first = asyncio.create_task(ask(gateway, 0))
                while not setting.clock.waits:
                    await asyncio.sleep(0.001)
                await asyncio.gather(first, *(ask(gateway, number) for number in range(1, 6)))

    run(work())
    assert times[0] == 0 and len(times) == 7 and min(times[1:]) >= 40


def test_a_dead_endpoint_ends_the_run_and_burns_nothing(setting: Setting) -> None:
    async def work() -> None:
        setting.server.stop()
        with setting.journal(write=True) as journal:
            async with setting.gateway(journal, pause=120) as gateway:
                results = await ask_all(gateway, range(12))
            assert all(isinstance(result, OutOfService) for result in results)
            assert all(getattr(result, "exit_code", 0) == 5 for result in results)
            assert journal.spending().calls == 0 and not list(journal.model_calls())
        setting.server.start()
        with setting.journal(write=True) as journal:
            async with setting.gateway(journal) as gateway:
                assert all(isinstance(result, Reply) for result in await ask_all(gateway, range(12)))

    run(work())
    assert 115 <= setting.clock.time <= 135
    (paused,) = setting.named(ModelPaused)
    assert paused.model == "m" and "cannot be reached" in paused.message and paused.seconds > 100
    assert len(setting.server.asked) == 12


def test_an_endpoint_that_fails_everybody_burns_nothing_either(setting: Setting) -> None:
    """500 to everything, for as long as the run waits: no call is at fault."""

    async def work() -> None:
        setting.server.behaviour = lambda asked: failure(500, "out of memory")
        with setting.journal(write=True) as journal:
            async with setting.gateway(journal, pause=60, retries=2) as gateway:
                results = await ask_all(gateway, range(4))
            assert all(isinstance(result, OutOfService) and "out of memory" in str(result) for result in results)
            assert not list(journal.model_calls())

    run(work())


def test_an_open_breaker_lets_one_call_try(setting: Setting) -> None:
    """While the endpoint is down, eight calls send what one would; then all go on."""
    together: list[int] = []

    def behave(asked: Asked) -> Answer:
        if asked.number >= 40:
            return completion("up")
        if setting.named(ModelPaused):
            together.append(setting.server.at_once)
        return replace(failure(503, "down"), delay=0.003)

    async def work() -> None:
        setting.server.behaviour = behave
        with setting.journal(write=True) as journal:
            async with setting.gateway(journal, concurrency=8, pause=100_000) as gateway:
                results = await ask_all(gateway, range(8))
        assert all(isinstance(result, Reply) for result in results)

    run(work())
    alone = together[16:]  # before them came also those that were under way when the breaker opened
    assert len(alone) >= 8 and set(alone) == {1}
    assert len(setting.named(ModelPaused)) == 1 and len(setting.named(ModelResumed)) == 1


def test_a_call_that_fails_while_others_succeed_is_the_outcome_of_its_proposal(setting: Setting) -> None:
    def behave(asked: Asked) -> Answer:
        return failure(500, "this one crashes me") if "p3" in asked.prompt else completion("fine")

    async def work() -> None:
        setting.server.behaviour = behave
        with setting.journal(write=True) as journal:
            async with setting.gateway(journal, retries=3) as gateway:
                poisoned = asyncio.create_task(ask(gateway, 3))
                others = 0
                while not poisoned.done():
                    others += 1
                    await ask(gateway, 100 + others)
                with pytest.raises(CallFailed, match="crashes me"):
                    await poisoned
        asked = len(setting.server.asked)
        with setting.journal(write=True) as journal:
            async with setting.gateway(journal) as gateway:
                with pytest.raises(CallFailed, match="crashes me"):  # a resumed run meets it again, unasked
                    await ask(gateway, 3)
            assert journal.spending().calls == others
        assert len(setting.server.asked) == asked

    run(work())


def test_a_prompt_that_fails_alone_is_told_from_a_dead_endpoint(setting: Setting) -> None:
    """One call at a time: what was answered before is asked once more, which is paid, counted and limited."""
    dead = False

    def behave(asked: Asked) -> Answer:
        return failure(500, "this crashes me") if dead or "p3" in asked.prompt else completion("fine")

    async def work() -> None:
        nonlocal dead
        setting.server.behaviour = behave
        with setting.journal(write=True) as journal:
            async with setting.gateway(journal, retries=2, concurrency=1, limits=Limits(calls=4)) as gateway:
                await ask(gateway, 1)
                await ask(gateway, 2)
                with pytest.raises(CallFailed, match="in 3 tries, while others got theirs"):
                    await ask(gateway, 3)
                await ask(gateway, 4)
                with pytest.raises(BudgetReached):
                    await ask(gateway, 5)
            probe = setting.server.asked[5].body
            assert probe["messages"] == setting.server.asked[1].body["messages"]
            assert probe["max_tokens"] == 64 or probe["max_completion_tokens"] == 64
            made = [(call.proposal, call.step, "error" in call.details) for call in journal.model_calls()]
            assert made == [
                (1, "generate", False),
                (2, "generate", False),
                (3, "probe", False),
                (3, "generate", True),
                (4, "generate", False),
            ]
            assert journal.spending().calls == 4 == journal.sent()["m"]
        dead = True
        with setting.journal(write=True) as journal:
            async with setting.gateway(journal, retries=2, concurrency=1, pause=60) as gateway:
                with pytest.raises(OutOfService):
                    await ask(gateway, 6)
            assert len(list(journal.model_calls())) == 5

    run(work())


def test_a_first_prompt_that_is_refused_waits_for_what_others_get(setting: Setting) -> None:
    """Those that are under way with it tell whether the model answers anybody."""
    both = False

    def behave(asked: Asked) -> Answer:
        if both or "p0" in asked.prompt:
            return failure(400, "I do not like it")
        return completion("fine", delay=0.1)

    async def work() -> None:
        nonlocal both
        setting.server.behaviour = behave
        with setting.journal(write=True) as journal:
            async with setting.gateway(journal) as gateway:
                first, *others = await ask_all(gateway, range(3))
            assert type(first) is CallFailed and all(isinstance(other, Reply) for other in others)
            assert len(list(journal.model_calls())) == 3
        both = True
        Journal.create(setting.folder / "another", journal.meta).close()
        with Journal.open(setting.folder / "another", write=True) as journal:
            async with setting.gateway(journal) as gateway:
                assert {type(result) for result in await ask_all(gateway, range(3))} == {ChatError}
            assert not list(journal.model_calls())

    run(work())


def test_a_first_prompt_that_fails_proves_nothing(setting: Setting) -> None:
    async def work() -> None:
        setting.server.behaviour = lambda asked: failure(500, "this crashes me")
        with setting.journal(write=True) as journal:
            async with setting.gateway(journal, retries=2, concurrency=1, pause=60) as gateway:
                with pytest.raises(OutOfService):
                    await ask(gateway, 0)
            assert not list(journal.model_calls())

    run(work())


def test_a_first_prompt_that_fails_alone_is_given_up_once_a_greeting_is_answered(setting: Setting) -> None:
    """One call at a time, and nothing was answered before: a poisoned prompt ends no run."""

    def behave(asked: Asked) -> Answer:
        return failure(500, "this crashes me") if "p0" in asked.prompt else completion("ready")

    async def work() -> None:
        setting.server.behaviour = behave
        with setting.journal(write=True) as journal:
            async with setting.gateway(journal, retries=2, concurrency=1) as gateway:
                with pytest.raises(CallFailed, match="in 3 tries, while others got theirs"):
                    await ask(gateway, 0)
                assert (await ask(gateway, 1)).text == "ready"
            assert [(call.proposal, call.step) for call in journal.model_calls()] == [
                (0, "probe"),
                (0, "generate"),
                (1, "generate"),
            ]
            assert journal.spending().calls == 2 == journal.sent()["m"]

    run(work())
    assert setting.clock.time < 30


def test_prompts_that_fail_together_do_not_wait_for_each_other(setting: Setting) -> None:
    """Each is under way while the others fail; none of them can tell."""

    def behave(asked: Asked) -> Answer:
        return failure(500, "this crashes me") if re.search("p[0-3]$", asked.prompt) else completion("ready")

    async def work() -> None:
        setting.server.behaviour = behave
        with setting.journal(write=True) as journal:
            async with setting.gateway(journal, retries=2, concurrency=4) as gateway:
                results = await ask_all(gateway, range(6))
        assert [type(result) for result in results] == [CallFailed] * 4 + [Reply] * 2

    run(work())


def test_a_server_that_only_greets_ends_the_run(setting: Setting) -> None:
    """It fails at every prompt of the run: at some point that is no longer the fault of the prompts."""

    def behave(asked: Asked) -> Answer:
        return failure(500, "this crashes me") if re.search(r"p\d+$", asked.prompt) else completion("ready")

    async def work() -> None:
        setting.server.behaviour = behave
        with setting.journal(write=True) as journal:
            async with setting.gateway(journal, retries=0, concurrency=1) as gateway:
                results = [(await ask_all(gateway, [number]))[0] for number in range(12)]
        assert {type(result) for result in results[:10]} == {CallFailed}
        assert type(results[10]) is OutOfService and "not one of the last 11 prompts" in results[10].message

    run(work())


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_loop_of_redirects_is_said_at_once(setting: Setting, status: int) -> None:
    async def work() -> None:
        setting.server.behaviour = lambda asked: Answer(b"", status, {"Location": asked.path})
        with setting.journal(write=True) as journal:
            async with setting.gateway(journal) as gateway:
                with pytest.raises(UnknownModel, match="redirect") as caught:
                    await ask(gateway, 0)
        assert caught.value.exit_code == 2 and "/v1" in caught.value.hint

    run(work())
    assert setting.clock.time == 0


def test_being_told_to_slow_down_is_no_calls_fault(setting: Setting) -> None:
    """However often, and whoever else gets through meanwhile."""
    refused = 0

    def behave(asked: Asked) -> Answer:
        nonlocal refused
        if "p3" in asked.prompt and refused < 12:
            refused += 1
            return failure(429, "slow down")
        return completion("fine")

    async def work() -> None:
        setting.server.behaviour = behave
        with setting.journal(write=True) as journal:
            async with setting.gateway(journal, retries=2) as gateway:
                slow = asyncio.create_task(ask(gateway, 3))
                others = 100
                while not slow.done():
                    await ask(gateway, others)
                    others += 1
                assert (await slow).text == "fine"

    run(work())
    assert refused == 12


def test_a_prompt_too_long_is_the_outcome_of_its_call(setting: Setting) -> None:
    async def work() -> None:
        message = "This model's maximum context length is 4096 tokens. Your messages resulted in 9000 tokens."
        setting.server.behaviour = lambda asked: failure(400, message, code="context_length_exceeded")
        for _ in range(2):
            with setting.journal(write=True) as journal:
                async with setting.gateway(journal) as gateway:
                    with pytest.raises(ContextTooLong) as caught:
                        await ask(gateway, 0)
                    assert caught.value.limit == 4096

    run(work())
    assert len(setting.server.asked) == 1


@pytest.mark.parametrize(
    ("answer", "error", "code"),
    [
        (failure(401, "Incorrect API key provided: sk-a-secret-of-the-user"), Unauthorised, 5),
        (failure(404, "The model does not exist", code="model_not_found"), ChatError, 2),
        (failure(400, "cannot read this"), ChatError, 1),
        (Answer(b"\n<!doctype html><title>Log in</title>", 200), UnknownModel, 2),
    ],
)
def test_what_is_wrong_for_every_call_ends_the_run_at_once(
    setting: Setting, answer: Answer, error: type[ChatError], code: int
) -> None:
    async def work() -> None:
        setting.server.behaviour = lambda asked: answer
        with setting.journal(write=True) as journal:
            async with setting.gateway(journal) as gateway:
                with pytest.raises(error) as caught:
                    await ask(gateway, 0)
                assert not isinstance(caught.value, CallFailed) and caught.value.exit_code == code
            assert not list(journal.model_calls())

    run(work())
    assert len(setting.server.asked) == 1


def test_a_web_page_from_a_server_that_has_answered_passes(setting: Setting) -> None:
    """Proxies show one when what stands behind them is away for a moment."""

    async def work() -> None:
        page = Answer(b"<html>be right back</html>", 200)
        setting.server.behaviour = lambda asked: page if asked.number == 1 else completion("fine")
        with setting.journal(write=True) as journal:
            async with setting.gateway(journal) as gateway:
                assert [(await ask(gateway, number)).text for number in range(2)] == ["fine", "fine"]

    run(work())
    assert len(setting.server.asked) == 3


def test_a_refused_request_of_a_model_that_answers_is_one_calls_outcome(setting: Setting) -> None:
    def behave(asked: Asked) -> Answer:
        return failure(400, "cannot read this") if "p1" in asked.prompt else completion("fine")

    async def work() -> None:
        setting.server.behaviour = behave
        with setting.journal(write=True) as journal:
            async with setting.gateway(journal) as gateway:
                await ask(gateway, 0)
                with pytest.raises(CallFailed, match="cannot read this"):
                    await ask(gateway, 1)
                assert (await ask(gateway, 2)).text == "fine"

    run(work())


# Parameters


def test_refused_parameters_are_dropped_once_and_the_person_told_once(setting: Setting) -> None:
    def picky(asked: Asked) -> Answer:
        if "temperature" in asked.body:
            return failure(400, "Unsupported value: 'temperature'", param="temperature")
        return completion("yes")

    async def work() -> None:
        setting.server.behaviour = picky
        with setting.journal(write=True) as journal:
            async with setting.gateway(journal, temperature=0.9, concurrency=4) as gateway:
                await ask_all(gateway, range(4))
                sent = len(setting.server.asked)
                await ask_all(gateway, range(4, 12))
                assert len(setting.server.asked) == sent + 8

    run(work())
    assert [event.message for event in setting.named(Alarm)] == [
        "m does not take 'temperature' as asked; it is left out"
    ]


def test_the_room_that_a_prompt_leaves_holds_for_that_prompt(setting: Setting) -> None:
    """vLLM refuses a limit that its context has no room for. The next, shorter prompt gets more."""

    def behave(asked: Asked) -> Answer:
        used = 3000 if "p0" in asked.prompt else 100
        wanted = asked.body["max_tokens"]
        if wanted > 4096 - used:
            return failure(
                400, f"'max_tokens' is too large: {wanted}. maximum context length is 4096 ({wanted} > 4096 - {used})"
            )
        return completion(str(wanted))

    async def work() -> None:
        setting.server.behaviour = behave
        with setting.journal(write=True) as journal:
            async with setting.gateway(journal) as gateway:
                assert [(await ask(gateway, number)).text for number in range(2)] == ["1096", "3996"]

    run(work())


def test_a_model_without_a_limit_on_its_reply_is_called_alone_when_spending_is_limited(setting: Setting) -> None:
    replies = 0

    def behave(asked: Asked) -> Answer:
        nonlocal replies
        for name in ("max_tokens", "max_completion_tokens"):
            if name in asked.body:
                return failure(400, f"unknown parameter {name}", param=name)
        replies += 1  # each longer than the last: no earlier one tells how long the next may be
        usage = {"prompt_tokens": 10, "completion_tokens": 100 * 4**replies}
        return completion("x", delay=0.01, usage=usage)

    async def work() -> None:
        setting.server.behaviour = behave
        with setting.journal(write=True) as journal:
            async with setting.gateway(journal, limits=Limits(tokens=40_000), max_output_tokens=10) as gateway:
                await ask_all(gateway, range(20))
            sizes = [call.output_tokens for call in journal.model_calls()]
            assert sizes == [400, 1600, 6400, 25_600, 102_400]

    run(work())
    assert "one at a time" in setting.named(Alarm)[-1].message


# Secrets


def test_keys_are_struck_out_everywhere(setting: Setting) -> None:
    """A server that repeats the key in its reply and in its errors; a prompt that holds one."""
    key = "sk-a-secret-of-the-user"

    def behave(asked: Asked) -> Answer:
        assert asked.headers["authorization"] == f"Bearer {key}"
        if asked.number == 0:
            return failure(503, f"you with {key}")
        if asked.number < 4:
            return failure(500, f"you with {key}")
        if asked.number == 5:
            return failure(400, f"no {key} please")
        return completion(f"your key is {key}", model=key)

    async def work() -> None:
        setting.server.behaviour = behave
        with setting.journal(write=True) as journal:
            async with setting.gateway(journal) as gateway:
                reply = await gateway.complete(CallKey(0, "generate"), prompt(f"print {key}"), model="m")
                assert reply.text == "your key is [key]"
                with pytest.raises(CallFailed) as caught:
                    await ask(gateway, 1)
                assert key not in str(caught.value) + repr(caught.value) + caught.value.hint

    run(work())
    assert not re.search(key, "".join(str(asked.body) for asked in setting.server.asked))
    assert key not in "".join(str(event.to_json()) for event in setting.events)
    for path in setting.folder.iterdir():
        assert key.encode() not in path.read_bytes()


def test_what_happened_is_told(setting: Setting) -> None:
    async def work() -> None:
        with setting.journal(write=True) as journal:
            async with setting.gateway(journal) as gateway:
                await ask_all(gateway, range(3))

    run(work())
    last = setting.named(ModelReplied)[-1]
    assert (last.tokens, last.total_calls, last.total_tokens) == (150, 3, 450)
    assert last.total_usd == pytest.approx(0.6) and last.usd == pytest.approx(0.2)
