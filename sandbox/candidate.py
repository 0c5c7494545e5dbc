"""One call of the harness in the process that a candidate shares: read the input, call, answer, leave.

Everything in this process belongs to the candidate once its source runs; nothing here is a boundary. The host believes
only that some bounded bytes came through the pipe made for this call.
"""

from __future__ import annotations

import gc
import io
import mmap
import os
import random
import sys
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

from . import protocol
from .protocol import Declared, ProtocolError

__all__ = ["CANDIDATE_FILENAME", "Channels", "answer_call", "single_thread"]

#: Harnesses compile candidate sources under this name, so that errors can name a line of it.
CANDIDATE_FILENAME = "<candidate>"

_MESSAGE_CHARACTERS = 2000
_SEED = 0


class Channels(NamedTuple):
    """File descriptors of one call: sealed input, answer pipe, log pipes."""

    request: int
    answer: int
    stdout: int
    stderr: int


def answer_call(call: Callable[..., Any], channels: Channels, prepare: Callable[[], None]) -> NoReturn:
    """Run one call in this process and end it.

    Args:
        call: The harness's `call(payload, arrays)`.
        channels: Inherited descriptors; the log pipes become stdout and stderr.
        prepare: Applies the inner layer; runs after the input was mapped, before the harness.
    """
    leave, pid = os._exit, os.getpid()
    frame = None
    try:
        _take_over(channels)
        frame, header = _read_request(channels.request)
        prepare()
        _reseed()
        arrays = {array.name: _as_numpy(array) for array in frame.arrays}
        buffers = _encoded_result(header.nonce, call, frame.value, arrays)
        _flush()
        if os.getpid() == pid:  # a fork that the candidate left behind returns here as well
            _write_all(channels.answer, buffers)
    finally:
        leave(0 if frame is not None else 70)


def single_thread() -> None:
    """Make loaded libraries compute with one thread: threads do not survive a fork."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)


def _take_over(channels: Channels) -> None:
    silence = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)  # may well be 0 itself
    for source, target in ((silence, 0), (channels.stdout, 1), (channels.stderr, 2)):
        if source != target:
            os.dup2(source, target)
            os.close(source)
        os.set_inheritable(target, True)


def _read_request(descriptor: int) -> tuple[protocol.Frame, protocol.Header]:
    size = os.fstat(descriptor).st_size
    mapped = mmap.mmap(descriptor, size, access=mmap.ACCESS_COPY)
    os.close(descriptor)
    data = memoryview(mapped)
    header = protocol.decode_header(bytes(data[: protocol.HEADER.size]), size)
    return protocol.decode_frame(data, header), header


def _reseed() -> None:
    random.seed(_SEED)
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed(_SEED)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.default_generator.manual_seed(_SEED)  # torch.manual_seed would look for devices


def _as_numpy(array: Declared) -> Any:
    import numpy as np

    return np.frombuffer(array.data, dtype=array.dtype).reshape(array.shape)


def _encoded_result(
    nonce: bytes, call: Callable[..., Any], payload: dict[str, Any], arrays: dict[str, Any]
) -> list[bytes | memoryview]:
    try:
        result = call(payload, arrays)
        if type(result) is not tuple or len(result) != 2:
            raise ProtocolError(f"call must return a pair (dict, dict of arrays); got {type(result).__name__}")
        value, outputs = result
        if type(value) is not dict or type(outputs) is not dict:
            kinds = f"({type(value).__name__}, {type(outputs).__name__})"
            raise ProtocolError(f"call must return a pair (dict, dict of arrays); got {kinds}")
        return protocol.encode_frame(nonce, "ok", value, [_declare(name, array) for name, array in outputs.items()])
    except BaseException as error:
        gc.collect()  # room for the report after a MemoryError
        return protocol.encode_frame(nonce, _status_of(error), {}, (), _describe(error))


def _declare(name: Any, array: Any) -> Declared:
    numpy = sys.modules.get("numpy")
    if numpy is None or type(array) is not numpy.ndarray:
        raise ProtocolError(f"array {str(name)[:80]!r} must be a numpy.ndarray; got {type(array).__name__}")
    if array.dtype.str not in protocol.ITEM_SIZES:
        known = " ".join(protocol.ITEM_SIZES)
        raise ProtocolError(f"array {str(name)[:80]!r} must have one of the dtypes {known}; got {array.dtype}")
    flat = numpy.ascontiguousarray(array).reshape(-1)
    return Declared(name, array.dtype.str, tuple(array.shape), memoryview(flat.view("|u1")))


def _status_of(error: BaseException) -> str:
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and "can't allocate memory" in str(error)):
        return "memory"
    if isinstance(error, ProtocolError) or not isinstance(error, Exception):
        return "invalid"
    return "error"


def _describe(error: BaseException) -> dict[str, Any]:
    kind = type(error).__name__
    try:
        text = str(error)[:_MESSAGE_CHARACTERS]
    except BaseException:  # the exception's own __str__ may raise anything
        text = "(its message cannot be printed)"
    detail: dict[str, Any] = {"type": _clean(kind), "message": _clean(text)}
    line = _line_of(error)
    return detail if line is None else detail | {"line": line}


def _clean(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _line_of(error: BaseException) -> int | None:
    """Line in the candidate's source: the innermost frame of it, or where it does not parse."""
    line = None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == CANDIDATE_FILENAME:
            line = trace.tb_lineno
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.filename == CANDIDATE_FILENAME and type(error.lineno) is int:
        line = error.lineno
    return line


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            if isinstance(stream, io.TextIOBase):
                stream.flush()
        except BaseException:  # a closed or replaced stream must not cost the answer
            continue


def _write_all(descriptor: int, buffers: list[bytes | memoryview]) -> None:
    for buffer in buffers:
        view = memoryview(buffer)
        while view:
            view = view[os.write(descriptor, view) :]
