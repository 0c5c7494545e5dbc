"""Solvers in processes of their own: memory-limited, killed when they overstay, started again when needed.

Work limits decide what is asked for. Behind them stands a limit of *processor* time: a question is cut off at the same
place whether the machine is busy or not. Only a process that hardly runs at all is killed by the clock on the wall.
"""

from __future__ import annotations

import json
import os
import pickle
import select
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Collection
from types import TracebackType
from typing import Any

import psutil

__all__ = ["Solver"]

#: Address space of a solver process in bytes.
MEMORY = 4 << 30

#: Seconds that starting may take besides; wall seconds for one of processor time; wall seconds between two looks.
_GRACE, _BUSY, _LOOK = 5.0, 30.0, 0.5

#: Questions after which progress is told.
_OFTEN = 100

#: Backstop of one ascent, in seconds of processor time.
_ASCENT = 60.0


class Solver:
    """One solver process, started at the first request. A context manager; not to be shared between threads.

    An answer holds `failed` where there is none: the process died, ran out of memory or was killed. Silence is never
    taken for a result. `clock` says that another time there might be one.

    Args:
        memory: Address space in bytes.
        tell: Gets a line, now and then, that says how many questions were asked: long proofs have thousands.
    """

    def __init__(self, memory: int = MEMORY, tell: Callable[[str], None] = lambda _: None) -> None:
        self._memory = memory
        self._tell = tell
        self._asked = 0
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Solver:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def decide(self, text: str, *, ordering: int, work: int, seconds: float) -> dict[str, Any]:
        """See `z3.decide`; killed after so many seconds of processor time."""
        return self._ask({"call": "decide", "text": text, "ordering": ordering, "work": work, "seconds": seconds})

    def core(self, text: str, *, last: int, work: int, seconds: float) -> dict[str, Any]:
        """See `z3.core`; killed after so many seconds of processor time."""
        return self._ask({"call": "core", "text": text, "last": last, "work": work, "seconds": seconds})

    def second(self, text: str, *, work: int, seconds: float) -> dict[str, Any]:
        """See `cvc5.decide`; killed after so many seconds of processor time."""
        return self._ask({"call": "second", "text": text, "work": work, "seconds": seconds})

    def estimate(
        self, system: Any, *, nodes: int, seconds: float, lines: set[int] | None = None, tighten: bool = True
    ) -> dict[str, Any]:
        """See `scip.estimate`; killed some seconds of processor time after its own limit."""
        request = {"call": "estimate", "system": system, "nodes": nodes, "seconds": seconds, "lines": lines}
        return self._ask({**request, "tighten": tighten})

    def ascend(self, system: Any, *, starts: int, lines: Collection[int], enough: float) -> dict[str, Any]:
        """See `ascent.ascend`."""
        request = {"call": "ascend", "system": system, "starts": starts, "lines": list(lines), "enough": enough}
        return self._ask({**request, "seconds": _ASCENT * starts})

    def start(self) -> None:
        """Begin to start the process now; the first request then waits less."""
        if self._process is None:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-P",
                    "-m",
                    "discovery.tasks.nash.solvers.worker",
                    str(os.getpid()),
                    str(self._memory),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )

    def close(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        self._asked += 1
        if self._asked % _OFTEN == 0:
            self._tell(f"  {self._asked} questions to solvers so far")
        self.start()
        assert self._process is not None and self._process.stdin is not None
        data = pickle.dumps(request)
        try:
            deadline = _Deadline(self._process.pid, request["seconds"] + _GRACE)
            self._process.stdin.write(struct.pack("<Q", len(data)) + data)
            self._process.stdin.flush()
            length = struct.unpack("<Q", self._read(8, deadline))[0]
            found: dict[str, Any] = json.loads(self._read(length, deadline))
        except TimeoutError:
            self.close()
            return {"failed": f"no answer within {request['seconds']:g} s of computing", "clock": True}
        except (EOFError, OSError, psutil.Error):
            self.close()
            return {"failed": "the solver process died", "clock": True}
        if "failed" in found:
            self.close()  # what raised an error may be in any state
        return found

    def _read(self, count: int, deadline: _Deadline) -> bytes:
        assert self._process is not None and self._process.stdout is not None
        stream = self._process.stdout.fileno()
        data = b""
        while len(data) < count:
            while not select.select([stream], [], [], _LOOK)[0]:
                deadline.check()
            chunk = os.read(stream, min(1 << 16, count - len(data)))
            if not chunk:
                raise EOFError
            data += chunk
        return data


class _Deadline:
    """When a process is to be killed: after so much processor time, or far too much time on the wall."""

    def __init__(self, pid: int, seconds: float) -> None:
        self._process, self._seconds = psutil.Process(pid), seconds
        self._computed, self._begun = self._now(), time.monotonic()

    def check(self) -> None:
        """Raises TimeoutError when it is time; EOFError when the process is gone."""
        computed, passed = self._now() - self._computed, time.monotonic() - self._begun
        if computed > self._seconds or passed > _BUSY * self._seconds:
            raise TimeoutError

    def _now(self) -> float:
        try:
            times = self._process.cpu_times()
        except psutil.Error:
            raise EOFError from None
        return float(times.user + times.system)
