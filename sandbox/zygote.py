"""The warm process of a slot: imports once, forks per call. Pid 1 of the sandbox's own pid namespace.

As pid 1 it takes no signal from inside (not even SIGKILL), inherits every orphan, and takes the whole namespace with it
when it ends. End of file on its line means that the owner of the slot is gone. Messages are JSON objects::

    owner -> zygote   {"entry", "preload", "folders", "layer"}          once; `inner.Layer`
    zygote -> owner   {"ready": true, "confined": {...}, "resident": bytes} | {"failed": text}    once
    owner -> zygote   {"call": n, "limits"} with four descriptors (`Channels`)
    owner -> zygote   {"stop": n}                                    at any time; the call ends now
    zygote -> owner   {"done": n, "status": wait status, "cpu": seconds, "exceeded": name | null, "clean": bool}

Runs inside the sandbox: standard library, and what a harness names.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from typing import Any, NoReturn

from . import inner, watch
from ._base import Limits
from .candidate import answer_call, single_thread
from .limits import from_plain
from .line import Line, SocketLine

__all__ = ["import_entry", "main"]

#: Seconds between two samples of a running call.
_SAMPLE_SECONDS = 0.02
#: A sample that takes longer (many large processes) is followed by a pause of this multiple of its time.
_SAMPLE_SHARE = 5


def main(line: Line | None = None) -> NoReturn:
    """Boot, then serve calls until the owner is gone."""
    inner.set_dumpable(False)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    line = line or SocketLine()
    received = line.receive()
    if received is None:
        os._exit(0)
    boot = received[0]
    layer = inner.Layer.from_plain(boot["layer"])
    os.chdir(os.environ["HOME"])
    try:
        if layer.files is None:
            inner.die_with_parent()
        else:
            _stand_alone(layer.files)
        call = import_entry(boot["entry"], boot["preload"])
        gc.collect()
        gc.freeze()
        confined = _rehearse(layer)
    except BaseException as error:
        line.send({"failed": f"{type(error).__name__}: {error}"[:2000]})
        os._exit(1)
    silence = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    os.close(silence)
    line.send({"ready": True, "confined": confined, "resident": watch.resident_bytes()})
    server = _Server(line, call, boot["folders"], layer)
    while True:
        server.serve()


def _stand_alone(files: inner.Files) -> None:
    """Be what pid 1 is elsewhere: adopt orphans, and reach nobody outside with a signal. The owner's death is seen at
    the line's end only, and not by a signal: descendants have to be ended first."""
    inner.forbid_new_privileges()
    inner.adopt_orphans()
    inner.drop_capabilities()
    inner.restrict_self(files._replace(write=(*files.write, "/proc")))  # of which a candidate gets less
    try:
        os.kill(os.getppid(), 0)
    except PermissionError:
        return
    raise RuntimeError("signals leave the Landlock domain: a candidate could not be killed without harm to others")


def import_entry(entry: str, preload: list[str]) -> Callable[..., Any]:
    """Import what the harness names and return its `call`; afterwards this process still has one thread.

    Raises:
        Exception: whatever an import raises; RuntimeError if it started threads.
    """
    for name in preload:
        importlib.import_module(name)
    if "numpy" in sys.modules:
        importlib.import_module("numpy.random")  # numpy loads it lazily; every call seeds it
    call: Callable[..., Any] = importlib.import_module(entry).call
    single_thread()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)  # type: ignore[union-attr]
    _require_one_thread()
    return call


def _require_one_thread() -> None:
    count = len(os.listdir("/proc/self/task"))
    if count != 1:
        raise RuntimeError(f"the warm process must have one thread before it forks; it has {count}")


def _rehearse(layer: inner.Layer) -> dict[str, str]:
    """Enter the inner layer once in a throw-away child, so that a machine where it fails is known before any call, and
    return the kernel's account of how that child was confined."""
    read, write = os.pipe2(os.O_CLOEXEC)
    child = os.fork()
    if child == 0:
        try:
            _enter(Limits(), watch.mapped_bytes(), layer)
            os.write(write, json.dumps(inner.confinement()).encode())
            os._exit(0)
        except Exception as error:
            os.write(write, json.dumps(f"{type(error).__name__}: {error}").encode())
        finally:
            os._exit(1)
    os.close(write)
    with os.fdopen(read, "rb") as report:
        data = report.read()
    if os.waitpid(child, 0)[1] != 0:
        reason = json.loads(data or b'"no reason was given"')
        raise RuntimeError(f"the inner layer (no_new_privs, Landlock, seccomp, rlimits) cannot be applied: {reason}")
    account: dict[str, str] = json.loads(data)
    return account


