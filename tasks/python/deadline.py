"""A bound on the task's own code: `score` may hang on an answer that its author did not think of.

A timer raises in Python code, again every second, for code may swallow the first. What runs on below Python, such as a
power of whole numbers, is ended by the kernel together with its process (`SIGXCPU`); the pool makes something of that.
"""

from __future__ import annotations

import math
import os
import resource
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Late", "within"]

#: CPU seconds that code below Python gets beyond what the timer allows.
_GRACE = 1


class Late(BaseException):
    """The time is over. No `Exception`: what is bounded often catches these."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raise `Late` in the body once it has taken `seconds` by the clock. Only a process's main thread can be bounded;
    elsewhere the body just runs."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    running = True

    def late(signum: int, frame: FrameType | None) -> None:
        if running:
            raise Late

    before = signal.signal(signal.SIGALRM, late)
    soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    # Threads run at once: each core may spend the whole time.
    most = math.ceil(time.process_time() + seconds * (os.cpu_count() or 1)) + _GRACE
    limits = [most, *(each for each in (soft, hard) if each != resource.RLIM_INFINITY)]
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (min(limits), hard))
        signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
        try:
            yield
        finally:
            running = False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))
