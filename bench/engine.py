"""Controller figures: CPU and memory per proposal, choosing parents, start of the command. `python bench/engine.py`.

Prints rows of a Markdown table: what, measured, target. The run is real: evaluator processes, sandbox slots, durable
commits; only the task is trivial.
"""

from __future__ import annotations

import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOY = Path(__file__).parent.parent / "tests" / "engine" / "toy"

_CONTROLLER = """
import json, resource, sys
from discovery.cli import main
try:
    main()
except SystemExit as end:
    assert end.code == 0, end.code
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]), file=sys.stderr)
"""


def controller(proposals: int) -> tuple[float, float]:
    """CPU seconds and peak memory in MiB of the controller process alone, over a whole run of the trivial task."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(TOY, f"{folder}/toy", ignore=shutil.ignore_patterns("__pycache__", "*.log"))
        arguments = ["run", "./toy", "--max-proposals", str(proposals), "--display", "none"]
        command = [sys.executable, "-c", _CONTROLLER, *arguments]
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    cpu, memory = json.loads(result.stderr.splitlines()[-1])
    return cpu, memory


def choosing(programs: int, name: str) -> float:
    """Median milliseconds for strategy `name` to choose parents, and to read them, of `programs` in the journal."""
    from discovery.config import SearchConfig
    from discovery.model import Program, Proposal, Verdict, content_key
    from discovery.search import make_strategy
    from discovery.store import Journal, RunMeta
    from discovery.task import Feature

    with tempfile.TemporaryDirectory() as folder:
        meta = RunMeta("bench", "toy", {}, {}, {}, "2026-01-02T00:00:00+00:00")
        with Journal.create(Path(folder) / "run", meta) as journal:
            journal._db.execute("PRAGMA synchronous=OFF")  # filling only; choosing reads
            features = (Feature("size", 1, 4096, bins=12, log=True), Feature("depth", 0, 1, bins=12))
            config = SearchConfig(strategy=name)  # type: ignore[arg-type]
            strategy = make_strategy(config, [content_key("0")], features=features, models=("a", "b"))
            rng = random.Random(0)
            for index in range(programs):
                program = Program(f"value = {index}\n" * 20, content_key(str(index)))
                journal.add_proposal(Proposal(index, "mutate"), program.source, program)
                cases = {f"case {number}": float(rng.randrange(50)) for number in range(20)}
                evidence = {"features": {"size": rng.randrange(1, 4096), "depth": rng.random()}}
                verdict = Verdict("scored", float(index % 101), cases, evidence=evidence, stage="only")
                outcome = journal.add_verdict(program.key, verdict, concludes=index)
                assert outcome is not None
                strategy.tell(outcome)
            times = []
            for index in range(300):
                start = time.perf_counter()
                proposal = strategy.ask(programs + index, random.Random(index), programs)
                for key in proposal.parents:
                    journal.program(key)
                times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


def help_cost() -> float:
    """Median CPU seconds of `discovery --help`."""
    code = (
        "import resource, sys\nfrom discovery.cli import main\nsys.argv = ['discovery', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "heavy = {'torch', 'numpy', 'openai', 'langgraph', 'litellm', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "print(used.ru_utime + used.ru_stime, file=sys.stderr)"
    )
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(7)]
    return statistics.median(float(run.stderr) for run in runs)


def main() -> None:
    """Measure and print."""
    few, many = controller(20), controller(1000)
    per_proposal = 1000 * (many[0] - few[0]) / 980
    print(f"| controller CPU per proposal, 1,000 proposals, durable commits | {per_proposal:.1f} ms | ≤ 10 ms |")
    print(f"| the same with start-up | {many[0]:.2f} s in all | |")
    print(f"| controller peak memory, same run | {many[1]:.0f} MB | ≤ 80 MB |")
    for name in ("evolution", "genetic", "islands", "pareto", "best_of_n"):
        few_programs, many_programs = choosing(1000, name), choosing(10_000, name)
        print(f"| {name}: choosing parents, 1,000 programs | {few_programs:.2f} ms | flat |")
        print(f"| {name}: choosing parents, 10,000 programs | {many_programs:.2f} ms | ≤ 5 ms |")
    print(f"| `discovery --help`, CPU | {help_cost():.2f} s | ≤ 0.3 s |")


if __name__ == "__main__":
    main()
