"""Graphics cards: every path up to the device that is not here."""

from __future__ import annotations

from pathlib import Path

import pytest

from discovery.sandbox import Options, Sandbox, SandboxError, open_sandbox
from discovery.sandbox.testing import KIT_LIMITS, kit_harness, run_program

ABSENT = Options(device="cuda:77")


def test_a_card_that_is_not_here_is_named_with_those_that_are() -> None:
    problem = open_sandbox("bubblewrap", ABSENT).unavailable()
    assert problem is not None and "cuda:77" in problem.message and "/dev/nvidia77" in problem.message
    assert "--device cpu" in problem.hint
    with pytest.raises(SandboxError, match="cuda:77"):
        open_sandbox("bubblewrap", ABSENT).open(kit_harness(), KIT_LIMITS)


def test_an_engine_without_a_toolkit_cannot_give_one(docker: Sandbox) -> None:
    problem = open_sandbox(docker.name, ABSENT).unavailable()
    if problem is not None:  # an engine with the toolkit finds out at the start
        assert "cuda:77" in problem.message and "NVIDIA Container Toolkit" in problem.hint


@pytest.mark.parametrize("by_cdi", [False, True], ids=["runtime", "CDI"])
def test_the_engine_is_asked_for_the_card(docker: Sandbox, monkeypatch: pytest.MonkeyPatch, by_cdi: bool) -> None:
    """The request goes out, and what the engine answers comes back as an error with a remedy."""
    monkeypatch.setattr("discovery.sandbox.docker._gives_cards", lambda info: True)
    monkeypatch.setattr("discovery.sandbox.docker._cdi_cards", lambda info: ["nvidia.com/gpu=77"] if by_cdi else [])
    sandbox = open_sandbox(docker.name, ABSENT)
    assert sandbox.unavailable() is None
    assert sandbox.capabilities()["gpu_masking"].level == "best_effort"
    with pytest.raises(SandboxError, match="device") as caught:
        sandbox.open(kit_harness(), KIT_LIMITS)
    assert "NVIDIA Container Toolkit" in caught.value.hint


def test_of_the_devices_only_those_asked_for_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """With an ordinary device in a card's place."""
    node = "/dev/loop-control" if Path("/dev/loop-control").exists() else "/dev/mem"
    shown = {ABSENT: [node]}
    monkeypatch.setattr("discovery.sandbox.command.device_nodes", lambda options: shown.get(options, []))
    monkeypatch.setattr("discovery.sandbox.bubblewrap.missing_card", lambda options: None)
    source = "import os\ndef run(): return {'dev': os.listdir('/dev'), 'seen': os.environ['CUDA_VISIBLE_DEVICES']}"
    with open_sandbox("bubblewrap", ABSENT).open(kit_harness(), KIT_LIMITS) as slot:
        first, second = (run_program(slot, source) for _ in range(2))
    assert first.value["seen"] == second.value["seen"] == "0"
    with open_sandbox("bubblewrap").open(kit_harness(), KIT_LIMITS) as slot:
        plain = run_program(slot, source)
    assert plain.value["seen"] == "" and set(first.value["dev"]) - set(plain.value["dev"]) == {Path(node).name}


def test_with_a_card_every_call_gets_processes_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("discovery.sandbox.command.device_nodes", lambda options: [])
    monkeypatch.setattr("discovery.sandbox.bubblewrap.missing_card", lambda options: None)
    source = "import os\ndef run(): return {'space': os.stat('/proc/1/ns/pid').st_ino if 0 else os.getpid()}"
    with open_sandbox("bubblewrap", ABSENT).open(kit_harness(), KIT_LIMITS) as slot:
        numbers = {run_program(slot, source).value["space"] for _ in range(3)}
    assert len(numbers) == 1, "a new sandbox counts its processes from the start"


@pytest.mark.parametrize("device", ["tpu", "cuda:", "cuda:x", ""])
def test_no_such_kind_of_device(device: str) -> None:
    with pytest.raises(SandboxError, match="no device"):
        open_sandbox("bubblewrap", Options(device=device)).unavailable()


@pytest.mark.parametrize("name", ["bubblewrap", "inner", "unsafe"])
def test_options_of_docker_are_refused_elsewhere(name: str) -> None:
    problem = open_sandbox(name, Options(image="x")).unavailable()
    assert problem is not None and "image" in problem.message and "docker" in problem.hint


def test_the_inner_layer_shows_no_device() -> None:
    problem = open_sandbox("inner", ABSENT).unavailable()
    assert problem is not None and "no device" in problem.message


def test_a_runtime_or_an_image_that_the_engine_lacks(docker: Sandbox) -> None:
    problem = open_sandbox(docker.name, Options(runtime="no-such-runtime")).unavailable()
    assert problem is not None and "no-such-runtime" in problem.message and "runc" in problem.message
    problem = open_sandbox(docker.name, Options(image="no-such-image:1")).unavailable()
    assert problem is not None and "no such image" in problem.message and "Dockerfile" in problem.hint
