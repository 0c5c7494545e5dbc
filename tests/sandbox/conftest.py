"""Fixtures of the sandbox tests."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from discovery.sandbox import Slot, open_sandbox
from discovery.sandbox.capabilities import bubblewrap_report
from discovery.sandbox.seccomp import compiled_filter
from discovery.sandbox.testing import KIT_LIMITS, kit_harness


@pytest.fixture
def others() -> set[psutil.Process]:
    """Processes below this one before the test's own sandbox is opened: some other test's, and none of its business."""
    return set(psutil.Process().children(recursive=True))


@pytest.fixture
def slot(others: set[psutil.Process]) -> Iterator[Slot]:
    """A bubblewrap slot of the test's own."""
    with open_sandbox("bubblewrap").open(kit_harness(), KIT_LIMITS) as slot:
        yield slot


@pytest.fixture
def fresh_probe() -> Iterator[None]:
    """What this machine offers is found out anew, in the test and after it."""
    bubblewrap_report.cache_clear()
    compiled_filter.cache_clear()
    yield
    bubblewrap_report.cache_clear()
    compiled_filter.cache_clear()


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A temporary folder that other users can reach."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="session")
def engine_address() -> str:
    """Where the engine of these tests is, whatever a test does to the environment."""
    return os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
