"""What outlives its owner is known as such and goes with the next sandbox; what a living one uses stays."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from discovery.sandbox import Sandbox, open_sandbox
from discovery.sandbox.alone import FOLDER_PREFIX, scratch_parents
from discovery.sandbox.cgroup import GROUP_PREFIX, memory_groups
from discovery.sandbox.engine import EMPTY_IMAGE, LABEL, connect, make_empty_image
from discovery.sandbox.owner import is_dead, owner_name
from discovery.sandbox.testing import KIT_LIMITS, kit_harness

_OTHER = "import sys; from discovery.sandbox.owner import owner_name; print(owner_name(), flush=True); sys.stdin.read()"


@pytest.fixture
def other() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Another process, and its name."""
    command = [sys.executable, "-c", _OTHER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()


@pytest.fixture(scope="module")
def dead_owner() -> str:
    """Name of a process that has ended."""
    script = _OTHER.partition("; sys.stdin")[0]
    return subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True).stdout.strip()


def test_who_lives_is_not_dead_and_who_has_ended_is(other: tuple[subprocess.Popen[str], str]) -> None:
    process, name = other
    assert not is_dead(owner_name()) and not is_dead(name)
    process.send_signal(signal.SIGSTOP)
    assert not is_dead(name)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert is_dead(name), "though nobody has waited for it yet"
    process.wait()
    assert is_dead(name)


def test_a_number_that_went_to_another_process_is_not_taken_for_its_owner() -> None:
    boot, namespace, pid, started = owner_name().split(".")
    assert is_dead(f"{boot}.{namespace}.{pid}.{int(started) - 1}")


def test_of_another_boot_or_namespace_nothing_is_known(dead_owner: str) -> None:
    boot, namespace, pid, started = dead_owner.split(".")
    assert is_dead(dead_owner)
    assert not is_dead(f"{'0' * len(boot)}.{namespace}.{pid}.{started}")
    assert not is_dead(f"{boot}.{int(namespace) + 1}.{pid}.{started}")


@pytest.mark.parametrize("name", ["", "nonsense", "1.2.3", "....", "/proc/1", "x.y.z.w", "0.0.-1.5"])
def test_a_name_that_is_none_is_nobodys_to_remove(name: str) -> None:
    assert not is_dead(name)


def _folder(owner: str) -> Path:
    folder = Path(scratch_parents()[0]) / f"{FOLDER_PREFIX}{owner}-test"
    (folder / "full").mkdir(parents=True)
    return folder


def _group(owner: str) -> Path | None:
    """Where groups can be made; where they cannot, none can be left."""
    found = memory_groups()
    if found is None:
        return None
    group = found[0] / f"{GROUP_PREFIX}{owner}-999"
    group.mkdir()
    return group


@pytest.mark.parametrize(("backend", "make"), [("bubblewrap", _group), ("inner", _folder)])
def test_opening_a_sandbox_removes_what_dead_owners_left_and_nothing_else(
    backend: str, make: Callable[[str], Path | None], dead_owner: str, other: tuple[subprocess.Popen[str], str]
) -> None:
    names = [dead_owner, other[1], owner_name(), "discovery"]
    left = [path for path in map(make, names) if path is not None]
    try:
        open_sandbox(backend).open(kit_harness(), KIT_LIMITS).close()
        assert [path.exists() for path in left] == [False, True, True, True][: len(left)]
    finally:
        for path in left:
            with contextlib.suppress(FileNotFoundError):
                for entry in path.iterdir() if backend == "inner" else ():
                    entry.rmdir()
                path.rmdir()


def test_containers_of_dead_owners_go_with_the_next_sandbox(
    docker: Sandbox, dead_owner: str, other: tuple[subprocess.Popen[str], str]
) -> None:
    with contextlib.closing(connect()) as client:
        make_empty_image(client)
        made = {
            owner: client.create_container_from_config({"Image": EMPTY_IMAGE, "Cmd": ["x"], "Labels": {LABEL: owner}})
            for owner in (dead_owner, other[1], owner_name(), "nonsense")
        }
        try:
            docker.open(kit_harness(), KIT_LIMITS).close()
            there = {container["Id"] for container in client.containers(all=True, filters={"label": LABEL})}
            assert [container["Id"] in there for container in made.values()] == [False, True, True, True]
        finally:
            for owner, container in made.items():
                if owner != dead_owner:
                    client.remove_container(container["Id"], force=True)
