"""Memory that the kernel bounds over all of a sandbox, where groups can be made; elsewhere the report says so."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from discovery.sandbox import SandboxError, open_sandbox
from discovery.sandbox.cgroup import GROUP_PREFIX, memory_groups
from discovery.sandbox.owner import owner_name
from discovery.sandbox.testing import KIT_LIMITS, kit_harness, run_program


def groups() -> set[Path]:
    found = memory_groups()
    return set() if found is None else set(found[0].glob(f"{GROUP_PREFIX}{owner_name()}-*"))


def test_the_kernel_ends_what_samples_would_let_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """The samples' limit is a gibibyte here, the group's far lower: only the kernel can be what acts."""
    sandbox, before = open_sandbox("bubblewrap"), groups()
    if memory_groups() is None:
        assert sandbox.capabilities()["total_memory"].level == "best_effort"
        return
    assert sandbox.capabilities()["total_memory"].level == "enforced"
    limits = dataclasses.replace(KIT_LIMITS, memory_bytes=1 << 30)
    monkeypatch.setattr("discovery.sandbox.bubblewrap._OVERHEAD_BYTES", (96 << 20) - limits.memory_bytes)
    source = "def run():\n    kept = bytearray(b'x') * (300 << 20)\n    return {'n': len(kept)}"
    forks = "import os, time\ndef run():\n    for _ in range(3): os.fork()\n    x = bytearray(b'x') * (40 << 20)\n"
    with sandbox.open(kit_harness(), limits) as slot:
        assert len(groups()) == len(before) + 1
        for program in (source, forks + "    time.sleep(60)"):
            answer = run_program(slot, program)
            assert (answer.status, answer.value) == ("memory", {})
            assert run_program(slot, "def run(): return {'n': 1}").value == {"n": 1}
    assert groups() == before


def test_a_sandbox_that_cannot_be_bounded_does_not_open(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("discovery.sandbox.bubblewrap.memory_groups", lambda: (tmp_path / "gone", "memory cgroup"))
    with pytest.raises(SandboxError, match="memory cannot be bounded"):
        open_sandbox("bubblewrap").open(kit_harness(), KIT_LIMITS)
