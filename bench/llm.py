"""Figures of runs with language models: calls per second, CPU, memory, kills. `python bench/llm.py [PART ...]`.

A server on the loopback interface, in a process of its own, plays the model: it answers after a chosen time with about
2 kB. The run is real: the openai client, the agent graph, evaluator processes, sandbox slots, durable commits; only the
task is trivial. Prints rows of a Markdown table: what, measured, target, peers. Parts: `latency`, `rate`, `memory`,
`kills`; by default all.

Calls per second against ideal: ideal is a limit of calls in flight that is full all the time. By Little's law calls per
second are calls in flight over the mean wait, so the ratio to the ideal is the mean number in flight over the limit. It
is taken from the third round of calls to the last but three: what a run takes to begin, and how long its last straggler
takes when there is nothing else left to ask, say nothing of how the places are kept full.

Other work on the machine makes the rate at 50 ms a figure of the scheduler's, not of ours. Where there is other work:
`chrt --rr 1 python bench/llm.py rate`, as root, takes the processor for some ten seconds.
"""

from __future__ import annotations

import json
import math
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TOY = Path(__file__).parent.parent / "tests" / "engine" / "toy"
IN_FLIGHT = 8

_CONTROLLER = """
import json, resource, sys
from discovery.cli import main
try:
    main()
except SystemExit as end:
    assert end.code in (0, 4), end.code
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]), file=sys.stderr)
"""


# The model


def wait(kind: str, seconds: float, number: int) -> float:
    """Seconds until request `number` is answered; `seconds` is the mean, of stragglers the common case."""
    rng = random.Random(number)
    if kind == "lognormal":
        return rng.lognormvariate(math.log(seconds) - 0.5, 1.0)
    if kind == "stragglers":
        return seconds * (15 if rng.random() < 0.02 else 1)
    return seconds


def serve(kind: str, seconds: float) -> None:
    """Play the model until standard input ends; then print what was asked and served as one JSON line."""
    from discovery.model import content_key
    from discovery.testing.loopback import Answer, Asked, Loopback, completion

    prose = "The distance shrinks as the number grows, so the next one lies further out. " * 24
    arrived: list[float] = []
    prompts: list[str] = []

    def answer(asked: Asked) -> Answer:
        arrived.append(time.monotonic())
        prompts.append(content_key(json.dumps(asked.body["messages"])))
        value = int(prompts[-1][:12], 16)
        while value % 13 == 0 or value % 17 == 0:
            value += 1
        text = f"Idea: try {value}.\n\n{prose}\n\n```\nvalue = {value}\n```\n"
        return completion(text, delay=wait(kind, seconds, asked.number))

    with Loopback(answer) as server:
        print(server.url, flush=True)
        sys.stdin.read()
        served = set(server.served)
    waits = [wait(kind, seconds, number) for number in range(len(arrived))]
    print(json.dumps({"arrived": arrived, "waits": waits, "prompts": prompts, "served": sorted(served)}))


@dataclass
class Log:
    """What the server saw: when each request arrived, how long it waited, the hash of its prompt, which were served."""

    arrived: list[float]
    waits: list[float]
    prompts: list[str]
    served: list[int]

    def in_flight(self) -> float:
        """Mean number of requests under way while there was more to ask for: without the first and the last few. What a
        run takes to begin and to end depends on its first and last waits, not on us."""
        start, end = self.arrived[2 * IN_FLIGHT], self.arrived[-1 - 3 * IN_FLIGHT]
        spans = zip(self.arrived, self.waits, strict=True)
        busy = sum(max(0.0, min(begin + wait, end) - max(begin, start)) for begin, wait in spans)
        return busy / (end - start)


