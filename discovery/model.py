"""Records that travel through the engine: frozen, JSON-serialisable, without behaviour of their own.

Every record has `to_json()` (plain data for `json.dumps`) and, where the journal reads it back, `from_json()`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias, get_args

__all__ = [
    "JSON",
    "MEASURE",
    "STATUSES",
    "Evidence",
    "Program",
    "Proposal",
    "Rejected",
    "Status",
    "Verdict",
    "content_key",
]

#: Plain data: what `json` can carry. Numbers are finite.
JSON: TypeAlias = Any

Status: TypeAlias = Literal[
    "rejected",  # the language refused the source; nothing ran
    "error",  # the candidate raised
    "timeout",  # a wall-clock or CPU limit ended it
    "memory",  # a memory limit ended it
    "crash",  # its process died
    "invalid",  # it answered, but not with an acceptable answer (NaN, wrong shape, nothing)
    "unknown",  # the judge reached its own work limit undecided
    "scored",  # a score, measured
    "proved",  # a score, proved
]
STATUSES: tuple[Status, ...] = get_args(Status)


#: Operator of a proposal that brings no new program: it measures its parent once more, on another replicate.
MEASURE = "measure"


def content_key(text: str) -> str:
    """SHA-256 of `text` in hexadecimal (64 characters): the key of a blob or of a canonical form."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Rejected(Exception):
    """A language refuses a source text. Becomes a verdict `"rejected"`; nothing was run.

    Args:
        message: What is wrong and what is allowed instead, fit for a person and for a proposer.
        line, column: Where, both from 1; None when it is not at one place.
    """

    def __init__(self, message: str, line: int | None = None, column: int | None = None) -> None:
        where = "" if line is None else f"line {line}" + ("" if column is None else f", column {column}") + ": "
        super().__init__(where + message)
        self.line = line
        self.column = column


@dataclass(frozen=True)
class Program:
    """A program that its language accepted.

    Attributes:
        source: Text, exactly as proposed.
        key: Canonical key, 64 hex characters. Equal key means equal verdict, so only laws that the family declared
            may enter it.
        skeleton: Novelty key (constants abstracted), or "". It never answers for a verdict.
    """

    source: str
    key: str
    skeleton: str = ""

    @property
    def id(self) -> str:
        """Short name of the program: the first 12 characters of its key."""
        return self.key[:12]


@dataclass(frozen=True)
class Proposal:
    """What a strategy asks for.

    Attributes:
        index: Number of the proposal in its run, from 0.
        operator: `"seed"` (a program to start from), `"mutate"`, `"cross"`, or `"init"` (a program from nothing, which
            only a model can write; a symbolic proposer edits a seed instead), or `MEASURE`.
        parents: Keys of the parent programs, in the order in which the operator takes them; a seed has none.
        seen: Journal position up to which the strategy had been told outcomes when it asked.
        edits: Number of successive edits a symbolic proposer makes for `"mutate"`.
        seed: For operator `"seed"`: position in `Task.seeds()`; else None.
        variant: Flavour of the operator for a proposer that knows several (`"explore"`, `"intersect"` ...), or "" to
            leave the choice to it.
        model: Name of the model to ask, or "" to leave the choice to the proposer.
    """

    index: int
    operator: str
    parents: tuple[str, ...] = ()
    seen: int = 0
    edits: int = 1
    seed: int | None = None
    variant: str = ""
    model: str = ""

    def to_json(self) -> dict[str, JSON]:
        """Plain data, parents as a list."""
        return {**asdict(self), "parents": list(self.parents)}

    @classmethod
    def from_json(cls, data: Mapping[str, JSON]) -> Proposal:
        """Inverse of `to_json`."""
        return cls(**{**data, "parents": tuple(data["parents"])})


@dataclass(frozen=True)
class Verdict:
    """What an evaluator's stage says of a program.

    Attributes:
        status: See `Status`. `"scored"` and `"proved"` carry a score, the others do not.
        score: Higher is better; finite, or None.
        cases: Name of a case to its score (higher is better). Every case of the stage appears: a failed one with the
            task's worst score, never a hole in the mean.
        message: For people and proposers: what went wrong, or what stands out. At most a few lines.
        evidence: What a family adds (bound, fingerprint, rediscovery, learning rates ...). Plain data.
        stage: Name of the stage that gave it; `""` for a rejection by the language.
        replicate: 0 in search; further replicates re-measure a noisy score.
        advance: Whether the program goes on to the next stage.
        wall_seconds, cpu_seconds: Cost of the evaluation, measured by the evaluator; not part of what is compared.
        clock_limited: Whether a wall-clock backstop decided the status: such a verdict may not repeat.
        record: Execution record for feedback (notes: OPTO sections), or None.
    """

    status: Status
    score: float | None = None
    cases: Mapping[str, float] = field(default_factory=dict)
    message: str = ""
    evidence: Mapping[str, JSON] = field(default_factory=dict)
    stage: str = ""
    replicate: int = 0
    advance: bool = False
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    clock_limited: bool = False
    record: Mapping[str, JSON] | None = None

    @property
    def behaviour(self) -> str | None:
        """The behavioural fingerprint, `evidence["fingerprint"]`: programs of one fingerprint behave alike, however
        they are written. None where the task gives none."""
        found = self.evidence.get("fingerprint")
        return found if isinstance(found, str) else None

    def to_json(self) -> dict[str, JSON]:
        """Plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, JSON]) -> Verdict:
        """Inverse of `to_json`; unknown keys raise TypeError."""
        return cls(**data)


@dataclass(frozen=True)
class Evidence:
    """What `confirm` found out about one finalist, on cases and seeds that the search never saw.

    Attributes:
        confirmed: Whether the claim holds at the level the task states (before correction over finalists).
        claim: One sentence that the data support; a null result says so.
        p_value: One-sided p-value of the claim, uncorrected; None for a proof.
        effect: Estimated size of the effect in the task's score unit, with `interval` (low, high) at 95 %.
        cases: Per case: plain data with at least `effect`, `interval`, `p_value`, `held_out` (bool).
        data: Everything needed to repeat it: seeds, configuration, raw paired values, versions.
    """

    confirmed: bool
    claim: str
    p_value: float | None
    effect: float
    interval: tuple[float, float]
    cases: Mapping[str, Mapping[str, JSON]] = field(default_factory=dict)
    data: Mapping[str, JSON] = field(default_factory=dict)

    def to_json(self) -> dict[str, JSON]:
        """Plain data, the interval as a list."""
        return {**asdict(self), "interval": list(self.interval)}

    @classmethod
    def from_json(cls, data: Mapping[str, JSON]) -> Evidence:
        """Inverse of `to_json`."""
        low, high = data["interval"]
        return cls(**{**data, "interval": (low, high)})
