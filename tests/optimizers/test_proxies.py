"""Tasks: fixed data, common random numbers, losses that are recomputed from weights, evaluation data that stay out."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from discovery.tasks.optimizers.proxies import HELD_OUT, SEARCH, WORST_LOSS, Proxy, generator, proxy
from discovery.tasks.optimizers.sweep import inputs

ALL = SEARCH + HELD_OUT


@pytest.mark.parametrize("task", ALL, ids=lambda task: task.name)
def test_evaluation_data_never_enter_the_sandbox(task: Proxy) -> None:
    sent = {name: array.numpy() for name, array in inputs(task.name, (1, 2), 3).items()}
    assert set(sent) == {*task.data.train, "init", "order"}
    if "inputs" in sent:
        rows = {row.tobytes() for row in sent["inputs"]}
        assert not any(row.astype(np.float32).tobytes() in rows for row in task.data.test["inputs"])
    else:
        trained = {tuple(entry) for entry in sent["entries"].tolist()}
        assert not trained & {tuple(entry) for entry in task.data.test["entries"].tolist()}


@pytest.mark.parametrize("task", ALL, ids=lambda task: task.name)
def test_a_seed_means_the_same_run_whatever_else_runs(task: Proxy) -> None:
    pair, alone = task.runs([5, 9], 7), task.runs([9], 4)
    np.testing.assert_array_equal(pair["init"][1], alone["init"][0])
    np.testing.assert_array_equal(pair["order"][:4, 1], alone["order"][:, 0])
    assert not np.array_equal(pair["init"][0], pair["init"][1])
    assert pair["init"].dtype == np.float32 and pair["init"].shape == (2, task.parameters)
    assert pair["order"].shape == (7, 2, task.batch) and pair["order"].max() < len(task.data.train["targets"])


def test_every_epoch_shows_every_example_once() -> None:
    task = proxy("autoencoder")
    count = len(task.data.train["targets"])
    stream = task.runs([3], -(-2 * count // task.batch))["order"].ravel()
    assert sorted(stream[:count]) == sorted(stream[count : 2 * count]) == list(range(count))


@pytest.mark.parametrize("task", [t for t in ALL if t.model["kind"] == "dense"], ids=lambda task: task.name)
def test_losses_of_networks_equal_those_of_torch(task: Proxy) -> None:
    weights = task.runs([1, 2], 1)["init"]
    expected = []
    for row in weights:
        layer, start, widths = torch.from_numpy(task.data.test["inputs"]), 0, task.model["widths"]
        flat = torch.from_numpy(row).double()
        for index in range(len(widths) - 1):
            block = flat[start : start + widths[index + 1] * (widths[index] + 1)].view(widths[index + 1], -1)
            layer = torch.nn.functional.linear(layer, block[:, :-1], block[:, -1])
            if index < len(widths) - 2:
                layer = torch.tanh(layer) if task.model["activation"] == "tanh" else torch.relu(layer)
            start += block.numel()
        targets = torch.from_numpy(task.data.test["targets"])
        if task.model["loss"] == "softmax":
            expected.append(torch.nn.functional.cross_entropy(layer, targets).item())
        else:
            expected.append(0.5 * (layer - targets).square().sum(1).mean().item())
    np.testing.assert_allclose(task.losses(weights), expected, rtol=1e-10)


def test_losses_of_factors() -> None:
    task = proxy("factors")
    row = generator("test").standard_normal(task.parameters).astype(np.float32)
    u, v = row[: 128 * 8].reshape(128, 8).astype(float), row[128 * 8 :].reshape(96, 8).astype(float)
    entries, targets = task.data.test["entries"], task.data.test["targets"]
    expected = np.square((u @ v.T)[entries[:, 0], entries[:, 1]] - targets).mean()
    assert task.losses(row[None])[0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("task", ALL, ids=lambda task: task.name)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_weights_that_are_not_usable_have_the_worst_loss_and_harm_no_other(task: Proxy, value: float) -> None:
    weights = np.repeat(task.runs([1], 1)["init"], 2, axis=0)
    healthy = task.losses(weights)[0]
    for spoilt in (slice(None), slice(-1, None), slice(-10, -9)):
        broken = weights.copy()
        broken[1, spoilt] = value
        losses = task.losses(broken)
        assert losses[0] == healthy < 1e3
        assert losses[1] == WORST_LOSS


def test_a_saturated_unit_does_not_hide_an_infinite_weight() -> None:
    weights = proxy("autoencoder").runs([1], 1)["init"]
    weights[0, 64] = math.inf  # a bias of the first tanh layer
    assert proxy("autoencoder").losses(weights)[0] == WORST_LOSS


@pytest.mark.parametrize("task", ALL, ids=lambda task: task.name)
def test_huge_weights_have_a_finite_loss(task: Proxy) -> None:
    signs = generator("signs").choice([-1.0, 1.0], task.parameters)
    loss = task.losses((3e38 * signs[None]).astype(np.float32))[0]
    assert 1e6 < loss <= WORST_LOSS


def test_weights_of_the_wrong_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        proxy("digits").losses(np.zeros((2, 7), dtype=np.float32))


def test_the_softmax_task_is_as_ill_conditioned_as_it_says() -> None:
    inputs_ = proxy("softmax").data.train["inputs"].astype(float)
    spectrum = np.linalg.eigvalsh(inputs_.T @ inputs_)
    assert 0.5e4 < spectrum[-1] / spectrum[0] < 5e4


def test_held_out_tasks_are_kept_apart() -> None:
    assert len(SEARCH) == 3 and len(HELD_OUT) == 2
    assert all(not t.held_out for t in SEARCH) and all(t.held_out for t in HELD_OUT)
