"""The inner layer alone, for a pod that is itself the sandbox: Landlock, seccomp, rlimits, no namespaces.

The warm process enters a Landlock domain before it imports anything, and each candidate a narrower one: of the files
only the interpreter, its packages and one scratch folder, no socket, no signal to anybody outside. The user, the view
of processes, memory and network are the pod's.

Metadata are out of Landlock's sight: a candidate can see that a file exists, and its size and times. What would change
them (modes, owners, attributes, times) the filter refuses.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from . import mounts, sources
from ._base import Answer, Capability, Harness, Limits, Sandbox, SandboxError, Slot
from .capabilities import missing, nothing_bounded, only_for_docker
from .command import ENVIRONMENT
from .devices import card_of
from .inner import ABI_SCOPE, Files, Layer, landlock_abi
from .limits import require_sane
from .owner import is_dead, owner_name
from .pipes import PipeExchange, readable
from .seccomp import compiled_filter
from .slot import WarmSlot
from .warm import Warm, require_account
from .watch import empty_folder

if TYPE_CHECKING:
    import psutil

__all__ = ["FOLDER_PREFIX", "Inner", "remove_leftovers", "scratch_parents"]

#: Of scratch folders; the owner's name follows.
FOLDER_PREFIX = "discovery-inner-"
_DEVICES = ("/dev/full", "/dev/null", "/dev/random", "/dev/urandom", "/dev/zero")
_END_SECONDS = 1.0


def scratch_parents() -> list[str]:
    """Where scratch folders may be: in memory if possible, since a candidate's files can be slow to remove from a
    disk."""
    memory = ["/dev/shm"] if os.access("/dev/shm", os.W_OK | os.X_OK) else []
    return [*memory, tempfile.gettempdir()]


def remove_leftovers() -> list[str]:
    """Remove the scratch folders of this user whose owner is dead; one line for each."""
    removed = []
    for folder in sorted(path for parent in scratch_parents() for path in Path(parent).glob(f"{FOLDER_PREFIX}*-*")):
        with contextlib.suppress(OSError):  # somebody else removes it, or its last processes still end
            ours = not folder.is_symlink() and folder.stat().st_uid == os.geteuid()
            if ours and is_dead(folder.name.removeprefix(FOLDER_PREFIX).partition("-")[0]):
                _remove(str(folder))
                removed.append(f"folder {folder}")
    return removed


def _remove(folder: str) -> None:
    empty_folder(folder, 0o700)
    os.rmdir(folder)


class Inner(Sandbox):
    """Landlock, seccomp and rlimits without namespaces: by name only, where the machine around it is the sandbox."""

    name = "inner"

    def capabilities(self) -> Mapping[str, Capability]:
        """See `Sandbox`."""
        problem = _problem()
        if problem is not None:
            return nothing_bounded(f"unavailable: {problem.message}")
        abi = f"Landlock ABI {landlock_abi()}"
        pod = "what surrounds it"
        return {
            "fs_isolated": Capability("enforced", f"{abi}; names, sizes and times of files stay visible"),
            "net_isolated": Capability("enforced", "seccomp: no sockets"),
            "pid_tree_kill": Capability("enforced", f"{abi} scopes the signal that kills all; orphans are adopted"),
            "total_memory": Capability("best_effort", f"sampled, every 20 ms or so; {pod}"),
            "per_process_memory": Capability("enforced", "RLIMIT_AS"),
            "pids": Capability("best_effort", f"sampled, every 20 ms or so; {pod}"),
            "cpu_rate": Capability("none", pod),
            "cpu_seconds": Capability("enforced", "RLIMIT_CPU for each process; the sum is sampled"),
            "disk": Capability("best_effort", "RLIMIT_FSIZE for each file; the sum is sampled"),
            "inodes": Capability("best_effort", "sampled, every 20 ms or so"),
            "syscall_filter": Capability("enforced", "seccomp in each call"),
            "signal_scope": Capability("enforced", abi),
            "gpu_masking": Capability("enforced", "no device files"),
        }

    def unavailable(self) -> SandboxError | None:
        """See `Sandbox`."""
        problem = _problem() or only_for_docker(self.options) or self._no_card()
        return problem or missing(
            self.capabilities(), ("fs_isolated", "net_isolated", "pid_tree_kill", "syscall_filter")
        )

    def _no_card(self) -> SandboxError | None:
        if card_of(self.options) is None:
            return None
        return SandboxError("the inner layer alone shows no device", hint="--sandbox bubblewrap or docker")

    def open(self, harness: Harness, limits: Limits) -> Slot:
        """See `Sandbox`."""
        problem = self.unavailable()
        if problem is not None:
            raise problem
        remove_leftovers()
        files = {**sources.harness_files(harness), **sources.runtime_files()}
        code = json.dumps({path: content.decode() for path, content in files.items()}).encode()
        view = mounts.narrow_view(sources.project_folders(harness))
        room = require_sane(limits).scratch_bytes
        return WarmSlot(lambda: _Alone(harness, code, view, room), PipeExchange, limits)


def _problem() -> SandboxError | None:
    try:
        compiled_filter(alone=True)
    except SandboxError as error:
        return error
    if landlock_abi() < ABI_SCOPE:
        return SandboxError(
            f"this kernel has Landlock ABI {landlock_abi()}; {ABI_SCOPE} is needed to keep signals and files apart",
            hint="Linux 6.12 or newer with Landlock switched on (lsm=landlock,...); or choose another sandbox",
        )
    return None


def _new_folder(room: int) -> str:
    """A scratch folder where there is `room`; SandboxError where there is none."""
    parents = scratch_parents()
    roomy = next((parent for parent in parents if _free(parent) >= room), parents[-1])
    _require_room(roomy, room)
    return tempfile.mkdtemp(prefix=f"{FOLDER_PREFIX}{owner_name()}-", dir=roomy)


def _require_room(folder: str, room: int) -> None:
    if _free(folder) < room:
        raise SandboxError(
            f"{folder} has {_free(folder) >> 20} MiB free; a candidate may use {room >> 20} MiB there",
            hint="free space, or name another place with TMPDIR",
        )


def _free(folder: str) -> int:
    """Bytes; none where no more files can be made."""
    space = os.statvfs(folder)
    return space.f_bavail * space.f_frsize if space.f_favail or not space.f_files else 0


class _Alone(Warm):
    """See `Warm`. Owns the scratch folder, on a disk that others may fill: where a call could find less room than the
    `room` that it is promised, its end would be no fault of the candidate."""

    def __init__(self, harness: Harness, code: bytes, view: mounts.View, room: int) -> None:
        self._room = room
        self._folder = _new_folder(room)
        self._place = os.path.dirname(self._folder)  # which stays when the folder goes with a sandbox that was killed
        self._code = code
        whole, partly = mounts.split(view)
        files = Files(tuple(whole), (self._folder, *_DEVICES), tuple(partly))
        layer = Layer(compiled_filter(alone=True).hex(), files, own_users=False)
        super().__init__(harness, {self._folder: 0o700}, layer, self._launch)

    def run(self, number: int, exchange: PipeExchange, limits: Limits) -> Answer:
        """See `Warm`."""
        _require_room(self._place, self._room)
        answer = super().run(number, exchange, limits)
        if answer.status != "ok":
            _require_room(self._place, self._room)
        return answer

    def _launch(self, control: socket.socket, log: int) -> subprocess.Popen[bytes]:
        code = os.memfd_create("code", os.MFD_CLOEXEC)
        try:
            with os.fdopen(os.dup(code), "wb") as file:
                file.write(self._code)
            os.lseek(code, 0, os.SEEK_SET)
            bootstrap = Path(__file__).with_name("bootstrap.py").read_text()
            environment = ENVIRONMENT | {"HOME": self._folder, "TMPDIR": self._folder}
            del environment["PYTHONPATH"]
            return subprocess.Popen(
                [mounts.interpreter(), "-s", "-P", "-B", "-c", bootstrap, str(code)],
                stdin=control.fileno(),
                stdout=log,
                stderr=log,
                env=environment,
                pass_fds=[code],
                cwd=self._folder,
                start_new_session=True,
            )
        finally:
            os.close(code)

    def _require_confined(self, zygote: int, account: Mapping[str, str]) -> None:
        require_account(account, unprivileged_user=False)

    def _end(self, zygote: int) -> None:
        """At the end of its line it ends its descendants, then itself; one that does not react is ended from outside,
        its descendants first, while they still are."""
        if readable([zygote], _END_SECONDS) or self._monitor is None:
            return
        import psutil

        process = psutil.Process(self._monitor.pid)
        for number in (signal.SIGSTOP, signal.SIGKILL):
            while family := [child for child in process.children(recursive=True) if _takes(child, number)]:
                for child in family:
                    child.send_signal(number)
        super()._end(zygote)

    def kill(self) -> None:
        """See `Warm`."""
        super().kill()
        with contextlib.suppress(FileNotFoundError):
            _remove(self._folder)


def _takes(process: psutil.Process, number: signal.Signals) -> bool:
    """Whether the signal has an effect on the process still to come."""
    import psutil

    try:
        status = process.status()
    except psutil.NoSuchProcess:
        return False
    stopped = number == signal.SIGSTOP and status == psutil.STATUS_STOPPED
    return not stopped and status not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
