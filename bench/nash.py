"""How long proofs, estimates and searches of the family `nash` take. No test: it prints tables for RESULTS.md.

.venv/bin/python bench/nash.py zoo                  proofs of known algorithms, solver start included
.venv/bin/python bench/nash.py boxes                three players, zoo/joint3: proofs in boxes, each from the one before
.venv/bin/python bench/nash.py scores [PLAYERS]     stages over random programs
.venv/bin/python bench/nash.py search [SEEDS [MINUTES [TASK [STOP]]]]   a run ends once STOP (1/3) is proved
"""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from fractions import Fraction

from discovery.tasks.nash import zoo
from discovery.tasks.nash.compiler.system import compile_program
from discovery.tasks.nash.language import NashLanguage
from discovery.tasks.nash.program import Program
from discovery.tasks.nash.proof.cover import Part, Patience, covered
from discovery.tasks.nash.proof.prove import SEARCH, prove
from discovery.tasks.nash.proof.several import fallen, ordered
from discovery.tasks.nash.reduce import reduced
from discovery.tasks.nash.solvers.process import Solver
from discovery.tasks.nash.stages import Judge
from discovery.tasks.nash.task import NashTask

#: Scores at which a search is timed: 3/4, 1/2, and what the issue asks for.
RUNGS = (0.75, 0.5, 0.38198, 0.3394, 0.3336, 0.33334)


def proofs() -> None:
    """Time from nothing to a proof of the literature's bound."""
    print("| program | bound | seconds, solver start included | seconds in Z3 | answer |\n| - | - | - | - | - |")
    for name, known in zoo.KNOWN.items():
        if name == "joint3":
            continue  # `boxes`
        started = time.monotonic()
        judge = Judge(NashLanguage(known.players))
        systems = judge.systems(judge.language.lower(zoo.source(name)))
        outcome = prove(systems, judge.solver, SEARCH, claim=known.bound)
        judge.solver.close()
        seconds = time.monotonic() - started
        print(
            f"| {name} | {known.bound} | {seconds:.2f} | {outcome.proof_seconds:.3f} | {outcome.status} |", flush=True
        )


def boxes() -> None:
    """Time to ever smaller bounds of our program for three players."""
    language = NashLanguage(3)
    form = reduced(language.lower(zoo.source("joint3")), language.words)
    (bare,) = compile_program(Program.of(form, 3))
    print("| bound | answer | boxes | questions | seconds in Z3 | seconds | seconds since the start |")
    print("| - | - | - | - | - | - | - |")
    begun = time.monotonic()
    with Solver() as solver:
        system = ordered(bare, form.blocks[0], language.words)
        point = fallen([bare], solver, starts=1)[0]["point"]
        before: list[Part] = []
        for target in map(Fraction, ("0.599", "0.59", "0.585", "0.58")):
            started = time.monotonic()
            states = [{name: point[name] for name in system.state.variables}]
            found = covered(1, system, target, solver, Patience(questions=4000), states, before)
            before, now = found.parts, time.monotonic()
            print(
                f"| {target} | {found.answer} | {len(found.parts)} | {found.questions} | {found.seconds:.1f} "
                f"| {now - started:.1f} | {now - begun:.1f} |",
                flush=True,
            )


def scores(players: int) -> None:
    """Seconds of each stage over random programs, in a process that is warm."""
    language, rng = NashLanguage(players), random.Random(0)
    judge = Judge(language)
    judge.solver.start()
    times: dict[str, list[float]] = {}
    totals = []
    start = "x, y, w, z = StationaryPoint()" if players == 2 else "x, y, z, u, v, w = JointStationaryPoint()"
    for _ in range(40):
        program = language.check(start)
        for _ in range(rng.randint(1, 4)):
            program = language.check(language.mutate(program, rng))
        total = 0.0
        for stage in NashTask.stages:
            started = time.monotonic()
            verdict = judge.judge(program.source, stage.name)
            times.setdefault(stage.name, []).append(time.monotonic() - started)
            total += times[stage.name][-1]
            if not verdict.advance:
                break
        totals.append(total)
    judge.solver.close()
    print("| stage | programs | median s | mean s | largest s |\n| - | - | - | - | - |")
    for name, each in [*times.items(), ("all", totals)]:
        print(
            f"| {name} | {len(each)} | {statistics.median(each):.2f} | {statistics.mean(each):.2f} | {max(each):.2f} |"
        )


@dataclass(frozen=True)
class Rise:
    """A program with a new smallest proved bound: when, which, how small, and how many proposals were judged then."""

    seconds: float
    key: str
    bound: float
    judged: int


def search(seeds: int, minutes: float, task: str, stop: float) -> None:
    """Seconds until a search without a model reaches each rung, by seed; then the ladder of each."""
    print(f"| seed | {' | '.join(map(str, RUNGS))} | best proved | proposals |\n|{' - |' * (len(RUNGS) + 3)}")
    reached: list[dict[float, float]] = []
    ladders: list[list[Rise]] = []
    for seed in range(seeds):
        ladder, proposals = one_search(seed, minutes, task, stop)
        times = {
            rung: next(each.seconds for each in ladder if each.bound <= rung)
            for rung in RUNGS
            if ladder and ladder[-1].bound <= rung
        }
        reached.append(times)
        ladders.append(ladder)
        cells = " | ".join(f"{times[rung]:.0f}" if rung in times else "-" for rung in RUNGS)
        print(f"| {seed} | {cells} | {ladder[-1].bound if ladder else '-'} | {proposals} |", flush=True)
    medians = [statistics.median(times.get(rung, float("inf")) for times in reached) for rung in RUNGS]
    print(f"| median | {' | '.join(f'{each:.0f}' for each in medians)} | | |")
    for seed, ladder in enumerate(ladders):
        print(
            f"seed {seed}: " + ", ".join(f"{each.bound:g} ({each.key[:12]}, {each.seconds:.1f} s)" for each in ladder)
        )


def one_search(seed: int, minutes: float, task: str, stop: float) -> tuple[list[Rise], int]:
    """The ladder of one run, and its number of proposals."""
    ladder: list[Rise] = []
    judged = 0
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-P", "-m", "discovery", "run", task, "--seed", str(seed), "--workers", "2"]
        command += ["--max-time", f"{minutes}m", "--max-proposals", "1000000", "--out", folder, "--display", "json"]
        started = time.monotonic()
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            for line in process.stderr:
                event = json.loads(line) if line.startswith("{") else {}
                if event.get("status") is None or event.get("index") is None:
                    continue
                judged += 1
                if event["status"] == "proved" and event.get("score") is not None:
                    bound = round(-event["score"], 6)  # what strategies cost is less
                    if not ladder or bound < ladder[-1].bound:
                        ladder.append(Rise(time.monotonic() - started, event["key"], bound, judged))
                    if bound <= stop:
                        process.terminate()
                        break
            process.stderr.read()
    return ladder, judged


def main(arguments: list[str]) -> None:
    """See the module."""
    match arguments:
        case ["zoo"]:
            proofs()
        case ["boxes"]:
            boxes()
        case ["scores", *rest]:
            scores(int(rest[0]) if rest else 2)
        case ["search", *rest]:
            given = [*rest, *["5", "5", "nash", "0.33334"][len(rest) :]]
            search(int(given[0]), float(given[1]), given[2], float(given[3]))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
