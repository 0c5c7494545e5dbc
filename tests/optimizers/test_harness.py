"""The training harness: gradients against autograd, lanes against single runs, schedules, dead lanes, modes."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from reference_rules import AdamW, Misbehaving

from discovery.tasks.optimizers import harness
from discovery.tasks.optimizers.models import bind

NETWORKS: list[dict[str, Any]] = [
    {"kind": "dense", "widths": [6, 5, 3], "activation": "relu", "loss": "softmax"},
    {"kind": "dense", "widths": [6, 3], "activation": "relu", "loss": "softmax"},
    {"kind": "dense", "widths": [6, 4, 5, 3], "activation": "tanh", "loss": "squares"},
]
FACTORS = {"kind": "factors", "rows": 7, "columns": 5, "rank": 3}


def arrays(seeds: int = 2, steps: int = 12, batch: int = 4, parameters: int = 0, scale: float = 0.4) -> dict[str, Any]:
    """A little training set for networks from 6 inputs to 3 outputs."""
    rng = np.random.default_rng(5)
    return {
        "inputs": rng.standard_normal((20, 6)).astype(np.float32),
        "targets": np.eye(3, dtype=np.float32)[rng.integers(0, 3, 20)],
        "init": (scale * rng.standard_normal((seeds, parameters))).astype(np.float32),
        "order": rng.integers(0, 20, (steps, seeds, batch)).astype(np.int32),
    }


def size(model: dict[str, Any]) -> int:
    return sum(b * (a + 1) for a, b in pairwise(model["widths"]))


def payload(lanes: list[list[float]], model: dict[str, Any] = NETWORKS[0], dtype: str = "float64") -> dict[str, Any]:
    return {"model": model, "warmup": 0.2, "dtype": dtype, "lanes": lanes}


@pytest.mark.parametrize("model", NETWORKS, ids=["two layers", "one layer", "tanh squares"])
def test_gradients_of_networks_equal_autograd(model: dict[str, Any]) -> None:
    lanes, batch = 3, 4
    given = arrays(lanes, 1, batch, size(model))
    w = torch.from_numpy(given["init"]).double()
    g = torch.zeros_like(w)
    data = {k: torch.from_numpy(given[k]).double() for k in ("inputs", "targets")}
    rows = torch.from_numpy(given["order"][0]).long()
    bound = bind(model, w, g, data, batch)
    bound.gradient(rows.reshape(-1))
    losses = bound.loss()
    for lane in range(lanes):
        flat = w[lane].clone().requires_grad_()
        layer, start, widths = data["inputs"][rows[lane]], 0, model["widths"]
        for index, (fan_in, fan_out) in enumerate(pairwise(widths)):
            block = flat[start : start + fan_out * (fan_in + 1)].view(fan_out, fan_in + 1)
            layer = layer @ block[:, :-1].T + block[:, -1]
            if index < len(widths) - 2:
                layer = torch.tanh(layer) if model["activation"] == "tanh" else torch.relu(layer)
            start += block.numel()
        targets = data["targets"][rows[lane]]
        if model["loss"] == "softmax":
            loss = torch.nn.functional.cross_entropy(layer, targets)
        else:
            loss = 0.5 * (layer - targets).square().sum(1).mean()
        loss.backward()
        assert flat.grad is not None
        torch.testing.assert_close(g[lane], flat.grad, rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(losses[lane], loss.detach(), rtol=1e-12, atol=1e-14)


def test_gradients_of_factors_equal_autograd() -> None:
    rng = np.random.default_rng(1)
    w = torch.from_numpy(rng.standard_normal((3, 36)))
    g = torch.ones_like(w)
    entries = torch.from_numpy(np.stack([rng.integers(0, 7, 30), rng.integers(0, 5, 30)], 1))
    targets = torch.from_numpy(rng.standard_normal(30))
    rows = torch.from_numpy(rng.integers(0, 30, (3, 8)))
    bound = bind(FACTORS, w, g, {"entries": entries, "targets": targets}, 8)
    bound.gradient(rows.reshape(-1))
    losses = bound.loss()
    for lane in range(3):
        flat = w[lane].clone().requires_grad_()
        table = flat.view(12, 3)
        picked = entries[rows[lane]]
        loss = ((table[picked[:, 0]] * table[picked[:, 1] + 7]).sum(1) - targets[rows[lane]]).square().mean()
        loss.backward()
        torch.testing.assert_close(losses[lane], loss.detach(), rtol=1e-12, atol=1e-14)
        assert flat.grad is not None
        torch.testing.assert_close(g[lane], flat.grad, rtol=1e-12, atol=1e-14)


def test_training_equals_torch_adamw_with_the_same_schedule() -> None:
    model, lanes = NETWORKS[0], [[0.01, 0.1, 0], [0.03, 0.0, 1]]
    given = arrays(parameters=size(model))
    final, _, steps = harness.train(AdamW(), payload(lanes), given)
    assert steps == 12 * 2
    rates = harness.schedule(12, 0.2)
    for lane, (rate, decay, seed) in enumerate(lanes):
        flat = torch.from_numpy(given["init"][int(seed)]).double()
        layers = harness._linear_layers(model["widths"], flat)
        network = torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1])
        optimizer = torch.optim.AdamW(network.parameters(), weight_decay=decay)
        for t in range(12):
            optimizer.param_groups[0]["lr"] = rate * rates[t]
            index = torch.from_numpy(given["order"][t, int(seed)]).long()
            optimizer.zero_grad()
            output = network(torch.from_numpy(given["inputs"]).double()[index])
            torch.nn.functional.cross_entropy(output, torch.from_numpy(given["targets"]).double()[index]).backward()
            optimizer.step()
        expected = torch.cat([torch.cat([x.weight, x.bias[:, None]], 1).reshape(-1) for x in layers]).detach().numpy()
        np.testing.assert_allclose(final[lane], expected, rtol=0, atol=1e-10)


def test_lanes_do_not_influence_each_other() -> None:
    given = arrays(parameters=size(NETWORKS[0]))
    lanes = [[0.1, 0.0, 0], [0.01, 0.1, 1], [0.3, 0.0, 1]]
    together, *_ = harness.train(AdamW(), payload(lanes, dtype="float32"), given)
    for index, lane in enumerate(lanes):
        alone, *_ = harness.train(AdamW(), payload([lane], dtype="float32"), given)
        np.testing.assert_allclose(together[index], alone[0], rtol=1e-5, atol=1e-6)
    again, *_ = harness.train(AdamW(), payload(lanes, dtype="float32"), given)
    assert together.tobytes() == again.tobytes()


def test_flat_and_per_tensor_application_agree() -> None:
    given = arrays(parameters=size(NETWORKS[0]))
    flat, *_ = harness.train(AdamW(), payload([[0.1, 0.0, 0], [0.1, 0.1, 1]]), given)
    by_tensor, *_ = harness.train(AdamW(elementwise=False), payload([[0.1, 0.0, 0], [0.1, 0.1, 1]]), given)
    np.testing.assert_allclose(flat, by_tensor, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("elementwise", [True, False])
def test_a_lane_with_one_non_finite_update_is_dead_and_harms_no_other(value: float, elementwise: bool) -> None:
    given = arrays(parameters=size(NETWORKS[0]))
    given["init"][1, 0] = 100.0
    lanes = [[0.01, 0.0, 0], [0.01, 0.0, 1]]
    healthy, *_ = harness.train(AdamW(elementwise), payload(lanes), given)
    final, *_ = harness.train(Misbehaving(value, when=7, elementwise=elementwise), payload(lanes), given)
    assert np.isnan(final[1]).all()
    np.testing.assert_array_equal(final[0], healthy[0])


def test_a_lane_that_does_not_move_is_dead() -> None:
    given = arrays(parameters=size(NETWORKS[0]))
    given["init"][1] = 100.0
    final, *_ = harness.train(Misbehaving(0.0), payload([[0.01, 0.0, 0], [0.01, 0.1, 1]]), given)
    assert np.isfinite(final[0]).all() and np.isnan(final[1]).all()


def test_the_curve_has_the_training_loss_at_the_marks_and_changes_nothing() -> None:
    given = arrays(steps=32, parameters=size(NETWORKS[0]))
    asked, marks = payload([[0.05, 0.0, 0], [0.0, 0.0, 1]]), [1, 4, 16, 32]
    trained = harness.train(AdamW(), {**asked, "marks": marks}, given)
    assert trained.curve.shape == (2, 4)
    assert harness.train(AdamW(), asked, given).weights.tobytes() == trained.weights.tobytes()
    assert trained.curve[0, -1] < trained.curve[0, 0]
    flat = torch.from_numpy(given["init"][1]).double()
    layers = harness._linear_layers(NETWORKS[0]["widths"], flat)
    network = torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1])
    for place, t in enumerate(marks):
        index = torch.from_numpy(given["order"][t - 1, 1]).long()
        output = network(torch.from_numpy(given["inputs"]).double()[index])
        loss = torch.nn.functional.cross_entropy(output, torch.from_numpy(given["targets"]).double()[index])
        assert trained.curve[1, place] == pytest.approx(float(loss.detach()), rel=1e-12)


def test_training_stops_when_every_lane_is_dead() -> None:
    given = arrays(steps=200, parameters=size(NETWORKS[0]), scale=100.0)
    final, _, done = harness.train(Misbehaving(math.nan, 3), payload([[0.01, 0.0, 0], [0.01, 0.0, 1]]), given)
    assert np.isnan(final).all()
    assert done < 2 * 200


def test_the_schedule_warms_up_then_falls_to_nearly_nothing() -> None:
    rates = harness.schedule(100, 0.05)
    assert rates[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert all(a > b for a, b in pairwise(rates[4:]))
    assert 0 < rates[-1] < 1e-3


def test_an_unknown_mode_is_an_error() -> None:
    with pytest.raises(ValueError, match="mode must be"):
        harness.call({"mode": "guess"}, {})
