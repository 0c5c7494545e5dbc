"""What a call through a warm sandbox costs, and whether a slot holds out.

    python bench/sandbox.py [--sandbox NAME] [--calls N] [--many N]

Prints rows of a Markdown table. Needs the packages of the `optimizers` extra (torch, numpy); `--sandbox docker` an
engine.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import psutil

from discovery.sandbox import Array, Sandbox, Slot, open_sandbox
from discovery.sandbox.testing import KIT_LIMITS, kit_harness

_LIMITS = dataclasses.replace(KIT_LIMITS, answer_bytes=11 << 20, memory_bytes=1 << 30)
_TRIVIAL = {"source": "def run(): return {}"}
_ECHO = {"source": "def run(): return {}, arrays"}
_HONEST = "def run(): return {'n': payload['n'] * 2}"
_ENDLESS = "def run():\n    while True: pass"

Row = tuple[str, str, str]


def seconds(action: Callable[[], object]) -> float:
    """Wall time of one call of `action`."""
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def until_dead(slot: Slot) -> float:
    """From the deadline of a program that loops in three processes to the tree being dead."""
    limits = dataclasses.replace(_LIMITS, wall_seconds=0.3)
    source = "import os\ndef run():\n    if os.fork(): os.fork()\n    while True: pass"
    return slot.call({"source": source}, limits=limits).wall_seconds - limits.wall_seconds


def calls(sandbox: Sandbox, count: int) -> list[Row]:
    """Costs of starting and of calling."""
    rows: list[Row] = []
    begin = time.perf_counter()
    with sandbox.open(kit_harness("numpy", "torch"), _LIMITS) as slot:
        rows.append(("slot start, torch and numpy loaded", f"{time.perf_counter() - begin:.2f} s", "≤ 4 s"))
        slot.call(_TRIVIAL)
        trivial = [seconds(lambda: slot.call(_TRIVIAL)) for _ in range(count)]
        median, slowest = statistics.median(trivial), statistics.quantiles(trivial, n=10)[-1]
        said = f"{median * 1e3:.1f} ms ({slowest * 1e3:.1f} ms)"
        rows.append(("call in that slot, median (90th percentile)", said, "≤ 40 ms"))
        big = {"x": Array.of(np.zeros(10 << 17, dtype="<f8"))}
        echo = statistics.median(seconds(lambda: slot.call(_ECHO, big)) for _ in range(max(3, count // 10)))
        rows.append(("10 MiB of arrays in and out, median", f"{echo * 1e3:.0f} ms", ""))
        dead = max(until_dead(slot) for _ in range(3))
        rows.append(("deadline to whole tree dead, longest of 3", f"{dead * 1e3:.0f} ms", "≤ 1 s"))
    each = statistics.median(seconds(lambda: started_and_called(sandbox)) for _ in range(5))
    wanted = "≥ 10 times" if sandbox.name == "docker" else ""
    rows.append(("a new sandbox for one candidate, against that call", f"{each / median:.0f} times", wanted))
    with sandbox.open(kit_harness(), _LIMITS) as slot:
        slot.call(_TRIVIAL)
        bare = statistics.median(seconds(lambda: slot.call(_TRIVIAL)) for _ in range(count))
    return [*rows, ("call in a slot without packages, median", f"{bare * 1e3:.1f} ms", "")]


def started_and_called(sandbox: Sandbox) -> None:
    """What one candidate costs without a warm process: the environment, the imports, one call."""
    with sandbox.open(kit_harness("numpy", "torch"), _LIMITS) as slot:
        slot.call(_TRIVIAL)


def holding_out(sandbox: Sandbox, count: int) -> list[Row]:
    """Whether many calls in one slot leave anything behind in this process or below it."""
    own = psutil.Process()

    def state() -> tuple[int, int, int]:
        return own.memory_info().rss, own.num_fds(), len(own.children(recursive=True))

    with sandbox.open(kit_harness(), _LIMITS) as slot:
        for _ in range(200):
            slot.call(_TRIVIAL)
        before, begin = state(), time.perf_counter()
        for number in range(count):
            answer = slot.call({"source": _HONEST, "n": number})
            assert answer.value == {"n": 2 * number}, answer
        took, after = time.perf_counter() - begin, state()
    grown = f"{(after[0] - before[0]) / 2**20:+.1f} MiB, {after[1] - before[1]:+d} descriptors, "
    grown += f"{after[2] - before[2]:+d} processes; {took / count * 1e3:.1f} ms a call"
    return [(f"{count} calls in one slot, made anew every 1,000", grown, "no growth")]


def among_loops(sandbox: Sandbox, count: int) -> list[Row]:
    """A third of the candidates loop for ever: what that does to the others."""
    limits = dataclasses.replace(_LIMITS, wall_seconds=0.2)
    right, honest, lost, begin = 0, 0, 0.0, time.perf_counter()
    with sandbox.open(kit_harness(), _LIMITS) as slot:
        for number in range(count):
            if number % 3 == 2:
                lost += slot.call({"source": _ENDLESS}, limits=limits).wall_seconds
            else:
                answer = slot.call({"source": _HONEST, "n": number}, limits=dataclasses.replace(_LIMITS))
                honest += 1
                right += answer.value == {"n": 2 * number}
    rest = (time.perf_counter() - begin - lost) / honest * 1e3
    said = f"{right} of {honest} right; {lost / (count - honest):.2f} s a loop of 0.2 s, {rest:.1f} ms an honest call"
    return [(f"every third of {count} candidates loops for ever", said, "all right; no other loss")]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sandbox", default="bubblewrap")
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--many", type=int, default=10_000)
    arguments = parser.parse_args()
    sandbox = open_sandbox(arguments.sandbox)
    cold = statistics.median(
        seconds(lambda: subprocess.run([sys.executable, "-c", "import torch"], check=True)) for _ in range(5)
    )
    rows: list[Row] = [("cold `python -c 'import torch'`, median", f"{cold:.2f} s", "")]
    rows += calls(sandbox, arguments.calls)
    rows += among_loops(sandbox, 300)
    rows += holding_out(sandbox, arguments.many)
    print(f"{sandbox.name}, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, {arguments.calls} calls.\n")
    print("| what | measured | target |\n|---|---|---|")
    for row in rows:
        print("| {} | {} | {} |".format(*row))


if __name__ == "__main__":
    main()
