"""Training a candidate through the sandbox, and finding its learning rate.

The losses that leave this module are computed here from returned weights. A rule may scale its direction as it likes,
so the search for the rate starts where the harness found the rule's own scale (a power of two), in octaves with one
seed; half octaves around the best octave follow with several seeds. A best rate on the edge of its grid extends the
grid, a bounded number of times; a rule whose best rate stays on the edge was not tuned, and its measurement is void.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discovery.model import Status
from discovery.sandbox import Answer, Array, Limits, Slot
from discovery.tasks.optimizers.proxies import Proxy, proxy

__all__ = ["CandidateFailed", "Lane", "Run", "Trainer", "Tuned", "check_answer", "inputs", "locate", "marks", "tune"]

#: Octaves of the first sweep: learning rate times the rule's own scale, as powers of two.
OCTAVES = range(-9, 0)
#: Half octaves on either side of the best octave in the second sweep.
HALF_OCTAVES = 2
#: Rates that enter a run-off.
FINALISTS = 3
#: Points added at an edge, and how often.
EXTENSION, MAX_EXTENSIONS = 4, 3


class CandidateFailed(Exception):
    """The candidate gave no usable answer; becomes a verdict.

    Args:
        status: Status of the verdict.
        message: For people and proposers.
        clock_limited: Whether the wall clock ended it.
    """

    def __init__(self, status: Status, message: str, clock_limited: bool = False) -> None:
        super().__init__(message)
        self.status: Status = status
        self.message = message
        self.clock_limited = clock_limited


@dataclass(frozen=True)
class Lane:
    """One training run: learning rate, decoupled weight decay, and the index of its seed."""

    rate: float
    decay: float
    seed: int


@dataclass(frozen=True)
class Run:
    """One training run, for the record.

    Attributes:
        task: Name of the task.
        rate: Learning rate.
        log_loss: Log of the evaluation loss; log(`WORST_LOSS`) when it died.
        curve: Training losses at the marks, as the harness says; empty when it did not.
    """

    task: str
    rate: float
    log_loss: float
    curve: tuple[float, ...]


def marks(steps: int) -> list[int]:
    """The steps at which the harness notes the training loss: the first, and the ends of eight parts."""
    return sorted({1, *(max(1, round(steps * part / 8)) for part in range(1, 9))})


def _curve(answer: Answer, lanes: int, steps: int) -> NDArray[Any]:
    """Training losses (lanes, marks) as the harness says; (lanes, 0) when it says anything else."""
    curve = answer.arrays.get("curve")
    if curve is None or curve.dtype not in ("<f4", "<f8") or curve.shape != (lanes, len(marks(steps))):
        return np.empty((lanes, 0))
    return curve.numpy()


def check_answer(answer: Answer) -> Answer:
    """`answer`, if its status is "ok"; otherwise raises `CandidateFailed` with that status."""
    if answer.status != "ok":
        raise CandidateFailed(answer.status, answer.message or f"ended with {answer.status}", answer.clock_limited)
    return answer


@dataclass
class Trainer:
    """Trains one rule on the tasks through a sandbox slot.

    Attributes:
        slot, limits: Where, and under which limits per call.
        source: The rule's source text.
        dtype: "float32", or "float64" to compare implementations.
        cpu_seconds: CPU time of all calls so far.
        runs: Every training run so far, in order, for the record: what it was, and what became of it.
    """

    slot: Slot
    limits: Limits
    source: str
    dtype: str = "float32"
    cpu_seconds: float = field(default=0.0, init=False)
    runs: list[Run] = field(default_factory=list, init=False)

    def weights(
        self, task: Proxy, lanes: Sequence[Lane], seeds: Sequence[int], steps: int | None = None
    ) -> NDArray[Any]:
        """Final weights (lanes, P) after a complete schedule of `steps` (default: the task's horizon).

        Raises:
            CandidateFailed: no answer, or one of the wrong shape or type.
        """
        return self._trained(task, lanes, seeds, steps).arrays["weights"].numpy()

    def _trained(self, task: Proxy, lanes: Sequence[Lane], seeds: Sequence[int], steps: int | None) -> Answer:
        answer = self._call("train", task, lanes, seeds, steps)
        expected = ("<f4" if self.dtype == "float32" else "<f8", (len(lanes), task.parameters))
        weights = answer.arrays.get("weights")
        if weights is None or (weights.dtype, weights.shape) != expected:
            came = "none" if weights is None else f"{weights.dtype} {weights.shape}"
            raise CandidateFailed("invalid", f"weights must be {expected[0]} of shape {expected[1]}; got {came}")
        return answer

    def log_losses(
        self, task: Proxy, lanes: Sequence[Lane], seeds: Sequence[int], steps: int | None = None
    ) -> NDArray[np.float64]:
        """Natural logarithm of each lane's evaluation loss; a dead lane has log(`WORST_LOSS`). As `weights`."""
        answer = self._trained(task, lanes, seeds, steps)
        losses = np.asarray(np.log(task.losses(answer.arrays["weights"].numpy())))
        curve = _curve(answer, len(lanes), steps or task.steps)
        self.runs += [
            Run(task.name, lane.rate, float(loss), tuple(map(float, row)))
            for lane, loss, row in zip(lanes, losses, curve, strict=True)
        ]
        return losses

    def scale(self, task: Proxy, seed: int) -> float:
        """Power of two near the root mean square of the rule's first directions on `task`; 1 if that is unusable."""
        rms = self._call("scale", task, [], [seed], None).value.get("rms")
        if not isinstance(rms, float) or not 1e-30 < rms < 1e30:
            return 1.0
        return float(2.0 ** round(math.log2(rms)))

    def _call(self, mode: str, task: Proxy, lanes: Sequence[Lane], seeds: Sequence[int], steps: int | None) -> Answer:
        payload = {
            "mode": mode,
            "source": self.source,
            "model": dict(task.model),
            "warmup": task.warmup,
            "dtype": self.dtype,
            "marks": marks(steps or task.steps),
            "lanes": [[lane.rate, lane.decay, lane.seed] for lane in lanes],
        }
        answer = self.slot.call(payload, inputs(task.name, tuple(seeds), steps or task.steps), self.limits)
        self.cpu_seconds += answer.cpu_seconds
        return check_answer(answer)


@lru_cache(maxsize=16)
def inputs(name: str, seeds: tuple[int, ...], steps: int) -> dict[str, Array]:
    """What `Proxy.runs` gives for the task called `name`, ready to be sent."""
    return {key: Array.of(values) for key, values in proxy(name).runs(list(seeds), steps).items()}


@dataclass(frozen=True)
class Tuned:
    """Outcome of a sweep.

    Attributes:
        rate, decay: The best configuration.
        log_losses: Log losses of the best configuration, one for each seed.
        grid: Every configuration tried in the second sweep: [rate, decay, mean log loss].
    """

    rate: float
    decay: float
    log_losses: tuple[float, ...]
    grid: tuple[tuple[float, float, float], ...]

    @property
    def mean(self) -> float:
        """Mean log loss of the best configuration."""
        return float(np.mean(self.log_losses))


def locate(trainer: Trainer, task: Proxy, seed: int, steps: int | None = None) -> tuple[float, float]:
    """Best octave: (learning rate, log loss with this one seed).

    Raises:
        CandidateFailed: `"invalid"` when the best octave stays on the edge of the grid.
    """
    scale = trainer.scale(task, seed)

    def measure(exponents: Sequence[int]) -> list[float]:
        lanes = [Lane(2.0**e / scale, 0.0, 0) for e in exponents]
        return [float(x) for x in trainer.log_losses(task, lanes, [seed], steps)]

    known = _sweep(measure, list(OCTAVES), task.name)
    best = min(known, key=lambda e: (known[e], e))
    return 2.0**best / scale, known[best]


def tune(
    trainer: Trainer,
    task: Proxy,
    centre: float,
    seeds: Sequence[int],
    decays: Sequence[float] = (0.0,),
    runoff: Sequence[int] = (),
    steps: int | None = None,
) -> Tuned:
    """Best configuration among half octaves around the rate `centre`, times `decays`, by mean log loss over `seeds`.

    With `runoff` seeds, the `FINALISTS` best rates (each with every decay) are run on these too, and the mean over all
    seeds decides. Near the largest stable rate a few seeds may all be lucky; without a run-off, such luck would pick
    the configuration, and then be common to everything that is measured with it.

    Raises:
        CandidateFailed: `"invalid"` when the best rate stays on the edge of the grid.
    """
    table: dict[tuple[int, float], tuple[float, ...]] = {}

    def measure(points: Sequence[int], on: Sequence[int] = seeds) -> list[float]:
        configurations = [(point, decay) for point in points for decay in decays]
        lanes = [Lane(centre * 2.0 ** (p / 2), d, i) for p, d in configurations for i in range(len(on))]
        losses = trainer.log_losses(task, lanes, on, steps).reshape(len(configurations), len(on))
        for key, row in zip(configurations, losses, strict=True):
            table[key] = (*table.get(key, ()), *map(float, row))
        return [min(float(np.mean(table[p, d])) for d in decays) for p in points]

    known = _sweep(measure, list(range(-HALF_OCTAVES, HALF_OCTAVES + 1)), task.name)
    finalists = sorted(known, key=lambda p: (known[p], p))[: FINALISTS if runoff else len(known)]
    if runoff:
        measure(finalists, runoff)
    grid = {key: float(np.mean(losses)) for key, losses in table.items()}
    best = min((key for key in grid if key[0] in finalists), key=lambda key: (grid[key], key))
    rates = {key: centre * 2.0 ** (key[0] / 2) for key in grid}
    tried = tuple((rates[key], key[1], grid[key]) for key in sorted(grid))
    return Tuned(rates[best], best[1], table[best], tried)


def _sweep(measure: Callable[[Sequence[int]], list[float]], points: list[int], name: str) -> dict[int, float]:
    """Values of `measure` on the integer grid `points`, extended until its minimum lies inside."""
    known = dict(zip(points, measure(points), strict=True))
    for _ in range(MAX_EXTENSIONS):
        best, low, high = min(known, key=lambda p: (known[p], p)), min(known), max(known)
        if low < best < high:
            return known
        more = range(low - EXTENSION, low) if best == low else range(high + 1, high + 1 + EXTENSION)
        known.update(zip(more, measure(list(more)), strict=True))
    best = min(known, key=lambda p: (known[p], p))
    if min(known) < best < max(known):
        return known
    if best == min(known):
        trend, reason = "smallest", "its direction leads uphill or blows up, however small the steps"
    else:
        trend, reason = "largest", "its direction dwindles, however large the rate"
    raise CandidateFailed(
        "invalid",
        f"no best learning rate found on task {name}: after {MAX_EXTENSIONS} extensions of the grid the {trend} rate "
        f"is still the best, so {reason}; a loss at such a rate says nothing",
    )
