"""Re-checks what was exported: the file, the score, the confirmation, and the claim on cases drawn just now."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from discovery.export import search_scores
from discovery.model import JSON, Evidence, Program
from discovery.randomness import derive
from discovery.statistics import p_value
from discovery.task import Verification
from discovery.tasks.python.confirmation import compare, confirm

if TYPE_CHECKING:
    from discovery.task import Context
    from discovery.tasks.python.task import PythonTask

__all__ = ["verify"]

_TOLERANCE = 1e-9
Check: TypeAlias = tuple[str, bool, str]


def verify(task: PythonTask, files: Mapping[str, str], provenance: Mapping[str, JSON], ctx: Context) -> Verification:
    """One check per promise of the bundle. The program runs in the sandbox only; the bundle's file is compared.

    Args:
        files: The bundle's files by name.
        provenance: Content of its `evidence.json`, with `name`.
        ctx: Its seed is this verification's own.
    """
    program = task.language.check(provenance["program"]["source"])
    checks = [_version(task, provenance), _file(task, program, files, provenance)]
    checks += [_score(task, program, provenance, ctx)]
    confirmation = provenance.get("confirmation")
    if confirmation is not None:
        seed = derive(provenance["run"]["config"]["seed"], "confirm")
        evidence = confirm(task, program, replace(ctx, seed=seed))
        checks += [_repeated(confirmation["evidence"], evidence.to_json())]
        if confirmation["confirmed"]:
            checks += [_again(task, program, evidence, ctx)]
    return Verification(all(holds for _, holds, _ in checks), tuple(checks))


def _version(task: PythonTask, provenance: Mapping[str, JSON]) -> Check:
    recorded = provenance["run"]["versions"].get("task")
    same = recorded == task.version
    return (
        "task",
        same,
        "unchanged since the run" if same else f"changed since the run: {recorded} is now {task.version}",
    )


def _file(task: PythonTask, program: Program, files: Mapping[str, str], provenance: Mapping[str, JSON]) -> Check:
    written = task.export(program, provenance["name"], provenance)
    same = all(files.get(name) == text for name, text in written.items())
    return "module", same, "is what this program exports to" if same else "is not what this program exports to"


def _score(task: PythonTask, program: Program, provenance: Mapping[str, JSON], ctx: Context) -> Check:
    told = []
    for verdict in provenance["search"]["verdicts"]:
        if verdict["score"] is None:
            continue
        cases = task.generate("search", provenance["run"]["config"]["seed"], verdict["stage"], verdict["replicate"])
        scores = [task.run(program, case, ctx).score for case in cases]
        mean = math.fsum(scores) / len(scores)
        found = {"score": mean, "cases": {case.name: score for case, score in zip(cases, scores, strict=True)}}
        same = _same({name: verdict[name] for name in found}, found)
        told.append(f"{mean:.10g}, recorded {verdict['score']:.10g}" + ("" if same else ": not the same"))
        if not same:
            return "search score", False, told[-1]
    if not told:
        return "search score", False, "none was recorded"
    confirmed = provenance.get("confirmation") or {}
    score = confirmed.get("search_score")
    if confirmed and not any(_same(score, possible) for possible in search_scores(provenance)):
        return "search score", False, f"the confirmation says {score}, which the recorded verdicts do not give"
    return "search score", True, "; ".join(told)


def _repeated(recorded: JSON, found: Mapping[str, JSON]) -> Check:
    """Everything that the record says of the confirmation: its numbers, its tests and its claim in words."""
    if not isinstance(recorded, Mapping):
        return "confirmation repeated", False, "the recorded evidence is not an object"
    others = [name for name in sorted(recorded.keys() | found.keys()) if not _same(recorded.get(name), found.get(name))]
    if others:
        return "confirmation repeated", False, f"the run's seeds give another {', '.join(others)} than recorded"
    total = sum(len(pairs) for pairs in found["data"]["pairs"].values())
    return "confirmation repeated", True, f"{total} paired scores, and all that follows from them, as recorded"


def _again(task: PythonTask, program: Program, evidence: Evidence, ctx: Context) -> Check:
    """The claim, on rounds drawn from a seed of this verification; `evidence` is what was found just now, not read."""
    name = evidence.data["baseline"]
    baseline = next(task.language.check(seed.source) for seed in task.seeds() if seed.name == name)
    found = compare(task, program, baseline, "confirm", ctx.seed, ctx)
    if found is None:
        return "claim on new cases", False, "could not be tried"
    fixed = evidence.p_value is None
    p = p_value(found.differences)
    holds = found.effect > 0 and not found.failures and (fixed or p <= task.alpha)
    detail = f"better by {found.effect:.4g} than {name} on {found.distinct} sets of cases"
    return "claim on new cases", holds, detail + ("" if fixed else f", p = {p:.2g}")


def _same(recorded: JSON, found: JSON) -> bool:
    """Whether two pieces of plain data are equal, numbers up to rounding."""
    if isinstance(found, Mapping):
        return (
            isinstance(recorded, Mapping)
            and recorded.keys() == found.keys()
            and all(_same(recorded[name], value) for name, value in found.items())
        )
    if isinstance(found, (list, tuple)):
        return isinstance(recorded, (list, tuple)) and len(recorded) == len(found) and all(map(_same, recorded, found))
    if isinstance(found, float):
        return isinstance(recorded, (int, float)) and math.isclose(
            recorded, found, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE
        )
    return type(recorded) is type(found) and bool(recorded == found)
