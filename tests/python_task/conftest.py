from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from discovery.sandbox import Slot, open_sandbox
from discovery.task import Context
from discovery.tasks.python import PythonTask


@pytest.fixture(scope="module")
def problem() -> ModuleType:
    spec = importlib.util.spec_from_file_location("problem", Path(__file__).with_name("problem.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def largest(problem: ModuleType) -> PythonTask:
    task: PythonTask = problem.Largest()
    return task


@pytest.fixture(scope="module")
def slot(largest: PythonTask) -> Iterator[Slot]:
    """One warm slot of the real sandbox for all tests: whatever a test does to it, the next has to find it sound."""
    with open_sandbox("auto").open(largest.harness, largest.slot_limits) as opened:
        yield opened


@pytest.fixture(scope="module")
def context(slot: Slot, largest: PythonTask) -> Context:
    return Context(slot, 12, largest.limits)
