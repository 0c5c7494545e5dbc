"""A memory limit that the kernel keeps over a whole sandbox, where this process may make control groups.

Version 2: below a group that was delegated to this user with the memory controller. Version 1: below this process's own
group, as root. Elsewhere there is none, and the warm process's samples have to do; `capabilities` says which it is.

A group is a folder named after its owner. A killed owner leaves it empty behind, until the next one opens a sandbox.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from .owner import is_dead, owner_name

__all__ = ["GROUP_PREFIX", "MemoryGroup", "memory_groups", "remove_leftovers"]

#: Of the groups' names; the owner's name follows, then a number.
GROUP_PREFIX = "discovery-"

_ROOT = Path("/sys/fs/cgroup")
_COUNTER = itertools.count()


class MemoryGroup:
    """A control group with a limit of memory, swap included.

    Args:
        parent: Group to make it in.
        limit: Bytes.

    Raises:
        OSError: it cannot be made or limited.
    """

    def __init__(self, parent: Path, limit: int) -> None:
        self._folder = parent / f"{GROUP_PREFIX}{owner_name()}-{next(_COUNTER)}"
        self._folder.mkdir()
        try:
            self._limit(limit)
        except BaseException:
            self.remove()
            raise

    def _limit(self, limit: int) -> None:
        if (self._folder / "memory.max").exists():
            (self._folder / "memory.max").write_text(str(limit))
            with contextlib.suppress(OSError):  # kernels without swap have no such file
                (self._folder / "memory.swap.max").write_text("0")
            return
        (self._folder / "memory.limit_in_bytes").write_text(str(limit))
        with contextlib.suppress(OSError):
            (self._folder / "memory.memsw.limit_in_bytes").write_text(str(limit))

    def take(self, pid: int) -> None:
        """Move a process into the group; its descendants will be born there. Raises OSError."""
        (self._folder / "cgroup.procs").write_text(str(pid))

    def kills(self) -> int:
        """Processes that the kernel killed here for lack of memory so far."""
        for name in ("memory.events", "memory.oom_control"):
            with contextlib.suppress(OSError), open(self._folder / name) as file:
                return sum(int(line.split()[1]) for line in file if line.startswith("oom_kill "))
        return 0

    def remove(self) -> None:
        """Remove the group, in which nothing may run any more. Idempotent."""
        with contextlib.suppress(OSError):
            self._folder.rmdir()


@functools.cache
def memory_groups() -> tuple[Path, str] | None:
    """Where groups can be made, and the mechanism's name; None where they cannot. Found out by trying, once."""
    for parent, version in _group_parents():
        if _works(parent):
            return parent, f"memory cgroup v{version}"
    return None


def remove_leftovers() -> list[str]:
    """Remove the groups whose owner is dead and in which nothing runs any more; one line for each."""
    removed = []
    for parent in {parent for parent, _ in _group_parents()}:
        for group in sorted(parent.glob(f"{GROUP_PREFIX}*-*")):
            if is_dead(group.name.removeprefix(GROUP_PREFIX).rpartition("-")[0]):
                with contextlib.suppress(OSError):
                    group.rmdir()
                    removed.append(f"control group {group}")
    return removed


def _group_parents() -> Iterator[tuple[Path, int]]:
    """Folders in which groups could be made, with the version of the interface."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            root = _ROOT / "unified" if (_ROOT / "unified").is_dir() else _ROOT
            own = root / path.lstrip("/")
            # A group that holds processes cannot hand its controllers on, except the root.
            yield from ((parent, 2) for parent in (own, *own.parents) if _hands_on_memory(parent))
        elif "memory" in controllers.split(","):
            yield _ROOT / "memory" / path.lstrip("/"), 1


def _hands_on_memory(group: Path) -> bool:
    if not group.is_relative_to(_ROOT):
        return False
    with contextlib.suppress(OSError):
        return "memory" in (group / "cgroup.subtree_control").read_text().split()
    return False


def _works(parent: Path) -> bool:
    """Whether a process of ours can be moved into a new group in `parent`."""
    try:
        group = MemoryGroup(parent, 64 << 20)
    except OSError:
        return False
    try:
        # It ends with its input, so also where this process is killed now.
        with subprocess.Popen(["cat"], env={"PATH": os.defpath}, stdin=subprocess.PIPE) as trial:
            try:
                group.take(trial.pid)
            except OSError:
                return False
            finally:
                trial.kill()
    finally:
        group.remove()
    return True
