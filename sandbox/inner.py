"""The layer that a process puts on itself before it touches a candidate: no new privileges, Landlock, rlimits.

It stacks on whatever surrounds it (namespaces, a container) and runs inside the sandbox, so it needs the standard
library only; the Landlock calls go through ctypes because no released package offers signal scoping.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import math
import os
import resource
import signal
from typing import Any, NamedTuple

from ._base import Limits

__all__ = [
    "ABI_SCOPE",
    "Files",
    "Layer",
    "adopt_orphans",
    "confinement",
    "die_with_parent",
    "drop_capabilities",
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

_PR_SET_CHILD_SUBREAPER = 36
_SYS_CAPSET = {"x86_64": 126, "aarch64": 91}

_SYS_LANDLOCK_CREATE_RULESET = 444
_SYS_LANDLOCK_ADD_RULE = 445
_SYS_LANDLOCK_RESTRICT_SELF = 446
_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1
_ABI_TCP = 4
#: First interface that scopes signals and abstract sockets.
ABI_SCOPE = 6
#: File rights: all that interface 6 knows, of them those of single files, and what reading and writing take.
_FS_ALL = 0xFFFF
_FS_OF_FILES = 0xC007
_FS_READ = 0x000D
_FS_LIST = 0x0008
_FS_WRITE = _FS_ALL & ~0x8840  # no devices
_BIND_AND_CONNECT_TCP = 3
_SCOPE_ABSTRACT_UNIX_SOCKET_AND_SIGNAL = 3

_libc = ctypes.CDLL(None, use_errno=True)


#: Limits that gVisor's kernel does not know; the filter refuses what they bound.
_NOT_EVERYWHERE = (resource.RLIMIT_MSGQUEUE,)


class _RulesetAttributes(ctypes.Structure):
    """`struct landlock_ruleset_attr` of the kernel's interface."""

    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _PathRule(ctypes.Structure):
    """`struct landlock_path_beneath_attr`."""

    _pack_ = 1
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


class Files(NamedTuple):
    """Which files a Landlock domain may use: `read` (also executed and listed), `write` (also read), and those of which
    only names may be `listed`; each with all beneath. Paths that do not exist are left out."""

    read: tuple[str, ...]
    write: tuple[str, ...]
    listed: tuple[str, ...] = ()


class Layer(NamedTuple):
    """What of the inner layer depends on the backend; the same in JSON, where it is a list.

    Attributes:
        filter: A system-call filter in hexadecimal, or "" where the environment has one in force.
        files: Where Landlock has to keep files apart; None where mounts do.
        own_users: Whether the sandbox has a user namespace of its own, so that the kernel counts its processes alone.
        bounded_address_space: Whether RLIMIT_AS applies; a graphics card's driver does not bear it.
    """

    filter: str
    files: Files | None
    own_users: bool
    bounded_address_space: bool = True

    @classmethod
    def from_plain(cls, data: list[Any]) -> Layer:
        """From JSON."""
        code, files, *rest = data
        return cls(code, None if files is None else Files(*map(tuple, files)), *rest)


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


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def drop_capabilities() -> None:
    """Give up every capability, as root may hold; `forbid_new_privileges` keeps them from coming back."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    nothing = (ctypes.c_uint32 * 6)()
    number = _SYS_CAPSET.get(os.uname().machine)
    if number is not None and _libc.syscall(number, header, nothing) != 0:
        raise OSError(ctypes.get_errno(), "capset failed")


def restrict_self(files: Files | None = None) -> None:
    """Enter a Landlock domain that signals and abstract sockets do not leave, without TCP, as far as the kernel can;
    with `files`, also one that uses no others.

    Needs `forbid_new_privileges` before. Does nothing on a kernel without these rules; `landlock_abi` tells.

    Raises:
        OSError: the kernel has Landlock but refused, or has too little of it for `files`.
    """
    abi = landlock_abi()
    if files is not None and abi < ABI_SCOPE:
        raise OSError(errno.ENOSYS, f"Landlock ABI {ABI_SCOPE} is needed; this kernel has {abi}")
    if abi < _ABI_TCP:
        return
    handled = 0 if files is None else _FS_ALL
    attributes = _RulesetAttributes(handled, _BIND_AND_CONNECT_TCP, _SCOPE_ABSTRACT_UNIX_SOCKET_AND_SIGNAL)
    size = ctypes.sizeof(attributes) if abi >= ABI_SCOPE else _RulesetAttributes.scoped.offset
    ruleset = _libc.syscall(_SYS_LANDLOCK_CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(size), 0)
    if ruleset < 0:
        raise OSError(ctypes.get_errno(), "landlock_create_ruleset failed")
    try:
        given = () if files is None else zip(files, (_FS_READ, _FS_WRITE, _FS_LIST), strict=True)
        for paths, rights in given:
            for path in paths:
                _allow(ruleset, path, rights)
        if _libc.syscall(_SYS_LANDLOCK_RESTRICT_SELF, ruleset, 0) != 0:
            raise OSError(ctypes.get_errno(), "landlock_restrict_self failed")
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        of_kind = rights if os.path.isdir(f"/proc/self/fd/{opened}") else rights & _FS_OF_FILES
        rule = _PathRule(of_kind, opened)
        if _libc.syscall(_SYS_LANDLOCK_ADD_RULE, ruleset, _RULE_PATH_BENEATH, ctypes.byref(rule), 0) != 0:
            raise OSError(ctypes.get_errno(), f"landlock_add_rule failed for {path}")
    finally:
        os.close(opened)


def limit_resources(limits: Limits, *, mapped_bytes: int | None, processes: int | None) -> None:
    """Bound this process and its descendants, each on its own, irrevocably.

    Args:
        limits: What the call may use.
        mapped_bytes: Address space already mapped by the warm process; None leaves it unbounded.
        processes: Processes and threads that this user may have in its namespace; None where it has none of its own.
    """
    seconds = max(1, math.ceil(limits.cpu_seconds))
    bounds = {
        resource.RLIMIT_CORE: (1, 1),  # 0 would still start a core handler behind a pipe; 1 stops both
        resource.RLIMIT_CPU: (seconds, seconds + 1),  # SIGXCPU says why; SIGKILL follows where it is ignored
        resource.RLIMIT_NOFILE: (limits.open_files,) * 2,
        resource.RLIMIT_FSIZE: (limits.scratch_bytes,) * 2,
        resource.RLIMIT_MEMLOCK: (0, 0),
        resource.RLIMIT_MSGQUEUE: (0, 0),
    }
    if mapped_bytes is not None:
        bounds[resource.RLIMIT_AS] = (mapped_bytes + limits.memory_bytes,) * 2
    if processes is not None:
        bounds[resource.RLIMIT_NPROC] = (processes, processes)
    for which, wanted in bounds.items():
        current = resource.getrlimit(which)
        if current[1] != resource.RLIM_INFINITY:
            wanted = min(wanted[0], current[1]), min(wanted[1], current[1])
        if wanted != current:  # the filter refuses any change of the core limit
            with contextlib.suppress(ValueError) if which in _NOT_EVERYWHERE else contextlib.nullcontext():
                resource.setrlimit(which, wanted)
