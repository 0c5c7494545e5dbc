"""The default backend on Linux: a warm process in namespaces made by bubblewrap.

From outside in: the owner; `launch.py`, which drops privileges and becomes bwrap, the monitor; the zygote, pid 1 of
the sandbox; one candidate at a time. The zygote dies with the monitor and the monitor with the owner (parent-death
signals), and the zygote also ends at end of file on its control socket; the kernel then kills all the namespace. The
parent-death signal follows the *thread* that opened the slot, so that thread has to live as long as the slot.

CPU seconds are what the kernel reported to the zygote for every process that it reaped; wall seconds are the owner's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import command, mounts, sources
from ._base import Answer, Array, Capability, Harness, Limits, Sandbox, SandboxError, Slot
from .capabilities import bubblewrap_report, missing
from .exchange import Exchange
from .limits import require_sane, require_within
from .warm import Warm

__all__ = ["Bubblewrap"]


class Bubblewrap(Sandbox):
    """Namespaces, a system-call filter and a read-only view of the system; needs Linux, bubblewrap and libseccomp."""

    name = "bubblewrap"

    def capabilities(self) -> Mapping[str, Capability]:
        """See `Sandbox`."""
        return bubblewrap_report()[0]

    def unavailable(self) -> SandboxError | None:
        """See `Sandbox`."""
        report, problem = bubblewrap_report()
        return problem or missing(report, ("fs_isolated", "net_isolated", "pid_tree_kill", "syscall_filter"))

    def open(self, harness: Harness, limits: Limits) -> Slot:
        """See `Sandbox`."""
        problem = self.unavailable()
        if problem is not None:
            raise problem
        return _BubblewrapSlot(harness, require_sane(limits))


class _BubblewrapSlot(Slot):
    def __init__(self, harness: Harness, limits: Limits) -> None:
        self._harness = harness
        self._limits = limits
        self._files = {**sources.harness_files(harness), **sources.runtime_files()}
        self._view = mounts.host_view(sources.project_folders(harness))
        self._warm: Warm | None = None
        self._calls = 0
        self._closed = False
        self._start()

    def _start(self) -> Warm:
        self._warm = Warm(
            self._harness,
            command.FOLDERS,
            lambda control, log: command.launch_zygote(control, log, self._limits, self._files, self._view),
        )
        return self._warm

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
        with Exchange(payload, arrays or {}, limits) as exchange:
            if self._warm is not None and not self._warm.alive():
                self._drop()  # lost between calls, so by no fault of this candidate
            warm = self._warm or self._start()
            self._calls += 1
            try:
                answer = warm.run(self._calls, exchange, limits)
            except BaseException:  # Ctrl-C: a call may still be under way
                self._drop()
                raise
        if not warm.usable:
            self._drop()
        return answer

    def _drop(self) -> None:
        if self._warm is not None:
            self._warm.kill()
            self._warm = None

    def close(self) -> None:
        """See `Slot`."""
        self._closed = True
        self._drop()
