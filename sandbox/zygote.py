"""The warm process of a slot: imports once, forks per call. Pid 1 of the sandbox's own pid namespace.

As pid 1 it takes no signal from inside (not even SIGKILL), inherits every orphan, and takes the whole namespace with it
when it ends. Its stdin is the control socket, whose other end the owner of the slot holds: end of file there means that
the owner is gone. Messages are JSON objects::

    owner -> zygote   {"entry", "preload", "folders"}                       once
    zygote -> owner   {"ready": true, "landlock": abi} | {"failed": text}   once
    owner -> zygote   {"call": n, "limits"} with four descriptors (`Channels`)
    owner -> zygote   {"stop": n}                                           at any time; the call ends now
    zygote -> owner   {"done": n, "status": wait status, "cpu": seconds, "exceeded": name | null, "clean": bool}

A call's input and answer never pass through here. Runs inside the sandbox: standard library, and what a harness names.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Any, NoReturn

from . import inner, watch
from ._base import Limits
from .candidate import Channels, answer_call, single_thread
from .limits import from_plain

__all__ = ["MESSAGE_BYTES", "import_entry", "main"]

#: Longest control message.
MESSAGE_BYTES = 1 << 16
#: Milliseconds between two samples of a running call.
_SAMPLE_MS = 20.0
#: A sample that takes longer (many large processes) is followed by a pause of this multiple of its time.
_SAMPLE_SHARE = 5


def main() -> NoReturn:
    """Boot, then serve calls until the owner is gone."""
    inner.die_with_parent()
    inner.set_dumpable(False)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    control = socket.socket(fileno=0)
    boot = json.loads(control.recv(MESSAGE_BYTES))
    try:
        call = import_entry(boot["entry"], boot["preload"])
        gc.collect()
        gc.freeze()
        _rehearse()
    except BaseException as error:
        _send(control, {"failed": f"{type(error).__name__}: {error}"[:2000]})
        os._exit(1)
    silence = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    os.close(silence)
    _send(control, {"ready": True, "landlock": inner.landlock_abi()})
    while True:
        _serve(control, call, boot["folders"])


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


def _rehearse() -> None:
    """Enter the inner layer once in a throw-away child, so that a machine where it fails is known before any call."""
    child = os.fork()
    if child == 0:
        try:
            _enter(Limits(), watch.mapped_bytes())
            os._exit(0)
        except OSError as error:
            sys.stderr.write(f"{error}\n")
        finally:
            os._exit(1)
    if os.waitpid(child, 0)[1] != 0:
        raise RuntimeError("the inner layer (no_new_privs, Landlock, rlimits) cannot be applied")


def _send(control: socket.socket, message: dict[str, Any]) -> None:
    control.send(json.dumps(message).encode())


def _serve(control: socket.socket, call: Callable[..., Any], folders: dict[str, int]) -> None:
    data, descriptors, _, _ = socket.recv_fds(control, MESSAGE_BYTES, len(Channels._fields))
    if not data:
        os._exit(0)
    message = json.loads(data)
    if "call" not in message:
        return  # a stop for a call that had ended by itself
    channels = Channels(*descriptors)
    limits = from_plain(message["limits"])
    _require_one_thread()
    base, mapped = watch.anonymous_bytes(), watch.mapped_bytes()
    child = os.fork()
    if child == 0:
        control.close()
        answer_call(call, channels, lambda: _enter(limits, mapped))
    for descriptor in channels:
        os.close(descriptor)
    exceeded = _supervise(control, message["call"], child, watch.Watch(limits, list(folders), base))
    status, cpu = 0, 0.0
    for pid, ended, seconds in watch.kill_everything():
        status, cpu = ended if pid == child else status, cpu + seconds
    clean = _clean(folders)
    _send(control, {"done": message["call"], "status": status, "cpu": cpu, "exceeded": exceeded, "clean": clean})
    if not clean:
        os._exit(0)


def _enter(limits: Limits, mapped: int) -> None:
    """The inner layer of the candidate's process."""
    inner.forbid_new_privileges()
    inner.restrict_self()
    inner.set_dumpable(True)  # may see itself; the warm process stays hidden
    inner.limit_resources(limits, mapped_bytes=mapped, processes=limits.processes + 1)  # the warm process counts


def _supervise(control: socket.socket, number: int, child: int, observed: watch.Watch) -> str | None:
    """Wait until the child ends, the owner stops the call, or a total is exceeded; return which total, if so."""
    ended = os.pidfd_open(child)
    try:
        poller = select.poll()
        poller.register(ended, select.POLLIN)
        poller.register(control, select.POLLIN)
        interval = _SAMPLE_MS
        while True:
            ready = {descriptor for descriptor, _ in poller.poll(interval)}
            if ended in ready:
                return None
            if control.fileno() in ready:
                data = control.recv(MESSAGE_BYTES)
                if not data:
                    os._exit(0)
                if json.loads(data).get("stop") == number:
                    return None
            begin = time.monotonic()
            exceeded = observed.exceeded()
            if exceeded is not None:
                return exceeded
            interval = max(_SAMPLE_MS, _SAMPLE_SHARE * (time.monotonic() - begin) * 1000)
    finally:
        os.close(ended)


def _clean(folders: dict[str, int]) -> bool:
    """Whether the writable places are as new; if not, this process ends and its mounts with it."""
    try:
        for folder, mode in folders.items():
            usage = os.statvfs(folder)
            if usage.f_files - usage.f_ffree > watch.MAX_FILES:
                return False
            watch.empty_folder(folder, mode)
    except (OSError, RecursionError):
        return False
    return True


if __name__ == "__main__":
    main()
