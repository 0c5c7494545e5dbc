"""The stages of search, cheapest first: screen, probe, full.

| stage  | work                                            | a score in                                     |
| ------ | ----------------------------------------------- | ---------------------------------------------- |
| screen | 16 steps on fixed gradient traces               | -ln 4 - 3                                      |
| probe  | one task, octaves of learning rate, one seed    | [-ln 4 - 2, -ln 4 - 1]                         |
| full   | three tasks, half octaves, three seeds each     | [-ln 4, ln 4]: mean log speed-up over AdamW    |

A program keeps the verdict of the last stage that it reached. The bands do not overlap, so a program that was culled
always ranks below every program that was measured in full, while the order within a stage keeps its sense. `cases` hold
log speed-ups in every stage.

A full score is noisy: AdamW itself, over twelve evaluation seeds, scores 0.03 with a standard deviation of 0.04, and
the best of many programs is lucky besides. That is what confirmation is for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from discovery.errors import EvaluatorFailed
from discovery.model import JSON, Verdict
from discovery.randomness import derive
from discovery.sandbox import Limits, Slot
from discovery.tasks.optimizers import zoo
from discovery.tasks.optimizers.baseline import CLIP, load_table, speedup
from discovery.tasks.optimizers.environment import environment
from discovery.tasks.optimizers.fingerprint import behaviours, fingerprints
from discovery.tasks.optimizers.proxies import SEARCH, proxy
from discovery.tasks.optimizers.sweep import CandidateFailed, Trainer, locate, tune
from discovery.tasks.optimizers.trace import failed, record

__all__ = ["PROBE_TASK", "Judge", "concluded", "probe_score"]

#: The task that the probe trains on: the cheapest, and the one with the least noise.
PROBE_TASK = "softmax"
#: Seeds per learning rate in the full stage.
SEEDS = 3


class Judge:
    """Judges rules in one slot. Verdicts depend on (seed, stage, replicate) and the rule alone.

    Args:
        slot: Open sandbox slot.

    Attributes:
        slot: The same.
    """

    def __init__(self, slot: Slot) -> None:
        self.slot = slot
        self._zoo: Mapping[str, str] | None = None

    def judge(self, source: str, stage: str, replicate: int, seed: int, limits: Limits) -> Verdict:
        """The verdict of `stage` ("screen", "probe" or "full") on the rule `source`."""
        stages: dict[str, Callable[[Trainer, int], Verdict]] = {
            "screen": self._screen,
            "probe": self._probe,
            "full": self._full,
        }
        trainer = Trainer(self.slot, limits, source)
        try:
            verdict = stages[stage](trainer, derive(seed, "optimizers", stage, replicate))
        except CandidateFailed as failure:
            return Verdict(
                failure.status,
                message=failure.message,
                cpu_seconds=trainer.cpu_seconds,
                clock_limited=failure.clock_limited,
                record=failed(failure, trainer.runs).to_json(),
            )
        told = record(stage, verdict, trainer.runs).to_json()
        return replace(verdict, cpu_seconds=trainer.cpu_seconds, record=told)

    def _screen(self, trainer: Trainer, seed: int) -> Verdict:
        return concluded("screen", self._identity(trainer))

    def _probe(self, trainer: Trainer, seed: int) -> Verdict:
        identity, task = self._identity(trainer), proxy(PROBE_TASK)
        rate, log_loss = locate(trainer, task, derive(seed, task.name))
        return concluded("probe", {**identity, "rate": rate, "log_loss": log_loss, "environment": environment()})

    def _full(self, trainer: Trainer, seed: int) -> Verdict:
        identity, tasks = self._identity(trainer), {}
        for task in SEARCH:
            centre, _ = locate(trainer, task, derive(seed, task.name, "locate"))
            seeds = [derive(seed, task.name, "tune", index) for index in range(SEEDS)]
            tuned = tune(trainer, task, centre, seeds)
            tasks[task.name] = {
                "rate": tuned.rate,
                "log_losses": list(tuned.log_losses),
                "grid": [[rate, mean] for rate, _, mean in tuned.grid],
            }
        return concluded("full", {**identity, "tasks": tasks, "environment": environment()})

    def _identity(self, trainer: Trainer) -> dict[str, JSON]:
        """Fingerprint and features of the rule, and the name of the zoo's rule with the same fingerprint, or None."""
        (own,) = behaviours(self.slot, trainer.limits, [trainer.source])
        if self._zoo is None:
            self._zoo = self._fingerprint_zoo(trainer.limits)
        return {
            "fingerprint": own.fingerprint,
            "features": own.features,
            "rediscovers": self._zoo.get(own.fingerprint),
        }

    def _fingerprint_zoo(self, limits: Limits) -> dict[str, str]:
        sources = zoo.sources()
        try:
            return dict(zip(fingerprints(self.slot, limits, list(sources.values())), sources, strict=True))
        except CandidateFailed as failure:
            raise EvaluatorFailed(f"the zoo's own rules could not be traced: {failure.message}") from failure


def concluded(stage: str, evidence: Mapping[str, Any]) -> Verdict:
    """The verdict of `stage` that the raw values in `evidence` give; nothing else enters it.

    Raises:
        KeyError, TypeError, ValueError: they are not all there.
    """
    return {"screen": _screened, "probe": _probed, "full": _measured}[stage](evidence)


def _screened(evidence: Mapping[str, Any]) -> Verdict:
    name = evidence["rediscovers"]
    message = f"gives the updates of {name} on all traces" if name else "a rule that is not in the zoo"
    return Verdict("scored", -CLIP - 3.0, message=message, evidence=evidence, advance=True)


def _probed(evidence: Mapping[str, Any]) -> Verdict:
    log_loss, mark = evidence["log_loss"], slowest(PROBE_TASK)
    found, shortfall = speedup(PROBE_TASK, log_loss), log_loss - mark
    message = f"{PROBE_TASK}: log speed-up {found:+.2f} over tuned AdamW at rate {evidence['rate']:.3g}"
    if shortfall > 0:
        message += (
            f"; culled: at its best octave of the learning rate it ends worse (log loss {log_loss:.2f}) than AdamW "
            f"does after a quarter of the steps ({mark:.2f})"
        )
    score = probe_score(found, shortfall)
    return Verdict("scored", score, {PROBE_TASK: found}, message, evidence, advance=shortfall <= 0)


def _measured(evidence: Mapping[str, Any]) -> Verdict:
    tasks = {task.name: evidence["tasks"][task.name] for task in SEARCH}
    cases = {name: speedup(name, float(np.mean(found["log_losses"]))) for name, found in tasks.items()}
    score = float(np.mean(list(cases.values())))
    parts = ", ".join(f"{name} {value:+.2f} at rate {tasks[name]['rate']:.3g}" for name, value in cases.items())
    name = evidence["rediscovers"]
    known = f" It gives the updates of {name} on all traces: a rediscovery." if name else ""
    return Verdict("scored", score, cases, f"log speed-up over tuned AdamW {score:+.3f} ({parts}).{known}", evidence)


def probe_score(found: float, shortfall: float) -> float:
    """Score of a probed rule in [-ln 4 - 2, -ln 4 - 1], rising with its log speed-up `found` and, where that is
    clipped, falling with the `shortfall` of its log loss."""
    if shortfall > 0:
        return -CLIP - 2.0 + 0.5 * math.exp(-shortfall)
    return -CLIP - 1.5 + 0.5 * (found + CLIP) / (2.0 * CLIP)


def slowest(task: str) -> float:
    """Log loss of tuned AdamW after a quarter of the task's horizon."""
    return float(load_table()["tasks"][task]["log_loss"][0])
