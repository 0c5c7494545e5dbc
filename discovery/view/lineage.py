"""Where a program came from: the path over first parents to a seed, with what each step gained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from discovery.errors import NotFound
from discovery.model import JSON, Verdict
from discovery.store import Journal, ProgramRow
from discovery.view.text import one_line, score_text

__all__ = ["Step", "lineage", "lineage_table"]


@dataclass(frozen=True)
class Step:
    """One program on the path.

    Attributes:
        key, index, operator: The program, its first proposal, and how that made it.
        status, score: Its final verdict's, or the mean over its measurements; None while it is being judged.
        delta: Score minus that of the first parent; None when either has none.
        others: Keys of the further parents.
    """

    key: str
    index: int
    operator: str
    status: str | None
    score: float | None
    delta: float | None
    others: tuple[str, ...]

    def to_json(self) -> dict[str, JSON]:
        """Plain data."""
        return {
            "id": self.key[:12],
            "key": self.key,
            "index": self.index,
            "operator": self.operator,
            "status": self.status,
            "score": self.score,
            "delta": self.delta,
            "others": list(self.others),
        }


def lineage(journal: Journal, key: str) -> list[Step]:
    """The path from the root to program `key`, the root first, with the means over all measurements. Raises `NotFound`
    for an unknown key."""
    path: list[Step] = []
    anew = journal.measured_again()
    row: ProgramRow | None = journal.program_row(key)
    while row is not None:
        parent = _parent(journal, row)
        verdict = anew.get(row.program.key, row.verdict)
        above = None if parent is None else anew.get(parent.program.key, parent.verdict)
        path.append(
            Step(
                key=row.program.key,
                index=row.first,
                operator=row.operator,
                status=None if verdict is None else verdict.status,
                score=None if verdict is None else verdict.score,
                delta=_gain(verdict, above),
                others=row.parents[1:],
            )
        )
        row = parent
    return path[::-1]


def _gain(verdict: Verdict | None, above: Verdict | None) -> float | None:
    if verdict is None or above is None or verdict.score is None or above.score is None:
        return None
    return verdict.score - above.score


def _parent(journal: Journal, row: ProgramRow) -> ProgramRow | None:
    """A parent is older than its child, so the walk ends; anything else is not followed."""
    if not row.parents:
        return None
    try:
        parent = journal.program_row(row.parents[0])
    except NotFound:
        return None
    return parent if parent.first < row.first else None


def lineage_table(path: Sequence[Step]) -> Table:
    """The path for a terminal, the root on top."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("step", "id", "operator", "score", "gain", "proposal", "other parents"):
        table.add_column(name, justify="right" if name in ("score", "gain", "proposal") else "left", no_wrap=True)
    for number, step in enumerate(path):
        gain = "" if step.delta is None else score_text(step.delta, signed=True)
        table.add_row(
            str(number),
            step.key[:12],
            one_line(step.operator, 20),
            score_text(step.score) if step.score is not None else (step.status or "in flight"),
            gain,
            str(step.index),
            " ".join(other[:12] for other in step.others),
            style="" if step.delta is None or step.delta >= 0 else "dim",
        )
    return table
