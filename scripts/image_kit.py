"""The sandbox's conformance kit in containers of the image that DISCOVERY_IMAGE names; see `check-image.sh`."""

from __future__ import annotations

import os

import pytest

from discovery.sandbox import Options, Sandbox, open_sandbox
from discovery.sandbox.testing import SandboxConformance


class TestImage(SandboxConformance):
    """The docker backend in image mode."""

    @pytest.fixture(scope="class")
    @classmethod
    def sandbox(cls) -> Sandbox:
        """Of the image."""
        return open_sandbox("docker", Options(image=os.environ["DISCOVERY_IMAGE"]))
