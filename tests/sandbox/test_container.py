"""Containers end with their owners, and a lost one is told from a lost engine."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from discovery.sandbox import Sandbox, Slot
from discovery.sandbox.engine import LABEL, connect, leftovers
from discovery.sandbox.testing import KIT_LIMITS, kit_harness, run_program

_PATIENCE = 20.0
_BRIEF = dataclasses.replace(KIT_LIMITS, wall_seconds=1.0)

_OWNER = """
from discovery.sandbox import open_sandbox
from discovery.sandbox.testing import KIT_LIMITS, kit_harness, run_program
slot = open_sandbox("docker").open(kit_harness(), KIT_LIMITS)
print("open", flush=True)
run_program(slot, "import os, time\\ndef run():\\n    for _ in range(2): os.fork()\\n    time.sleep(600)")
"""


def poll(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < end, "nothing happened for too long"
        time.sleep(0.01)


@pytest.fixture
def slot(docker: Sandbox) -> Iterator[Slot]:
    with docker.open(kit_harness(), KIT_LIMITS) as slot:
        yield slot


def containers_of(pid: int) -> list[str]:
    with contextlib.closing(connect()) as client:
        found = client.containers(all=True, filters={"label": LABEL})
    return [container["Id"] for container in found if container["Labels"][LABEL].split("/")[1] == str(pid)]


def processes_in(container: str) -> int:
    with contextlib.closing(connect()) as client:
        return len(client.top(container)["Processes"])


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
    (container,) = containers_of(os.getpid())

    def strike() -> None:
        poll(lambda: processes_in(container) == 2)
        with contextlib.closing(connect()) as client:
            client.kill(container)

    thread = threading.Thread(target=strike)
    thread.start()
    answer = run_program(slot, "import time\ndef run(): time.sleep(600)")
    thread.join()
    assert (answer.status, answer.clock_limited) == ("crash", False)
    assert run_program(slot, "def run(): return {'n': 1}").value == {"n": 1}


def test_a_container_lost_between_calls_is_nobodys_crash(slot: Slot) -> None:
    (container,) = containers_of(os.getpid())
    with contextlib.closing(connect()) as client:
        client.kill(container)
    poll(lambda: containers_of(os.getpid()) == [])
    assert run_program(slot, "def run(): return {'n': 1}").value == {"n": 1}


def test_a_warm_process_that_does_not_react_is_killed_with_its_container(slot: Slot) -> None:
    (container,) = containers_of(os.getpid())
    source = "def run():\n    while True: pass"

    def strike() -> None:
        poll(lambda: processes_in(container) == 2)
        with contextlib.closing(connect()) as client:
            client.pause(container)

    thread = threading.Thread(target=strike)
    thread.start()
    answer = slot.call({"source": source}, limits=_BRIEF)
    thread.join()
    assert answer.status == "timeout"
    assert container not in containers_of(os.getpid())
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
    assert containers_of(os.getpid()) == []
    assert run_program(slot, "def run(): return {'n': 1}").value == {"n": 1}


def test_containers_of_dead_owners_are_leftovers_and_no_others(slot: Slot, docker: Sandbox) -> None:
    del docker
    (mine,) = containers_of(os.getpid())
    with contextlib.closing(connect()) as client:
        label = client.inspect_container(mine)["Config"]["Labels"][LABEL]
        boot, pid, _ = label.split("/")
        others = (f"{boot}/{pid}/1", f"another-boot/{pid}/{label.split('/')[2]}", "nonsense")
        request = {"Image": "discovery-sandbox-empty:1", "Cmd": ["x"]}
        made = [client.create_container_from_config({**request, "Labels": {LABEL: other}})["Id"] for other in others]
        try:
            found = [container["Id"] for container in leftovers(client)]
            assert set(made) <= set(found) and mine not in found
        finally:
            for container in made:
                client.remove_container(container, force=True)
