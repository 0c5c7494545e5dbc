"""Confirmation of finalists: fresh seeds, held-out cases, correction over finalists. Nothing is claimed before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from discovery.errors import NotFound
from discovery.evaluate.pool import Pool
from discovery.model import JSON, Evidence, Program, Verdict
from discovery.randomness import derive
from discovery.store import Journal
from discovery.task import Task

__all__ = ["Finalist", "confirmed_of", "corrected", "final_verdict", "finalists", "holm", "measure"]

#: How many of the best programs are looked at for finalists that differ.
_CONSIDERED = 500


@dataclass(frozen=True)
class Finalist:
    """A finalist and what confirming it gave.

    Attributes:
        key: Program key.
        search_score: Its score in search: selected as the best of many, hence too good.
        evidence: What `Task.confirm` found.
        adjusted_p: The p-value after Holm's correction over the finalists; None for a proof.
        confirmed: `evidence.confirmed`, and the adjusted p-value reaches the task's level.
    """

    key: str
    search_score: float
    evidence: Evidence
    adjusted_p: float | None
    confirmed: bool

    def to_json(self) -> dict[str, JSON]:
        """Plain data."""
        return {
            "key": self.key,
            "search_score": self.search_score,
            "evidence": self.evidence.to_json(),
            "adjusted_p": self.adjusted_p,
            "confirmed": self.confirmed,
        }


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p-values, in the order given.

    For sorted p_(1) <= ... <= p_(m): adjusted p_(i) = max over j <= i of min(1, (m - j + 1) p_(j)).
    Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of Statistics 6, 1979.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    adjusted = [0.0] * len(p_values)
    running = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda number: p_values[number])):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = running
    return adjusted


def finalists(journal: Journal, seeds: Sequence[str], count: int) -> list[tuple[str, float]]:
    """Keys and search scores of the `count` best programs, best first, that behave unlike the seeds and unlike each
    other: a second copy would only cost time, and significance by the correction. Then of every other program that was
    measured before in this run: who tries five and then reports the best one alone has still tried five."""
    seen = {_behaviour(verdict) for verdict in (final_verdict(journal, key) for key in seeds) if verdict is not None}
    chosen: dict[str, float] = {}
    for key, verdict in journal.best(_CONSIDERED):
        if len(chosen) == count:
            break
        behaviour = _behaviour(verdict)
        if key not in seeds and behaviour not in seen and verdict.score is not None:
            chosen[key] = verdict.score
        seen.add(behaviour)
    for note in journal.notes("evidence"):
        measured = final_verdict(journal, note["key"])
        if measured is not None and measured.score is not None:
            chosen.setdefault(note["key"], measured.score)
    return list(chosen.items())


def final_verdict(journal: Journal, key: str) -> Verdict | None:
    """The verdict on a program that search went by; None when it has none."""
    try:
        return journal.program_row(key).verdict
    except NotFound:
        return None


def _behaviour(verdict: Verdict) -> object:
    """What tells programs apart by what they do: the family's fingerprint, else the scores of all cases."""
    fingerprint = verdict.evidence.get("fingerprint")
    return fingerprint if fingerprint is not None else (verdict.score, tuple(sorted(verdict.cases.items())))


async def measure(
    pool: Pool, run_seed: int, programs: Sequence[Program], keep: Callable[[Program, Evidence], None]
) -> None:
    """Confirm each program on a seed derived from the run's, in streams that search never draws from; `keep` is handed
    each finding at once.

    The seed is a function of the run alone: confirming again gives the same answer, not another try.
    """
    seed = derive(run_seed, "confirm")
    for program in programs:
        keep(program, await pool.confirm(program, seed))


def corrected(task: Task, chosen: Sequence[tuple[str, float]], evidence: Sequence[Evidence]) -> list[Finalist]:
    """The finalists (key and search score), each with its evidence after correction over all of them."""
    tested = [index for index, found in enumerate(evidence) if found.p_value is not None]
    adjusted = dict(zip(tested, holm([evidence[index].p_value or 0.0 for index in tested]), strict=True))
    return [
        Finalist(
            key,
            score,
            found,
            adjusted.get(index),
            found.confirmed and adjusted.get(index, 0.0) <= task.alpha,
        )
        for index, ((key, score), found) in enumerate(zip(chosen, evidence, strict=True))
    ]


def confirmed_of(note: Mapping[str, JSON], key: str) -> JSON | None:
    """The entry of program `key` in a journaled confirmation, or None."""
    return next((entry for entry in note["finalists"] if entry["key"] == key), None)
