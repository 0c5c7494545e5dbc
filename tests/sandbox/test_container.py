"""Containers end with their owners, and a lost one is told from a lost engine."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

import docker
import pytest

from discovery.sandbox import Sandbox, Slot
from discovery.sandbox.engine import LABEL, connect
from discovery.sandbox.testing import KIT_LIMITS, kit_harness, run_program

from .observing import broken_off, during, poll, struck_before_its_deadline

_OWNER = """
from discovery.sandbox import open_sandbox
from discovery.sandbox.testing import KIT_LIMITS, kit_harness, run_program
slot = open_sandbox("docker").open(kit_harness(), KIT_LIMITS)
print("open", flush=True)
run_program(slot, "import os, time\\ndef run():\\n    for _ in range(2): os.fork()\\n    time.sleep(600)")
"""


@pytest.fixture
def slot(docker: Sandbox) -> Iterator[Slot]:
    with docker.open(kit_harness(), KIT_LIMITS) as slot:
        yield slot


def containers_of(pid: int) -> list[str]:
    with contextlib.closing(connect()) as client:
        found = client.containers(all=True, filters={"label": LABEL})
    return [container["Id"] for container in found if container["Labels"][LABEL].split(".")[2] == str(pid)]


def processes_in(container: str) -> int:
    with contextlib.closing(connect()) as client, contextlib.suppress(docker.errors.APIError):  # it has just ended
        return len(client.top(container)["Processes"])
    return 0


def at_work() -> bool:
    """Whether a program runs in the container of this process."""
    return [processes_in(container) for container in containers_of(os.getpid())] == [2]


def strike(action: str) -> None:
    (container,) = containers_of(os.getpid())
    with contextlib.closing(connect()) as client:
        getattr(client, action)(container)


def test_nothing_survives_an_owner_killed_during_a_call(docker: Sandbox) -> None:
    owner = subprocess.Popen([sys.executable, "-c", _OWNER], stdout=subprocess.PIPE)
    try:
        assert owner.stdout is not None and owner.stdout.readline() == b"open\n"
        (container,) = containers_of(owner.pid)
        poll(lambda: processes_in(container) == 5)
    finally:
        owner.kill()
        owner.wait()
    poll(lambda: containers_of(owner.pid) == [])


def test_a_container_lost_during_a_call_is_a_crash_and_comes_back(slot: Slot) -> None:
    with during(at_work, lambda: strike("kill")):
        answer = run_program(slot, "import time\ndef run(): time.sleep(600)")
    assert (answer.status, answer.clock_limited) == ("crash", False)
    assert run_program(slot, "def run(): return {'n': 1}").value == {"n": 1}


def test_a_container_lost_between_calls_is_nobodys_crash(slot: Slot) -> None:
    strike("kill")
    poll(lambda: containers_of(os.getpid()) == [])
    assert run_program(slot, "def run(): return {'n': 1}").value == {"n": 1}


def test_a_warm_process_that_does_not_react_is_killed_with_its_container(docker: Sandbox) -> None:
    paused: list[str] = []

    def pause() -> None:
        paused[:] = containers_of(os.getpid())
        strike("pause")

    with struck_before_its_deadline(docker, "def run():\n    while True: pass", at_work, pause) as (slot, answer):
        assert answer.status == "timeout"
        assert len(paused) == 1 and paused[0] not in containers_of(os.getpid())
        assert run_program(slot, "def run(): return {'n': 1}").value == {"n": 1}


def test_a_call_that_the_owner_broke_off_is_not_mixed_up_with_the_next(slot: Slot) -> None:
    broken_off(slot, at_work)
    assert containers_of(os.getpid()) == []
    assert run_program(slot, "def run(): return {'n': 1}").value == {"n": 1}
