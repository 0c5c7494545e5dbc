"""The owner's handle of a running sandbox: boot the warm process, run calls, know when everything is dead."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ._base import Answer, AnswerStatus, Harness, Limits, SandboxError
from .cgroup import MemoryGroup
from .exchange import one_line
from .inner import Layer
from .limits import to_plain
from .line import MESSAGE_BYTES
from .pipes import PipeExchange, readable

__all__ = ["Warm", "not_loaded", "require_account", "time_out", "verdict"]

_START_SECONDS = 120.0
#: From "stop" to the whole tree dead; beyond it the sandbox itself is killed.
_STOP_SECONDS = 0.5
_KILL_SECONDS = 30.0
_CREDENTIALS = struct.Struct("3i")


class Warm:
    """One sandbox: its monitor, its zygote, and the control socket between us.

    Args:
        harness: What the zygote imports.
        folders: Writable folders inside and the modes they are reset to.
        layer: What of the inner layer the zygote has to bring.
        start: Starts the monitor of a sandbox whose pid 1 is a zygote reading the given control socket; boot messages
            go to the given descriptor.

    Raises:
        SandboxError: it did not start, or started without its protections.
    """

    def __init__(
        self,
        harness: Harness,
        folders: Mapping[str, int],
        layer: Layer,
        start: Callable[[socket.socket, int], subprocess.Popen[bytes]],
    ) -> None:
        self.usable = False
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._zygote: int | None = None
        self._pid: int | None = None
        self._group: MemoryGroup | None = None
        self._log = os.memfd_create("boot-log", os.MFD_CLOEXEC)
        self._monitor: subprocess.Popen[bytes] | None = None
        try:
            with theirs:
                self._monitor = start(theirs, self._log)
            self._boot(harness, folders, layer)
        except BaseException:
            self.kill()
            raise
        self.usable = True

    def bound_memory(self, parent: Path, limit: int) -> None:
        """Hold all that runs in the sandbox from now on to `limit` bytes, in a control group made in `parent`.

        Raises:
            SandboxError: the group cannot be made, though it could before; the sandbox is killed.
        """
        assert self._pid is not None
        try:
            self._group = MemoryGroup(parent, limit)
            self._group.take(self._pid)
        except OSError as error:
            self.kill()
            raise SandboxError(
                f"the sandbox's memory cannot be bounded: {error}", hint="`discovery doctor` tells what is missing"
            ) from error

    def _boot(self, harness: Harness, folders: Mapping[str, int], layer: Layer) -> None:
        boot = {"entry": harness.entry, "preload": list(harness.preload), "folders": dict(folders), "layer": layer}
        with contextlib.suppress(OSError):  # its end shows below, with the reason
            self._control.send(json.dumps(boot).encode())
        if not readable([self._control.fileno()], _START_SECONDS):
            raise SandboxError(
                f"the sandbox did not start within {_START_SECONDS:.0f} s",
                hint="try again when the machine is less loaded",
            )
        message, zygote = self._receive()
        if "failed" in message:
            raise not_loaded(message)
        if message.get("ready") is not True or zygote is None:
            raise SandboxError(
                f"the sandbox did not start: {self._boot_log()}", hint="`discovery doctor` tells what is missing"
            )
        self._zygote, self._pid = os.pidfd_open(zygote), zygote
        self._require_confined(zygote, message["confined"])

    def _receive(self) -> tuple[dict[str, Any], int | None]:
        """A message of the zygote ({} at its end) and its process id here, which the kernel attests."""
        try:
            data, ancillary, _, _ = self._control.recvmsg(MESSAGE_BYTES, socket.CMSG_SPACE(_CREDENTIALS.size))
        except ConnectionError:
            return {}, None
        if not data:
            return {}, None
        pids = [_CREDENTIALS.unpack(content)[0] for _, kind, content in ancillary if kind == socket.SCM_CREDENTIALS]
        message: dict[str, Any] = json.loads(data)
        return message, pids[0] if pids else None

    def _boot_log(self) -> str:
        return one_line(os.pread(self._log, 1 << 14, 0).decode("utf-8", "replace")[-1500:]) or "no reason was given"

    def alive(self) -> bool:
        """Whether the zygote still runs."""
        return self._zygote is not None and not readable([self._zygote], 0.0)

    def run(self, number: int, exchange: PipeExchange, limits: Limits) -> Answer:
        """One call; `usable` tells afterwards whether there can be another."""
        begin = time.monotonic()
        kills = 0 if self._group is None else self._group.kills()
        request = json.dumps({"call": number, "limits": to_plain(limits)}).encode()
        try:
            socket.send_fds(self._control, [request], list(exchange.channels))
        except OSError:
            self.usable = False
        exchange.started()
        done, timed_out = self._until_done(number, exchange, begin + limits.wall_seconds)
        if done is None:
            self.kill()
        wall = time.monotonic() - begin
        if self._group is not None and done is not None and self._group.kills() > kills:
            done = {**done, "exceeded": done["exceeded"] or "memory"}
        exchange.finish()
        self.usable = done is not None and done["clean"]
        cpu = 0.0 if done is None else float(done["cpu"])
        fallback = time_out(limits) if timed_out else verdict(done, cpu, limits)
        clock = timed_out and not exchange.answered
        return exchange.answer(fallback, clock_limited=clock, wall_seconds=wall, cpu_seconds=cpu)

    def _until_done(self, number: int, exchange: PipeExchange, deadline: float) -> tuple[dict[str, Any] | None, bool]:
        """Read until the zygote reports the end: its report (None if it is lost or late), and whether time ran out."""
        ended = exchange.wait(self._control.fileno(), deadline, until_answer=True)
        timed_out = not ended and not exchange.answered
        if not ended:
            with contextlib.suppress(OSError):
                self._control.send(json.dumps({"stop": number}).encode())
            ended = exchange.wait(self._control.fileno(), time.monotonic() + _STOP_SECONDS, until_answer=False)
        message = self._receive()[0] if ended else {}
        return (message if message.get("done") == number else None), timed_out

    def kill(self) -> None:
        """Kill everything in the sandbox and wait until it is dead. Idempotent."""
        self.usable = False
        self._control.close()
        if self._zygote is not None:
            self._end(self._zygote)
            dead = readable([self._zygote], _KILL_SECONDS)  # when the whole namespace has ended, not before
            os.close(self._zygote)
            self._zygote = None
            if not dead:
                raise SandboxError(
                    "a killed sandbox does not end", hint="look for processes in state D: ps -eo pid,stat"
                )
        if self._monitor is not None:
            self._monitor.kill()
            self._monitor.wait()
            self._monitor = None
        if self._group is not None:
            self._group.remove()
            self._group = None
        if self._log >= 0:
            os.close(self._log)
            self._log = -1

    def _end(self, zygote: int) -> None:
        """Kill the zygote, and with it all its descendants."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(zygote, signal.SIGKILL)

    def _require_confined(self, zygote: int, account: Mapping[str, str]) -> None:
        """Check that the zygote is what was asked for; SandboxError otherwise."""
        _require_namespaces(zygote)


