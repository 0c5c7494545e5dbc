"""Confirmation: a finalist against AdamW, both tuned alike on fresh seeds, then compared on seeds that tuned neither.

On every task, the held-out ones included, candidate and AdamW go through the same sweep (`locate`, then `tune`) with
the same grid and the same tuning seeds; AdamW additionally chooses among three weight decays. Their best configurations
are then run on `TEST_SEEDS` fresh seeds, paired: equal initial weights and equal batches.

The measured quantity is the difference of log speed-ups (`baseline.speedup` of the candidate's loss less that of
AdamW's), per seed and task. A one-sided exact sign-flip test of "more than `MARGIN`" is made per task and, on the means
over tasks per seed, for the search tasks together and for the held-out tasks together. The margin, 2 % of the steps, is
what a learning-rate grid that happens to lie better can give: pairing is so sharp that it would count as significant.
Levels of the claim:

- `"search"`: better than tuned AdamW on the search tasks: pooled p < 0.01;
- `"held-out"`: that, and on the held-out tasks too: both p < 0.01. Only this confirms.

Both are statements about means over tasks; the claim says beside them on which tasks it holds. The p-value of the
evidence is the larger of the two (an intersection-union test: "better on both" is shown at a level exactly if each part
is), so that the correction over finalists covers the held-out tasks as well.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discovery.errors import TaskError
from discovery.model import JSON, Evidence
from discovery.randomness import derive
from discovery.statistics import p_value, student_interval
from discovery.tasks.optimizers import zoo
from discovery.tasks.optimizers.baseline import DECAYS, load_table, speedup
from discovery.tasks.optimizers.environment import environment
from discovery.tasks.optimizers.proxies import HELD_OUT, SEARCH, WORST_LOSS, Proxy
from discovery.tasks.optimizers.sweep import CandidateFailed, Lane, Trainer, locate, tune

__all__ = [
    "LEVEL",
    "MARGIN",
    "TEST_SEEDS",
    "Arm",
    "compare",
    "conclude",
    "concluded",
    "confirm",
    "differences",
    "root_seed",
]

TEST_SEEDS = 12
TUNING_SEEDS, RUNOFF_SEEDS = 3, 8
LEVEL = 0.01
#: Least log speed-up that counts.
MARGIN = 0.02


@dataclass(frozen=True)
class Arm:
    """One side of a comparison on one task: its configuration and its log losses on the test seeds.

    Attributes:
        best: Learning rate and decay that the sweep chose; None when the rule could not be tuned or run.
        grid: Every configuration of the second sweep: [rate, decay, mean log loss].
        log_losses: One per test seed; the worst loss throughout when the rule failed.
        failure: Why it failed, or "".
    """

    best: tuple[float, float] | None
    grid: tuple[tuple[float, float, float], ...]
    log_losses: tuple[float, ...]
    failure: str

    def to_json(self) -> dict[str, JSON]:
        """Plain data."""
        best = None if self.best is None else {"rate": self.best[0], "decay": self.best[1]}
        grid = [list(point) for point in self.grid]
        return {"best": best, "grid": grid, "log_losses": list(self.log_losses), "failure": self.failure}

    @classmethod
    def from_json(cls, data: Mapping[str, JSON]) -> Arm:
        """Inverse of `to_json`.

        Raises:
            KeyError, TypeError, ValueError: not what `to_json` gives.
        """
        best = None if data["best"] is None else (float(data["best"]["rate"]), float(data["best"]["decay"]))
        grid = tuple((float(rate), float(decay), float(mean)) for rate, decay, mean in data["grid"])
        losses = tuple(map(float, data["log_losses"]))
        if len(losses) != TEST_SEEDS:
            raise ValueError(f"expected {TEST_SEEDS} log losses, got {len(losses)}")
        return cls(best, grid, losses, str(data["failure"]))


def confirm(candidate: Trainer, seed: int) -> Evidence:
    """Compare the rule of `candidate` with tuned AdamW on all tasks, on seeds derived from `seed`."""
    adamw = Trainer(candidate.slot, candidate.limits, zoo.sources()["adamw"])
    tasks = SEARCH + HELD_OUT
    return compare(candidate, adamw, tasks, root_seed(seed), root_seed(seed))


def compare(
    candidate: Trainer,
    reference: Trainer,
    tasks: Sequence[Proxy],
    candidate_seed: int,
    reference_seed: int,
    steps: Mapping[str, int] | None = None,
) -> Evidence:
    """Evidence on `candidate` against `reference`, which is AdamW.

    Args:
        candidate, reference: The two rules.
        tasks: Tasks, search and held out.
        candidate_seed, reference_seed: Equal, and the pairs share initial weights and batches; different for an A/A
            test, where a rule is compared with itself on disjoint seeds.
        steps: Shorter horizons by task name, for tests of the procedure.

    Raises:
        TaskError: the reference could not be tuned.
    """
    arms: dict[str, tuple[Arm, Arm]] = {}
    for task in tasks:
        horizon = (steps or {}).get(task.name)
        ours = _arm(candidate, task, candidate_seed, (0.0,), horizon)
        theirs = _arm(reference, task, reference_seed, DECAYS, horizon)
        if theirs.failure:
            raise TaskError(f"AdamW could not be tuned on {task.name}: {theirs.failure}")
        arms[task.name] = (ours, theirs)
    return conclude(arms, tasks, (candidate_seed, reference_seed), environment())


def concluded(data: Mapping[str, Any], tasks: Sequence[Proxy]) -> Evidence:
    """What `conclude` gives for the raw values that `Evidence.data` records.

    Raises:
        KeyError, TypeError, ValueError: they are not all there, or not what `conclude` records.
    """
    sides = ("candidate", "adamw")
    arms = {task.name: [Arm.from_json(data["tasks"][task.name][side]) for side in sides] for task in tasks}
    seeds = (int(data["seeds"]["candidate"]), int(data["seeds"]["reference"]))
    made_in = {str(name): str(value) for name, value in data["environment"].items()}
    return conclude({name: (ours, theirs) for name, (ours, theirs) in arms.items()}, tasks, seeds, made_in)


def root_seed(seed: int) -> int:
    """The seed that `confirm` hands to `compare` for both sides when it is given `seed`."""
    return derive(seed, "optimizers", "confirm")


def differences(candidate: Sequence[float], reference: Sequence[float], task: str) -> NDArray[np.float64]:
    """Paired differences of log speed-up on `task`, from log losses of candidate and AdamW on the same test seeds."""
    pairs = zip(candidate, reference, strict=True)
    return np.array([speedup(task, ours) - speedup(task, theirs) for ours, theirs in pairs])


def _arm(trainer: Trainer, task: Proxy, seed: int, decays: Sequence[float], steps: int | None) -> Arm:
    tuning = [derive(seed, task.name, "tune", index) for index in range(TUNING_SEEDS + RUNOFF_SEEDS)]
    test = [derive(seed, task.name, "test", index) for index in range(TEST_SEEDS)]
    try:
        centre, _ = locate(trainer, task, derive(seed, task.name, "locate"), steps)
        tuned = tune(trainer, task, centre, tuning[:TUNING_SEEDS], decays, tuning[TUNING_SEEDS:], steps)
        lanes = [Lane(tuned.rate, tuned.decay, index) for index in range(TEST_SEEDS)]
        losses = trainer.log_losses(task, lanes, test, steps)
    except CandidateFailed as failure:
        return Arm(None, (), (math.log(WORST_LOSS),) * TEST_SEEDS, failure.message)
    return Arm((tuned.rate, tuned.decay), tuned.grid, tuple(map(float, losses)), "")


def conclude(
    arms: Mapping[str, tuple[Arm, Arm]], tasks: Sequence[Proxy], seeds: tuple[int, int], made_in: Mapping[str, str]
) -> Evidence:
    """The evidence that the raw values in `arms` (of candidate and AdamW, by task) give; nothing else enters it.

    Args:
        arms: For each of `tasks`.
        tasks: Search and held-out ones.
        seeds: Of candidate and AdamW.
        made_in: `environment()` where the values were measured.
    """
    paired = {name: differences(ours.log_losses, theirs.log_losses, name) for name, (ours, theirs) in arms.items()}
    cases = {
        task.name: {**_summary(paired[task.name]), "held_out": task.held_out, "failure": arms[task.name][0].failure}
        for task in tasks
    }
    search = _summary(np.mean([paired[t.name] for t in tasks if not t.held_out], axis=0))
    held_out = _summary(np.mean([paired[t.name] for t in tasks if t.held_out], axis=0))
    better = search["p_value"] < LEVEL
    p_value = max(search["p_value"], held_out["p_value"])
    general = p_value < LEVEL
    data: dict[str, Any] = {
        "level": "held-out" if general else "search" if better else "none",
        "pooled": {"search": search, "held_out": held_out},
        "seeds": {"candidate": seeds[0], "reference": seeds[1]},
        "environment": dict(made_in),
        "counts": {"tuning": TUNING_SEEDS, "runoff": RUNOFF_SEEDS, "test": TEST_SEEDS},
        "margin": MARGIN,
        "decays": {"candidate": [0.0], "adamw": list(DECAYS)},
        "tasks": {name: {"candidate": a.to_json(), "adamw": b.to_json()} for name, (a, b) in arms.items()},
        "differences": {name: values.tolist() for name, values in paired.items()},
        "table": load_table()["version"],
    }
    low, high = search["interval"]
    claim = _claim(search, held_out, data["level"], cases)
    return Evidence(general, claim, p_value, search["effect"], (low, high), cases, data)


def _summary(values: NDArray[np.float64]) -> dict[str, Any]:
    return {
        "effect": float(values.mean()),
        "interval": list(student_interval(values.tolist())),
        "p_value": p_value((values - MARGIN).tolist()),
    }


def _claim(
    search: Mapping[str, Any], held_out: Mapping[str, Any], level: str, cases: Mapping[str, Mapping[str, Any]]
) -> str:
    failed = {name: case["failure"] for name, case in cases.items() if case["failure"]}
    if failed:
        name, reason = next(iter(failed.items()))
        return f"Not shown to be better than tuned AdamW: it failed on {', '.join(failed)} ({name}: {reason})."

    def told(found: Mapping[str, Any]) -> str:
        low, high = found["interval"]
        return f"log speed-up {found['effect']:+.3f} [{low:+.3f}, {high:+.3f}], p = {found['p_value']:.4f}"

    numbers = f"(search tasks: {told(search)}; held-out tasks: {told(held_out)}; {TEST_SEEDS} fresh seeds, paired; "
    numbers += f"AdamW's rate and decay are tuned, its betas are 0.9 and 0.999). {_by_task(cases)}"
    if level == "held-out":
        return f"Better than tuned AdamW on average over the search tasks and over the held-out tasks {numbers}"
    if level == "search":
        return (
            "Better than tuned AdamW on average over the search tasks, but not shown to be so on the held-out tasks "
            + numbers
        )
    if search["effect"] > 0:
        return f"Not shown to be better than tuned AdamW by more than chance and tuning explain {numbers}"
    return f"Not better than tuned AdamW {numbers}"


def _by_task(cases: Mapping[str, Mapping[str, Any]]) -> str:
    """Where it is better and where worse, each at 5 %: a mean over tasks hides that."""
    better = [name for name, case in cases.items() if case["p_value"] < 0.05]
    worse = [name for name, case in cases.items() if case["interval"][1] < 0]
    open_ = [name for name in cases if name not in better + worse]
    parts = (("better", better), ("worse", worse), ("undecided", open_))
    return "By task: " + "; ".join(f"{word} on {', '.join(names)}" for word, names in parts if names) + "."
