"""Waiting for the disk without standing still: many commits share one flush, made by a thread.

A commit in the write-ahead log is whole and visible at once, and a killed process loses none of it; what it still needs
is that the log reaches the disk, which takes milliseconds. That is all that happens here.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from discovery.store.files import sync_folder

__all__ = ["LogSync"]


class LogSync:
    """Flushes one write-ahead log. Used from one event loop.

    Args:
        log: The log; it exists.
    """

    def __init__(self, log: Path) -> None:
        self._descriptor = os.open(log, os.O_RDONLY | os.O_CLOEXEC)
        self._running: asyncio.Future[None] | None = None
        self._next: asyncio.Future[None] | None = None
        sync_folder(log.parent)

    async def wait(self) -> None:
        """Return when everything committed before this call is on the disk. Who called first returns first.

        Raises:
            OSError: it cannot be written.
        """
        if self._next is None:
            self._next = asyncio.ensure_future(self._flush(self._running))
        await asyncio.shield(self._next)

    async def _flush(self, before: asyncio.Future[None] | None) -> None:
        """A flush covers what was committed before it began; who comes later waits for the next."""
        if before is not None:
            await asyncio.wait([before])
        self._running, self._next = self._next, None
        await asyncio.get_running_loop().run_in_executor(None, os.fdatasync, self._descriptor)

    def close(self) -> None:
        """Let the file go."""
        os.close(self._descriptor)
