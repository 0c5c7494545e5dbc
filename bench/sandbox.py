"""What a call through a warm sandbox costs, against a process of its own: `python bench/sandbox.py [--calls N]`.

Prints rows of a Markdown table. Needs the packages of the `optimizers` extra (torch, numpy).
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

from discovery.sandbox import Array, Slot, open_sandbox
from discovery.sandbox.testing import KIT_LIMITS, kit_harness

_LIMITS = dataclasses.replace(KIT_LIMITS, answer_bytes=11 << 20, memory_bytes=1 << 30)
_TRIVIAL = {"source": "def run(): return {}"}
_ECHO = {"source": "def run(): return {}, arrays"}


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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=100)
    calls: int = parser.parse_args().calls
    import_torch = [sys.executable, "-c", "import torch"]
    cold = statistics.median(seconds(lambda: subprocess.run(import_torch, check=True)) for _ in range(5))
    begin = time.perf_counter()
    with open_sandbox().open(kit_harness("numpy", "torch"), _LIMITS) as slot:
        start = time.perf_counter() - begin
        slot.call(_TRIVIAL)
        trivial = [seconds(lambda: slot.call(_TRIVIAL)) for _ in range(calls)]
        big = {"x": Array.of(np.zeros(10 << 17, dtype="<f8"))}
        echo = statistics.median(seconds(lambda: slot.call(_ECHO, big)) for _ in range(max(3, calls // 10)))
        dead = max(until_dead(slot) for _ in range(3))
    with open_sandbox().open(kit_harness(), _LIMITS) as slot:
        slot.call(_TRIVIAL)
        bare = statistics.median(seconds(lambda: slot.call(_TRIVIAL)) for _ in range(calls))
    median, slowest = statistics.median(trivial), statistics.quantiles(trivial, n=10)[-1]
    print(f"Load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, {calls} calls.\n")
    print("| what | measured | target |\n|---|---|---|")
    for what, measured, target in (
        ("cold `python -c 'import torch'`, median", f"{cold:.2f} s", ""),
        ("slot start, torch and numpy loaded", f"{start:.2f} s", "≤ 4 s"),
        ("call in that slot, median (90th percentile)", f"{median * 1e3:.1f} ms ({slowest * 1e3:.1f} ms)", "≤ 40 ms"),
        ("cold import against call", f"{cold / median:.0f} times", "≥ 25 times"),
        ("call in a slot without packages, median", f"{bare * 1e3:.1f} ms", ""),
        ("10 MiB of arrays in and out, median", f"{echo * 1e3:.0f} ms", ""),
        ("deadline to whole tree dead, longest of 3", f"{dead * 1e3:.0f} ms", "≤ 1 s"),
    ):
        print(f"| {what} | {measured} | {target} |")


if __name__ == "__main__":
    main()
