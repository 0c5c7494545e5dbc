"""The tasks that rules are measured on: data, models, horizons, and the losses that count.

Three *search* tasks decide scores; two *held-out* tasks, different in kind, are trained only by `confirm`. Training
data go into the sandbox, evaluation data never do: losses are computed here, with numpy, from weights that came back.
Everything is generated from fixed seeds but for the digits (data/README.md).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["HELD_OUT", "SEARCH", "Proxy", "generator", "proxy"]

Floats = NDArray[np.floating[Any]]
Arrays = Mapping[str, NDArray[Any]]
DATA = Path(__file__).parent / "data"
#: Loss of weights that are not finite, or so bad that the loss is not. Finite, so that means stay defined.
WORST_LOSS = 1e30


@dataclass(frozen=True)
class Split:
    """Training arrays as the harness wants them, and evaluation arrays (floats in float64)."""

    train: Arrays
    test: Arrays


@dataclass(frozen=True)
class Proxy:
    """One task.

    Attributes:
        name: Short.
        model: Specification for `models.bind`.
        steps, batch: Horizon and examples per step.
        held_out: Whether only `confirm` may use it.
        gain: Standard deviation of initial weights, times the square root of a layer's fan-in (dense models only).
        make: Generates the data; called once per process.
        warmup: Fraction of the horizon over which the rate rises.
    """

    name: str
    model: Mapping[str, Any]
    steps: int
    batch: int
    held_out: bool
    gain: float
    make: Callable[[], Split] = field(repr=False)
    warmup: float = 0.05

    @property
    def parameters(self) -> int:
        """Number of weights of one lane."""
        if self.model["kind"] == "factors":
            return int((self.model["rows"] + self.model["columns"]) * self.model["rank"])
        widths = self.model["widths"]
        return sum(b * (a + 1) for a, b in pairwise(widths))

    @property
    def data(self) -> Split:
        """The task's data, generated on first use."""
        return _split(self.name)

    def runs(self, seeds: list[int], steps: int | None = None) -> dict[str, NDArray[Any]]:
        """Arrays for `harness.train`: data, initial weights and batches for each seed.

        Equal seeds give equal arrays, whatever else is trained. Batches run through the data in epochs, each in a fresh
        random order; a longer horizon continues the same stream.
        """
        order = np.stack([self._order(generator("order", self.name, s), steps or self.steps) for s in seeds], axis=1)
        init = np.stack([self._init(generator("init", self.name, s)) for s in seeds])
        return {**self.data.train, "init": init, "order": np.ascontiguousarray(order)}

    def _order(self, rng: np.random.Generator, steps: int) -> NDArray[np.int32]:
        count = len(self.data.train["targets"])
        epochs = -(-steps * self.batch // count)
        stream = np.concatenate([rng.permutation(count) for _ in range(epochs)])
        return stream[: steps * self.batch].reshape(steps, self.batch).astype(np.int32)

    def _init(self, rng: np.random.Generator) -> NDArray[np.float32]:
        if self.model["kind"] == "factors":
            return (self.gain * rng.standard_normal(self.parameters)).astype(np.float32)
        parts = []
        for fan_in, fan_out in pairwise(self.model["widths"]):
            weight = rng.standard_normal((fan_out, fan_in)) * (self.gain / np.sqrt(fan_in))
            parts.append(np.concatenate([weight, np.zeros((fan_out, 1))], axis=1).ravel())
        return np.concatenate(parts).astype(np.float32)

    def losses(self, weights: NDArray[Any]) -> NDArray[np.float64]:
        """Mean evaluation loss of each lane, computed in float64 and at most `WORST_LOSS`.

        Args:
            weights: (lanes, P), as returned by the harness; NaN marks a dead lane.
        """
        if weights.ndim != 2 or weights.shape[1] != self.parameters:
            raise ValueError(f"{self.name}: weights must have shape (lanes, {self.parameters}); got {weights.shape}")
        measure = _factor_loss if self.model["kind"] == "factors" else _dense_loss
        result = np.full(len(weights), WORST_LOSS)
        with np.errstate(all="ignore"):
            for lane, row in enumerate(weights):
                if np.isfinite(row).all():
                    value = measure(self.model, row.astype(np.float64), self.data.test)
                    result[lane] = min(value, WORST_LOSS) if np.isfinite(value) else WORST_LOSS
        return result


def generator(*parts: str | int) -> np.random.Generator:
    """A random generator that depends on exactly `parts` (names and seeds), by their SHA-256."""
    digest = hashlib.sha256("/".join(str(part) for part in parts).encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, dtype="<u4"))


def _dense_loss(model: Mapping[str, Any], row: Floats, test: Arrays) -> float:
    layer, start = test["inputs"], 0
    widths = model["widths"]
    for index, (fan_in, fan_out) in enumerate(pairwise(widths)):
        block = row[start : start + fan_out * (fan_in + 1)].reshape(fan_out, fan_in + 1)
        layer = layer @ block[:, :-1].T + block[:, -1]
        if index < len(widths) - 2:
            layer = np.tanh(layer) if model["activation"] == "tanh" else np.maximum(layer, 0.0)
        start += block.size
    targets = test["targets"]
    if model["loss"] == "squares":
        return float(0.5 * np.square(layer - targets).sum(1).mean())
    shifted = layer - layer.max(1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(1, keepdims=True))
    return float(((log_sum - shifted) * targets).sum(1).mean())


def _factor_loss(model: Mapping[str, Any], row: Floats, test: Arrays) -> float:
    table = row.reshape(-1, model["rank"])
    left, right = test["entries"][:, 0], test["entries"][:, 1] + model["rows"]
    return float(np.square((table[left] * table[right]).sum(1) - test["targets"]).mean())


