"""A solver process: reads requests on standard input, answers on standard output, and is killed by whoever started it.

Started by `process.Solver` as `python -P -m discovery.tasks.nash.solvers.worker PARENT MEMORY`. Requests and answers
are length-prefixed; a request is a pickle of plain data and constraint systems (the parent made it), an answer JSON. It
dies with its parent.
"""

from __future__ import annotations

import ctypes
import json
import os
import pickle
import resource
import signal
import struct
import sys
from typing import Any, BinaryIO

__all__ = ["main"]

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Answer requests until the input ends."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(sys.argv[1]):
        return
    resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]),) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a solver prints is a message
    while (request := _read(requests)) is not None:
        data = json.dumps(_answer(request)).encode()
        answers.write(struct.pack("<Q", len(data)) + data)
        answers.flush()


def _read(stream: BinaryIO) -> dict[str, Any] | None:
    head = stream.read(8)
    if len(head) < 8:
        return None
    request: dict[str, Any] = pickle.loads(stream.read(struct.unpack("<Q", head)[0]))
    return request


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    call = request.pop("call")
    try:
        if call == "decide":
            from discovery.tasks.nash.solvers.z3 import decide

            return decide(**request)
        if call == "core":
            from discovery.tasks.nash.solvers.z3 import core

            return core(**request)
        if call == "second":
            from discovery.tasks.nash.solvers.cvc5 import decide as second

            return second(**request)
        if call == "ascend":
            from discovery.tasks.nash.solvers.ascent import ascend

            del request["seconds"]  # whoever asks keeps that limit
            return ascend(**request)
        from discovery.tasks.nash.solvers.scip import estimate

        return estimate(**request)
    except MemoryError:
        return {"failed": "out of memory"}
    except Exception as error:
        return {"failed": f"{type(error).__name__}: {error}"[:300]}


if __name__ == "__main__":
    main()