@contextmanager
def model(kind: str, seconds: float) -> Iterator[tuple[str, list[Log]]]:
    """A server's address; its log is put into the list when the block ends."""
    command = [sys.executable, __file__, "--serve", kind, str(seconds)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        log: list[Log] = []
        yield process.stdout.readline().strip(), log
        process.stdin.close()
        log.append(Log(**json.loads(process.stdout.read())))


# The run


def arguments(url: str, proposals: int) -> list[str]:
    """Of `discovery run`."""
    options = ["--model", "mock", "--base-url", url, "--max-proposals", str(proposals), "--display", "none"]
    return ["run", "./toy", *options, "--set", f"llm.concurrency={IN_FLIGHT}"]


@contextmanager
def home() -> Iterator[Path]:
    """A folder with the trivial task."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(TOY, f"{folder}/toy", ignore=shutil.ignore_patterns("__pycache__", "*.log"))
        yield Path(folder)


def controller(kind: str, seconds: float, proposals: int) -> tuple[float, float, Log]:
    """CPU seconds and peak memory in MiB of the controller process alone, over a whole run, and what the server saw."""
    with model(kind, seconds) as (url, log), home() as folder:
        command = [sys.executable, "-c", _CONTROLLER, *arguments(url, proposals)]
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
    cpu, memory = json.loads(result.stderr.splitlines()[-1])
    return cpu, memory, log[0]


def latency() -> None:
    """Waits of 2 s: how full the places are kept."""
    peers = {"constant": "OpenEvolve 99 %, SkyDiscover 25 %, ShinkaEvolve 14 %"}
    for kind, words in (
        ("constant", "2 s"),
        ("lognormal", "lognormal with shape 1, mean 2 s"),
        ("stragglers", "2 s, 2 % 30 s"),
    ):
        _, _, log = controller(kind, 2.0, 240)
        share = log.in_flight() / IN_FLIGHT
        print(f"| calls against ideal, {IN_FLIGHT} in flight, {words} | {share:.1%} | ≥ 95 % | {peers.get(kind, '')} |")


def rate() -> None:
    """Waits of 50 ms: calls per second, CPU per proposal."""
    few, many = controller("constant", 0.05, 40), controller("constant", 0.05, 1000)
    log = many[2]
    per_second = (len(log.arrived) - 1) / (log.arrived[-1] - log.arrived[0])
    share = per_second * 0.05 / IN_FLIGHT
    cpu = 1000 * (many[0] - few[0]) / 960
    what = f"calls per second, 50 ms, {IN_FLIGHT} in flight, durable"
    print(f"| {what} | {per_second:.0f} ({share:.0%} of ideal) | ≥ 50 % | OpenEvolve 34 |")
    print(f"| controller CPU per proposal, same run | {cpu:.1f} ms | ≤ 10 ms | 20 to 160 ms |")


def memory() -> None:
    """Peak memory of a long run."""
    _, peak, _ = controller("constant", 0.02, 2000)
    print(f"| controller peak memory, 2,000 proposals | {peak:.0f} MB | ≤ 150 MB | 75 to 623 MB |")


# Kills


def kills(proposals: int = 200, times: int = 20) -> None:
    """`kill -9` at random moments, resume, and compare with a run that nobody disturbed."""
    from discovery.store import Journal

    rng = random.Random(3)
    window = ["--set", "visibility=window"]
    with home() as folder:
        with model("constant", 0.02) as (url, _):
            command = [sys.executable, "-m", "discovery", *arguments(url, proposals), *window]
            subprocess.run([*command, "--out", "calm"], cwd=folder, capture_output=True, check=True)
        (calm,) = (folder / "calm").iterdir()
        with model("constant", 0.05) as (url, log):
            command = [sys.executable, "-m", "discovery", *arguments(url, proposals), *window]
            moments: list[float] = []
            known: list[Counter[str]] = []
            run: Path | None = None
            for _ in range(times):
                start = (
                    command
                    if run is None
                    else [sys.executable, "-m", "discovery", "resume", str(run), "--display", "none"]
                )
                process = subprocess.Popen(start, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                enough = (known[-1].total() if known else 0) + rng.randint(1, 2 * proposals // times)
                while process.poll() is None and (run is None or _prompts(run).total() < enough):
                    time.sleep(rng.uniform(0.01, 0.1))
                    run = next((path.parent for path in folder.glob("runs/*/run.db")), None)
                process.kill()
                process.wait()
                assert run is not None
                moments.append(time.monotonic())
                known.append(_prompts(run))
            end = [sys.executable, "-m", "discovery", "resume", str(run), "--display", "none"]
            subprocess.run(end, cwd=folder, capture_output=True, check=True)
        whole, twice = _prompts(calm), 0  # a second repair can have the prompt of the first
        asked = list(zip(log[0].arrived, log[0].prompts, strict=True))
        for moment, until, paid in zip(moments, [*moments[1:], math.inf], known, strict=True):
            twice += (
                Counter(prompt for arrived, prompt in asked if moment < arrived <= until) - (whole - paid)
            ).total()
        last = _prompts(run)
        lost = sum((paid - last).total() for paid in known)
        again = (Counter(log[0].prompts) - whole).total()
        with Journal.open(run) as one, Journal.open(calm) as other:
            programs = [[row.source for row in journal.proposals()] for journal in (one, other)]
    same = "the same" if programs[0] == programs[1] else "DIFFERENT"
    what = f"{times} kills in {proposals} proposals: replies paid twice, lost"
    print(f"| {what} | {twice}, {lost} | 0, 0 | OpenEvolve loses 29 of 80 |")
    print(f"| the same: programs against an undisturbed run | {same} | the same | |")
    print(
        f"| the same: requests sent again, on their way when the process was killed | {again} of {last.total()} | | |"
    )


def _prompts(run: Path) -> Counter[str]:
    """Hashes of the prompts that the journal holds replies to, and how many."""
    from discovery.model import content_key
    from discovery.store import Journal

    with Journal.open(run) as journal:
        return Counter(
            content_key(json.dumps([{"role": role, "content": text} for role, text in call.prompt]))
            for call in journal.model_calls()
        )


PARTS = {"latency": latency, "rate": rate, "memory": memory, "kills": kills}


def main() -> None:
    """Measure and print."""
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2], float(sys.argv[3]))
        return
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()


if __name__ == "__main__":
    main()
