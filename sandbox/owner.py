"""Whose something is that can outlive its process: a folder, a control group, a container.

Each carries its owner's name, from which any process can tell later whether the owner is dead, even if its process id
has been given to another since. What cannot be told (another machine, another pid namespace, another boot) is nobody's
to remove.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["is_dead", "owner_name"]


def owner_name() -> str:
    """This process: boot, pid namespace, process id, when it started. Letters, digits and dots."""
    pid = os.getpid()
    return f"{_here()}.{pid}.{_stat(pid)[19]}"


def is_dead(name: str) -> bool:
    """Whether the process that `owner_name` named there has certainly ended."""
    here, _, process = name.rpartition(".")[0].rpartition(".")
    if here != _here() or not process.isdigit():
        return False
    pid, started = int(process), name.rpartition(".")[2]
    try:
        os.kill(pid, 0)  # sees also what /proc may hide from us
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    stat = _stat(pid)
    return bool(stat) and (stat[19] != started or stat[0] in "ZX")


def _here() -> str:
    """Where process ids mean the same: this boot of this kernel, this namespace."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot.replace('-', '')}.{os.stat('/proc/self/ns/pid').st_ino}"


def _stat(pid: int) -> list[str]:
    """Fields of a process from its state on; none when it cannot be seen."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].decode().split()
    except OSError:
        return []
