"""What a dead run can leave behind, and its removal.

The default sandbox leaves nothing: its processes die with their owner, its files live in mounts that vanish, and a
journal's lease is a lock that the kernel drops. When an owner was killed, the `unsafe` backend can leave a folder in
the temporary directory and processes that use it, `inner` an empty folder, `bubblewrap` an empty control group, and
`docker`, where the engine died too, a container.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

__all__ = ["remove_leftovers"]

_FOLDERS = "discovery-unsafe-*"
#: A folder without a process may be one whose process is about to start.
_SETTLED_SECONDS = 60.0


def remove_leftovers(now: float | None = None) -> list[str]:
    """Kill processes and remove folders of dead owners that belong to this user; returns one line each.

    What a living owner uses is left alone.
    """
    now = time.time() if now is None else now
    users = _processes_by_home()
    removed = [*_containers(), *_scratch_folders(), *_groups()]
    for folder in sorted(Path(tempfile.gettempdir()).glob(_FOLDERS)):
        if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
            continue
        processes = users.get(str(folder), {})
        if any(_has_owner(process, processes) for process in processes.values()):
            continue
        if not processes and now - folder.stat().st_mtime < _SETTLED_SECONDS:
            continue
        for process in processes.values():
            process.kill()
            removed.append(f"process {process.pid}")
        shutil.rmtree(folder, ignore_errors=True)
        removed.append(f"folder {folder}")
    return removed


def _containers() -> list[str]:
    from discovery.sandbox import SandboxError, engine

    try:
        return engine.remove_leftovers()
    except SandboxError:
        return []  # no engine, so no containers; the report says so


def _scratch_folders() -> list[str]:
    """Folders of the `inner` backend; the owner's process id is part of the name."""
    import psutil

    from discovery.sandbox.alone import FOLDER_PREFIX, scratch_parent

    removed = []
    for folder in sorted(Path(scratch_parent()).glob(f"{FOLDER_PREFIX}*")):
        owner = folder.name.removeprefix(FOLDER_PREFIX).partition("-")[0]
        ours = not folder.is_symlink() and folder.stat().st_uid == os.geteuid()
        if ours and owner.isdigit() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)
            removed.append(f"folder {folder}")
    return removed


def _groups() -> list[str]:
    """Empty control groups; the owner's process id is part of the name."""
    import psutil

    from discovery.sandbox.cgroup import GROUP_PREFIX, group_parents

    removed = []
    for parent in {parent for parent, _ in group_parents()}:
        for group in sorted(parent.glob(f"{GROUP_PREFIX}*-*")):
            owner = group.name.removeprefix(GROUP_PREFIX).partition("-")[0]
            if owner.isdigit() and not psutil.pid_exists(int(owner)):
                with suppress(OSError):
                    group.rmdir()
                    removed.append(f"control group {group}")
    return removed


def _processes_by_home() -> dict[str, dict[int, psutil.Process]]:
    """This user's processes, by the home directory in their environment."""
    import psutil

    found: dict[str, dict[int, psutil.Process]] = {}
    for process in psutil.process_iter():
        try:
            home = process.environ().get("HOME", "")
        except (psutil.Error, OSError):
            continue
        found.setdefault(home, {})[process.pid] = process
    return found


def _has_owner(process: psutil.Process, group: Mapping[int, psutil.Process]) -> bool:
    """Whether a living process outside `group` started this one. Orphans are handed to init or a session's systemd."""
    import psutil

    try:
        parent = process.parent()
        return parent is not None and parent.pid not in group and parent.pid != 1 and parent.name() != "systemd"
    except psutil.Error:
        return False
