"""The queue: prompts out as files, replies in as files, whoever writes them and however."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from model_setting import META

from discovery.config import LLMConfig, Price
from discovery.errors import ConfigError, NotFound
from discovery.llm import CallKey, Drained, Gateway, Limits, Message, Reply, answer, queue, waiting
from discovery.llm.queue import QueueChat
from discovery.store import Journal
from discovery.testing.chat import request, run


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files settle soon here."""
    monkeypatch.setattr("discovery.llm.queue.SETTLED_SECONDS", 0.1)
    monkeypatch.setattr("discovery.llm.queue._POLL_SECONDS", 0.02)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "toy-1"
    Journal.create(folder, META).close()
    yield folder


def gateway(journal: Journal, limits: Limits = Limits()) -> Gateway:  # noqa: B008 - frozen
    free = Price(input=0, output=0)
    chats = {"queue": QueueChat(journal.folder)}
    return Gateway(journal, chats, LLMConfig(), prices={"queue": free}, limits=limits)


async def ask(gateway: Gateway, number: int) -> Reply:
    return await gateway.complete(CallKey(number, "generate"), (Message("user", f"prompt {number}"),), model="queue")


async def until_waiting(folder: Path, count: int) -> None:
    while len(waiting(folder)) < count:
        await asyncio.sleep(0.01)


def test_prompts_wait_as_pages_and_answers_are_taken(folder: Path) -> None:
    async def work() -> None:
        with Journal.open(folder, write=True) as journal:
            async with gateway(journal, Limits(usd=1)) as models:
                asking = [asyncio.create_task(ask(models, number)) for number in (10, 9)]
                await until_waiting(folder, 2)
                first, second = waiting(folder)
                assert (first.id, second.id) == ("9-generate-0", "10-generate-0")  # by number, not by letter
                assert "prompt 9" in first.page and "outbox/9-generate-0.md" in first.page and not first.answered
                answer(folder, "9-generate-0", "nine")
                assert (await asking[1]).text == "nine"
                answer(folder, "10-generate-0", "ten\n")
                reply = await asking[0]
                assert reply.text == "ten\n" and reply.usd == 0 and reply.usage.estimated
        assert not waiting(folder)
        assert not list((folder / "outbox").iterdir())

    run(work())


def test_a_file_that_is_still_written_is_not_taken(folder: Path) -> None:
    """It grows, pauses longer than it takes to settle, and grows again, all while it is open."""

    async def work() -> None:
        chat = QueueChat(folder)
        asking = asyncio.create_task(chat.complete(request()))
        await until_waiting(folder, 1)
        with (folder / "outbox" / "0-generate-0.md").open("w") as file:
            for part in ("one ", "two ", "three"):
                file.write(part)
                file.flush()
                await asyncio.wait([asking], timeout=0.3)
                assert not asking.done()
        assert (await asking).text == "one two three"

    run(work())


