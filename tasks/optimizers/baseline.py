"""The ruler: losses of tuned AdamW over complete schedules of five lengths, and scores measured against them.

The score of a loss l on a task is the log of "AdamW steps needed" over steps taken: the horizon, in units of the task's
own, at which tuned AdamW reaches l, interpolated linearly in log loss and clipped to +-ln 4. It is 0 for AdamW itself,
ln 2 for a rule that does in n steps what AdamW does in 2n. (VeLOdrome's measure: Metz et al., arXiv 2211.09760.)

`python -m discovery.tasks.optimizers.baseline` makes the table anew (about ten minutes of one core). AdamW gets the
same grid as any candidate, three weight decays besides, and six times the seeds; the losses in the table come from
seeds that took no part in tuning, and no search or confirmation ever draws either kind.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

from discovery.errors import TaskError
from discovery.model import JSON
from discovery.randomness import derive
from discovery.sandbox import Answer, Array, Limits, Slot
from discovery.tasks.optimizers import zoo
from discovery.tasks.optimizers.proxies import DATA, HELD_OUT, SEARCH, Proxy
from discovery.tasks.optimizers.sweep import Lane, Trainer, locate, tune

__all__ = ["CLIP", "DECAYS", "InProcess", "behaviour", "definition", "load_table", "speedup"]

#: Scores are clipped to this on either side.
CLIP = math.log(4.0)
#: Weight decays that AdamW is tuned over, here and in `confirm`; candidates get 0 only.
DECAYS = (0.0, 0.01, 0.1)
_FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)
_TUNING_SEEDS, _RUNOFF_SEEDS, _FINAL_SEEDS = 6, 12, 24
#: Least gain in log loss from one horizon to the next: below it the ruler has no marks, and the task is no good.
_LEAST_GAIN = 0.03
_PATH = DATA / "adamw.json"
_COMMAND = "python -m discovery.tasks.optimizers.baseline"


def speedup(task: str, log_loss: float) -> float:
    """Log speed-up over tuned AdamW that the mean `log_loss` on `task` shows; in [-ln 4, ln 4]."""
    entry = load_table()["tasks"][task]
    falling = np.minimum.accumulate(entry["log_loss"])
    return float(np.interp(-log_loss, -falling, np.log(_FACTORS)))


@cache
def load_table() -> Mapping[str, Any]:
    """The shipped table.

    Raises:
        TaskError: it is missing, or was made for other definitions than these.
    """
    try:
        table: dict[str, Any] = json.loads(_PATH.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TaskError(f"cannot read the AdamW table {_PATH.name}: {error}", hint=f"make it: {_COMMAND}") from error
    if table.get("version") != definition():
        raise TaskError(
            f"the AdamW table {_PATH.name} is stale: it was made for version {str(table.get('version'))[:12]} of the "
            f"tasks, these are {definition()[:12]}",
            hint=f"make it anew: {_COMMAND}",
        )
    return table


@cache
def definition() -> str:
    """SHA-256 over what the table is defined by: tasks, grids, seeds. What follows from code (data, models, training
    loop, interpreter, AdamW itself) is recorded in the table as `behaviour` and compared by the tests."""
    tasks = [
        {"name": p.name, "model": dict(p.model), "steps": p.steps, "batch": p.batch, "gain": p.gain, "warm": p.warmup}
        for p in SEARCH + HELD_OUT
    ]
    grid = [_FACTORS, DECAYS, _TUNING_SEEDS, _RUNOFF_SEEDS, _FINAL_SEEDS, _seeds("tuning", 2), _seeds("final", 2)]
    return hashlib.sha256(json.dumps([tasks, grid], sort_keys=True).encode()).hexdigest()


def behaviour() -> dict[str, JSON]:
    """What data, models, training loop and interpreter do now: per task the sums of the data, and the evaluation losses
    of AdamW after 20 steps in float64. Trains in this process."""
    trainer = Trainer(InProcess(), Limits(), zoo.sources()["adamw"], dtype="float64")
    found = {}
    for task in SEARCH + HELD_OUT:
        arrays = [*task.data.train.values(), *task.data.test.values()]
        sums = [float(np.abs(values.astype(np.float64)).sum()) for values in arrays]
        lanes = [Lane(2.0**-6, decay, seed) for decay in DECAYS for seed in range(2)]
        losses = trainer.log_losses(task, lanes, _seeds("tuning", 2), 20)
        found[task.name] = [*sums, *map(float, losses)]
    return found


class InProcess(Slot):
    """Runs the harness in this process, without isolation: for the reference rules of this package, never for
    candidates."""

    def call(
        self,
        payload: Mapping[str, Any],
        arrays: Mapping[str, Array] | None = None,
        limits: Limits | None = None,
    ) -> Answer:
        """See `Slot.call`; what the harness raises passes through."""
        from discovery.tasks.optimizers import harness

        given = {name: array.numpy() for name, array in (arrays or {}).items()}
        value, results = harness.call(dict(payload), given)
        return Answer("ok", value, {name: Array.of(result) for name, result in results.items()})

    def close(self) -> None:
        """Nothing to free."""


def _seeds(purpose: str, count: int) -> list[int]:
    return [derive(0, "optimizers", "baseline", purpose, index) for index in range(count)]


def _measure(task: Proxy, factor: float) -> dict[str, JSON]:
    """Tune AdamW on `task` at `factor` times its horizon, then measure it on fresh seeds."""
    trainer = Trainer(InProcess(), Limits(), zoo.sources()["adamw"])
    steps, tuning = round(task.steps * factor), _seeds("tuning", _TUNING_SEEDS)
    centre, _ = locate(trainer, task, tuning[0], steps)
    best = tune(trainer, task, centre, tuning, DECAYS, _seeds("runoff", _RUNOFF_SEEDS), steps)
    final = _seeds("final", _FINAL_SEEDS)
    lanes = [Lane(best.rate, best.decay, index) for index in range(len(final))]
    losses = trainer.log_losses(task, lanes, final, steps)
    return {
        "steps": steps,
        "rate": best.rate,
        "decay": best.decay,
        "log_loss": float(losses.mean()),
        "deviation": float(losses.std(ddof=1)),
    }


def _generate(names: Sequence[str]) -> dict[str, JSON]:
    import torch

    torch.set_num_threads(1)
    tasks = {}
    for task in SEARCH + HELD_OUT:
        if names and task.name not in names:
            tasks[task.name] = json.loads(_PATH.read_text(encoding="utf-8"))["tasks"][task.name]
            continue
        runs = []
        for factor in _FACTORS:
            runs.append(_measure(task, factor))
            print(task.name, factor, runs[-1], file=sys.stderr, flush=True)
        losses = [run["log_loss"] for run in runs]
        if any(before - after < _LEAST_GAIN for before, after in pairwise(losses)):
            raise TaskError(f"{task.name} is no ruler: log losses {losses} over horizons {_FACTORS} hardly fall")
        tasks[task.name] = {"log_loss": losses, "runs": runs}
    made_with = {"torch": torch.__version__.split("+")[0], "numpy": np.__version__}
    return {"version": definition(), "made_with": made_with, "tasks": tasks, "behaviour": behaviour()}


if __name__ == "__main__":
    _PATH.write_text(json.dumps(_generate(sys.argv[1:]), indent=1) + "\n", encoding="utf-8")
