"""Models that train many lanes at once: weights (lanes, P), gradients written by hand into a buffer of the same shape.

A *lane* is one independent training run. A model keeps no weights of its own: it is bound to two flat tensors, `w` and
`g`, and holds views of them. Activations are laid out features first, (lanes, features, batch), because batched matrix
products with a narrow output run three times faster that way. A layer's weights are stored as (out, in + 1), the last
column being the bias, so that one product yields both gradients.

Runs inside the sandbox; imports torch and nothing of ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import torch
from torch import Tensor

__all__ = ["Dense", "Factors", "LaneModel", "View", "bind"]


@dataclass(frozen=True)
class View:
    """One parameter tensor: its kind as the rule language knows it, and a view (lanes, *shape) of the flat weights and
    of the flat gradient."""

    kind: str
    w: Tensor
    g: Tensor


class LaneModel(Protocol):
    """What the training loop needs of a model."""

    @property
    def views(self) -> Sequence[View]:
        """Parameter tensors."""
        ...

    def gradient(self, rows: Tensor) -> None:
        """Write each lane's gradient of its mean loss over `rows` (lanes * batch, int64: lane-major examples)."""
        ...

    def loss(self) -> Tensor:
        """Each lane's mean loss over the rows of the last `gradient`, before any update since; (lanes,)."""
        ...


class Dense:
    """Fully connected network: affine layers with `activation` ("relu" or "tanh") between them.

    Loss is the mean over the batch of softmax cross-entropy (`"softmax"`) or of the squared error summed over outputs
    and halved (`"squares"`).

    Args:
        spec: `widths` (input to output), `activation`, `loss`.
        w, g: Flat weights and gradient, (lanes, P), where P is the sum of out * (in + 1) over layers.
        data: `inputs` (n, widths[0]) and `targets` (n, widths[-1]; one-hot for softmax), dtype of `w`.
        batch: Examples per lane and step.
    """

    def __init__(self, spec: Mapping[str, Any], w: Tensor, g: Tensor, data: Mapping[str, Tensor], batch: int) -> None:
        lanes, widths = w.shape[0], list(spec["widths"])
        self._tanh = spec["activation"] == "tanh"
        self._softmax = spec["loss"] == "softmax"
        self._batch = batch
        self._targets = data["targets"]
        self._inputs = torch.cat([data["inputs"], data["inputs"].new_ones(len(data["inputs"]), 1)], 1)
        self._rows = w.new_empty(lanes * batch, widths[0] + 1)
        self._weights: list[Tensor] = []
        self._grads: list[Tensor] = []
        self._hidden: list[Tensor] = []
        self.views: list[View] = []
        start = 0
        for fan_in, fan_out in pairwise(widths):
            end = start + fan_out * (fan_in + 1)
            weight, grad = (flat[:, start:end].view(lanes, fan_out, fan_in + 1) for flat in (w, g))
            self._weights.append(weight)
            self._grads.append(grad)
            self.views.append(View("matrix", weight[:, :, :-1], grad[:, :, :-1]))
            self.views.append(View("vector", weight[:, :, -1], grad[:, :, -1]))
            start = end
        self._hidden = [w.new_ones(lanes, width + 1, batch) for width in widths[1:-1]]
        self._outputs = w.new_empty(lanes, widths[-1], batch)
        self._errors = [w.new_empty(lanes, width, batch) for width in widths[1:-1]]

    def gradient(self, rows: Tensor) -> None:
        """See `LaneModel.gradient`."""
        lanes, batch = self._outputs.shape[0], self._batch
        inputs = torch.index_select(self._inputs, 0, rows, out=self._rows).view(lanes, batch, -1)
        self._forward(inputs.transpose(1, 2))
        targets = self._wanted = self._targets.index_select(0, rows).view(lanes, batch, -1).transpose(1, 2)
        prediction = torch.softmax(self._outputs, 1) if self._softmax else self._outputs
        self._backward(prediction.sub(targets).mul_(1.0 / batch), inputs)

    def loss(self) -> Tensor:
        """See `LaneModel.loss`."""
        if self._softmax:
            return -(torch.log_softmax(self._outputs, 1) * self._wanted).sum(1).mean(1)
        return 0.5 * (self._outputs - self._wanted).square().sum(1).mean(1)

    def _forward(self, layer: Tensor) -> None:
        for weight, hidden in zip(self._weights[:-1], self._hidden, strict=True):
            live = torch.bmm(weight, layer, out=hidden[:, :-1])
            live.tanh_() if self._tanh else live.clamp_min_(0)
            layer = hidden
        torch.bmm(self._weights[-1], layer, out=self._outputs)

    def _backward(self, error: Tensor, inputs: Tensor) -> None:
        aten: Any = torch.ops.aten
        for index in range(len(self._weights) - 1, 0, -1):
            hidden = self._hidden[index - 1]
            torch.bmm(error, hidden.transpose(1, 2), out=self._grads[index])
            below = torch.bmm(self._weights[index][:, :, :-1].transpose(1, 2), error, out=self._errors[index - 1])
            live = hidden[:, :-1]
            if self._tanh:
                error = aten.tanh_backward.grad_input(below, live, grad_input=below)
            else:
                error = aten.threshold_backward.grad_input(below, live, 0, grad_input=below)
        torch.bmm(error, inputs, out=self._grads[0])


