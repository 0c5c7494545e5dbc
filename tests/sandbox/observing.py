"""Watching a sandbox's processes from outside, and interfering at the right moment."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from discovery.sandbox import Answer, Limits, Sandbox, Slot
from discovery.sandbox.testing import KIT_LIMITS, kit_harness, run_program

#: Seconds after which what should happen is taken not to happen.
PATIENCE = 60.0


def poll(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "nothing happened for too long"
        time.sleep(0.005)


def below(process: psutil.Process) -> list[psutil.Process]:
    """All descendants, parents first; none when the process has just ended."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.children(recursive=True)
    return []


def dead(process: psutil.Process) -> bool:
    """Whether it has ended, be it waited for or not."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@contextlib.contextmanager
def during(ready: Callable[[], bool], strike: Callable[[], object]) -> Iterator[list[float]]:
    """While the body runs, `strike` once, as soon as `ready` holds; the list then has the time of it, if it came."""
    over, struck = threading.Event(), list[float]()

    def watch() -> None:
        while not over.wait(0.005):
            if ready():
                strike()
                struck.append(time.monotonic())
                return

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield struck
    finally:
        over.set()
        thread.join()


@contextlib.contextmanager
def struck_before_its_deadline(
    sandbox: Sandbox, source: str, ready: Callable[[], bool], strike: Callable[[], object]
) -> Iterator[tuple[Slot, Answer]]:
    """A slot, and the answer of a call in it during which `strike` came after `ready` and before the time ran out: on a
    machine too busy for that, the call is repeated with more time."""
    for seconds in (1.0, 4.0, KIT_LIMITS.wall_seconds):
        limits = Limits(**(vars(KIT_LIMITS) | {"wall_seconds": seconds}))
        with sandbox.open(kit_harness(), KIT_LIMITS) as slot:
            begin = time.monotonic()
            with during(ready, strike) as struck:
                answer = run_program(slot, source, limits)
            if struck and struck[0] < begin + seconds:
                yield slot, answer
                return
    pytest.fail("this machine is too busy to strike in time")


def broken_off(slot: Slot, ready: Callable[[], bool]) -> None:
    """A call that Ctrl-C ends once `ready` holds."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGALRM, interrupt)
    try:
        with during(ready, lambda: os.kill(os.getpid(), signal.SIGALRM)), pytest.raises(KeyboardInterrupt):
            run_program(slot, "import time\ndef run(): time.sleep(600)")
    finally:
        signal.signal(signal.SIGALRM, previous)
