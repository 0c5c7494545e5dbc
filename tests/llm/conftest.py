"""Makes the helper module of this folder importable whatever folder the tests are started from."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from discovery.store import RunMeta
from discovery.testing.loopback import Loopback, completion

sys.path.insert(0, str(Path(__file__).parent))

from model_setting import META, Setting


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback(lambda asked: completion(f"about {asked.prompt}")) as server:
        yield server


@pytest.fixture
def setting(server: Loopback, in_memory: Callable[[], Any]) -> Iterator[Setting]:
    with in_memory() as folder:
        yield Setting(server, Path(folder) / "toy-1")


@pytest.fixture
def meta() -> RunMeta:
    return META
