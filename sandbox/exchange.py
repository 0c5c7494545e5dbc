"""The owner's side of one call: the request, and a reply that is read without ever growing beyond the limits.

`Exchange` knows nothing of how bytes travel; `pipes.PipeExchange` does it with pipes made for the call, and a
container's stream feeds one directly.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias

from . import protocol
from ._base import Answer, AnswerStatus, Array, Limits
from .protocol import Declared, Frame, ProtocolError

__all__ = ["Channel", "Exchange", "escape_controls", "one_line"]

#: What a call writes.
Channel: TypeAlias = Literal["answer", "stdout", "stderr"]

_MESSAGE_CHARACTERS = 2000
_TYPE_CHARACTERS = 100
_ANSWER_STATUSES: dict[str, AnswerStatus] = {
    "ok": "ok",
    "error": "error",
    "memory": "memory",
    "invalid": "invalid",
}


class Exchange:
    """One call. A context manager.

    Attributes:
        request: The request's frame, as buffers to be sent in order.

    Raises:
        ProtocolError: `payload` is not plain data, or an array is not as declared.
    """

    def __init__(self, payload: Mapping[str, Any], arrays: Mapping[str, Array], limits: Limits) -> None:
        nonce = secrets.token_bytes(protocol.NONCE_BYTES)
        declared = [Declared(name, array.dtype, array.shape, array.data) for name, array in arrays.items()]
        self.request = protocol.encode_frame(nonce, "call", payload, declared)
        self._answer = _AnswerReader(nonce, limits.answer_bytes)
        self._logs = (_Log(limits.log_bytes), _Log(limits.log_bytes))

    def feed(self, channel: Channel, data: bytes | memoryview) -> None:
        """Take in what came on `channel`; what is too much is dropped."""
        if channel == "answer":
            self._answer.feed(data)
        else:
            self._logs[channel == "stderr"].feed(data)

    @property
    def answered(self) -> bool:
        """Whether a first answer is complete, or cannot be one any more; nothing later counts."""
        return self._answer.settled

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
        """Free what the call holds. Idempotent."""

    def __enter__(self) -> Self:
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


class _Log:
    """Keeps the first `limit` bytes and drops the rest."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept = bytearray()
        self.truncated = False

    def feed(self, data: bytes | memoryview) -> None:
        room = self._limit - len(self._kept)
        self._kept += data[:room]
        self.truncated |= len(data) > room

    def text(self) -> str:
        escaped = escape_controls(self._kept.decode("utf-8", "backslashreplace"))
        self.truncated |= len(escaped) > self._limit
        return escaped[: self._limit]


class _AnswerReader:
    """Reads one frame of at most `limit` bytes; what follows it is ignored."""

    def __init__(self, nonce: bytes, limit: int) -> None:
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

    def feed(self, data: bytes | memoryview) -> None:
        view = memoryview(data)
        while view and not self.settled:
            count = min(len(view), len(self._buffer) - self._filled)
            self._buffer[self._filled : self._filled + count] = view[:count]
            self._filled += count
            view = view[count:]
            try:
                if self._filled == len(self._buffer):
                    self._advance()
            except ProtocolError as error:
                self.problem = str(error)

    def _advance(self) -> None:
        if self._header is None:
            self._header = protocol.decode_header(bytes(self._buffer), max(self._limit, protocol.REPORT_BYTES))
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
