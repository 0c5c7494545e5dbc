"""What the warm process observes of a running call, and how it leaves nothing of it behind. Runs inside the sandbox.

rlimits bound each process; the totals over the tree have no rlimit. The warm process, which a candidate can neither
signal nor inspect, samples them: memory, CPU time, and what the tmpfs mounts hold. Sampling is a best effort: between
two samples a tree can overshoot.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator, Sequence

from ._base import Limits

__all__ = [
    "MAX_FILES",
    "Watch",
    "anonymous_bytes",
    "empty_folder",
    "kill_everything",
    "mapped_bytes",
    "memory_kills",
    "resident_bytes",
]

#: Files and folders a call may have in its writable places, together.
MAX_FILES = 4096

#: Where a container sees its own memory cgroup, version 2 or 1.
_OOM_COUNTERS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICK = os.sysconf("SC_CLK_TCK")


class Watch:
    """Totals of one call against its limits. `base` is the anonymous memory of the warm process before the fork."""

    def __init__(self, limits: Limits, folders: Sequence[str], base: int) -> None:
        self._limits = limits
        self._folders = folders
        self._base = base

    def exceeded(self) -> str | None:
        """Which of `"memory"`, `"cpu"`, `"scratch"` or `"files"` is beyond its limit now, if any."""
        others = [pid for pid in os.listdir("/proc") if pid.isdigit() and pid != "1"]
        if self._memory(others) > self._limits.memory_bytes:
            return "memory"
        if sum(map(_cpu_seconds, others)) > self._limits.cpu_seconds:
            return "cpu"
        usage = [os.statvfs(folder) for folder in self._folders]
        if any((part.f_blocks - part.f_bfree) * part.f_frsize > self._limits.scratch_bytes for part in usage):
            return "scratch"
        if sum(part.f_files - part.f_ffree for part in usage) > MAX_FILES:
            return "files"
        return None

    def _memory(self, others: list[str]) -> int:
        """Bytes that the tree added. The quick sum counts shared pages for each sharer, so it can only be too high;
        when it is, the kernel's proportional sizes decide."""
        quick = sum(_resident(pid) for pid in others)
        if quick <= self._limits.memory_bytes:
            return quick
        return sum(_proportional(pid) for pid in [*others, "self"]) - self._base


def _fields(path: str, names: tuple[bytes, ...]) -> int:
    """Sum in bytes of the named kB fields of a `/proc` file."""
    with open(path, "rb") as file:
        return sum(int(line.split()[1]) << 10 for line in file if line.startswith(names))


def _resident(pid: str) -> int:
    try:
        return _fields(f"/proc/{pid}/status", (b"RssAnon:", b"RssShmem:"))
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _proportional(pid: str) -> int:
    try:
        return _fields(f"/proc/{pid}/smaps_rollup", (b"Pss_Anon:", b"Pss_Shmem:"))
    except (FileNotFoundError, ProcessLookupError):
        return 0
    except PermissionError:  # it hides itself: count it in full
        return _resident(pid)


def _cpu_seconds(pid: str) -> float:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(map(int, fields[11:15])) / _TICK  # utime, stime, and those of reaped children


def anonymous_bytes() -> int:
    """Resident anonymous memory of this process."""
    return _fields("/proc/self/status", (b"RssAnon:",))


def mapped_bytes() -> int:
    """Address space of this process."""
    return _statm(0)


def resident_bytes() -> int:
    """Memory of this process that is resident, files included."""
    return _statm(1)


def _statm(field: int) -> int:
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[field]) * _PAGE


def memory_kills() -> int:
    """Processes of this container that the kernel killed for lack of memory so far; 0 where that cannot be seen."""
    for path in _OOM_COUNTERS:
        try:
            with open(path, "rb") as file:
                return sum(int(line.split()[1]) for line in file if line.startswith(b"oom_kill "))
        except OSError:
            continue
    return 0


def kill_everything() -> Iterator[tuple[int, int, float]]:
    """SIGKILL every other process of the namespace, wait until none is left, and yield (pid, status, CPU seconds).

    The caller is pid 1 there, so it inherits every orphan; the kernel signals all of them in one step, and a fork under
    way at that moment is aborted.
    """
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)
    while True:
        try:
            pid, status, usage = os.wait4(-1, 0)
        except ChildProcessError:
            return
        yield pid, status, usage.ru_utime + usage.ru_stime


def empty_folder(path: str, mode: int) -> None:
    """Remove all that a call left in `path` and on the folder itself: mode, times, attributes.

    Raises:
        OSError, RecursionError: something resists; the mount has to go.
    """
    os.chmod(path, mode)
    for name in os.listdir(path):
        entry = os.path.join(path, name)
        if os.path.isdir(entry) and not os.path.islink(entry):
            _make_removable(entry)
            shutil.rmtree(entry)
        else:
            os.unlink(entry)
    for attribute in os.listxattr(path):
        os.removexattr(path, attribute)
    os.utime(path, (0, 0))


def _make_removable(path: str) -> None:
    os.chmod(path, 0o700)
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                _make_removable(entry.path)
