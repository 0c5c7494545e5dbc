"""What the warm process observes of a running call, and how it leaves nothing of it behind. Runs inside the sandbox.

rlimits bound each process; the totals over the tree have no rlimit. The warm process, which a candidate can neither
signal nor inspect, samples them: memory, CPU time, and what the tmpfs mounts hold. Sampling is a best effort: between
two samples a tree can overshoot.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import struct
from collections.abc import Iterator, Sequence

from ._base import Limits

__all__ = [
    "MAX_FILES",
    "Watch",
    "anonymous_bytes",
    "descendants",
    "empty_folder",
    "file_count",
    "kill_everything",
    "mapped_bytes",
    "memory_kills",
    "resident_bytes",
]

#: Files and folders a call may have in its writable places, together.
MAX_FILES = 4096

#: Where a container sees its own memory cgroup, version 2 or 1.
_OOM_COUNTERS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")
#: FS_IOC_GETFLAGS and FS_IOC_SETFLAGS, and of the flags those that a folder's owner may set.
_GET_FLAGS, _SET_FLAGS = 0x80086601, 0x40086602
_USERS_FLAGS = 0x000100FF
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICK = os.sysconf("SC_CLK_TCK")


class Watch:
    """Totals of one call against its limits. `base` is the anonymous memory of the warm process before the fork."""

    def __init__(self, limits: Limits, folders: Sequence[str], base: int) -> None:
        self._limits = limits
        self._folders = folders
        self._base = base
        self._alone = os.getpid() == 1

    def exceeded(self) -> str | None:
        """Which of `"memory"`, `"cpu"`, `"scratch"`, `"files"` or `"processes"` is beyond its limit now, if any."""
        others = _others() if self._alone else descendants()
        if self._memory(others) > self._limits.memory_bytes:
            return "memory"
        if sum(map(_cpu_seconds, others)) > self._limits.cpu_seconds:
            return "cpu"
        usage = [_mounted(folder) if self._alone else _walked(folder) for folder in self._folders]
        if any(size > self._limits.scratch_bytes for size, _ in usage):
            return "scratch"
        if sum(count for _, count in usage) > MAX_FILES:
            return "files"
        if not self._alone and sum(map(_threads, others)) > self._limits.processes:
            return "processes"
        return None

    def _memory(self, others: list[str]) -> int:
        """Bytes that the tree added. The quick sum counts shared pages for each sharer, so it can only be too high;
        when it is, the kernel's proportional sizes decide."""
        quick = sum(_resident(pid) for pid in others)
        if quick <= self._limits.memory_bytes:
            return quick
        return sum(_proportional(pid) for pid in [*others, "self"]) - self._base


def _others() -> list[str]:
    """Every process of this namespace but the first, which is this one."""
    return [pid for pid in os.listdir("/proc") if pid.isdigit() and pid != "1"]


def descendants() -> list[str]:
    """Every process below this one, which must adopt orphans."""
    parents: dict[str, list[str]] = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        fields = _stat(pid)
        if fields:
            parents.setdefault(fields[1].decode(), []).append(pid)
    found: list[str] = []
    level = [str(os.getpid())]
    while level:
        level = [child for pid in level for child in parents.get(pid, ())]
        found += level
    return found


def file_count(folder: str) -> int:
    """Files and folders in a writable place."""
    return (_mounted if os.getpid() == 1 else _walked)(folder)[1]


def _mounted(folder: str) -> tuple[int, int]:
    """Bytes and files of a mount of its own."""
    usage = os.statvfs(folder)
    return (usage.f_blocks - usage.f_bfree) * usage.f_frsize, usage.f_files - usage.f_ffree


def _walked(folder: str) -> tuple[int, int]:
    """Bytes and files of a folder on a mount that others use, too; more files than there may be are not counted."""
    size, count = 0, 1
    here = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        rest: list[list[str]] = [["."]]
        while rest and count <= MAX_FILES:
            if not rest[-1]:
                rest.pop()
                here = _instead(here, "..") if len(rest) > 1 else here
                continue
            try:
                here = _instead(here, rest[-1].pop())
            except OSError:  # gone by now, or closed to us
                continue
            rest.append([])
            with os.scandir(here) as entries:
                for entry in entries:
                    count += 1
                    with contextlib.suppress(OSError):
                        size += entry.stat(follow_symlinks=False).st_blocks * 512
                        if entry.is_dir(follow_symlinks=False):
                            rest[-1].append(entry.name)
    finally:
        os.close(here)
    return size, count


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
    return sum(map(int, _stat(pid)[11:15])) / _TICK  # utime, stime, and those of reaped children


def _threads(pid: str) -> int:
    return sum(map(int, _stat(pid)[17:18]))


def _stat(pid: str) -> list[bytes]:
    """Fields of a process from its state on; none when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


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

    The caller is pid 1 there, or has entered a Landlock domain that signals do not leave and adopts orphans: either way
    all that it reaches are its own descendants. The kernel signals all of them in one step, and a fork under way at
    that moment is aborted.
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

    Nothing may run any more that could write there. It descends folder by folder, each opened from the one above, so
    that neither depth nor length of a path matters.

    Raises:
        OSError: something resists; the mount has to go.
    """
    os.chmod(path, mode)
    here = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        way: list[tuple[str, list[str]]] = []  # the folders entered, each with its siblings still to do
        folders = _remove_files(here)
        _reset_flags(here)
        while folders or way:
            if folders:
                name = folders.pop()
                os.chmod(name, 0o700, dir_fd=here)
                here = _instead(here, name)
                way.append((name, folders))
                folders = _remove_files(here)
            else:
                name, folders = way.pop()
                here = _instead(here, "..")
                os.rmdir(name, dir_fd=here)
    finally:
        os.close(here)
    for attribute in os.listxattr(path):
        os.removexattr(path, attribute)
    os.utime(path, (0, 0))


def _reset_flags(folder: int) -> None:
    """Take away the flags that `chattr` gives; file systems without have none."""
    try:
        (flags,) = struct.unpack("l", fcntl.ioctl(folder, _GET_FLAGS, bytes(struct.calcsize("l"))))
    except OSError:
        return
    if flags & _USERS_FLAGS:
        fcntl.ioctl(folder, _SET_FLAGS, struct.pack("l", flags & ~_USERS_FLAGS))


def _remove_files(folder: int) -> list[str]:
    """Unlink all but the folders in an open folder; the names of those."""
    folders = []
    with os.scandir(folder) as entries:
        for entry in list(entries):
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            else:
                os.unlink(entry.name, dir_fd=folder)
    return folders


def _instead(folder: int, name: str) -> int:
    """An open folder, named from another one, which is closed."""
    opened = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    os.close(folder)
    return opened
