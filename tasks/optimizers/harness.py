"""What runs inside the sandbox: trains many lanes at once under a rule, and records a rule's behaviour.

`call` is a pure function of its inputs, deterministic and single-threaded. It has four modes:

- `"train"`: complete schedules for all lanes, returns final weights and a coarse curve of training losses. The losses
  that count are computed by the evaluator, from the weights, on data that are never sent in; the curve explains only.
- `"scale"`: the size of a rule's first directions, a hint where to search for its learning rate.
- `"trace"`: updates of rules on fixed gradient traces, in float64 (see `discovery.tasks.optimizers.fingerprint`).
- `"module"`: trains one lane with an exported `torch.optim.Optimizer` class and autograd, for `verify`.

The engine owns schedule, decoupled weight decay and application (notation: rate eta_t, decay lambda, direction u):

    w <- w - eta_t * u - eta_t * lambda * w,
    eta_t = eta * min(t / warm, 1) * (1 + cos(pi * max(t - warm, 0) / (T + 1 - warm))) / 2,   t = 1 ... T.

A rule is applied to each tensor by itself and sees neither its name nor its position; the order of tensors can
therefore not be told, and is not shuffled.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from discovery.tasks.optimizers.interpreter import Rule
from discovery.tasks.optimizers.models import LaneModel, View, bind
from discovery.tasks.optimizers.rule import lower

__all__ = ["LANES_AT_ONCE", "Trained", "UpdateRule", "call", "schedule", "train"]

#: Lanes trained side by side; more do not fit the cache. Does not change results: lanes are independent.
LANES_AT_ONCE = 20
#: A lane whose updates are all zero over this many first steps is dead.
IDLE_STEPS = 10
#: Steps over which a rule's own scale is measured.
SCALE_STEPS = 10
_CHECK_EVERY = 64


class UpdateRule(Protocol):
    """A rule, as the interpreter gives it: lanes are the leading dimension of every tensor."""

    @property
    def elementwise(self) -> bool:
        """Whether all parameters may be treated as one flat tensor."""
        ...

    def init(self, kind: str, w: Tensor) -> dict[str, Tensor]:
        """State before the first step."""
        ...

    def update(
        self, kind: str, w: Tensor, g: Tensor, state: dict[str, Tensor], t: int
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Direction u and the new state at step t (from 1)."""
        ...


