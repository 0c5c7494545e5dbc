"""The layer that a process puts on itself before it touches a candidate: no new privileges, Landlock, rlimits.

It stacks on whatever surrounds it (namespaces, a container) and runs inside the sandbox, so it needs the standard
library only; the Landlock calls go through ctypes because no released package offers signal scoping.
"""

from __future__ import annotations

import ctypes
import math
import os
import resource
import signal
from typing import Any

from ._base import Limits

__all__ = [
    "confinement",
    "die_with_parent",
    "filter_system_calls",
    "forbid_new_privileges",
    "landlock_abi",
    "limit_resources",
    "offer_for_oom",
    "restrict_self",
    "set_dumpable",
]

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2
#: Bytes of one instruction of a filter.
_INSTRUCTION = 8
#: What `confinement` reports of `/proc/self/status`.
_ACCOUNT = ("Uid", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp")

_SYS_LANDLOCK_CREATE_RULESET = 444
_SYS_LANDLOCK_RESTRICT_SELF = 446
_CREATE_RULESET_VERSION = 1
_ABI_TCP = 4
_ABI_SCOPE = 6
_BIND_AND_CONNECT_TCP = 3
_SCOPE_ABSTRACT_UNIX_SOCKET_AND_SIGNAL = 3

_libc = ctypes.CDLL(None, use_errno=True)


class _RulesetAttributes(ctypes.Structure):
    """`struct landlock_ruleset_attr` of the kernel's interface."""

    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _Filter(ctypes.Structure):
    """`struct sock_fprog`: how many instructions, and where."""

    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def _prctl(option: int, argument: int, pointer: Any = None) -> None:
    if _libc.prctl(option, ctypes.c_ulong(argument), pointer, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl {option}: {os.strerror(number)}")


def die_with_parent() -> None:
    """Ask the kernel for SIGKILL when the parent dies. A later change of credentials cancels it."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def set_dumpable(dumpable: bool) -> None:
    """Let processes of the same user inspect this one, or not (no ptrace, no `/proc/PID/mem`, no core)."""
    _prctl(_PR_SET_DUMPABLE, int(dumpable))


def forbid_new_privileges() -> None:
    """Make setuid bits and file capabilities void for this process and its descendants."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def filter_system_calls(code: bytes) -> None:
    """Add a filter in BPF, as `seccomp.compiled_filter` makes it, irrevocably. Needs `forbid_new_privileges` before."""
    program = _Filter(len(code) // _INSTRUCTION, code)
    _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program))


def confinement() -> dict[str, str]:
    """The kernel's own account of this process: user, capabilities, filter. Fields that a kernel lacks are left out."""
    with open("/proc/self/status") as file:
        fields = {name: value.strip() for name, _, value in (line.partition(":") for line in file)}
    return {name: fields[name] for name in _ACCOUNT if name in fields}


def offer_for_oom() -> None:
    """Make this process the first to go when memory is short, before the one that watches it."""
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")


def landlock_abi() -> int:
    """Version of Landlock's interface in this kernel; 0 where there is none."""
    version: int = _libc.syscall(_SYS_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), _CREATE_RULESET_VERSION)
    return max(version, 0)


def restrict_self() -> None:
    """Enter a Landlock domain that signals and abstract sockets do not leave, without TCP, as far as the kernel can.

    Needs `forbid_new_privileges` before. Does nothing on a kernel without these rules; `landlock_abi` tells.

    Raises:
        OSError: the kernel has Landlock but refused.
    """
    abi = landlock_abi()
    if abi < _ABI_TCP:
        return
    attributes = _RulesetAttributes(0, _BIND_AND_CONNECT_TCP, _SCOPE_ABSTRACT_UNIX_SOCKET_AND_SIGNAL)
    size = ctypes.sizeof(attributes) if abi >= _ABI_SCOPE else _RulesetAttributes.scoped.offset
    ruleset = _libc.syscall(_SYS_LANDLOCK_CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(size), 0)
    if ruleset < 0:
        raise OSError(ctypes.get_errno(), "landlock_create_ruleset failed")
    try:
        if _libc.syscall(_SYS_LANDLOCK_RESTRICT_SELF, ruleset, 0) != 0:
            raise OSError(ctypes.get_errno(), "landlock_restrict_self failed")
    finally:
        os.close(ruleset)


def limit_resources(limits: Limits, *, mapped_bytes: int, processes: int | None) -> None:
    """Bound this process and its descendants, each on its own, irrevocably.

    Args:
        limits: What the call may use.
        mapped_bytes: Address space already mapped by the warm process.
        processes: Processes and threads that this user may have in its namespace; None where it has none of its own.
    """
    seconds = max(1, math.ceil(limits.cpu_seconds))
    bounds = {
        resource.RLIMIT_CORE: (1, 1),  # 0 would still start a core handler behind a pipe; 1 stops both
        resource.RLIMIT_AS: (mapped_bytes + limits.memory_bytes,) * 2,
        resource.RLIMIT_CPU: (seconds, seconds + 1),  # SIGXCPU says why; SIGKILL follows where it is ignored
        resource.RLIMIT_NOFILE: (limits.open_files,) * 2,
        resource.RLIMIT_FSIZE: (limits.scratch_bytes,) * 2,
        resource.RLIMIT_MEMLOCK: (0, 0),
        resource.RLIMIT_MSGQUEUE: (0, 0),
    }
    if processes is not None:
        bounds[resource.RLIMIT_NPROC] = (processes, processes)
    for which, wanted in bounds.items():
        current = resource.getrlimit(which)
        if current[1] != resource.RLIM_INFINITY:
            wanted = min(wanted[0], current[1]), min(wanted[1], current[1])
        if wanted != current:  # the filter refuses any change of the core limit
            resource.setrlimit(which, wanted)
