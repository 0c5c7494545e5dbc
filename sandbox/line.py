"""The warm process's line to the owner of its slot: how messages and calls come in and answers go out.

Over a socket of this kernel (`SocketLine`) the owner hands over descriptors of its own, and a call's bytes never pass
through the warm process. Into a container only a pair of streams leads (`StreamLine`): the warm process makes the pipes
and relays what the candidate writes, no more than the owner would take. Runs inside the sandbox.

Frames of the streams: `length u32 | body length u64 | JSON message | body` towards the warm process, and
`kind | length u32 | data` from it, where the kind is `m` (a JSON message), `a`, `o` or `e` (answer, stdout, stderr).
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

from . import protocol
from ._base import Limits
from .candidate import Channels

__all__ = ["INWARD", "MESSAGE_BYTES", "OUTWARD", "Line", "SocketLine", "StreamLine"]

#: Longest message.
MESSAGE_BYTES = 1 << 16
INWARD = struct.Struct("<IQ")
OUTWARD = struct.Struct("<cI")

_BUFFER_BYTES = 1 << 18


class Line(ABC):
    """The end of the line in the warm process; end of file means that the owner is gone."""

    @abstractmethod
    def fileno(self) -> int:
        """A descriptor that is readable when a message has come."""

    @abstractmethod
    def receive(self) -> tuple[dict[str, Any], Channels | None] | None:
        """The next message, and the descriptors of the call that it starts; None when the owner is gone."""

    @abstractmethod
    def send(self, message: dict[str, Any]) -> None:
        """Send a message to the owner."""

    @abstractmethod
    def close_in_child(self) -> None:
        """Called in the candidate's process: close every way to the owner but the call's channels."""

    @abstractmethod
    def begin(self, limits: Limits) -> None:
        """A call has been started: its channels are the candidate's alone from now on."""

    @abstractmethod
    def outputs(self) -> list[int]:
        """Descriptors to be watched beside `fileno` during a call."""

    @abstractmethod
    def pump(self, ready: set[int]) -> None:
        """Relay what has come on those of `outputs` that are in `ready`."""

    @abstractmethod
    def finish(self) -> None:
        """Everything that could write is dead: relay what is left."""


class SocketLine(Line):
    """A SOCK_SEQPACKET socket, handed over as standard input."""

    def __init__(self) -> None:
        self._socket = socket.socket(fileno=0)

    def fileno(self) -> int:
        """See `Line`."""
        return self._socket.fileno()

    def receive(self) -> tuple[dict[str, Any], Channels | None] | None:
        """See `Line`."""
        data, descriptors, _, _ = socket.recv_fds(self._socket, MESSAGE_BYTES, len(Channels._fields))
        if not data:
            return None
        message: dict[str, Any] = json.loads(data)
        return message, Channels(*descriptors) if descriptors else None

    def send(self, message: dict[str, Any]) -> None:
        """See `Line`."""
        self._socket.send(json.dumps(message).encode())

    def close_in_child(self) -> None:
        """See `Line`."""
        self._socket.close()

    def begin(self, limits: Limits) -> None:
        """Nothing: a call's bytes go straight to the owner."""

    def outputs(self) -> list[int]:
        """None."""
        return []

    def pump(self, ready: set[int]) -> None:
        """Nothing."""

    def finish(self) -> None:
        """Nothing."""


class StreamLine(Line):
    """Standard input and output, which nobody else can use afterwards: what is printed goes to standard error.

    What it relays is one candidate's and not for the next one, whose memory begins as a copy of this process's: it goes
    through one buffer, which is wiped.
    """

    def __init__(self) -> None:
        self._buffer = memoryview(bytearray(_BUFFER_BYTES))
        self._in, self._out = os.dup(0), os.dup(1)
        nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)
        self._made: dict[int, bytes] = {}
        self._left: dict[int, int] = {}

    def fileno(self) -> int:
        """See `Line`."""
        return self._in

    def receive(self) -> tuple[dict[str, Any], Channels | None] | None:
        """See `Line`."""
        head = self._exactly(INWARD.size)
        if head is None:
            return None
        size, body = INWARD.unpack(head)
        data = self._exactly(size)
        if data is None:
            return None
        message: dict[str, Any] = json.loads(data)
        if not body:
            return message, None
        request = self._into_memory(body)
        return None if request is None else (message, self._channels(request))

    def _exactly(self, size: int) -> bytes | None:
        data = bytearray()
        while len(data) < size:
            part = os.read(self._in, size - len(data))
            if not part:
                return None
            data += part
        return bytes(data)

    def _into_memory(self, size: int) -> int | None:
        request = os.memfd_create("request", os.MFD_CLOEXEC)
        while size:
            with self._read(self._in, size) as part:
                if not part:
                    return None
                size -= len(part)
                _write(request, part)
        return request

    @contextlib.contextmanager
    def _read(self, descriptor: int, most: int) -> Iterator[memoryview]:
        """What is there now, at most so much and a buffer's worth; wiped afterwards."""
        part = self._buffer[: os.readv(descriptor, [self._buffer[:most]])]
        try:
            yield part
        finally:
            part[:] = bytes(len(part))

    def _channels(self, request: int) -> Channels:
        ends = []
        for kind in (b"a", b"o", b"e"):
            read, write = os.pipe2(os.O_CLOEXEC)
            self._made[read] = kind
            ends.append(write)
        return Channels(request, *ends)

    def send(self, message: dict[str, Any]) -> None:
        """See `Line`."""
        self._emit(b"m", json.dumps(message).encode())

    def _emit(self, kind: bytes, data: bytes | memoryview) -> None:
        _write(self._out, OUTWARD.pack(kind, len(data)))
        _write(self._out, data)

    def close_in_child(self) -> None:
        """See `Line`."""
        for descriptor in (self._in, self._out, *self._made):
            os.close(descriptor)

    def begin(self, limits: Limits) -> None:
        """See `Line`."""
        answer = protocol.HEADER.size + max(limits.answer_bytes, protocol.REPORT_BYTES)
        room = {b"a": answer, b"o": limits.log_bytes + 1, b"e": limits.log_bytes + 1}
        self._left = {descriptor: room[kind] for descriptor, kind in self._made.items()}

    def outputs(self) -> list[int]:
        """See `Line`."""
        return list(self._made)

    def pump(self, ready: set[int]) -> None:
        """See `Line`."""
        for descriptor in ready & self._made.keys():
            self._relay(descriptor)

    def _relay(self, descriptor: int) -> None:
        with self._read(descriptor, _BUFFER_BYTES) as data:
            if not data:
                os.close(descriptor)
                del self._made[descriptor]
                return
            wanted = data[: self._left[descriptor]]
            self._left[descriptor] -= len(wanted)
            if wanted:
                self._emit(self._made[descriptor], wanted)

    def finish(self) -> None:
        """See `Line`."""
        while self._made:
            self._relay(next(iter(self._made)))


def _write(descriptor: int, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