class Factors:
    """Matrix factorisation: entry (i, j) is predicted as u_i . v_j; the loss is the mean squared error over the batch.

    Args:
        spec: `rows`, `columns`, `rank`.
        w, g: Flat weights and gradient, (lanes, (rows + columns) * rank): first U, then V, both embeddings.
        data: `entries` (n, 2) int64 row and column of each observed entry, `targets` (n,) its value.
        batch: Entries per lane and step.
    """

    def __init__(self, spec: Mapping[str, Any], w: Tensor, g: Tensor, data: Mapping[str, Tensor], batch: int) -> None:
        self._lanes, self._batch, self._rank = w.shape[0], batch, int(spec["rank"])
        self._entries, self._targets = data["entries"], data["targets"]
        size, cut = int(spec["rows"]) + int(spec["columns"]), int(spec["rows"])
        self._table, self._grad = w.view(-1, self._rank), g.view(-1, self._rank)
        self._flat_grad = g
        lane_of = torch.arange(self._lanes).repeat_interleave(batch) * size
        self._offsets = torch.stack([lane_of, lane_of + cut], 1)
        shapes = [flat.view(self._lanes, size, self._rank) for flat in (w, g)]
        self.views = [
            View("embedding", *(s[:, :cut] for s in shapes)),
            View("embedding", *(s[:, cut:] for s in shapes)),
        ]

    def gradient(self, rows: Tensor) -> None:
        """See `LaneModel.gradient`."""
        left, right = (self._entries.index_select(0, rows) + self._offsets).unbind(1)
        u, v = self._table.index_select(0, left), self._table.index_select(0, right)
        self._residuals = (u * v).sum(1).sub_(self._targets.index_select(0, rows))
        error = self._residuals.mul(2.0 / self._batch).unsqueeze(1)
        self._flat_grad.zero_()
        self._grad.index_add_(0, left, v.mul_(error)).index_add_(0, right, u.mul_(error))

    def loss(self) -> Tensor:
        """See `LaneModel.loss`."""
        return self._residuals.view(self._lanes, self._batch).square().mean(1)


def bind(spec: Mapping[str, Any], w: Tensor, g: Tensor, data: Mapping[str, Tensor], batch: int) -> LaneModel:
    """The model that `spec["kind"]` names ("dense" or "factors"), bound to flat weights and gradient."""
    kinds: dict[str, type[Dense] | type[Factors]] = {"dense": Dense, "factors": Factors}
    return kinds[spec["kind"]](spec, w, g, data, batch)
