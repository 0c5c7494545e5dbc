"""The system-call filter of a candidate: built on the host by libseccomp, loaded by bubblewrap.

A deny list on top of namespaces and missing capabilities. It takes away what reaches beyond the sandbox or past its
limits: other processes' memory and scheduling, kernel interfaces with a history, new namespaces and mounts, every
socket family but local ones, and what outlives a process or escapes its memory limits (System V IPC, message queues,
memfd).
For the candidate, system calls younger than the list do not exist.
"""

from __future__ import annotations

import errno
import functools
import os
import resource
import socket
from typing import Any

from ._base import SandboxError

__all__ = ["compiled_filter"]

_DENIED = (
    "ptrace process_vm_readv process_vm_writev pidfd_getfd kcmp process_madvise process_mrelease",
    "bpf perf_event_open keyctl add_key request_key io_uring_setup io_uring_enter io_uring_register userfaultfd",
    "unshare setns mount umount umount2 pivot_root chroot mount_setattr move_mount open_tree fsopen fsconfig fsmount",
    "fspick init_module finit_module delete_module create_module kexec_load kexec_file_load reboot swapon swapoff acct",
    "clock_settime clock_adjtime adjtimex settimeofday stime syslog sethostname setdomainname vhangup iopl ioperm",
    "modify_ldt quotactl quotactl_fd open_by_handle_at name_to_handle_at fanotify_init fanotify_mark",
    "lookup_dcookie nfsservctl uselib personality shmget shmat shmctl shmdt semget semop semtimedop semctl",
    "msgget msgsnd msgrcv msgctl ipc mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr",
    "memfd_create memfd_secret",
    "setpriority sched_setscheduler sched_setparam sched_setattr ioprio_set migrate_pages move_pages",
)

#: Without a view of files of its own, further: what changes metadata, or watches, unseen by Landlock.
_DENIED_ALONE = (
    "chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat utime utimes utimensat futimesat",
    "setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr setxattrat removexattrat",
    "inotify_init inotify_init1 inotify_add_watch capset",
)
#: CLONE_NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
_NAMESPACE_FLAGS = (0x80, 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000)
#: What the kernel reads of an int argument; an equality on the whole register would miss one with high bits set.
_LOW_HALF = 0xFFFFFFFF
_TIOCSTI = 0x5412
_TIOCLINUX = 0x541C
#: System calls are numbered alike on all architectures from 424 on; these came after the list was made.
_UNKNOWN = range(463, 600)


@functools.cache
def compiled_filter(*, alone: bool = False) -> bytes:
    """The filter as BPF for this machine's architecture.

    Args:
        alone: For a candidate without namespaces around it: no sockets but pairs, no change of files' metadata.

    Raises:
        SandboxError: libseccomp or its binding is missing.
    """
    try:
        import pyseccomp
    except (ImportError, OSError, RuntimeError) as error:
        raise SandboxError(
            f"the system-call filter cannot be built: {error}",
            hint="apt-get install libseccomp2 && pip install pyseccomp",
        ) from error
    rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    refuse = pyseccomp.ERRNO(errno.EPERM)
    for name in " ".join((*_DENIED, *(_DENIED_ALONE if alone else ()))).split():
        _add(pyseccomp, rules, refuse, name)
    for flag in _NAMESPACE_FLAGS:
        _add(pyseccomp, rules, refuse, "clone", pyseccomp.Arg(0, pyseccomp.MASKED_EQ, flag, flag))
    _add(pyseccomp, rules, pyseccomp.ERRNO(errno.ENOSYS), "clone3")  # its flags are out of a filter's sight
    for name in ("socket", "socketpair"):
        foreign = [pyseccomp.Arg(0, pyseccomp.NE, int(socket.AF_UNIX))] if name == "socketpair" or not alone else []
        _add(pyseccomp, rules, pyseccomp.ERRNO(errno.EAFNOSUPPORT), name, *foreign)
    for command in (_TIOCSTI, _TIOCLINUX):
        _add(pyseccomp, rules, refuse, "ioctl", pyseccomp.Arg(1, pyseccomp.MASKED_EQ, _LOW_HALF, command))
    for name in ("prlimit64", "sched_setaffinity"):  # of others: the warm process has the same user
        _add(pyseccomp, rules, refuse, name, pyseccomp.Arg(0, pyseccomp.NE, 0))
    for name, position in (("setrlimit", 0), ("prlimit64", 1)):
        which = pyseccomp.Arg(position, pyseccomp.MASKED_EQ, _LOW_HALF, resource.RLIMIT_CORE)
        changes = [] if name == "setrlimit" else [pyseccomp.Arg(2, pyseccomp.NE, 0)]
        _add(pyseccomp, rules, refuse, name, which, *changes)
    for number in _UNKNOWN:
        rules.add_rule(pyseccomp.ERRNO(errno.ENOSYS), number)
    return _exported(rules)


def _add(pyseccomp: Any, rules: Any, action: int, name: str, *arguments: Any) -> None:
    number = pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name)
    if number >= 0:  # negative: this architecture has no such call
        rules.add_rule(action, number, *arguments)


def _exported(rules: Any) -> bytes:
    with os.fdopen(os.memfd_create("filter"), "w+b") as file:
        rules.export_bpf(file)
        file.seek(0)
        return file.read()