def not_loaded(message: Mapping[str, Any]) -> SandboxError:
    """The error for a boot message that says `"failed"`."""
    return SandboxError(
        f"the harness cannot be loaded in the sandbox: {one_line(str(message['failed']))}",
        hint="its modules must be named in Harness, its packages installed in this environment",
    )


def time_out(limits: Limits) -> tuple[AnswerStatus, str]:
    """What a call is that gave no answer in time."""
    return "timeout", f"no answer within {limits.wall_seconds:g} s"


def verdict(done: dict[str, Any] | None, cpu: float, limits: Limits) -> tuple[AnswerStatus, str]:
    """What a call is that gave no answer, from the report of its end."""
    if done is None:
        return "crash", "the sandbox was lost during the call"
    exceeded, status = done["exceeded"], done["status"]
    died_of = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
    # The kernel limits and reports CPU time by different clocks: a kill at the limit may be reported below it.
    spent = cpu >= 0.9 * limits.cpu_seconds
    if exceeded == "cpu" or died_of == signal.SIGXCPU or (died_of == signal.SIGKILL and spent):
        return "timeout", f"more than {limits.cpu_seconds:g} s of CPU time"
    if exceeded == "memory":
        return "memory", f"more than {limits.memory_bytes >> 20} MiB of memory over its processes"
    if exceeded == "scratch":
        return "memory", f"more than {limits.scratch_bytes >> 20} MiB of scratch"
    if exceeded == "files":
        return "memory", "too many files"
    if exceeded == "processes":
        return "crash", f"more than {limits.processes} processes"
    if died_of is not None:
        return "crash", f"the process died of {signal.strsignal(died_of) or 'signal'} ({died_of})"
    return "invalid", f"the process ended (exit code {os.waitstatus_to_exitcode(status)}) without an answer"


def require_account(account: Mapping[str, str], *, unprivileged_user: bool = True) -> None:
    """Check the kernel's account of a confined child, as the zygote's rehearsal read it before any candidate came.

    Raises:
        SandboxError: it holds a capability, or may gain one, or is not filtered; or is root and must not be.
    """
    held = [value for name, value in account.items() if name in ("CapPrm", "CapEff", "CapAmb")]
    sound = (
        not (unprivileged_user and "0" in account["Uid"].split())
        and all(int(value, 16) == 0 for value in held)
        and account.get("NoNewPrivs", "1") == "1"
        and account.get("Seccomp", "2") == "2"
    )
    if not sound:
        raise SandboxError(
            f"the sandbox started without its protections: {dict(account)}", hint="`discovery doctor` tells more"
        )


def _require_namespaces(zygote: int) -> None:
    """Check by the kernel's own account that the zygote runs in namespaces, as nobody, filtered; SandboxError else."""
    with open(f"/proc/{zygote}/status") as file:
        status = {name: value.split() for name, _, value in (line.partition(":") for line in file)}
    held = {name: value for name, value in status.items() if name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")}
    sound = (
        status["Uid"].count("0") == 0
        and all(int(value[0], 16) == 0 for value in held.values())
        and status["NoNewPrivs"] == ["1"]
        and status["Seccomp"] == ["2"]
        and status["NSpid"][-1] == "1"
    )
    if not sound:
        raise SandboxError("the sandbox started without its protections", hint="use bubblewrap 0.8 or later")
