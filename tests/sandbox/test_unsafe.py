"""The plain-process backend: the conformance kit, and that it never stands in for another."""

from __future__ import annotations

import pytest

from discovery.sandbox import Sandbox, open_sandbox
from discovery.sandbox.testing import SandboxConformance


class TestUnsafe(SandboxConformance):
    @pytest.fixture(scope="class")
    @classmethod
    def sandbox(cls) -> Sandbox:
        return open_sandbox("unsafe")
