"""Journal figures: cost of a judged proposal, size, choosing the best, reading. `python bench/journal.py [DIR]`.

DIR (default: a temporary folder) should lie on the disk that runs will live on: durable commits wait for it. Prints
rows of a Markdown table: what, measured, target.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from discovery.model import Program, Proposal, Verdict, content_key
from discovery.store import Journal, RunMeta

_META = RunMeta("bench", "toy", {"seed": 0}, {}, {}, "2026-01-02T00:00:00+00:00")
_SOURCE_BYTES = 2000


def fill(journal: Journal, start: int, stop: int) -> None:
    """Proposals `start` to `stop`, 2 kB each, every one judged: two commits a proposal."""
    rng = random.Random(start)
    for index in range(start, stop):
        source = rng.randbytes(_SOURCE_BYTES // 2).hex()
        program = Program(source, content_key(source))
        journal.add_proposal(Proposal(index, "mutate", (program.key,)), source, program)
        cases = {f"case {number}": rng.random() for number in range(3)}
        verdict = Verdict("scored", rng.gauss(0, 1), cases, "better on two of three", {"rate": 0.01}, "full")
        journal.add_verdict(program.key, verdict, concludes=index)


def milliseconds(action: Callable[[], object], repeats: int = 200) -> float:
    """Median wall time of `action`."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


def main() -> None:
    """Measure and print."""
    where = sys.argv[1] if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory(dir=where) as folder, Journal.create(Path(folder) / "run", _META) as journal:
        cpu, wall = time.process_time(), time.perf_counter()
        fill(journal, 0, 1000)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        print(f"| journal: CPU per proposal and verdict, two durable commits | {cpu:.2f} ms | ≤ 1.5 ms |")
        print(f"| the same, wall time | {wall:.2f} ms | |")
        for count in (1000, 10_000):
            fill(journal, journal.proposal_count(), count)
            keys = [key for key, _ in journal.best(500)]
            rng = random.Random(1)
            best = milliseconds(lambda: journal.best(10))
            program = milliseconds(lambda keys=keys, rng=rng: journal.program(rng.choice(keys)))  # type: ignore[misc]
            print(f"| journal: ten best of {count:,} programs | {best:.3f} ms | flat |")
            print(f"| journal: one program of {count:,} by key | {program:.3f} ms | flat |")
        start = time.perf_counter()
        read = sum(1 for _ in journal.outcomes())
        print(f"| journal: reading {read:,} outcomes back | {time.perf_counter() - start:.2f} s | |")
        size = sum(path.stat().st_size for path in journal.folder.iterdir())
        print(
            f"| journal: disk per proposal of {_SOURCE_BYTES / 1000:g} kB, 10,000 proposals | {size / 1e7:.1f} kB | |"
        )


if __name__ == "__main__":
    main()
