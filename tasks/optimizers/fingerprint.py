"""Behavioural fingerprints: what a rule does on fixed gradient traces, whatever its text.

Three traces of 16 steps, in float64: stationary Gaussian gradients; heavy-tailed, sparse gradients whose sign flips;
and correlated gradients whose scale drifts over six decades. Weights wander independently of the rule. All updates of a
trace are divided by their root mean square, since the learning-rate sweep absorbs any global scale, and rounded to six
digits. Equal fingerprints mean equal rules, as far as these traces can tell.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from discovery.sandbox import Array, Limits, Slot
from discovery.tasks.optimizers.proxies import generator
from discovery.tasks.optimizers.sweep import CandidateFailed, check_answer

__all__ = ["STEPS", "TRACES", "Behaviour", "behaviours", "fingerprints"]

STEPS = 16
TRACES = ("stationary", "heavy-tailed", "drifting")
#: Kind and shape of the tensors that a rule is shown.
_TENSORS = {"matrix_a": (4, 6), "matrix_b": (6, 4), "vector_c": (5,), "embedding_d": (6, 4), "scalar_e": (1,)}


class Behaviour(NamedTuple):
    """What a rule does on the traces: its fingerprint (64 hex characters), and how it differs in kind.

    Feature `evenness` is the mean size of an update's entries over their root mean square: 1 when all are of one size,
    as under a sign; about 0.8 for Gaussian ones; towards 0 for sparse ones. `memory` is the correlation of successive
    updates when gradients are independent: 0 without memory, towards 1 with a long one.
    """

    fingerprint: str
    features: dict[str, float]


def fingerprints(slot: Slot, limits: Limits, sources: Sequence[str]) -> list[str]:
    """The fingerprint of each rule; see `behaviours`."""
    return [behaviour.fingerprint for behaviour in behaviours(slot, limits, sources)]


def behaviours(slot: Slot, limits: Limits, sources: Sequence[str]) -> list[Behaviour]:
    """What each rule does, in one sandbox call.

    Raises:
        CandidateFailed: no answer; or, as `"invalid"`, an update that is not finite or is always zero.
    """
    answer = check_answer(slot.call({"mode": "trace", "sources": list(sources)}, _arrays(), limits))
    elements = sum(int(np.prod(shape)) for shape in _TENSORS.values())
    expected = ("<f8", (len(TRACES), STEPS, elements))
    result = []
    for index in range(len(sources)):
        updates = answer.arrays.get(f"u{index}")
        if updates is None or (updates.dtype, updates.shape) != expected:
            raise CandidateFailed("invalid", f"updates must be {expected[0]} of shape {expected[1]}")
        result.append(Behaviour(digest(updates.numpy()), _features(updates.numpy()[0])))
    return result


def _features(updates: NDArray[Any]) -> dict[str, float]:
    """The features on the stationary trace, (steps, elements); coarse, so that rounding errors do not show."""
    unit = updates / max(float(np.abs(updates).max()), 1e-300)
    rms = float(np.sqrt(np.square(unit).mean()))
    evenness = float(np.abs(unit).mean()) / rms if rms > 0 else 0.0
    power = float((unit[:-1] ** 2).sum() * (unit[1:] ** 2).sum()) ** 0.5
    memory = float((unit[:-1] * unit[1:]).sum()) / power if power > 0 else 0.0
    return {"evenness": round(evenness, 3), "memory": round(memory, 3)}


def digest(updates: NDArray[Any]) -> str:
    """Fingerprint of `updates`, (traces, steps, elements) float64. Raises `CandidateFailed` as `fingerprints` does."""
    finite = np.isfinite(updates).all(axis=2)
    if not finite.all():
        trace, step = np.argwhere(~finite)[0]
        raise CandidateFailed(
            "invalid",
            f"the update is not finite at step {step + 1} of the {TRACES[trace]} gradient trace; guard logarithms, "
            "powers and quotients against zero and very large arguments",
        )
    if not updates.any():
        raise CandidateFailed("invalid", "the update is always zero: the rule does nothing")
    largest = np.abs(updates).max(axis=(1, 2), keepdims=True)
    unit = updates / np.where(largest > 0, largest, 1.0)
    rms = np.sqrt(np.square(unit).mean(axis=(1, 2), keepdims=True))
    rounded = np.round(unit / np.where(rms > 0, rms, 1.0), 6) + 0.0
    return hashlib.sha256(np.ascontiguousarray(rounded, dtype="<f8").tobytes()).hexdigest()


@cache
def _arrays() -> dict[str, Array]:
    arrays = {}
    for name, shape in _TENSORS.items():
        rng = generator("fingerprint", name)
        full = (STEPS, *shape)
        stationary = rng.standard_normal(full)
        flips = (-1.0) ** np.arange(STEPS).reshape(-1, *[1] * len(shape))
        heavy = rng.standard_t(2, full) * (rng.random(full) < 0.4) * flips
        drift = 10.0 ** np.linspace(-3, 3, STEPS).reshape(-1, *[1] * len(shape))
        common = rng.standard_normal((STEPS, *[1] * len(shape)))
        correlated = (0.8 * common + 0.6 * rng.standard_normal(full)) * drift
        wander = 0.5 * rng.standard_normal((len(TRACES), 1, *shape))
        weights = wander + 0.02 * np.cumsum(rng.standard_normal((len(TRACES), *full)), axis=1)
        arrays["g_" + name] = Array.of(np.stack([stationary, heavy, correlated]))
        arrays["w_" + name] = Array.of(weights)
    return arrays
