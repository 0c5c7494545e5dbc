"""The docker backend: the conformance kit."""

from __future__ import annotations

import pytest

from discovery.sandbox import Sandbox
from discovery.sandbox.testing import SandboxConformance


class TestDocker(SandboxConformance):
    @pytest.fixture(scope="class")
    @classmethod
    def sandbox(cls, docker: Sandbox) -> Sandbox:
        return docker