class _Server:
    """What stays the same from call to call."""

    def __init__(
        self,
        line: Line,
        call: Callable[..., Any],
        folders: dict[str, int],
        layer: inner.Layer,
    ) -> None:
        self._line = line
        self._call = call
        self._folders = folders
        self._layer = layer

    def serve(self) -> None:
        """The next call, if a call is what comes next."""
        received = self._line.receive()
        if received is None:
            self._leave()
        message, channels = received
        if channels is None:
            return  # a stop for a call that had ended by itself
        limits = from_plain(message["limits"])
        _require_one_thread()
        base, mapped, kills = watch.anonymous_bytes(), watch.mapped_bytes(), watch.memory_kills()
        child = os.fork()
        if child == 0:
            self._line.close_in_child()
            answer_call(self._call, channels, lambda: _enter(limits, mapped, self._layer))
        for descriptor in channels:
            os.close(descriptor)
        self._line.begin(limits)
        exceeded = self._supervise(message["call"], child, watch.Watch(limits, list(self._folders), base))
        status, cpu = 0, 0.0
        for pid, ended, seconds in watch.kill_everything():
            status, cpu = ended if pid == child else status, cpu + seconds
        self._line.finish()
        if exceeded is None and watch.memory_kills() > kills:
            exceeded = "memory"
        clean = _clean(self._folders)
        self._line.send({"done": message["call"], "status": status, "cpu": cpu, "exceeded": exceeded, "clean": clean})
        if not clean:
            self._leave()

    def _leave(self) -> NoReturn:
        """The owner is gone, or the writable places cannot be cleaned: end with all descendants."""
        if self._layer.files is not None:  # elsewhere the kernel ends them and takes the mounts away
            for _ in watch.kill_everything():
                pass
            _clean(self._folders)
        os._exit(0)

    def _supervise(self, number: int, child: int, observed: watch.Watch) -> str | None:
        """Wait until the child ends, the owner stops the call, or a total is exceeded; return which total, if so."""
        ended = _watched(child)
        try:
            due = time.monotonic() + _SAMPLE_SECONDS
            while True:
                ready = self._wait(ended, due)
                if ended in ready or (ended is None and _has_ended(child)):
                    return None
                if self._line.fileno() in ready:
                    received = self._line.receive()
                    if received is None:
                        self._leave()
                    if received[0].get("stop") == number:
                        return None
                self._line.pump(ready)
                begin = time.monotonic()
                if begin >= due:
                    exceeded = observed.exceeded()
                    if exceeded is not None:
                        return exceeded
                    end = time.monotonic()
                    due = end + max(_SAMPLE_SECONDS, _SAMPLE_SHARE * (end - begin))
        finally:
            if ended is not None:
                os.close(ended)

    def _wait(self, ended: int | None, due: float) -> set[int]:
        poller = select.poll()
        for descriptor in (self._line.fileno(), *self._line.outputs(), *([] if ended is None else [ended])):
            poller.register(descriptor, select.POLLIN)
        left = max(0.0, due - time.monotonic())
        return {descriptor for descriptor, _ in poller.poll((left if ended is not None else min(left, 0.002)) * 1000)}


def _watched(child: int) -> int | None:
    """A descriptor that is readable when the child has ended; None on a kernel without (gVisor's)."""
    try:
        return os.pidfd_open(child)
    except OSError:
        return None


def _has_ended(child: int) -> bool:
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _enter(limits: Limits, mapped: int, layer: inner.Layer) -> None:
    """The inner layer of the candidate's process."""
    inner.forbid_new_privileges()
    inner.set_dumpable(True)  # may see itself; the warm process stays hidden
    inner.offer_for_oom()
    files = layer.files
    inner.restrict_self(None if files is None else files._replace(read=(*files.read, *_own_proc())))
    # The warm process counts. Without a user namespace of its own, all processes of this user would.
    processes = limits.processes + 1 if layer.own_users else None
    inner.limit_resources(limits, mapped_bytes=mapped if layer.bounded_address_space else None, processes=processes)
    if layer.filter:
        inner.filter_system_calls(bytes.fromhex(layer.filter))


def _own_proc() -> list[str]:
    """What of `/proc` a candidate may read where it shows all of the machine."""
    return [f"/proc/{os.getpid()}", *(f"/proc/{name}" for name in ("cpuinfo", "meminfo", "stat", "sys/vm"))]


def _clean(folders: dict[str, int]) -> bool:
    """Whether the writable places are as new; if not, this process ends and its mounts with it."""
    try:
        for folder, mode in folders.items():
            if watch.file_count(folder) > watch.MAX_FILES:
                return False
            watch.empty_folder(folder, mode)
    except (OSError, RecursionError):
        return False
    return True


if __name__ == "__main__":
    main()
