"""The conformance kit's harness: executes `payload["source"]` and returns what its `run()` returns.

It runs inside the sandbox and gives the program a few helpers for saying what the system answered.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Callable
from typing import Any

_libc = ctypes.CDLL(None, use_errno=True)


def call(payload: dict[str, Any], arrays: dict[str, Any]) -> Any:
    """The harness contract; a bare result counts as one without arrays."""
    names: dict[str, Any] = {
        "arrays": arrays,
        "attempt": attempt,
        "payload": payload,
        "raw_answer": raw_answer,
        "syscall": syscall,
    }
    exec(compile(payload["source"], "<candidate>", "exec"), names)
    result = names["run"]()
    return result if type(result) is tuple else (result, {})


def attempt(function: Callable[..., Any], *arguments: Any) -> str:
    """`"done"`, or the name of the errno or of the exception that came."""
    try:
        function(*arguments)
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, type(error).__name__)
    except Exception as error:
        return type(error).__name__
    return "done"


def syscall(number: int, *arguments: int) -> str:
    """Likewise for a bare system call (x86-64 numbers)."""
    ctypes.set_errno(0)
    result = _libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments))
    return "done" if result >= 0 else errno.errorcode[ctypes.get_errno()]


def raw_answer(document: bytes, data: bytes = b"", nonce: bytes | None = None, size: int | None = None) -> None:
    """Write a frame of any content past the runner, as a program could that reads its caller's frames."""
    frame = sys._getframe()
    found: dict[str, Any] = {}
    while frame is not None:
        for name in ("header", "channels"):
            if name in frame.f_locals:
                found.setdefault(name, frame.f_locals[name])
        frame = frame.f_back  # type: ignore[assignment]
    head = struct.pack("<4s16sIQ", b"DSF1", nonce or found["header"].nonce, size or len(document), len(data))
    for part in (head, document, data):
        while part:
            part = part[os.write(found["channels"].answer, part) :]
