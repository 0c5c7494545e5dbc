"""What a backend bounds on this machine, found out by trying."""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Iterable, Mapping

from . import mounts
from ._base import Capability, Options, SandboxError
from .cgroup import memory_groups
from .command import launch_probe
from .exchange import one_line
from .inner import landlock_abi
from .seccomp import compiled_filter

__all__ = [
    "PROPERTIES",
    "SIGNALS_ABI",
    "WITH_CARD",
    "bubblewrap_report",
    "missing",
    "nothing_bounded",
    "only_for_docker",
]

#: Every property that a report has.
PROPERTIES = (
    "fs_isolated",
    "net_isolated",
    "pid_tree_kill",
    "total_memory",
    "per_process_memory",
    "pids",
    "cpu_rate",
    "cpu_seconds",
    "disk",
    "inodes",
    "syscall_filter",
    "signal_scope",
    "gpu_masking",
)
#: What a graphics card changes: its driver maps far more than it uses, and its interface is reached.
WITH_CARD = {
    "gpu_masking": Capability("best_effort", "one device file; untested on a card"),
    "per_process_memory": Capability("none", "RLIMIT_AS does not go together with a card's driver"),
}
#: First Landlock interface that scopes signals.
SIGNALS_ABI = 6


def missing(report: Mapping[str, Capability], required: Iterable[str]) -> SandboxError | None:
    """The error for the first of `required` that is not enforced, if any."""
    for name in required:
        if report[name].level != "enforced":
            return SandboxError(f"{name} is not enforced here: {report[name].mechanism}", hint="`discovery doctor`")
    return None


def only_for_docker(options: Options) -> SandboxError | None:
    """The error for options that another backend cannot heed."""
    for name in ("image", "runtime"):
        if getattr(options, name):
            return SandboxError(f"only the docker backend takes an option {name!r}", hint="add --sandbox docker")
    return None


def nothing_bounded(reason: str) -> dict[str, Capability]:
    """A report in which every property is `none`."""
    return {name: Capability("none", reason) for name in PROPERTIES}


@functools.cache
def bubblewrap_report() -> tuple[Mapping[str, Capability], SandboxError | None]:
    """The report of the bubblewrap backend, and why it cannot be used, if so. Probed once in a process."""
    problem = _probe()
    if problem is not None:
        return nothing_bounded(f"unavailable: {problem.message}"), problem
    if landlock_abi() >= SIGNALS_ABI:
        scope = Capability("enforced", f"Landlock ABI {landlock_abi()}, pid namespace")
    else:
        scope = Capability("best_effort", f"pid namespace; Landlock ABI {landlock_abi()} cannot scope signals")
    groups = memory_groups()
    if groups is not None:
        memory = Capability("enforced", f"{groups[1]}; a call's share is sampled")
    else:
        memory = Capability("best_effort", "sampled by the warm process, every 20 ms or so")
    return {
        "fs_isolated": Capability("enforced", "mount namespace, read-only binds"),
        "net_isolated": Capability("enforced", "network namespace, seccomp"),
        "pid_tree_kill": Capability("enforced", "pid namespace, parent-death signal"),
        "total_memory": memory,
        "per_process_memory": Capability("enforced", "RLIMIT_AS"),
        "pids": Capability("enforced", "RLIMIT_NPROC in a user namespace"),
        "cpu_rate": Capability("none", "shares the host's cores"),
        "cpu_seconds": Capability("enforced", "RLIMIT_CPU for each process; the sum is sampled"),
        "disk": Capability("enforced", "tmpfs of fixed size, all else read-only"),
        "inodes": Capability("best_effort", "sampled by the warm process, every 20 ms or so"),
        "syscall_filter": Capability("enforced", "seccomp, checked in the running process"),
        "signal_scope": scope,
        "gpu_masking": Capability("enforced", "no device nodes in a private /dev"),
    }, None


def _probe() -> SandboxError | None:
    if shutil.which("bwrap") is None:
        return SandboxError("bubblewrap is not installed", hint="apt-get install bubblewrap")
    try:
        compiled_filter()
    except SandboxError as error:
        return error
    log = os.memfd_create("probe-log", os.MFD_CLOEXEC)
    try:
        code = launch_probe(log, mounts.host_view(())).wait()
        said = one_line(os.pread(log, 4096, 0).decode("utf-8", "replace"))
    finally:
        os.close(log)
    return None if code == 0 else SandboxError(f"bubblewrap cannot start a sandbox: {said}", hint=_remedy(said))


def _remedy(said: str) -> str:
    if "Unknown option" in said:
        return "bubblewrap 0.8 or later is needed: apt-get install --only-upgrade bubblewrap"
    if "namespace" in said or "uid map" in said or "Operation not permitted" in said:
        return (
            "user namespaces are switched off: sysctl -w user.max_user_namespaces=10000, on Debian also"
            " kernel.unprivileged_userns_clone=1, on Ubuntu also kernel.apparmor_restrict_unprivileged_userns=0"
        )
    return "`discovery doctor` tells what is missing"
