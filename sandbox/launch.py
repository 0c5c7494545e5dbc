"""A tiny process between the owner of a slot and bubblewrap: `launch.py OWNER_PID SOURCES COMMAND...`

It exists because what it does must happen after a fork, and the owner may have threads: it ties its life to the
owner's and gives up all privileges before bubblewrap runs, for a bubblewrap started by root leaves `/proc/sys` writable
as root.

Started as root, it first binds each of SOURCES (a JSON list of paths) to `/mnt/0`, `/mnt/1`, ... in a mount namespace
of its own, so that the unprivileged user can reach an interpreter below a private home. That stage is a tmpfs, which
goes with the namespace; nothing appears on the host. Started by anyone else it needs no stage and no privilege.

It is run as a script, in isolated mode, and imports the standard library only.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from typing import NoReturn

STAGE = "/mnt"
UNPRIVILEGED = 65534

_MS_BIND = 0x1000
_MS_REC = 0x4000
_MS_PRIVATE = 0x40000
_MS_NOSUID_NODEV = 0x6
_CLONE_NEWNS = 0x20000
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    encoded = [None if text is None else os.fsencode(text) for text in (source, target, kind, data)]
    result = _libc.mount(encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), encoded[3])
    _check(result, f"mount {source} on {target}")


def _stage(sources: list[str]) -> None:
    _check(_libc.unshare(_CLONE_NEWNS), "unshare the mount namespace")
    _mount("none", "/", None, _MS_REC | _MS_PRIVATE)
    opened = [os.open(source, os.O_PATH | os.O_CLOEXEC) for source in sources]
    _mount("stage", STAGE, "tmpfs", _MS_NOSUID_NODEV, "mode=0755,size=1m")
    for index, (source, descriptor) in enumerate(zip(sources, opened, strict=True)):
        target = f"{STAGE}/{index}"
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):
            os.mkdir(target)
        else:
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))
        try:
            _mount(f"/proc/self/fd/{descriptor}", target, None, _MS_BIND | _MS_REC)
        except OSError as error:
            raise OSError(error.errno, f"cannot stage {source}: {error.strerror}") from None
        os.close(descriptor)


def _drop_privileges() -> None:
    os.setgroups([])
    os.setresgid(UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED)
    os.setresuid(UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED)
    with open("/proc/self/status") as status:
        held = {line.split(":")[0]: int(line.split()[1], 16) for line in status if line[:6] in ("CapPrm", "CapEff")}
    if any(held.values()):
        raise PermissionError(f"capabilities survived the change of user: {held}")


def main() -> NoReturn:
    """Stage, drop, tie to the owner, and become the command."""
    owner, sources, command = int(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3:]
    os.umask(0o022)
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    core = 1 if hard == resource.RLIM_INFINITY else min(hard, 1)
    resource.setrlimit(resource.RLIMIT_CORE, (core, core))
    if os.geteuid() == 0:
        _stage(sources)
        _drop_privileges()
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    _check(_libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0), "parent-death signal")
    if os.getppid() != owner:
        raise ProcessLookupError("the owner of the slot is gone")
    os.execve(command[0], command, {})


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        sys.exit(f"launch: {error}")
