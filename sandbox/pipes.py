"""A call by pipes made for it: for a process on this kernel, to which descriptors can be handed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import time
from collections.abc import Mapping
from typing import Any

from ._base import Array, Limits
from .candidate import Channels
from .exchange import Channel, Exchange

__all__ = ["PipeExchange", "readable"]

_PIPE_BYTES = 1 << 20
_PAGE_BYTES = 1 << 12
_READ_BYTES = 1 << 18


class PipeExchange(Exchange):
    """The request in a sealed file, an answer pipe and two log pipes.

    Hand `channels` to the process that runs the candidate, then `started()`; `wait`; after everything that could write
    is dead, `finish()` and take the `answer`. Closing closes every descriptor.
    """

    def __init__(self, payload: Mapping[str, Any], arrays: Mapping[str, Array], limits: Limits) -> None:
        super().__init__(payload, arrays, limits)
        self._open: set[int] = set()
        self._reading: dict[int, Channel] = {}
        try:
            self.channels = Channels(self._sealed(), self._pipe("answer"), self._pipe("stdout"), self._pipe("stderr"))
        except BaseException:
            self.close()
            raise

    def _sealed(self) -> int:
        request = os.memfd_create("request", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        self._open.add(request)
        for buffer in self.request:
            view = memoryview(buffer)
            while view:
                view = view[os.write(request, view) :]
        seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
        fcntl.fcntl(request, fcntl.F_ADD_SEALS, seals)
        return request

    def _pipe(self, channel: Channel) -> int:
        """The writing end of a pipe whose reading end is ours."""
        read, write = os.pipe2(os.O_CLOEXEC)
        self._open |= {read, write}
        self._reading[read] = channel
        os.set_blocking(read, False)
        with contextlib.suppress(PermissionError):  # the user's share is used up: slower, not wrong
            fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        return write

    def started(self) -> None:
        """Close this process's copies of `channels`, so that end of file means that nobody can write any more."""
        for descriptor in self.channels:
            self._close(descriptor)

    def wait(self, end: int, deadline: float, *, until_answer: bool) -> bool:
        """Read until the descriptor `end` is readable (True), or (False) until the monotonic clock reaches `deadline`
        or, with `until_answer`, the answer has settled."""
        while not (until_answer and self.answered):
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            ready = readable([end, *self._reading], left)
            self._pump()
            if end in ready:
                return True
        return False

    def finish(self) -> None:
        """Read what the dead left behind: no more than fits in the pipes."""
        for _ in range(_PIPE_BYTES // _PAGE_BYTES):
            if not self._reading or not readable([*self._reading], 0.0):
                return
            self._pump()

    def _pump(self) -> None:
        """Take what is there, at most one buffer's worth of each."""
        for descriptor, channel in list(self._reading.items()):
            with contextlib.suppress(BlockingIOError):
                data = os.read(descriptor, _READ_BYTES)
                self.feed(channel, data)
                if not data:
                    del self._reading[descriptor]

    def close(self) -> None:
        """See `Exchange`."""
        for descriptor in list(self._open):
            self._close(descriptor)

    def _close(self, descriptor: int) -> None:
        if descriptor in self._open:
            self._open.discard(descriptor)
            os.close(descriptor)


def readable(descriptors: list[int], seconds: float) -> set[int]:
    """Which of `descriptors` can be read or have ended, waiting for the first at most `seconds`."""
    poller = select.poll()
    for descriptor in descriptors:
        poller.register(descriptor, select.POLLIN)
    return {descriptor for descriptor, _ in poller.poll(seconds * 1000)}
