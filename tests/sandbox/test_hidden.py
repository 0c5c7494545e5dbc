"""What a harness names as hidden no candidate sees, even among the packages that it may use."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import psutil
import pytest

from discovery.sandbox import open_sandbox
from discovery.sandbox.testing import KIT_LIMITS, kit_harness, run_program

_SOURCE = """
import glob, importlib
def run():
    def load():
        importlib.import_module("psutil").Process
    files = glob.glob(payload["folder"] + "/**/*.py", recursive=True)
    return {
        "load": attempt(load),
        "read": sorted({attempt(lambda: open(name).read()) for name in [payload["file"], *files]}),
        "beside": attempt(importlib.import_module, "numpy.fft"),
    }
"""


@pytest.mark.parametrize("backend", ["bubblewrap", "docker", "inner"])
def test_a_hidden_folder_among_the_packages_is_closed_and_its_neighbours_are_open(
    request: pytest.FixtureRequest, backend: str
) -> None:
    if backend == "docker":
        request.getfixturevalue("docker")
    folder = Path(psutil.__file__).parent
    for hidden in ((), (str(folder),)):
        harness = dataclasses.replace(kit_harness(), hidden=hidden)
        with open_sandbox(backend).open(harness, KIT_LIMITS) as slot:
            answer = run_program(slot, _SOURCE, folder=str(folder), file=psutil.__file__)
        assert answer.status == "ok", answer
        assert answer.value["beside"] == "done"
        assert (answer.value["load"] == "done") == (not hidden)
        assert (answer.value["read"] == ["done"]) == (not hidden)
        assert not hidden or "done" not in answer.value["read"]
