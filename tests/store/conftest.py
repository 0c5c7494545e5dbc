from __future__ import annotations

from pathlib import Path

import pytest

from discovery.store import RunMeta


@pytest.fixture
def meta() -> RunMeta:
    return RunMeta(
        name="toy-1",
        task="toy:small",
        config={"seed": 3, "search": {"population": 20}},
        versions={"discovery": "0.1.0"},
        sandbox={"backend": "bubblewrap", "capabilities": {"fs_isolated": ["enforced", "mount namespace"]}},
        created="2026-01-02T15:04:05+00:00",
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "toy-1"
