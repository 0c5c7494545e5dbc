"""`kill -9` at any moment between a request and the use of its reply: nothing is paid twice, nothing is lost."""

from __future__ import annotations

import multiprocessing
import random
from collections import Counter
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import pytest
from model_setting import Setting, make_calls, prompt_of

from discovery.store import Journal
from discovery.testing.loopback import completion

COUNT = 200
#: A process that has imported everything; the others are its copies.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["openai.resources.chat", "discovery.llm", "discovery.store"])


def start(
    setting: Setting, count: int, kill: tuple[str, int] | None = None, most: int | None = None
) -> tuple[BaseProcess, Connection]:
    ours, theirs = FORKS.Pipe(duplex=False)
    process = FORKS.Process(target=make_calls, args=(setting.folder, setting.server.url, count, theirs, kill, most))
    process.start()
    theirs.close()
    return process, ours


def handed_over(pipe: Connection) -> dict[int, str]:
    """What the process told before its end."""
    found = {}
    with pipe:
        try:
            while True:
                number, text = pipe.recv()
                found[number] = text
        except (EOFError, OSError):
            return found


def recorded(setting: Setting) -> dict[int, str]:
    with Journal.open(setting.folder) as journal:  # read as it was left, before anybody opens it to write
        return {call.proposal: call.text for call in journal.model_calls()}


def reply_to(asked: Any) -> str:
    return f"reply to {asked.prompt}"


@pytest.fixture(autouse=True)
def behaviour(setting: Setting) -> None:
    """Takes 5 to 25 ms, as long for a prompt as ever."""
    setting.server.behaviour = lambda asked: completion(
        reply_to(asked), delay=random.Random(asked.prompt).uniform(0.005, 0.025)
    )


def test_twenty_kills_of_two_hundred_calls(setting: Setting) -> None:
    rng = random.Random(7)
    known: dict[int, str] = {}
    for _ in range(20):
        before = len(setting.server.asked)
        process, pipe = start(setting, COUNT)
        while len(setting.server.served) < min(len(known) + rng.randint(1, 12), COUNT) and process.is_alive():
            process.join(rng.uniform(0.001, 0.01))
        process.kill()
        process.join()
        told, now = handed_over(pipe), recorded(setting)
        assert told.items() <= now.items()  # whatever was used is in the journal
        assert known.items() <= now.items()  # and stays there
        again = {asked.prompt for asked in setting.server.asked[before:]}
        assert not again & {prompt_of(number) for number in known}  # and is not asked for again
        known = now
    process, pipe = start(setting, COUNT)
    told = handed_over(pipe)
    process.join()
    assert process.exitcode == 0
    assert told == recorded(setting) == {number: f"reply to {prompt_of(number)}" for number in range(COUNT)}
    # What was asked for more than once was on its way when the process was killed: at most eight a kill.
    asked = Counter(asked.prompt for asked in setting.server.asked)
    assert sum(asked.values()) - COUNT <= 20 * 8 and len(asked) == COUNT


@pytest.mark.parametrize("where", ["before", "after", "disk"])
@pytest.mark.parametrize("n", [1, 4])
def test_a_kill_at_every_boundary_of_a_commit(setting: Setting, where: str, n: int) -> None:
    process, pipe = start(setting, 12, (where, n))
    told = handed_over(pipe)
    process.join()
    assert process.exitcode == -9
    now = recorded(setting)
    assert told.items() <= now.items()
    assert len(now) >= (n - 1 if where == "before" else n)
    before = len(setting.server.asked)
    process, pipe = start(setting, 12)
    told = handed_over(pipe)
    process.join()
    assert process.exitcode == 0 and told == recorded(setting) and len(told) == 12
    assert not {asked.prompt for asked in setting.server.asked[before:]} & {prompt_of(number) for number in now}


def test_a_limit_holds_over_kills(setting: Setting) -> None:
    """Replies that die with the process were served, and paid: they count."""
    rng = random.Random(3)
    for _ in range(4):
        before = len(setting.server.served)
        process, pipe = start(setting, 60, most=40)
        while len(setting.server.served) < before + rng.randint(1, 6) and process.is_alive():
            process.join(0.002)
        process.kill()
        process.join()
        handed_over(pipe)
    process, pipe = start(setting, 60, most=40)
    told = handed_over(pipe)
    process.join()
    assert process.exitcode == 0
    # Never more; and fewer only by requests that a kill kept from leaving.
    assert 40 - 4 * 8 <= len(setting.server.asked) <= 40
    assert told == recorded(setting) and len(told) <= 40
