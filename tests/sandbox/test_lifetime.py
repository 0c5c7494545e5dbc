"""Slots end with their owners, survive their candidates, and recover from what neither caused."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
from collections.abc import Collection

import psutil
import pytest

from discovery.sandbox import Slot, open_sandbox
from discovery.sandbox.testing import KIT_LIMITS, run_program

from .observing import broken_off, dead, during, poll, struck_before_its_deadline

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


def sandboxed(owner: psutil.Process, others: Collection[psutil.Process] = ()) -> list[psutil.Process]:
    """The monitors below `owner` and everything in them; nothing while one is just vanishing."""
    with contextlib.suppress(psutil.NoSuchProcess):
        monitors = [child for child in owner.children() if child not in others and child.name() == "bwrap"]
        return [process for monitor in monitors for process in (monitor, *monitor.children(recursive=True))]
    return []


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


def own(others: set[psutil.Process]) -> list[psutil.Process]:
    """Monitor, zygote and what runs in this test's sandbox, in this order."""
    return sandboxed(psutil.Process(), others)


def at_work(others: set[psutil.Process]) -> bool:
    """Whether a program runs in it."""
    return len(own(others)) >= 3


def test_a_warm_process_lost_during_a_call_is_a_crash_and_comes_back(slot: Slot, others: set[psutil.Process]) -> None:
    with during(lambda: at_work(others), lambda: own(others)[1].kill()):
        answer = run_program(slot, "import time\ndef run(): time.sleep(600)")
    assert answer.status == "crash"
    assert run_program(slot, "def run(): return {'n': 1}").value == {"n": 1}


def test_a_warm_process_lost_between_calls_is_nobodys_crash(slot: Slot, others: set[psutil.Process]) -> None:
    victim = own(others)[1]
    victim.send_signal(signal.SIGKILL)
    poll(lambda: dead(victim))
    assert run_program(slot, "def run(): return {'n': 1}").value == {"n": 1}


def test_a_warm_process_that_does_not_react_is_killed_with_all_its_tree(others: set[psutil.Process]) -> None:
    family: list[psutil.Process] = []

    def strike() -> None:
        family[:] = own(others)
        family[1].suspend()

    endless = "def run():\n    while True: pass"
    struck = struck_before_its_deadline(open_sandbox("bubblewrap"), endless, lambda: at_work(others), strike)
    with struck as (slot, answer):
        assert answer.status == "timeout"
        assert len(family) == 3 and all(map(dead, family))
        assert run_program(slot, "def run(): return {'n': 1}").value == {"n": 1}


def test_a_call_that_the_owner_broke_off_is_not_mixed_up_with_the_next(slot: Slot, others: set[psutil.Process]) -> None:
    broken_off(slot, lambda: at_work(others))
    assert own(others) == []
    assert run_program(slot, "def run(): return {'n': 1}").value == {"n": 1}


def test_signals_of_the_terminal_do_not_reach_the_sandbox(slot: Slot, others: set[psutil.Process]) -> None:
    family = own(others)
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
    timed_out = "sleep" in after
    for seconds in (0.5, 4.0, 16.0) if timed_out else (KIT_LIMITS.wall_seconds,):
        answer = run_program(slot, source, dataclasses.replace(KIT_LIMITS, wall_seconds=seconds))
        if "broke off" in answer.message:  # else this machine is too busy for it to have begun
            break
    assert (answer.status, answer.clock_limited) == ("timeout" if timed_out else "crash", timed_out)
    assert "broke off after 4 bytes" in answer.message
