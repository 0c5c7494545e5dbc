"""A plain process for each call, as the same user, with the same harness contract. No isolation: only by its name.

For debugging, and for platforms without anything better while a person watches. The environment is empty and address
space and CPU time of each process are bounded; files, network, signals and everything else are open to the candidate.
An owner killed by SIGKILL may leave a folder `discovery-unsafe-*` in the temporary directory, and processes that left
their session; `discovery doctor --clean` removes both.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ._base import Answer, Array, Capability, Harness, Limits, Sandbox, SandboxError, Slot
from .capabilities import nothing_bounded, only_for_docker
from .command import ENVIRONMENT
from .exchange import one_line
from .limits import require_sane, require_within, to_plain
from .line import MESSAGE_BYTES
from .mounts import interpreter
from .owner import is_dead, owner_name
from .pipes import PipeExchange, readable
from .warm import not_loaded, time_out, verdict

__all__ = ["Unsafe", "remove_leftovers"]

_START_SECONDS = 120.0
_STOP_SECONDS = 0.5
#: Of scratch folders; the owner's name follows.
_FOLDER_PREFIX = "discovery-unsafe-"


class Unsafe(Sandbox):
    """No isolation at all. Never chosen unless asked for by name."""

    name = "unsafe"

    def capabilities(self) -> Mapping[str, Capability]:
        """See `Sandbox`."""
        return nothing_bounded("a plain process of the same user") | {
            "per_process_memory": Capability("enforced", "RLIMIT_AS"),
            "cpu_seconds": Capability("enforced", "RLIMIT_CPU"),
        }

    def unavailable(self) -> SandboxError | None:
        """See `Sandbox`: wherever there is a `/proc`."""
        if os.path.isdir("/proc/self/fd"):
            return only_for_docker(self.options)
        return SandboxError("this backend needs Linux", hint="choose another sandbox")

    def open(self, harness: Harness, limits: Limits) -> Slot:
        """See `Sandbox`."""
        problem = self.unavailable()
        if problem is not None:
            raise problem
        return _UnsafeSlot(harness, require_sane(limits))


def remove_leftovers() -> list[str]:
    """Kill the processes and remove the folders of this user whose owner is dead; one line for each."""
    removed = []
    for folder in sorted(Path(tempfile.gettempdir()).glob(f"{_FOLDER_PREFIX}*-*")):
        owner = folder.name.removeprefix(_FOLDER_PREFIX).partition("-")[0]
        if folder.is_symlink() or not is_dead(owner) or folder.stat().st_uid != os.geteuid():
            continue
        removed += [f"process {pid}" for pid in _kill_all_at_home_in(str(folder))]
        shutil.rmtree(folder, ignore_errors=True)
        removed.append(f"folder {folder}")
    return removed


def _kill_all_at_home_in(folder: str) -> Iterator[int]:
    import psutil

    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get("HOME") == folder:
                process.kill()
                yield process.pid


class _UnsafeSlot(Slot):
    def __init__(self, harness: Harness, limits: Limits) -> None:
        self._harness = harness
        self._limits = limits
        self._closed = False
        self._waiting: _Worker | None = _Worker(harness)  # so that a harness that cannot be loaded shows at once

    def call(
        self,
        payload: Mapping[str, Any],
        arrays: Mapping[str, Array] | None = None,
        limits: Limits | None = None,
    ) -> Answer:
        """See `Slot`."""
        if self._closed:
            raise SandboxError("the slot is closed", hint="open another one")
        limits = self._limits if limits is None else require_within(limits, self._limits)
        with PipeExchange(payload, arrays or {}, limits) as exchange:
            worker, self._waiting = self._waiting or _Worker(self._harness), None
            with contextlib.closing(worker):
                return worker.run(exchange, limits)

    def close(self) -> None:
        """See `Slot`."""
        self._closed = True
        if self._waiting is not None:
            self._waiting.close()
            self._waiting = None


class _Worker:
    """A process that has imported the harness and waits for its one call."""

    def __init__(self, harness: Harness) -> None:
        self._scratch = tempfile.TemporaryDirectory(
            prefix=f"{_FOLDER_PREFIX}{owner_name()}-", ignore_cleanup_errors=True
        )
        self._log = os.memfd_create("boot-log", os.MFD_CLOEXEC)
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        folder = self._scratch.name
        path = os.pathsep.join(os.path.abspath(entry or ".") for entry in sys.path)
        with theirs:
            self._process = subprocess.Popen(
                [interpreter(), "-s", "-P", "-B", "-m", f"{__package__}.worker"],
                stdin=theirs.fileno(),
                stdout=self._log,
                stderr=self._log,
                env=ENVIRONMENT | {"PYTHONPATH": path, "HOME": folder, "TMPDIR": folder},
                cwd=folder,
                start_new_session=True,
            )
        self._ended = os.pidfd_open(self._process.pid)
        try:
            self._boot_cpu = self._boot(harness)
        except BaseException:
            self.close()
            raise

    def _boot(self, harness: Harness) -> float:
        boot = {"entry": harness.entry, "preload": list(harness.preload)}
        data = b""
        with contextlib.suppress(OSError):
            self._control.send(json.dumps(boot).encode())
            if readable([self._control.fileno()], _START_SECONDS):
                data = self._control.recv(MESSAGE_BYTES)
        message = json.loads(data or b"{}")
        if "failed" in message:
            raise not_loaded(message)
        if "ready" not in message:
            said = one_line(os.pread(self._log, 1 << 14, 0).decode("utf-8", "replace")[-1500:])
            raise SandboxError(f"the process did not start: {said or 'no reason was given'}")
        return float(message["cpu"])

    def run(self, exchange: PipeExchange, limits: Limits) -> Answer:
        """The call."""
        begin = time.monotonic()
        with contextlib.suppress(OSError):  # a process that died waiting shows as a crash
            request = json.dumps({"limits": to_plain(limits)}).encode()
            socket.send_fds(self._control, [request], list(exchange.channels))
        exchange.started()
        ended = exchange.wait(self._ended, begin + limits.wall_seconds, until_answer=True)
        timed_out = not ended and not exchange.answered
        self._kill()  # also what the process left behind in its session
        if not ended:
            exchange.wait(self._ended, time.monotonic() + _STOP_SECONDS, until_answer=False)
        wall = time.monotonic() - begin
        _, status, usage = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        exchange.finish()
        cpu = max(0.0, usage.ru_utime + usage.ru_stime - self._boot_cpu)
        fallback = time_out(limits) if timed_out else verdict({"status": status, "exceeded": None}, cpu, limits)
        clock = timed_out and not exchange.answered
        return exchange.answer(fallback, clock_limited=clock, wall_seconds=wall, cpu_seconds=cpu)

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def close(self) -> None:
        """Kill the process's session and remove its folder. Idempotent."""
        if self._log < 0:
            return
        if self._process.returncode is None:
            self._kill()
            self._process.wait()
        self._control.close()
        for descriptor in (self._ended, self._log):
            os.close(descriptor)
        self._log = -1
        self._scratch.cleanup()
