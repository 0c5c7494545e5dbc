"""The task `nash`: find an algorithm for approximate equilibria with a small proved bound; `nash:3`: three players."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as package_version
from pathlib import Path
from typing import TYPE_CHECKING

from discovery.errors import NotFound
from discovery.model import JSON, Evidence, Program, Verdict
from discovery.sandbox import Harness, Limits
from discovery.task import Context, Seed, Stage, Task, Verification
from discovery.tasks.nash.kind import features
from discovery.tasks.nash.language import NashLanguage

if TYPE_CHECKING:
    from discovery.tasks.nash.stages import Judge

__all__ = ["NashTask"]

_STATEMENT = """\
Find a polynomial-time algorithm that finds an **approximate Nash equilibrium** of every {players}-player game: a
profile at which no player can gain more than a bound by deviating, payoffs lying in [0, 1]. The smaller the better.

An algorithm constructs strategies with building blocks, each of which guarantees something in every game. Then all
constructed strategies are mixed as well as possible, and the best profile is returned. The score is minus the bound
that is **proved** for it in exact arithmetic, over all games, all ties, all legal outputs of the blocks.
"""

_TWO = (
    Seed("best_responses", "x: P1 = Random()\ny: P2 = BestResponse(x)\n"),
    Seed("random", "x: P1 = Random()\ny: P2 = Random()\n"),
)
_THREE = (
    Seed("best_response", "x: P1 = Random()\ny: P2 = Random()\nz: P3 = BestResponse(x, y)\n"),
    Seed("random", "x: P1 = Random()\ny: P2 = Random()\nz: P3 = Random()\n"),
)

#: What stages take with three players; few programs are proved.
_SECONDS = {"screen": 0.1, "estimate": 0.2, "prove": 100.0}

#: Blocks that the seeds are made of.
_NEEDED = ("Random", "BestResponse")


class NashTask(Task):
    """See `Task`. Variants: the number of players, `2` (default) or `3`, then blocks that are left out, each after a
    minus sign: `2-StationaryPoint`, `3-Approximate-JointStationaryPoint`."""

    name = "nash"
    score_name = "minus the proved bound"
    harness = Harness("discovery.tasks.nash.harness", ("discovery.tasks.nash.harness",), ("numpy", "highspy"))
    stages: tuple[Stage, ...] = (
        Stage("screen", seconds=0.03, backstop=300.0),
        Stage("estimate", seconds=0.1, backstop=300.0),
        Stage("prove", seconds=0.3, backstop=1800.0),
    )
    slot_limits = Limits()
    alpha = 0.01

    def __init__(self, variant: str | None = None) -> None:
        number, *without = (variant or "").split("-")
        if number not in ("", "2", "3"):
            raise NotFound(
                f"task 'nash' has no variant {variant!r}",
                hint="write `nash` or `nash:3`, the players; `nash:2-StationaryPoint` leaves out a block",
            )
        self.players = int(number or 2)
        known = [name for name in NashLanguage(self.players).words.blocks if name not in _NEEDED]
        for name in without:
            if name not in known:
                raise NotFound(
                    f"task 'nash:{self.players}' cannot leave out {name!r}", hint=f"it can leave out {', '.join(known)}"
                )
        self.name = "nash" if self.players == 2 and not without else "-".join((f"nash:{self.players}", *without))
        self.statement = _STATEMENT.format(players=self.players)
        self.language: NashLanguage = NashLanguage(self.players, without)
        self.features = features(self.players)
        self.strategy = None if self.players == 2 else "islands"
        if self.players > 2:
            self.stages = tuple(replace(each, seconds=_SECONDS[each.name]) for each in self.stages)
        self.version = _version()
        self._judge: Judge | None = None

    def seeds(self) -> Sequence[Seed]:
        """Random strategies, and one best response."""
        return _TWO if self.players == 2 else _THREE

    def evaluate(self, program: Program, stage: Stage, replicate: int, ctx: Context) -> Verdict:
        """See `Task` and `stages`."""
        from discovery.tasks.nash.stages import Judge

        if self._judge is None:
            self._judge = Judge(self.language)
        return self._judge.judge(program.source, stage.name)

    def confirm(self, program: Program, ctx: Context) -> Evidence:
        """Prove the bound again, from the source alone and with more work."""
        from discovery.tasks.nash.confirmation import confirm

        return confirm(self.language, program.source, ctx.tell)

    def export(self, program: Program, name: str, provenance: Mapping[str, JSON]) -> Mapping[str, str]:
        """`NAME.py` with its self-test, a page in mathematics, the program, and the certificate of the bound."""
        from discovery.tasks.nash.export import exported

        return exported(self.language, program.source, name, provenance)

    def verify(self, files: Mapping[str, str], provenance: Mapping[str, JSON], ctx: Context) -> Verification:
        """See `Task` and `verification`."""
        from discovery.tasks.nash.verification import verify

        return verify(self.language, self.version, files, provenance, ctx)


def _version() -> str:
    """A hash of what verdicts depend on: this family's code and the solvers' versions."""
    digest = hashlib.sha256()
    here = Path(__file__).parent
    for folder in ("blocks", "compiler", "games", "proof", "solvers", "."):
        for path in sorted((here / folder).glob("*.py")):
            digest.update(f"{path.relative_to(here)}\n".encode() + path.read_bytes())
    for package in ("z3-solver", "pyscipopt"):
        try:
            digest.update(f"{package} {package_version(package)}\n".encode())
        except PackageNotFoundError:
            digest.update(f"{package} missing\n".encode())
    return digest.hexdigest()[:16]
