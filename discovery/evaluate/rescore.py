"""Champions scored again, cold: in a new sandbox, of another backend where there is one, once as search did and once on
fresh inputs. What search saw and what comes now should agree; where they do not, a person should look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from discovery.evaluate.pool import Pool
from discovery.model import JSON, Program, Verdict
from discovery.randomness import derive
from discovery.task import Stage

__all__ = ["Rescore", "disagreements", "rescore"]

#: Relative difference below which two scores are the same: libraries may sum in another order elsewhere.
_SAME = 1e-6


@dataclass(frozen=True)
class Rescore:
    """What scoring a program again gave.

    Attributes:
        key: Program key.
        sandbox: Backend in which it was scored now.
        search: The verdict that search relied on.
        same: The verdict on the same inputs, now.
        fresh: The verdict on inputs that search never drew.
        alarms: What disagrees, one line each.
    """

    key: str
    sandbox: str
    search: Verdict
    same: Verdict
    fresh: Verdict
    alarms: tuple[str, ...]

    def to_json(self) -> dict[str, JSON]:
        """Plain data."""
        scores = {name: {"status": verdict.status, "score": verdict.score} for name, verdict in self._verdicts()}
        return {"key": self.key, "sandbox": self.sandbox, **scores, "alarms": list(self.alarms)}

    def _verdicts(self) -> Sequence[tuple[str, Verdict]]:
        return (("search", self.search), ("same", self.same), ("fresh", self.fresh))


async def rescore(
    pool: Pool, run_seed: int, program: Program, stage: Stage, search: Verdict, began: tuple[Program, float] | None
) -> Rescore:
    """Score `program` at `stage` again, in a pool that was started for it.

    Args:
        pool: Holds the run's seed, as the one in search did.
        run_seed: That seed; fresh inputs are drawn from one derived from it.
        program: The champion.
        stage: The stage that gave `search`.
        search: Its verdict in search.
        began: The best program that the run began with, and its score in search, if any. It gets the same fresh
            inputs: these may be harder or easier than those in search.
    """
    same = await pool.evaluate(program, stage, search.replicate)
    new = derive(run_seed, "rescore")
    fresh = await pool.evaluate(program, stage, search.replicate, seed=new)
    floor = None
    if began is not None and search.score is not None and search.score > began[1]:
        floor = (await pool.evaluate(began[0], stage, search.replicate, seed=new)).score
    return Rescore(program.key, pool.sandbox, search, same, fresh, tuple(disagreements(search, same, fresh, floor)))


def disagreements(search: Verdict, same: Verdict, fresh: Verdict, floor: float | None) -> list[str]:
    """What is wrong with a champion's scores, one line each.

    A lower score on fresh inputs is to be expected of the best of many; one no better than `floor`, what the program
    that the run began with has on them, is not.
    """
    found = []
    if not _equal(search, same):
        found.append(f"its score does not reproduce: {_said(search)} in search, {_said(same)} now, on the same inputs")
    if search.score is not None and fresh.score is None:
        found.append(f"on fresh inputs it has no score: {_said(fresh)}")
    elif None not in (search.score, fresh.score, floor) and fresh.score <= floor:  # type: ignore[operator]
        found.append(
            f"its gain vanishes on fresh inputs: {_said(search)} in search, {_said(fresh)} there, where the best "
            f"program that the run began with has {floor:.6g}"
        )
    return found


def _equal(one: Verdict, other: Verdict) -> bool:
    if one.status != other.status or one.score is None or other.score is None:
        return one.status == other.status and one.score == other.score
    return abs(one.score - other.score) <= _SAME * max(1.0, abs(one.score))


def _said(verdict: Verdict) -> str:
    return f"{verdict.status}" if verdict.score is None else f"{verdict.score:.6g}"