def test_a_file_that_changed_just_now_is_not_taken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written in several goes, closed in between: the last one counts, for they follow one another at once."""
    monkeypatch.setattr("discovery.llm.queue.SETTLED_SECONDS", 1.0)

    async def work() -> None:
        chat = QueueChat(folder)
        asking = asyncio.create_task(chat.complete(request()))
        await until_waiting(folder, 1)
        box = folder / "outbox" / "0-generate-0.md"
        for number in range(8):
            box.write_text(f"version {number}")
            await asyncio.wait([asking], timeout=0.1)
            assert not asking.done()
        assert (await asking).text == "version 7"

    run(work())


def test_other_names_and_empty_files_are_not_taken(folder: Path) -> None:
    async def work() -> None:
        chat = QueueChat(folder)
        asking = asyncio.create_task(chat.complete(request()))
        await until_waiting(folder, 1)
        box = folder / "outbox"
        for name in (
            ".0-generate-0.md.swp",
            "0-generate-0.md~",
            "0-generate-0.md.tmp",
            "0-generate-0",
            "1-generate-0.md",
        ):
            (box / name).write_text("no")
        (box / "0-generate-0.md").write_text("")
        await asyncio.wait([asking], timeout=0.3)
        (box / "0-generate-0.md").write_text(" \n\n")
        await asyncio.wait([asking], timeout=0.3)
        assert not asking.done()
        (box / "draft").write_text("\ufeffyes", encoding="utf-8")
        (box / "draft").rename(box / "0-generate-0.md")  # how an editor, or a careful program, saves
        assert (await asking).text == "yes"

    run(work())


def test_a_writer_that_comes_while_it_is_read_does_no_harm(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel tells us of it by a signal, and the usual one kills."""
    came = []

    def meanwhile(descriptor: int) -> bool:
        unwritten = queue._unwritten_at_first(descriptor)  # type: ignore[attr-defined]
        try:
            os.close(os.open(folder / "outbox" / "0-generate-0.md", os.O_WRONLY | os.O_NONBLOCK))
        except BlockingIOError:
            came.append(unwritten)
        return bool(unwritten)

    monkeypatch.setattr(queue, "_unwritten_at_first", queue._unwritten, raising=False)
    monkeypatch.setattr(queue, "_unwritten", meanwhile)

    async def work() -> None:
        asking = asyncio.create_task(QueueChat(folder).complete(request()))
        await until_waiting(folder, 1)
        answer(folder, "0-generate-0", "yes")
        assert (await asking).text == "yes"

    run(work())
    assert came == [True]


def test_it_survives_a_restart(folder: Path) -> None:
    """Asked, stopped, answered while nothing runs, asked again: the answer is taken, and nothing waits any more."""

    async def stopped() -> None:
        with Journal.open(folder, write=True) as journal:
            models = gateway(journal)
            asking = asyncio.create_task(ask(models, 4))
            await until_waiting(folder, 1)
            models.drain()  # nobody waits for a person to finish
            with pytest.raises(Drained):
                await asking
            await models.close()

    async def resumed() -> None:
        with Journal.open(folder, write=True) as journal:
            async with gateway(journal) as models:
                assert (await ask(models, 4)).text == "four"

    run(stopped())
    answer(folder, "4-generate-0", "four")
    (item,) = waiting(folder)
    assert item.answered
    run(resumed())
    assert not waiting(folder)


def test_files_of_a_reply_that_was_committed_go_when_it_is_asked_again(folder: Path) -> None:
    """As after a kill between the commit and the removal."""

    async def work() -> None:
        with Journal.open(folder, write=True) as journal:
            async with gateway(journal) as models:
                asking = asyncio.create_task(ask(models, 4))
                await until_waiting(folder, 1)
                page = (folder / "inbox" / "4-generate-0.md").read_bytes()
                answer(folder, "4-generate-0", "four")
                await asking
                (folder / "inbox" / "4-generate-0.md").write_bytes(page)
                (folder / "outbox" / "4-generate-0.md").write_text("four")
                assert (await ask(models, 4)).reused
        assert not waiting(folder) and not list((folder / "outbox").iterdir())

    run(work())


def test_mistakes_of_the_person(folder: Path) -> None:
    with pytest.raises(NotFound, match="no prompt '1-generate-0' waits") as caught:
        answer(folder, "1-generate-0", "yes")
    assert "nothing" in caught.value.hint

    async def work() -> None:
        asking = asyncio.create_task(QueueChat(folder).complete(request()))
        await until_waiting(folder, 1)
        with pytest.raises(NotFound) as caught:
            answer(folder, "../../etc/passwd", "yes")
        assert "0-generate-0" in caught.value.hint
        with pytest.raises(ConfigError, match="empty"):
            answer(folder, "0-generate-0", " \n")
        answer(folder, "0-generate-0", "first")
        with pytest.raises(ConfigError, match="has an answer already"):
            answer(folder, "0-generate-0", "second")
        assert (await asking).text == "first"

    run(work())
