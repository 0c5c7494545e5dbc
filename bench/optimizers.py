"""Figures of the optimizers family, as rows of a Markdown table: `python bench/optimizers.py`.

CPU time of one thread, everything warm: lanes against one-by-one training with `torch.optim.AdamW` on the digits
network, and the cost of each stage through the real sandbox.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

import random
import time
from collections.abc import Callable

import numpy as np
import torch

from discovery.model import Program
from discovery.sandbox import open_sandbox
from discovery.task import Context
from discovery.tasks.optimizers import OptimizersTask, harness, zoo
from discovery.tasks.optimizers.interpreter import Rule
from discovery.tasks.optimizers.proxies import proxy
from discovery.tasks.optimizers.rule import lower

LANES = 40


def cpu(function: Callable[[], object], repeats: int = 3) -> float:
    """Least CPU seconds of `repeats` calls, after one call to warm up."""
    function()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return min(times)


def lanes_against_eager() -> tuple[float, float]:
    """CPU seconds per lane: one by one with torch.optim, and side by side."""
    task = proxy("digits")
    seeds = list(range(4))
    arrays = task.runs(seeds)
    rates = [2.0**-k for k in range(2, 12)]
    lanes = [[rate, 0.01, seed] for rate in rates for seed in seeds]
    payload = {"model": task.model, "warmup": task.warmup, "dtype": "float32", "lanes": lanes}
    rule = Rule(lower(zoo.sources()["adamw"]))
    side_by_side = cpu(lambda: harness.train(rule, payload, arrays)) / LANES

    inputs, targets = torch.from_numpy(arrays["inputs"]), torch.from_numpy(arrays["targets"]).argmax(1)
    factors = harness.schedule(task.steps, task.warmup)

    def eager() -> None:
        rate, decay, seed = lanes[20]
        layers = harness._linear_layers(task.model["widths"], torch.from_numpy(arrays["init"][int(seed)]))
        network = torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1])
        optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=decay)
        order = torch.from_numpy(arrays["order"][:, int(seed)]).long()
        for rows, factor in zip(order, factors, strict=True):
            optimizer.param_groups[0]["lr"] = rate * factor
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(inputs[rows]), targets[rows]).backward()
            optimizer.step()

    return cpu(eager, 5), side_by_side


def stage_costs(candidates: int = 24) -> list[tuple[str, int, float, float]]:
    """Per stage: how many programs were judged, and mean CPU (sandbox and evaluator) and wall seconds of one."""
    task, rng = OptimizersTask(None), random.Random(1)
    parent = task.language.check(zoo.sources()["adamw"])
    programs = [task.language.check(task.language.mutate(parent, rng, 2)) for _ in range(candidates)]
    rows = []
    with open_sandbox("auto").open(task.harness, task.slot_limits) as slot:
        for stage in task.stages:
            chosen = programs if stage.name != "full" else programs[: candidates // 4]
            context = Context(slot, 0, stage.limits)
            task.evaluate(parent, stage, 0, context)
            wall, own = time.monotonic(), time.process_time()
            verdicts = [task.evaluate(program, stage, 0, context) for program in chosen]
            own, wall = time.process_time() - own, time.monotonic() - wall
            used = own + sum(verdict.cpu_seconds for verdict in verdicts)
            rows.append((stage.name, len(chosen), used / len(chosen), wall / len(chosen)))
            programs = _survivors(programs, chosen, [verdict.advance for verdict in verdicts])
    return rows


def _survivors(programs: list[Program], chosen: list[Program], advance: list[bool]) -> list[Program]:
    passed = [program for program, on in zip(chosen, advance, strict=True) if on]
    return passed if len(chosen) == len(programs) else programs


def main() -> None:
    """Print the rows."""
    torch.set_num_threads(1)
    np.seterr(all="ignore")
    eager, side_by_side = lanes_against_eager()
    print("| what | measured | target |")
    print("| --- | --- | --- |")
    print(
        f"| digits network, AdamW, {LANES} lanes: CPU per lane side by side, against one by one eager | "
        f"{side_by_side * 1e3:.0f} ms against {eager * 1e3:.0f} ms: {eager / side_by_side:.1f} times faster | >= 3.5 |"
    )
    for name, count, used, wall in stage_costs():
        rate = 60.0 / wall
        print(
            f"| stage {name}, {count} mutants of AdamW, one worker | {used:.2f} s CPU, {wall:.2f} s wall: "
            f"{rate:.0f} a minute | {'>= 60 a minute' if name == 'probe' else ''} |"
        )


if __name__ == "__main__":
    main()
