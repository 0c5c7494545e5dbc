"""A task for the engine's own tests: guess an integer. Quick, and it counts its evaluations in a file."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from discovery.model import JSON, Evidence, Program, Rejected, Verdict, content_key
from discovery.randomness import stream
from discovery.sandbox import Harness, Limits
from discovery.task import Context, Seed, Stage, Task, Verification

FOLDER = Path(__file__).parent
TARGET = 900


class Numbers:
    """Programs are `value = INTEGER`."""

    def check(self, source: str) -> Program:
        found = re.fullmatch(r"\s*value\s*=\s*(-?\d+)\s*", source)
        if found is None:
            raise Rejected("expected `value = INTEGER`", 1, 1)
        value = int(found[1])
        if value % 17 == 0:
            raise Rejected(f"{value} is a multiple of 17, which is not allowed", 1, 9)
        return Program(source, content_key(f"numbers/{value}"))

    def describe(self) -> str:
        return "`value = INTEGER`"

    def mutate(self, program: Program, rng: random.Random, edits: int = 1) -> str:
        value = value_of(program)
        for _ in range(edits):
            value += rng.randint(-40, 40)
        return f"value = {value}\n"

    def cross(self, first: Program, second: Program, rng: random.Random) -> str:
        low, high = sorted((value_of(first), value_of(second)))
        return f"value = {rng.randint(low, high)}\n"


def value_of(program: Program) -> int:
    return int(program.source.partition("=")[2])


class Toy(Task):
    name = "toy"
    statement = "Guess the number."
    score_name = "closeness"
    language = Numbers()
    stages = (Stage("coarse", seconds=0.001), Stage("fine", seconds=0.001))
    harness = Harness(
        entry="discovery.tasks.python.harness",
        modules=(
            *(f"discovery.tasks.python.{name}" for name in ("harness", "plain", "source")),
            "discovery.feedback",
        ),
    )
    slot_limits = Limits(wall_seconds=10)
    version = "1"

    def seeds(self) -> Sequence[Seed]:
        return [Seed("one", "value = 1\n"), Seed("two", "value = 2\n")]

    def evaluate(self, program: Program, stage: Stage, replicate: int, ctx: Context) -> Verdict:
        with (FOLDER / "evaluations.log").open("a") as log:
            log.write(f"{program.id} {stage.name} {replicate}\n")
        value = value_of(program)
        if value % 13 == 0:
            return Verdict("error", message=f"{value} is a multiple of 13")
        noise = stream(ctx.seed, stage.name, replicate).random()
        score = -float(abs(value - TARGET)) + noise
        return Verdict("scored", score=score, cases={"distance": score}, advance=stage.name == "coarse")

    def confirm(self, program: Program, ctx: Context) -> Evidence:
        value = value_of(program)
        effect = float(value - 2)
        return Evidence(value > 2, f"{value} is closer", 0.001 if value > 2 else 1.0, effect, (effect, effect))

    def export(self, program: Program, name: str, provenance: Mapping[str, JSON]) -> Mapping[str, str]:
        return {f"{name}.py": program.source}

    def verify(self, files: Mapping[str, str], provenance: Mapping[str, JSON], ctx: Context) -> Verification:
        name = f"{provenance['name']}.py"
        holds = files[name] == provenance["program"]["source"]
        return Verification(holds, (("module", holds, "is the program" if holds else "is another program"),))


task = Toy()
