"""What is asked, with how much work, and what is known in the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from discovery.tasks.nash.proof.counterexample import Counterexample
from discovery.tasks.nash.proof.cover import Part

__all__ = ["CHECK", "SEARCH", "Answer", "Effort", "Outcome", "Piece", "Way"]


class Way(NamedTuple):
    """A way to ask Z3: its variable ordering, and whether regrets are variables of their own."""

    ordering: int
    regrets: bool


@dataclass(frozen=True)
class Effort:
    """How much solver work an outcome may cost.

    Attributes:
        nodes: SCIP's nodes a case.
        work: Z3's resource units a question; a question is asked in up to `len(portfolio)` ways.
        portfolio: Ways to ask.
        reduced: Variable orderings for questions with fewer variables, see `reduction`.
        digits: Decimals to which a bound is looked for where no simpler rational is one.
        seconds: Backstop of one question to Z3, in seconds of processor time; SCIP has four times as much.
        questions: Ways of asking that are tried for one program, all together.
        tighten: Whether SCIP may spend its time on a smaller ceiling, beyond what finding states takes.
    """

    nodes: int
    work: int
    portfolio: tuple[Way, ...]
    reduced: tuple[int, ...]
    digits: tuple[int, ...]
    seconds: float
    tighten: bool
    questions: int


SEARCH = Effort(
    nodes=1,
    work=400_000,
    portfolio=(Way(4, True), Way(4, False), Way(1, False)),
    reduced=(1,),
    digits=(6, 4, 2),
    seconds=3.0,
    tighten=False,
    questions=60,
)
CHECK = Effort(
    nodes=2_000,
    work=2_000_000,
    portfolio=(Way(4, True), Way(4, False), Way(0, False), Way(1, False), Way(0, True), Way(1, True)),
    reduced=(1, 0),
    digits=(6, 5, 4, 3, 2),
    seconds=20.0,
    tighten=True,
    questions=60,
)


@dataclass(frozen=True)
class Piece:
    """The proof of one case: an SMT-LIB text that has no model.

    Attributes:
        case: Number of the case, from 1.
        text: The text.
        ordering: Variable ordering with which Z3 found it unsatisfiable.
        lines: Labels of the lines that it uses.
        parts: For a proof in boxes its parts (see `cover`), in place of a text; else empty.
        regrets: Whether regrets are variables of their own.
        reduced: Whether the text is a `reduction` of the question, whose steps are proved, too.
        strategies: The only ones that it speaks of (see `restricted`); empty for all.
        symmetries: Renamings on which a proof in boxes rests, see `compiler.symmetry`.
    """

    case: int
    text: str
    ordering: int
    lines: tuple[str, ...]
    parts: tuple[Part, ...] = ()
    regrets: bool = False
    reduced: bool = False
    strategies: tuple[str, ...] = ()
    symmetries: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True)
class Answer:
    """Whether a state of one case exceeds a target: `"unsat"` with a piece, `"sat"` with a counterexample, or
    `"unknown"` with reasons."""

    answer: str
    piece: Piece | None = None
    counterexample: Counterexample | None = None
    reasons: tuple[str, ...] = ()
    clock: bool = False


@dataclass
class Outcome:
    """What is known of a program's bound.

    Attributes:
        status: `"proved"`, `"unproved"` (a limit was reached) or `"vacuous"` (no state meets the axioms).
        bound: The proved bound, or None.
        estimate: SCIP's value of the worst state it found, or None; never a bound.
        ceiling: SCIP's upper limit of the worst case, up to its tolerances; never a bound either.
        refuted: The largest target that a checked state exceeds, or None: nothing below it is a bound.
        counterexample: The worst checked state.
        pieces: One proof a case.
        reasons: Why questions stayed open.
        clock: Whether a wall-clock backstop had a say: the outcome may not repeat.
        proof_seconds: Wall time spent in Z3.
        shorter: A shorter program that seems as good, as text; "" for none.
        questions: Questions asked so far, each way of asking counted.
        stuck: Questions that were not decided, to the largest target at which they were asked: one is not asked again
            at nearly the same.
        large: Cases, from 0, of which even one line is too large for a `reduction`: none is tried again.
    """

    status: str = "unproved"
    bound: Fraction | None = None
    estimate: float | None = None
    ceiling: float = 1.0
    refuted: Fraction | None = None
    counterexample: Counterexample | None = None
    pieces: tuple[Piece, ...] = ()
    reasons: list[str] = field(default_factory=list)
    clock: bool = False
    proof_seconds: float = 0.0
    shorter: str = ""
    questions: int = 0
    stuck: dict[tuple[object, ...], Fraction] = field(default_factory=dict)
    large: set[int] = field(default_factory=set)
