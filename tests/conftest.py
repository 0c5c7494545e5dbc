"""With CI=true a test that is skipped has failed: what it needs has to be there. And what tests of several
packages share: folders in memory, a container engine."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings

from discovery.sandbox import Sandbox, open_sandbox

# How long an example takes tells how busy the machine is, and no more.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

_COMPLAINT = "skipped, and with CI=true nothing may be: "


def _strict() -> bool:
    return os.environ.get("CI", "").lower() in ("1", "true")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if _strict() and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = _COMPLAINT + str(report.longrepr)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if _strict() and report.skipped:
        report.outcome = "failed"
        report.longrepr = _COMPLAINT + str(report.longrepr)
    return report


@pytest.fixture(scope="session")
def docker() -> Sandbox:
    """The docker backend; `.ci/run` starts an engine for it where none answers."""
    sandbox = open_sandbox("docker")
    problem = sandbox.unavailable()
    if problem is not None:
        pytest.skip(f"{problem.message}; `scripts/engine.sh` starts one as root")
    return sandbox


@pytest.fixture(scope="session")
def in_memory() -> Callable[[], TemporaryDirectory[str]]:
    """Makes temporary folders in memory, where the machine has such a place. A journal there costs no waiting for a
    disk, and a killed process loses no more than it would on one."""
    memory = Path("/dev/shm")
    return lambda: TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None)