def call(payload: dict[str, Any], arrays: dict[str, np.ndarray[Any, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Entry point of the sandbox; see the module's docstring for modes, and the functions for their payloads."""
    torch.set_flush_denormal(True)  # a decaying second moment would otherwise crawl through subnormal numbers
    try:
        return _dispatch(payload, arrays)
    finally:
        torch.set_flush_denormal(False)


def _dispatch(
    payload: dict[str, Any], arrays: dict[str, np.ndarray[Any, Any]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    mode = payload["mode"]
    if mode == "train":
        trained = train(_rule(payload["source"]), payload, arrays)
        return {"steps": trained.steps}, {"weights": trained.weights, "curve": trained.curve}
    if mode == "scale":
        return {"rms": scale(_rule(payload["source"]), payload, arrays)}, {}
    if mode == "trace":
        traces = {f"u{i}": trace(_rule(source), arrays) for i, source in enumerate(payload["sources"])}
        return {}, traces
    if mode == "module":
        return {}, {"weights": train_module(payload["source"], payload, arrays)}
    raise ValueError(f"mode must be train, scale, trace or module; got {mode!r}")


class Trained(NamedTuple):
    """What training gives.

    Attributes:
        weights: Final weights (lanes, P); a lane that died (non-finite weights, or no update other than zero in the
            first steps) is NaN throughout.
        curve: Loss of each lane's batch at the steps `marks` (lanes, marks); NaN after the lane's group had died out.
        steps: Lane-steps done: fewer than lanes x steps when every lane of a group died.
    """

    weights: np.ndarray[Any, Any]
    curve: np.ndarray[Any, Any]
    steps: int


def _rule(source: str) -> UpdateRule:
    rule: UpdateRule = Rule(lower(source))
    return rule


def schedule(steps: int, warmup: float) -> list[float]:
    """Multipliers of the learning rate for steps 1 ... `steps`: linear warm-up over the fraction `warmup`, then cosine
    to nearly 0 (never 0, so that a non-finite update always leaves its mark on the weights)."""
    warm = max(1, round(warmup * steps))
    return [
        min(t / warm, 1.0) * 0.5 * (1.0 + math.cos(math.pi * max(t - warm, 0) / (steps + 1 - warm)))
        for t in range(1, steps + 1)
    ]


def train(rule: UpdateRule, payload: Mapping[str, Any], arrays: Mapping[str, np.ndarray[Any, Any]]) -> Trained:
    """Train every lane over a complete schedule.

    Args:
        rule: The rule.
        payload: `model` (see `models.bind`), `warmup` (fraction), `dtype` ("float32" or "float64"), `lanes`: a list of
            [learning rate, weight decay, seed index]; where wanted, `marks`: steps, from 1.
        arrays: `init` (seeds, P) float, `order` (steps, seeds, batch) int32 row numbers, and the training data of the
            model. Lanes of one seed index share initial weights and batches, whatever the rule.

    """
    data = _tensors(payload, arrays)
    groups = [payload["lanes"][i : i + LANES_AT_ONCE] for i in range(0, len(payload["lanes"]), LANES_AT_ONCE)]
    parts = [_train_group(rule, payload, lanes, data) for lanes in groups]
    weights, curve = torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts])
    done = sum(part[2] * len(lanes) for part, lanes in zip(parts, groups, strict=True))
    return Trained(weights.numpy(), curve.numpy(), done)


def scale(rule: UpdateRule, payload: Mapping[str, Any], arrays: Mapping[str, np.ndarray[Any, Any]]) -> float:
    """Root mean square of the directions of the first steps with the weights left as they are; 0 if not finite.

    Takes what `train` takes, and looks at the first seed only.
    """
    data = _tensors(payload, arrays)
    w, order = data["init"][:1].clone(), data["order"][:SCALE_STEPS, 0]
    g = torch.zeros_like(w)
    model = bind(payload["model"], w, g, data, order.shape[1])
    step = _stepper(rule, model, w, g)
    total = 0.0
    for t, rows in enumerate(order, start=1):
        model.gradient(rows)
        total += float(step(t).double().square().mean())
    return math.sqrt(total / len(order)) if math.isfinite(total) else 0.0


def _tensors(payload: Mapping[str, Any], arrays: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, Tensor]:
    dtype = getattr(torch, payload["dtype"])
    return {
        name: torch.from_numpy(np.array(values)).to(dtype if values.dtype.kind == "f" else torch.int64)
        for name, values in arrays.items()
    }


def _train_group(
    rule: UpdateRule, payload: Mapping[str, Any], lanes: list[list[float]], data: dict[str, Tensor]
) -> tuple[Tensor, Tensor, int]:
    seeds = torch.tensor([int(lane[2]) for lane in lanes])
    w = data["init"].index_select(0, seeds)
    order = data["order"].index_select(1, seeds)
    steps, _, batch = order.shape
    g = torch.zeros_like(w)
    model = bind(payload["model"], w, g, data, batch)
    step = _stepper(rule, model, w, g)
    rates = w.new_tensor([[lane[0]] for lane in lanes])
    decays = w.new_tensor([[lane[1]] for lane in lanes])
    decaying = bool(decays.any())
    idle = torch.ones(len(lanes), dtype=torch.bool)
    noted = {t: place for place, t in enumerate(payload.get("marks", ()))}
    curve = w.new_full((len(lanes), len(noted)), math.nan)
    for t, factor in enumerate(schedule(steps, payload["warmup"]), start=1):
        model.gradient(order[t - 1].reshape(-1))
        if t in noted:
            curve[:, noted[t]] = model.loss()
        u = step(t)
        rate = rates * factor
        if decaying:
            w.mul_(1.0 - rate * decays)
        w.addcmul_(rate, u, value=-1.0)
        if t <= IDLE_STEPS:
            idle &= (u == 0).all(1)
        if t == IDLE_STEPS or t % _CHECK_EVERY == 0:
            alive = torch.isfinite(w).all(1) & ~(idle & (t >= IDLE_STEPS))
            if not alive.any():
                break
    w[~(torch.isfinite(w).all(1) & ~idle)] = math.nan
    return w, curve, t


def _stepper(rule: UpdateRule, model: LaneModel, w: Tensor, g: Tensor) -> Callable[[int], Tensor]:
    """A function from step t to the direction (lanes, P). An elementwise rule is applied once, to the flat tensor."""
    if rule.elementwise:
        state = rule.init("matrix", w)

        def flat(t: int) -> Tensor:
            nonlocal state
            u, state = rule.update("matrix", w, g, state, t)
            return u.expand_as(w)

        return flat
    u = torch.zeros_like(w)
    slots = [(view, _like(view, w, u), rule.init(view.kind, view.w)) for view in model.views]

    def by_tensor(t: int) -> Tensor:
        for index, (view, out, before) in enumerate(slots):
            part, after = rule.update(view.kind, view.w, view.g, before, t)
            out.copy_(part)
            slots[index] = (view, out, after)
        return u

    return by_tensor


def _like(view: View, base: Tensor, other: Tensor) -> Tensor:
    """The region of `other` that corresponds to `view.w`, a view of `base`."""
    offset = view.w.storage_offset() - base.storage_offset()
    return other.as_strided(view.w.shape, view.w.stride(), other.storage_offset() + offset)


def trace(rule: UpdateRule, arrays: Mapping[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    """Updates of `rule` on given weights and gradients.

    Args:
        rule: The rule.
        arrays: Pairs `w_KIND_NAME` and `g_KIND_NAME`, both (traces, steps, *shape) float64. Traces are run as lanes.

    Returns:
        All updates, (traces, steps, total number of elements) float64, tensors in the order of their names.
    """
    parts = []
    for name in sorted(key[2:] for key in arrays if key.startswith("g_")):
        kind = name.split("_")[0]
        weights = torch.from_numpy(np.array(arrays["w_" + name]))
        grads = torch.from_numpy(np.array(arrays["g_" + name]))
        state = rule.init(kind, weights[:, 0])
        updates = []
        for t in range(1, grads.shape[1] + 1):
            u, state = rule.update(kind, weights[:, t - 1], grads[:, t - 1], state, t)
            updates.append(u.expand_as(grads[:, t - 1]).reshape(len(grads), -1))
        parts.append(torch.stack(updates, 1))
    return torch.cat(parts, 2).numpy()


def train_module(
    source: str, payload: Mapping[str, Any], arrays: Mapping[str, np.ndarray[Any, Any]]
) -> np.ndarray[Any, Any]:
    """Train the first lane with the `torch.optim.Optimizer` subclass that the Python text `source` defines.

    An ordinary `torch.nn` network of the same widths is trained by autograd, each learning rate set through the
    optimizer's parameter group. Dense models only. Returns the final weights (1, P) in `train`'s layout.
    """
    namespace: dict[str, Any] = {"__name__": "exported"}
    exec(compile(source, "<exported>", "exec"), namespace)
    found = [v for v in namespace.values() if isinstance(v, type) and issubclass(v, torch.optim.Optimizer)]
    optimizer_class: Any = next(v for v in found if v is not torch.optim.Optimizer)
    spec, dtype = payload["model"], getattr(torch, payload["dtype"])
    rate, decay, seed = payload["lanes"][0]
    inputs, targets = (torch.from_numpy(np.array(arrays[k])).to(dtype) for k in ("inputs", "targets"))
    layers = _linear_layers(spec["widths"], torch.from_numpy(np.array(arrays["init"][int(seed)])).to(dtype))
    activation = torch.nn.Tanh() if spec["activation"] == "tanh" else torch.nn.ReLU()
    network = torch.nn.Sequential(*[m for layer in layers for m in (layer, activation)][:-1])
    optimizer = optimizer_class(network.parameters(), lr=rate, weight_decay=decay)
    order = arrays["order"][:, int(seed)]
    for rows, factor in zip(order, schedule(len(order), payload["warmup"]), strict=True):
        optimizer.param_groups[0]["lr"] = rate * factor
        index = torch.from_numpy(np.array(rows)).long()
        optimizer.zero_grad()
        torch.autograd.backward(_loss(spec["loss"], network(inputs[index]), targets[index]))
        optimizer.step()
    final = [torch.cat([m.weight, m.bias[:, None]], 1).reshape(-1) for m in layers]
    return torch.cat(final)[None].detach().numpy()


def _linear_layers(widths: list[int], flat: Tensor) -> list[torch.nn.Linear]:
    layers, start = [], 0
    for fan_in, fan_out in pairwise(widths):
        layer = torch.nn.Linear(fan_in, fan_out, dtype=flat.dtype)
        block = flat[start : start + fan_out * (fan_in + 1)].view(fan_out, fan_in + 1)
        layer.weight.data.copy_(block[:, :-1])
        layer.bias.data.copy_(block[:, -1])
        layers.append(layer)
        start += block.numel()
    return layers


def _loss(kind: str, prediction: Tensor, targets: Tensor) -> Tensor:
    if kind == "softmax":
        return -(torch.log_softmax(prediction, 1) * targets).sum(1).mean()
    return 0.5 * (prediction - targets).square().sum(1).mean()
