"""Folders of the command's tests lie in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest


@pytest.fixture
def tmp_path(in_memory: Callable[[], TemporaryDirectory[str]]) -> Iterator[Path]:
    """A folder of the test's own, in memory."""
    with in_memory() as folder:
        yield Path(folder)
