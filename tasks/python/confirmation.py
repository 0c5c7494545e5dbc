"""Confirmation of a program for a user's own problem: paired with the best seed program, on cases drawn afresh.

A *round* is one fresh set of cases; both programs get the same. The difference of their mean scores in a round is one
observation. The seed program to beat is chosen on rounds of its own. When `cases` gives the same cases every time the
problem is that one instance: then nothing is estimated; the score is computed again and the claim is about it.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from discovery.model import JSON, Evidence, Program
from discovery.statistics import p_value, typical_interval
from discovery.tasks.python.plain import encode

if TYPE_CHECKING:
    from discovery.task import Context
    from discovery.tasks.python.case import Case, Outcome
    from discovery.tasks.python.task import PythonTask

__all__ = ["Comparison", "compare", "confirm", "inputs_digest"]

_SELECTION_ROUNDS = 3


@dataclass(frozen=True)
class Comparison:
    """A program and a baseline on the same rounds.

    Attributes:
        pairs: Per round the mean score of the program and of the baseline.
        failures: Messages of the cases on which the program failed.
        cases: Number of cases over all rounds.
        distinct: Number of rounds whose inputs no other round had.
    """

    pairs: tuple[tuple[float, float], ...]
    failures: tuple[str, ...]
    cases: int
    distinct: int

    @property
    def differences(self) -> list[float]:
        """Program minus baseline, per round."""
        return [mine - theirs for mine, theirs in self.pairs]

    @property
    def effect(self) -> float:
        """Mean difference."""
        return math.fsum(self.differences) / len(self.pairs)

    def summary(self, held_out: bool) -> dict[str, JSON]:
        """The entry in `Evidence.cases`."""
        return {
            "effect": self.effect,
            "interval": list(typical_interval(self.differences)),
            "p_value": p_value(self.differences),
            "held_out": held_out,
            "rounds": len(self.pairs),
            "failures": len(self.failures),
        }


def compare(
    task: PythonTask, program: Program, baseline: Program, kind: str, seed: int, ctx: Context
) -> Comparison | None:
    """Run both on the rounds of `kind` (`"confirm"` or `"held-out"`) that `seed` gives; None when there are no cases.

    Rounds whose inputs occurred before are left out: they would count one observation twice.
    """
    pairs, failures, seen, count = [], [], set(), 0
    for index in range(task.rounds):
        cases = task.generate(kind, seed, index)
        digest = inputs_digest(cases)
        if not cases or digest in seen:
            continue
        seen.add(digest)
        mine, theirs = ([task.run(each, case, ctx) for case in cases] for each in (program, baseline))
        count += len(cases)
        failures += [outcome.message for outcome in mine if outcome.status != "scored"]
        pairs.append((_mean(mine), _mean(theirs)))
    return Comparison(tuple(pairs), tuple(failures), count, len(seen)) if pairs else None


def confirm(task: PythonTask, program: Program, ctx: Context) -> Evidence:
    """Evidence that `program` beats the best seed program, or the honest absence of it."""
    name, baseline = _best_seed(task, ctx)
    fresh = compare(task, program, baseline, "confirm", ctx.seed, ctx)
    assert fresh is not None
    data: dict[str, JSON] = {
        "seed": ctx.seed,
        "baseline": name,
        "baseline_key": baseline.key,
        "rounds": task.rounds,
        "task_version": task.version,
        "pairs": {"fresh": [list(pair) for pair in fresh.pairs]},
        "failures": list(fresh.failures[:5]),
    }
    if fresh.distinct == 1:
        return _about_instance(task, program, name, fresh, data)
    held = compare(task, program, baseline, "held-out", ctx.seed, ctx)
    cases: dict[str, Mapping[str, JSON]] = {"fresh": fresh.summary(False)}
    if held is not None:
        cases["held-out"] = held.summary(True)
        data["pairs"]["held-out"] = [list(pair) for pair in held.pairs]
        data["failures"] += held.failures[:5]
    p = p_value(fresh.differences)
    general = 0.0 if held is None else p_value(held.differences)
    reason = _objection(task, p, general, fresh, held)
    claim = (
        f"{_verb(fresh)} the best seed program ({name}) by {fresh.effect:.4g} ({task.score_name}) on {fresh.distinct} "
    )
    claim += f"fresh sets of cases, one-sided p = {p:.2g}"
    claim += "" if held is None else f"; on held-out cases by {held.effect:.4g}, p = {general:.2g}"
    claim += f". Not confirmed: {reason}." if reason else "."
    return Evidence(not reason, claim, max(p, general), fresh.effect, typical_interval(fresh.differences), cases, data)


def _verb(found: Comparison) -> str:
    return "Beats" if found.effect > 0 else "Does not beat" if found.effect < 0 else "Equals"


def _objection(task: PythonTask, p: float, general: float, fresh: Comparison, held: Comparison | None) -> str:
    """Why the claim does not hold, or ""."""
    failures = len(fresh.failures) + (0 if held is None else len(held.failures))
    if failures:
        total = fresh.cases + (0 if held is None else held.cases)
        return f"it failed on {failures} of {total} cases"
    if fresh.effect <= 0 or p > task.alpha:
        if 2.0**-fresh.distinct > task.alpha:
            return f"cases() gave only {fresh.distinct} different sets of cases, too few to decide"
        return "the difference is within chance" if fresh.effect > 0 else "there is no improvement"
    if held is not None and (held.effect <= 0 or general > task.alpha):
        return "it does not carry over to the held-out cases"
    return ""


def _about_instance(
    task: PythonTask, program: Program, name: str, found: Comparison, data: dict[str, JSON]
) -> Evidence:
    """The cases are always the same: a statement about exactly these, recomputed."""
    (mine, theirs) = found.pairs[0]
    confirmed = mine > theirs and not found.failures
    claim = (
        f"On this task's fixed cases it scores {mine:.10g} ({task.score_name}), the best seed program ({name}) "
        f"{theirs:.10g}; computed again, not estimated, and nothing is claimed beyond these cases"
    )
    claim += "." if not found.failures else f". Not confirmed: it failed on {len(found.failures)} of them."
    effect = mine - theirs
    case = {"effect": effect, "interval": [effect, effect], "p_value": None, "held_out": False, "rounds": 1}
    return Evidence(confirmed, claim, None, effect, (effect, effect), {"fixed cases": case}, data)


def _best_seed(task: PythonTask, ctx: Context) -> tuple[str, Program]:
    """The seed program to beat, chosen on cases that nothing else uses."""
    rounds = [task.generate("select", ctx.seed, index) for index in range(_SELECTION_ROUNDS)]
    scored = []
    for seed in task.seeds():
        program = task.language.check(seed.source)
        outcomes = [task.run(program, case, ctx) for cases in rounds for case in cases]
        scored.append((_mean(outcomes), seed.name, program))
    _, name, program = max(scored, key=lambda entry: entry[0])
    return name, program


def _mean(outcomes: Sequence[Outcome]) -> float:
    return math.fsum(outcome.score for outcome in outcomes) / len(outcomes)


def inputs_digest(cases: Sequence[Case]) -> str:
    """What the inputs of all cases are, whatever the cases are called."""
    digest = hashlib.sha256()
    for case in cases:
        arrays: dict[str, Any] = {}
        digest.update(json.dumps(encode(dict(case.inputs), arrays), sort_keys=True).encode())
        for array in arrays.values():
            digest.update(f"{array.dtype}{array.shape}".encode() + array.tobytes())
    return digest.hexdigest()
