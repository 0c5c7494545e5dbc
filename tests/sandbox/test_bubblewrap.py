"""The bubblewrap backend: the conformance kit."""

from __future__ import annotations

import pytest

from discovery.sandbox import Sandbox, open_sandbox
from discovery.sandbox.testing import SandboxConformance


class TestBubblewrap(SandboxConformance):
    @pytest.fixture(scope="class")
    @classmethod
    def sandbox(cls) -> Sandbox:
        return open_sandbox("bubblewrap")