def _dense(*widths: int, activation: str = "relu", loss: str = "softmax") -> dict[str, Any]:
    return {"kind": "dense", "widths": list(widths), "activation": activation, "loss": loss}


@cache
def _digits() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    with np.load(DATA / "digits.npz") as stored:
        pixels, labels = stored["pixels"], stored["labels"].astype(np.int64)
    order = generator("digits").permutation(len(labels))
    return (pixels[order] / 16.0).astype(np.float32), labels[order]


def _one_hot(labels: NDArray[np.int64], classes: int) -> NDArray[np.float32]:
    return np.eye(classes, dtype=np.float32)[labels]


def _divide(inputs: NDArray[np.float32], targets: NDArray[np.float32], train: int) -> Split:
    return Split(
        {"inputs": inputs[:train], "targets": targets[:train]}, {"inputs": inputs[train:], "targets": targets[train:]}
    )


def _jittered(images: NDArray[np.float32], labels: NDArray[np.int64], copies: int, name: str) -> Arrays:
    """`copies` of each image, shifted by up to one pixel either way, with Gaussian noise of deviation 0.15: without it
    the network memorises the few images within a quarter of the horizon, and the ruler has no marks beyond."""
    rng = generator("jitter", name)
    padded = np.pad(np.tile(images, (copies, 1)).reshape(-1, 8, 8), ((0, 0), (1, 1), (1, 1)))
    shifts = rng.integers(0, 3, (len(padded), 2))
    rows, columns = (shifts[:, k, None] + np.arange(8) for k in (0, 1))
    moved = padded[np.arange(len(padded))[:, None, None], rows[:, :, None], columns[:, None, :]]
    noisy = moved.reshape(-1, 64) + 0.15 * rng.standard_normal((len(padded), 64))
    return {"inputs": noisy.astype(np.float32), "targets": _one_hot(np.tile(labels, copies), 10)}


def _digit_classes() -> Split:
    pixels, labels = _digits()
    return Split(
        _jittered(pixels[:1297], labels[:1297], 8, "train"), _jittered(pixels[1297:], labels[1297:], 2, "test")
    )


def _noisy_digit_classes() -> Split:
    """30 % of the training labels are replaced by a uniformly drawn class; the evaluation labels are clean."""
    clean = _digit_classes()
    rng = generator("label-noise")
    targets = clean.train["targets"].copy()
    hit = rng.random(len(targets)) < 0.3
    targets[hit] = _one_hot(rng.integers(0, 10, int(hit.sum())), 10)
    return Split({"inputs": clean.train["inputs"], "targets": targets}, clean.test)


def _reconstruction() -> Split:
    pixels, _ = _digits()
    return _divide(pixels, pixels, 1297)


def _ill_conditioned() -> Split:
    """Inputs Q diag(s) z, z standard normal in 256 dimensions, Q a rotation, s^2 geometric from 1 to 1e-4 (kappa 1e4);
    the class is the argmax of a linear teacher in z, so that every direction matters."""
    rng = generator("softmax")
    rotation = np.linalg.qr(rng.standard_normal((256, 256)))[0]
    scales = np.sqrt(np.geomspace(1.0, 1e-4, 256))
    hidden = rng.standard_normal((6144, 256))
    inputs = (hidden * scales) @ rotation.T * (16.0 / np.sqrt(np.square(scales).sum()))
    labels = np.argmax(hidden @ rng.standard_normal((256, 4)), axis=1)
    return _divide(inputs.astype(np.float32), _one_hot(labels, 4), 4096)


def _ratings() -> Split:
    """Entries of a 128 x 96 matrix of rank 8 (spectrum geometric from 1 to 0.05): 60 % with noise to train on, the
    rest without noise to evaluate."""
    rng = generator("factors")
    left, right = rng.standard_normal((128, 8)), rng.standard_normal((96, 8))
    clean = (left * np.geomspace(1.0, 0.05, 8)) @ right.T
    clean /= clean.std()
    noisy = clean + 0.1 * rng.standard_normal(clean.shape)
    entries = np.argwhere(np.ones(clean.shape, dtype=bool))[rng.permutation(clean.size)].astype(np.int32)
    cut = int(0.6 * clean.size)

    def pick(values: Floats, which: NDArray[np.int32]) -> dict[str, NDArray[Any]]:
        return {"entries": which, "targets": values[which[:, 0], which[:, 1]].astype(np.float32)}

    return Split(pick(noisy, entries[:cut]), pick(clean, entries[cut:]))


SEARCH: tuple[Proxy, ...] = (
    Proxy("digits", _dense(64, 64, 10), 300, 64, False, 1.4, _digit_classes),
    Proxy("softmax", _dense(256, 4), 400, 128, False, 0.1, _ill_conditioned),
    Proxy(
        "autoencoder",
        _dense(64, 48, 24, 8, 24, 48, 64, activation="tanh", loss="squares"),
        400,
        64,
        False,
        1.0,
        _reconstruction,
    ),
)
HELD_OUT: tuple[Proxy, ...] = (
    Proxy("factors", {"kind": "factors", "rows": 128, "columns": 96, "rank": 8}, 200, 256, True, 0.1, _ratings),
    Proxy("noisy-digits", _dense(64, 32, 10), 1000, 8, True, 1.4, _noisy_digit_classes),
)


def proxy(name: str) -> Proxy:
    """The task called `name`; KeyError when there is none."""
    return {p.name: p for p in SEARCH + HELD_OUT}[name]


@cache
def _split(name: str) -> Split:
    made = proxy(name).make()
    test = {key: v.astype(np.float64) if v.dtype.kind == "f" else v for key, v in made.test.items()}
    return Split(made.train, test)
