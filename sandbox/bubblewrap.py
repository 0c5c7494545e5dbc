"""The default backend on Linux: a warm process in namespaces made by bubblewrap.

From outside in: the owner; `launch.py`, which drops privileges and becomes bwrap, the monitor; the zygote, pid 1 of
the sandbox; one candidate at a time. The zygote dies with the monitor and the monitor with the owner (parent-death
signals), and the zygote also ends at end of file on its control socket; the kernel then kills all the namespace. The
parent-death signal follows the *thread* that opened the slot, so that thread has to live as long as the slot.

CPU seconds are what the kernel reported to the zygote for every process that it reaped; wall seconds are the owner's.
"""

from __future__ import annotations

from collections.abc import Mapping

from . import cgroup, command, mounts, sources
from ._base import Capability, Harness, Limits, Sandbox, SandboxError, Slot
from .capabilities import WITH_CARD, bubblewrap_report, missing, only_for_docker
from .cgroup import memory_groups
from .devices import card_of, missing_card
from .inner import Layer
from .limits import require_sane
from .pipes import PipeExchange
from .slot import CALLS_PER_START, WarmSlot
from .warm import Warm

__all__ = ["Bubblewrap"]

#: What the kernel keeps for a group besides its processes' pages, and what a fork copies of the warm process.
_OVERHEAD_BYTES = 64 << 20


class Bubblewrap(Sandbox):
    """Namespaces, a system-call filter and a read-only view of the system; needs Linux, bubblewrap and libseccomp."""

    name = "bubblewrap"

    def capabilities(self) -> Mapping[str, Capability]:
        """See `Sandbox`."""
        report, _ = bubblewrap_report()
        return report if self.options.device == "cpu" else {**report, **WITH_CARD}

    def unavailable(self) -> SandboxError | None:
        """See `Sandbox`."""
        report, problem = bubblewrap_report()
        problem = problem or only_for_docker(self.options) or missing_card(self.options)
        return problem or missing(report, ("fs_isolated", "net_isolated", "pid_tree_kill", "syscall_filter"))

    def open(self, harness: Harness, limits: Limits) -> Slot:
        """See `Sandbox`."""
        problem = self.unavailable()
        if problem is not None:
            raise problem
        cgroup.remove_leftovers()
        files = {**sources.harness_files(harness), **sources.runtime_files()}
        view = mounts.host_view(sources.project_folders(harness))

        card = card_of(self.options) is not None

        def start() -> Warm:
            warm = Warm(
                harness,
                command.FOLDERS,
                Layer("", None, own_users=True, bounded_address_space=not card),  # bubblewrap has loaded the filter
                lambda control, log: command.launch_zygote(control, log, limits, files, view, self.options),
            )
            groups = memory_groups()
            if groups is not None:  # what the warm process holds by now is not counted in a group that it joins
                warm.bound_memory(groups[0], limits.memory_bytes + 2 * limits.scratch_bytes + _OVERHEAD_BYTES)
            return warm

        return WarmSlot(start, PipeExchange, require_sane(limits), calls_per_start=1 if card else CALLS_PER_START)
