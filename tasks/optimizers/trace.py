"""What an evaluation of a rule tells the next proposal: where the curve broke, which rates, which task, which rule.

All of it is the evaluator's own: numbers that it computed, and the training losses that the harness noted on the way.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from discovery.feedback import Recorder
from discovery.model import Verdict
from discovery.tasks.optimizers.baseline import load_table, speedup
from discovery.tasks.optimizers.proxies import WORST_LOSS, proxy
from discovery.tasks.optimizers.sweep import CandidateFailed, Run, marks

__all__ = ["failed", "record"]

#: Rates that are told on either side of the best.
_AROUND = 3
_DEAD = math.log(WORST_LOSS)


def record(stage: str, verdict: Verdict, runs: Sequence[Run]) -> Recorder:
    """The record of a rule that got a score at `stage`, by its training runs there."""
    trace, evidence = Recorder(), verdict.evidence
    trace.variable("rule", "the rule's text", doc="The update rule that is proposed.")
    name = evidence["rediscovers"]
    if name:
        trace.say(f"It gives the updates of {name} on all gradient traces: a rediscovery, nothing new.")
    if stage == "probe" and not verdict.advance:
        trace.say(verdict.message)
    found = _tuned(evidence, runs)
    for task, (rate, log_losses) in found.items():
        _task(trace, task, rate, log_losses, [run for run in runs if run.task == task])
    trace.output(
        "score", verdict.score, parents=[f"{task}.speedup" for task in found] or ["rule"], doc="Mean over tasks."
    )
    return trace


def failed(failure: CandidateFailed, runs: Sequence[Run]) -> Recorder:
    """The record of a rule without a score: what ended it, and what its runs looked like until then."""
    trace = Recorder()
    trace.variable("rule", "the rule's text", doc="The update rule that is proposed.")
    for task in dict.fromkeys(run.task for run in runs):
        own = [run for run in runs if run.task == task]
        trace.node(f"{task}.rates", _rates(own), parents=["rule"], op="train", doc="Log loss by learning rate.")
        trace.say(f"{task}: {_rates(own)}")
        best = min(own, key=lambda run: run.log_loss)
        if best.log_loss < _DEAD:
            trace.say(f"{task}, rate {best.rate:.3g}: {_curve(best)}")
    node = next(reversed([f"{run.task}.rates" for run in runs]), "rule")
    trace.error("run", failure.status, failure.message, node=node)
    return trace


def _tuned(evidence: Mapping[str, Any], runs: Sequence[Run]) -> dict[str, tuple[float, list[float]]]:
    """Task to best rate and log losses over seeds; nothing at a stage without training."""
    if "tasks" in evidence:
        return {name: (found["rate"], found["log_losses"]) for name, found in evidence["tasks"].items()}
    if "rate" in evidence and runs:
        return {runs[0].task: (evidence["rate"], [evidence["log_loss"]])}
    return {}


def _task(trace: Recorder, task: str, rate: float, log_losses: Sequence[float], runs: Sequence[Run]) -> None:
    mean, found = float(np.mean(log_losses)), speedup(task, float(np.mean(log_losses)))
    table = load_table()["tasks"][task]
    steps = proxy(task).steps
    adamw = next(each["log_loss"] for each in table["runs"] if each["steps"] == steps)
    trace.node(f"{task}.rate", rate, parents=["rule"], op="tune", doc="Learning rate with the least mean log loss.")
    trace.node(
        f"{task}.log_loss",
        mean,
        parents=["rule", f"{task}.rate"],
        op="train",
        doc="Mean over seeds, after the whole schedule.",
    )
    trace.node(f"{task}.adamw", adamw, role="input", op="adamw", doc="Log loss of tuned AdamW after as many steps.")
    trace.node(f"{task}.speedup", found, parents=[f"{task}.log_loss", f"{task}.adamw"], op="log_speedup")
    spread = f" +- {np.std(log_losses, ddof=1):.2f} over seeds" if len(log_losses) > 1 else ""
    word = "better" if mean < adamw else "worse"
    note = f"{word} than tuned AdamW: log loss {mean:.3f}{spread} against {adamw:.3f}; best rate {rate:.3g}"
    trace.case(task, found, note=note)
    at_best = [run for run in runs if run.rate == rate] or [min(runs, key=lambda run: run.log_loss)] if runs else []
    trace.say(f"{task}: {_rates(runs)}")
    if at_best:
        trace.say(f"{task}, rate {rate:.3g}: {_curve(_mean(at_best))}")


def _mean(runs: Sequence[Run]) -> Run:
    """One run with the mean curve of several at one rate; a mark counts while all of them live."""
    curves = [run.curve for run in runs if run.curve]
    curve = tuple(float(np.mean(values)) for values in zip(*curves, strict=False))
    return Run(runs[0].task, runs[0].rate, float(np.mean([run.log_loss for run in runs])), curve)


def _rates(runs: Sequence[Run]) -> str:
    """Mean log loss by rate, for the rates around the best, and where runs break down."""
    told = []
    rates = sorted({run.rate for run in runs})
    best = rates.index(min(runs, key=lambda run: run.log_loss).rate) if runs else 0
    for rate in rates[max(best - _AROUND, 0) : best + _AROUND + 1]:
        own = [run for run in runs if run.rate == rate]
        dead = [run for run in own if run.log_loss >= _DEAD]
        if dead:
            where = _broke(dead[0])
            told.append(
                f"{rate:.2g} breaks down{where}" + ("" if len(dead) == len(own) else f" ({len(dead)}/{len(own)})")
            )
        else:
            told.append(f"{rate:.2g} gives {np.mean([run.log_loss for run in own]):.2f}")
    return f"log loss by rate, of {len(rates)} tried: " + ", ".join(told) if told else "no run"


def _broke(run: Run) -> str:
    """Between which marks the training loss stopped being finite; "" where no mark says."""
    finite = [math.isfinite(value) for value in run.curve]
    if not finite or all(finite):
        return ""
    steps, last = marks(proxy(run.task).steps), finite.index(False)
    return f" at step {steps[0]}" if last == 0 else f" between steps {steps[last - 1]} and {steps[last]}"


def _curve(run: Run) -> str:
    """The training losses, and what stands out in them."""
    if not run.curve:
        return "no curve"
    steps = marks(proxy(run.task).steps)
    text = "training loss " + ", ".join(f"{value:.3g}" for value in run.curve)
    text += f" at steps {', '.join(map(str, steps))}"
    finite = [value for value in run.curve if math.isfinite(value)]
    if len(finite) < len(run.curve):
        return text + f"; it breaks down{_broke(run)}"
    rise = max(range(1, len(finite)), key=lambda place: finite[place] / max(min(finite[:place]), 1e-300))
    if finite[rise] > 2.0 * min(finite[:rise]):
        return text + f"; it rises again, to {finite[rise]:.3g} at step {steps[rise]}"
    middle = finite[len(finite) // 2]
    if middle - finite[-1] < 0.05 * middle:
        return text + "; it hardly falls in the second half"
    return text
