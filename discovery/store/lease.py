"""The lease of a run: who may write its journal.

An exclusive `flock` on `run.lock`. The kernel drops it when the holder dies, by whatever signal, so a lock file that
is left behind never blocks anybody. A forked child closes its copy at once: it would keep a dead parent's lease alive.
"""

from __future__ import annotations

import fcntl
import os
import time
import weakref
from pathlib import Path

from discovery.errors import JournalError

__all__ = ["Lease", "lease_holder"]

_FILE = "run.lock"
_TRIES = 5  # `lease_holder` holds the lock for an instant; that must not turn a controller away
_PAUSE_SECONDS = 0.05


class Lease:
    """The right to write a run's journal, from construction to `release`.

    Args:
        folder: The run's folder; it must exist.

    Raises:
        JournalError: another process holds it; the message names its process id.
        OSError: the lock file cannot be opened for writing.
    """

    def __init__(self, folder: Path) -> None:
        self._descriptor: int | None = os.open(folder / _FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            if not _lock(self._descriptor):
                raise _held(folder, self._descriptor)
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)
        except BaseException:
            self.release()
            raise
        _held_here.add(self)

    def release(self) -> None:
        """Give the lease back. Idempotent."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


_held_here: weakref.WeakSet[Lease] = weakref.WeakSet()


def _release_in_child() -> None:
    for lease in list(_held_here):
        lease.release()


os.register_at_fork(after_in_child=_release_in_child)


def lease_holder(folder: Path) -> int | None:
    """Process id of the controller that holds the run in `folder`; None when nobody does (0: it left no id)."""
    try:
        descriptor = os.open(folder / _FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _recorded(descriptor)
    else:
        return None
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    for attempt in range(_TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if attempt + 1 < _TRIES:
                time.sleep(_PAUSE_SECONDS)
        else:
            return True
    return False


def _recorded(descriptor: int) -> int:
    text = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
    return int(text) if text.isdigit() else 0


def _held(folder: Path, descriptor: int) -> JournalError:
    holder = _recorded(descriptor)
    return JournalError(
        f"run {folder.name} is held by another controller (process {holder or 'unknown'})",
        hint=f"wait until it ends, or stop it with `kill {holder or 'PID'}`; `discovery show` reads it meanwhile",
    )
