"""The host's side of one call: pipes made for it, read without ever waiting or growing beyond the limits."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import select
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from . import protocol
from ._base import Answer, AnswerStatus, Array, Limits
from .candidate import Channels
from .protocol import Declared, Frame, ProtocolError

__all__ = ["Exchange", "escape_controls", "one_line", "readable"]

_PIPE_BYTES = 1 << 20
_PAGE_BYTES = 1 << 12
_READ_BYTES = 1 << 18
#: What an error report may need, however small the answer is to be.
_REPORT_BYTES = 1 << 16
_MESSAGE_CHARACTERS = 2000
_TYPE_CHARACTERS = 100
_ANSWER_STATUSES: dict[str, AnswerStatus] = {
    "ok": "ok",
    "error": "error",
    "memory": "memory",
    "invalid": "invalid",
}


class Exchange:
    """One call: the request in a sealed file, an answer pipe and two log pipes.

    Hand `channels` to the process that runs the candidate, then `started()`; `wait`; after everything that could write
    is dead, `finish()` and take the `answer`. A context manager that closes every descriptor.

    Raises:
        ProtocolError: `payload` is not plain data, or an array is not as declared.
    """

    def __init__(self, payload: Mapping[str, Any], arrays: Mapping[str, Array], limits: Limits) -> None:
        self._nonce = secrets.token_bytes(protocol.NONCE_BYTES)
        declared = [Declared(name, array.dtype, array.shape, array.data) for name, array in arrays.items()]
        buffers = protocol.encode_frame(self._nonce, "call", payload, declared)
        self._open: set[int] = set()
        try:
            request = self._sealed(buffers)
            answer, answer_end = self._pipe()
            stdout, stdout_end = self._pipe()
            stderr, stderr_end = self._pipe()
        except BaseException:
            self.close()
            raise
        self.channels = Channels(request, answer_end, stdout_end, stderr_end)
        self._answer = _AnswerReader(answer, self._nonce, limits.answer_bytes)
        self._logs = (_Log(stdout, limits.log_bytes), _Log(stderr, limits.log_bytes))

    def _sealed(self, buffers: list[bytes | memoryview]) -> int:
        request = os.memfd_create("request", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        self._open.add(request)
        for buffer in buffers:
            view = memoryview(buffer)
            while view:
                view = view[os.write(request, view) :]
        seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
        fcntl.fcntl(request, fcntl.F_ADD_SEALS, seals)
        return request

    def _pipe(self) -> tuple[int, int]:
        read, write = os.pipe2(os.O_CLOEXEC)
        self._open |= {read, write}
        os.set_blocking(read, False)
        with contextlib.suppress(PermissionError):  # the user's share is used up: slower, not wrong
            fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        return read, write

    def started(self) -> None:
        """Close this process's copies of `channels`, so that end of file means that nobody can write any more."""
        for descriptor in self.channels:
            self._close(descriptor)

    @property
    def _descriptors(self) -> list[int]:
        return [part.descriptor for part in (self._answer, *self._logs) if not part.ended]

    @property
    def answered(self) -> bool:
        """Whether a first answer is complete, or cannot be one any more; nothing later counts."""
        return self._answer.settled

    def wait(self, end: int, deadline: float, *, until_answer: bool) -> bool:
        """Read until the descriptor `end` is readable (True), or (False) until the monotonic clock reaches `deadline`
        or, with `until_answer`, the answer has settled."""
        while not (until_answer and self.answered):
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            ready = readable([end, *self._descriptors], left)
            self._pump()
            if end in ready:
                return True
        return False

    def finish(self) -> None:
        """Read what the dead left behind: no more than fits in the pipes."""
        for _ in range(_PIPE_BYTES // _PAGE_BYTES):
            if not self._descriptors or not readable(self._descriptors, 0.0):
                return
            self._pump()

    def _pump(self) -> None:
        for part in (self._answer, *self._logs):
            part.pump()

    def answer(self, fallback: tuple[AnswerStatus, str], **measured: Any) -> Answer:
        """The answer that came, or else one of `fallback`, (status, message)."""
        stdout, stderr = (log.text() for log in self._logs)
        logs: dict[str, Any] = {
            "stdout": stdout,
            "stderr": stderr,
            "truncated": any(log.truncated for log in self._logs),
        }
        if self._answer.problem:
            return Answer("invalid", message=one_line(self._answer.problem), **logs, **measured)
        if self._answer.frame is None:
            status, message = fallback  # why it ended says more than that its answer broke off
            return Answer(status, message=message + self._answer.remains, **logs, **measured)
        return _from_frame(self._answer.frame, logs | measured)

    def close(self) -> None:
        """Close every descriptor. Idempotent."""
        for descriptor in list(self._open):
            self._close(descriptor)

    def _close(self, descriptor: int) -> None:
        if descriptor in self._open:
            self._open.discard(descriptor)
            os.close(descriptor)

    def __enter__(self) -> Exchange:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _from_frame(frame: Frame, rest: dict[str, Any]) -> Answer:
    status = _ANSWER_STATUSES.get(frame.status)
    if status is None:
        return Answer("invalid", message="the answer has no known status", **rest)
    if status == "ok":
        arrays = {item.name: Array(item.dtype, item.shape, bytes(item.data)) for item in frame.arrays}
        return Answer("ok", value=frame.value, arrays=arrays, **rest)
    kind, message, line = (frame.detail.get(name) for name in ("type", "message", "line"))
    kind = one_line(kind)[:_TYPE_CHARACTERS] if type(kind) is str else ""
    text = one_line(message) if type(message) is str else ""
    summary = f"{kind}: {text}" if kind and text else kind or text or "no message"
    return Answer(
        status,
        message=summary[:_MESSAGE_CHARACTERS],
        error_type=kind if status == "error" else "",
        error_line=line if status == "error" and type(line) is int and line > 0 else None,
        **rest,
    )


def readable(descriptors: list[int], seconds: float) -> set[int]:
    """Which of `descriptors` can be read or have ended, waiting for the first at most `seconds`."""
    poller = select.poll()
    for descriptor in descriptors:
        poller.register(descriptor, select.POLLIN)
    return {descriptor for descriptor, _ in poller.poll(seconds * 1000)}


class _Pipe:
    """The reading end of a pipe that never blocks."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.ended = False

    def pump(self) -> None:
        """Take what is there, at most one buffer's worth."""
        if self.ended:
            return
        with contextlib.suppress(BlockingIOError):
            self._take()

    def _take(self) -> None:
        raise NotImplementedError


class _Log(_Pipe):
    """Keeps the first `limit` bytes and drains the rest."""

    def __init__(self, descriptor: int, limit: int) -> None:
        super().__init__(descriptor)
        self._limit = limit
        self._kept = bytearray()
        self.truncated = False

    def _take(self) -> None:
        data = os.read(self.descriptor, _READ_BYTES)
        self.ended = not data
        room = self._limit - len(self._kept)
        self._kept += data[:room]
        self.truncated |= len(data) > room

    def text(self) -> str:
        escaped = escape_controls(self._kept.decode("utf-8", "backslashreplace"))
        self.truncated |= len(escaped) > self._limit
        return escaped[: self._limit]


class _AnswerReader(_Pipe):
    """Reads one frame of at most `limit` bytes; what follows it is drained and ignored."""

    def __init__(self, descriptor: int, nonce: bytes, limit: int) -> None:
        super().__init__(descriptor)
        self._nonce = nonce
        self._limit = limit
        self._buffer = bytearray(protocol.HEADER.size)
        self._filled = 0
        self._header: protocol.Header | None = None
        self.frame: Frame | None = None
        self.problem = ""

    @property
    def settled(self) -> bool:
        return self.frame is not None or bool(self.problem)

    @property
    def remains(self) -> str:
        """What to say of an answer that broke off."""
        return f"; its answer broke off after {self._filled} bytes" if self._filled else ""

    def _take(self) -> None:
        if self.settled:
            self.ended = not os.read(self.descriptor, _READ_BYTES)
            return
        with memoryview(self._buffer) as view, view[self._filled :] as rest:
            count = os.readv(self.descriptor, [rest])
        self.ended = count == 0
        self._filled += count
        try:
            if self._filled == len(self._buffer):
                self._advance()
        except ProtocolError as error:
            self.problem = str(error)

    def _advance(self) -> None:
        if self._header is None:
            self._header = protocol.decode_header(bytes(self._buffer), max(self._limit, _REPORT_BYTES))
            if self._header.nonce != self._nonce:
                raise ProtocolError("the answer belongs to another call")
            whole = bytearray(self._header.total)
            whole[: self._filled] = self._buffer
            self._buffer = whole
        if self._filled == self._header.total:
            frame = protocol.decode_frame(memoryview(self._buffer), self._header)
            size = self._header.total - protocol.HEADER.size
            if frame.status == "ok" and size > self._limit:
                raise ProtocolError(f"the answer may have {self._limit} bytes; it has {size}")
            self.frame = frame


_PLAIN = re.compile(r"[^\n\t\x20-\x7e]")


def escape_controls(text: str) -> str:
    r"""`text` with everything unprintable but newline and tab written as `\x1b` or `\u202e`: safe on a terminal."""
    return _PLAIN.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    character = match.group()
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")


def one_line(text: str) -> str:
    """`text` on one line, escaped and bounded."""
    return escape_controls(" ".join(text[:_MESSAGE_CHARACTERS].split()))[:_MESSAGE_CHARACTERS]
