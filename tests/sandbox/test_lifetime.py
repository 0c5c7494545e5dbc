"""Slots end with their owners, survive their candidates, and recover from what neither caused."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import psutil
import pytest

from discovery.sandbox import Slot
from discovery.sandbox.testing import KIT_LIMITS, run_program

_PATIENCE = 20.0

_OWNER = """
import os, sys, time
from discovery.sandbox import open_sandbox
from discovery.sandbox.testing import KIT_LIMITS, kit_harness, run_program
slot = open_sandbox("bubblewrap").open(kit_harness(), KIT_LIMITS)
if {heir} and os.fork() == 0:
    time.sleep(600)
program = "import os, time\\ndef run():\\n    for _ in range(2): os.fork()\\n    os.setsid()\\n    time.sleep(600)"
run_program(slot, program)
"""


def poll(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < end, "nothing happened for too long"
        time.sleep(0.005)


def sandboxed(owner: psutil.Process) -> list[psutil.Process]:
    """The monitors below `owner` and everything in them; nothing while one is just vanishing."""
    with contextlib.suppress(psutil.NoSuchProcess):
        monitors = [child for child in owner.children() if child.name() == "bwrap"]
        return [process for monitor in monitors for process in (monitor, *monitor.children(recursive=True))]
    return []


def dead(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize("heir", [False, True], ids=["alone", "leaving a fork that holds the control socket"])
def test_nothing_survives_an_owner_killed_during_a_call(heir: bool) -> None:
    owner = subprocess.Popen([sys.executable, "-c", _OWNER.format(heir=heir)])
    family: list[psutil.Process] = []
    try:
        process = psutil.Process(owner.pid)
        poll(lambda: owner.poll() is None and len(sandboxed(process)) == 2 + 4)
        family = sandboxed(process)
        heirs = [child for child in process.children() if child not in family]
        assert len(heirs) == heir
        owner.kill()
        poll(lambda: all(map(dead, family)))
        for child in heirs:
            assert child.is_running()
            child.kill()
    finally:
        for process in (owner, *family):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        owner.wait()


def zygote() -> psutil.Process:
    return sandboxed(psutil.Process())[1]


def test_a_warm_process_lost_during_a_call_is_a_crash_and_comes_back(slot: Slot) -> None:
    def strike() -> None:
        victim = zygote()
        poll(lambda: bool(victim.children()))
        victim.send_signal(signal.SIGKILL)

    thread = threading.Thread(target=strike)
    thread.start()
    answer = run_program(slot, "import time\ndef run(): time.sleep(600)")
    thread.join()
    assert answer.status == "crash"
    assert run_program(slot, "def run(): return {'n': 1}").value == {"n": 1}


def test_a_warm_process_lost_between_calls_is_nobodys_crash(slot: Slot) -> None:
    victim = zygote()
    victim.send_signal(signal.SIGKILL)
    poll(lambda: dead(victim))
    assert run_program(slot, "def run(): return {'n': 1}").value == {"n": 1}


def test_a_warm_process_that_does_not_react_is_killed_with_all_its_tree(slot: Slot) -> None:
    def strike() -> None:
        victim = zygote()
        poll(lambda: bool(victim.children()))
        victim.suspend()

    thread = threading.Thread(target=strike)
    thread.start()
    family = sandboxed(psutil.Process())
    brief = dataclasses.replace(KIT_LIMITS, wall_seconds=0.5)
    answer = run_program(slot, "def run():\n    while True: pass", brief)
    thread.join()
    assert answer.status == "timeout"
    assert all(map(dead, family))
    assert run_program(slot, "def run(): return {'n': 1}").value == {"n": 1}


def test_a_call_that_the_owner_broke_off_is_not_mixed_up_with_the_next(slot: Slot) -> None:
    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(KeyboardInterrupt):
            run_program(slot, "import time\ndef run(): time.sleep(600)")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert sandboxed(psutil.Process()) == []
    assert run_program(slot, "def run(): return {'n': 1}").value == {"n": 1}


def test_signals_of_the_terminal_do_not_reach_the_sandbox(slot: Slot) -> None:
    family = sandboxed(psutil.Process())
    assert len(family) == 2
    assert os.getpgrp() not in {os.getpgid(process.pid) for process in family}


@pytest.mark.parametrize("after", ["import time; time.sleep(600)", "os.kill(os.getpid(), 9)"], ids=["timeout", "crash"])
def test_why_a_call_ended_counts_more_than_that_its_answer_broke_off(slot: Slot, after: str) -> None:
    source = f"""import os, stat
def run():
    for number in range(3, 64):
        if os.path.exists(f'/proc/self/fd/{{number}}') and stat.S_ISFIFO(os.fstat(number).st_mode):
            os.write(number, b'half')
    {after}
"""
    answer = run_program(slot, source, dataclasses.replace(KIT_LIMITS, wall_seconds=0.5))
    timed_out = "sleep" in after
    assert (answer.status, answer.clock_limited) == ("timeout" if timed_out else "crash", timed_out)
    assert "broke off after 4 bytes" in answer.message
