"""Random programs for two players, and how bad games can make them: three values that must not contradict.

What is proved of a program is an upper limit of all of: SCIP's worst state, up to its tolerance; the pool of exact
games; a game that SCIP optimised; and regrets measured by running the program on games of all kinds, changed step by
step to be worse for it. `python tests/nash/hostile.py PROGRAMS [SEED]` compares them at length.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from discovery.grammar.ir import Form
from discovery.model import Rejected, Verdict
from discovery.tasks.nash.blocks import Call
from discovery.tasks.nash.compiler.system import compile_program
from discovery.tasks.nash.edits import assumptions, with_assumption
from discovery.tasks.nash.execute import execute
from discovery.tasks.nash.games.kinds import KINDS
from discovery.tasks.nash.games.realised import realised
from discovery.tasks.nash.language import NashLanguage
from discovery.tasks.nash.numerics import Payoffs
from discovery.tasks.nash.printing import source_of
from discovery.tasks.nash.program import Program
from discovery.tasks.nash.proof.question import plain_lines
from discovery.tasks.nash.stages import Judge
from discovery.tasks.nash.task import NashTask

__all__ = ["Compared", "compared", "hostile_program", "judged", "worst_regret"]

DELTA = 1e-3
#: How far regrets may exceed a bound: by a small multiple of the slack of approximate steps, and by rounding.
SLACK, TINY = 3 * DELTA, 1e-6

LANGUAGE = NashLanguage(2)
_PAYOFFS = ("U1", "-U1", "U2", "-U2", "U1 - U2", "U2 - U1", "U1 + U2", "2*U1 - U2", "-U1 - U2", "4*U1 - 3*U2")


class _Text:
    """A program in the writing."""

    def __init__(self, rng: random.Random) -> None:
        self.rng, self.lines = rng, list[str]()
        self.own: dict[int, list[str]] = {1: [], 2: []}
        self.values: list[str] = []
        self.count = 0

    def copy(self) -> _Text:
        other = _Text(self.rng)
        other.own, other.values = {i: list(names) for i, names in self.own.items()}, list(self.values)
        other.count = self.count
        return other

    def fresh(self, player: int) -> str:
        self.count += 1
        name = f"{' ab'[player]}{self.count}"
        self.own[player].append(name)
        return name

    def any(self, player: int) -> str:
        return self.rng.choice(self.own[player])

    def root(self) -> None:
        """A call that needs nothing."""
        match self.rng.choice(("Random", "ZeroSum", "MaxPayoff", "StationaryPoint", "SampleLP")):
            case "Random":
                player = self.rng.randint(1, 2)
                self.lines.append(f"{self.fresh(player)}: P{player} = Random()")
            case "StationaryPoint":
                names = [self.fresh(player) for player in (1, 2, 1, 2)]
                self.lines.append(f"{', '.join(names)} = StationaryPoint()")
            case "SampleLP":
                names = [self.fresh(player) for player in (1, 2, 1, 2)]
                self.count += 1
                self.values += [f"r{self.count}", f"c{self.count}"]
                self.lines.append(f"{', '.join([*names, *self.values[-2:]])} = SampleLP()")
            case word:
                names = [self.fresh(player) for player in (1, 2)]
                self.lines.append(f"{', '.join(names)} = {word}({self.rng.choice(_PAYOFFS)})")

    def step(self) -> None:
        """A response or a mixture."""
        player = self.rng.randint(1, 2)
        if len(self.own[player]) > 1 and self.rng.random() < 0.5:
            first, second = self.rng.sample(self.own[player], 2)
            weight = self.expression(2) if self.rng.random() < 0.5 else self.number(0, 1)
            self.lines.append(f"{self.fresh(player)}: P{player} = Mix({first}, {second}, {weight})")
        else:
            held = self.any(3 - player)
            self.lines.append(f"{self.fresh(player)}: P{player} = BestResponse({held})")

    def number(self, low: int, high: int) -> str:
        denominator = self.rng.randint(1, 6)
        return str(Fraction(self.rng.randint(low * denominator, high * denominator), denominator))

    def value(self) -> str:
        if self.values and self.rng.random() < 0.4:
            return self.rng.choice(self.values)
        player = self.rng.randint(1, 2)
        if self.rng.random() < 0.2:
            return f"M{player}({self.any(3 - player)})"
        return f"{self.rng.choice('fU')}{player}({self.any(1)}, {self.any(2)})"

    def expression(self, depth: int) -> str:
        shape = self.rng.random()
        if depth == 0 or shape < 0.3:
            return self.value()
        if shape < 0.8:
            sign = self.rng.choice("+-")
            return f"{self.rng.choice((1, 2, 3, 6, 9))} * {self.value()} {sign} {self.number(0, 3)}"
        if shape < 0.95:
            return f"({self.expression(depth - 1)}) {self.rng.choice('+-*/')} ({self.expression(depth - 1)})"
        return f"sqrt({self.expression(depth - 1)})"

    def condition(self) -> str:
        other = self.number(0, 1) if self.rng.random() < 0.6 else self.value()
        return f"{self.value()} {self.rng.choice(('>=', '<='))} {other}"


def hostile_program(rng: random.Random) -> str:
    """Text of a well-typed program with up to four strategies of each player: any blocks, computed weights, an
    assumption either way, cases."""
    while True:
        text = _drafted(rng)
        try:
            form = LANGUAGE.lower(text)
            return source_of(_assumed(form, rng), LANGUAGE.words)
        except Rejected:
            continue


def _drafted(rng: random.Random) -> str:
    head = _Text(rng)
    head.root()
    for player in (1, 2):
        if not head.own[player]:
            head.lines.append(f"{head.fresh(player)}: P{player} = Random()")
    for _ in range(rng.randint(0, 2)):
        head.step()
    lines = head.lines
    if rng.random() < 0.3:
        words = ["if", *["elif"] * rng.randint(0, 1), "else"]
        for word in words:
            body = head.copy()
            lines.append("else:" if word == "else" else f"{word} {head.condition()}:")
            for _ in range(rng.randint(0, 2)):
                body.step()
            lines += [f"    {line}" for line in body.lines or ["pass"]]
    else:
        for _ in range(rng.randint(0, 2)):
            head.step()
    return "\n".join(lines) + "\n"


def _assumed(form: Form, rng: random.Random) -> Form:
    """`form`, more often than not with an assumption where there are no cases."""
    if len(form.blocks) > 1 or rng.random() < 0.4:
        return form
    (block,) = form.blocks
    free = list(assumptions(block, LANGUAGE.words))
    return Form({}, (with_assumption(block, *rng.choice(free), rng),)) if free else form


def judged(judge: Judge, source: str) -> Verdict:
    """The verdict of the last stage that is reached."""
    for stage in NashTask.stages:
        verdict = judge.judge(source, stage.name)
        if not verdict.advance:
            break
    return verdict


def slack(program: Program) -> float:
    """How far regrets may exceed what is proved."""
    calls = [step for case in program.cases for step in case.steps if isinstance(step, Call)]
    return SLACK if any(call.block.routine(call).needs == "delta" for call in calls) else TINY


def worst_regret(program: Program, seed: int, games: int, steps: int) -> tuple[float, Payoffs]:
    """The largest regret that was measured, and where: each of some games is changed, entry by entry, and a change is
    kept where the program does worse."""
    rng, worst = np.random.default_rng(seed), (0.0, ())
    kinds: list[Callable[..., Payoffs]] = list(KINDS.values())
    for number in range(games):
        payoffs = kinds[number % len(kinds)](rng, rng.integers(2, 5, 2).tolist())
        found = float(execute(program, payoffs, delta=DELTA, seed=seed).regrets.max())
        for _ in range(steps):
            trial = [matrix.copy() for matrix in payoffs]
            for _ in range(int(rng.integers(1, 4))):
                matrix = trial[int(rng.integers(2))]
                place = tuple(int(rng.integers(size)) for size in matrix.shape)
                matrix[place] = rng.choice([0.0, 1.0, rng.random(), np.clip(matrix[place] + rng.normal(0, 0.1), 0, 1)])
            value = float(execute(program, trial, delta=DELTA, seed=seed).regrets.max())
            if value >= found:
                found, payoffs = value, tuple(trial)
        if found > worst[0]:
            worst = found, payoffs
    return worst


@dataclass
class Compared:
    """What is known of a program.

    Attributes:
        source: Its text.
        verdict: Of the judge.
        lower: Where from to what is below its bound.
        alarms: What contradicts what.
    """

    source: str
    verdict: Verdict
    lower: dict[str, float] = field(default_factory=dict)
    alarms: list[str] = field(default_factory=list)

    @property
    def bound(self) -> float | None:
        """The proved bound."""
        text = self.verdict.evidence.get("bound")
        return None if text is None else float(Fraction(str(text)))


def compared(judge: Judge, source: str, seed: int, *, games: int, steps: int, nodes: int) -> Compared:
    """Judge a program, make it as bad as can be, and compare."""
    program = LANGUAGE.algorithm(source)
    found = Compared(source, judged(judge, source))
    evidence = found.verdict.evidence
    found.alarms += [each for each in evidence.get("reasons", []) if "breaks an axiom" in each]
    found.lower["played"], _ = worst_regret(program, seed, games, steps)
    if evidence.get("at_least"):
        found.lower["pool"] = float(Fraction(evidence["at_least"]["value"]))
    # SCIP leaves squares out where they are many: what it finds is then above the worst case.
    whole = all(len(plain_lines(system)) == len(system.lines) for system in compile_program(program))
    if evidence.get("estimate") is not None and whole:
        found.lower["SCIP"] = evidence["estimate"]
    if nodes and (game := realised(program, judge.solver, nodes=nodes, seconds=20.0)) is not None:
        outcome = execute(program, game.payoffs, override=game.override)
        found.lower["optimised"] = float(outcome.regrets.max())
    room = {"played": slack(program), "pool": 0.0, "SCIP": 1e-4, "optimised": 1e-4}
    if found.bound is not None:
        found.alarms += [
            f"{name}: {value:.6f} exceeds {evidence['bound']}"
            for name, value in found.lower.items()
            if value > found.bound + room[name]
        ]
    return found


def programs(seed: int) -> Iterator[str]:
    """Random programs without end."""
    rng = random.Random(seed)
    while True:
        yield hostile_program(rng)


def main(count: int, seed: int) -> int:
    """Compare `count` programs; the number of alarms."""
    judge, statuses, alarms, gaps = Judge(LANGUAGE), Counter[str](), 0, list[float]()
    started = time.monotonic()
    for number, source in zip(range(count), programs(seed), strict=False):
        found = compared(judge, source, seed + number, games=6, steps=60, nodes=60)
        statuses[found.verdict.status] += 1
        if found.bound is not None:
            gaps.append(found.bound - max(found.lower.values()))
        for alarm in found.alarms:
            alarms += 1
            print(f"ALARM {alarm}\n{source}", flush=True)
        if number % 20 == 19:
            tight = sum(gap < 1e-3 for gap in gaps)
            print(
                f"{number + 1} programs, {dict(statuses)}, {tight} of {len(gaps)} bounds reached to 0.001, "
                f"{alarms} alarms, {time.monotonic() - started:.0f} s",
                flush=True,
            )
    judge.solver.close()
    return alarms


if __name__ == "__main__":
    sys.exit(min(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0), 1))
