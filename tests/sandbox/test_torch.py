"""A warm process with torch in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from discovery.sandbox import Slot, open_sandbox
from discovery.sandbox.testing import KIT_LIMITS, kit_harness, run_program


@pytest.fixture(scope="module")
def slot() -> Iterator[Slot]:
    with open_sandbox("bubblewrap").open(kit_harness("numpy", "torch"), KIT_LIMITS) as slot:
        yield slot


def test_a_fork_computes_forwards_and_backwards_on_one_thread(slot: Slot) -> None:
    source = """
    import os, torch
    def run():
        x = torch.ones(64, 64, requires_grad=True)
        (x @ x).sum().backward()
        return {"sum": x.grad.sum().item(), "threads": torch.get_num_threads()}
    """
    for _ in range(2):
        answer = run_program(slot, source)
        assert (answer.status, answer.message) == ("ok", "")
        assert answer.value == {"sum": 2.0 * 64**3, "threads": 1}


def test_every_call_draws_the_same_numbers(slot: Slot) -> None:
    source = (
        "import numpy, torch\ndef run(): return {'torch': torch.rand(1).item(), 'numpy': float(numpy.random.rand())}"
    )
    first, second = run_program(slot, source), run_program(slot, source)
    assert first.status == "ok"
    assert first.value == second.value


def test_a_tensor_beyond_the_limit_is_a_lack_of_memory(slot: Slot) -> None:
    answer = run_program(slot, "import torch\ndef run(): return {'n': torch.zeros(1 << 30).numel()}")
    assert answer.status == "memory"


@pytest.mark.parametrize("result", ["torch.ones(2)", "torch.ones(2).sum()"])
def test_a_tensor_is_no_answer(slot: Slot, result: str) -> None:
    answer = run_program(slot, f"import torch\ndef run(): return {{}}, {{'x': {result}}}")
    assert answer.status == "invalid" and "numpy.ndarray" in answer.message
