"""The conformance kit of sandbox backends: needs pytest and psutil.

A backend passes by one fixture::

    class TestMine(SandboxConformance):
        @pytest.fixture(scope="class")
        @classmethod
        def sandbox(cls) -> Sandbox:
            return Mine()
"""

from __future__ import annotations

from .attacks import ATTACKS, KIT_LIMITS, LEFTOVERS, Attack, Leftover
from .kit import SandboxConformance, kit_harness, run_program

__all__ = [
    "ATTACKS",
    "KIT_LIMITS",
    "LEFTOVERS",
    "Attack",
    "Leftover",
    "SandboxConformance",
    "kit_harness",
    "run_program",
]
