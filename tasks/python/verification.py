"""Re-checks what was exported: the file, the score, the confirmation, and the claim on cases drawn just now."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

from discovery.model import JSON, Program
from discovery.task import Verification
from discovery.tasks.python.confirmation import compare
from discovery.tasks.python.signflip import p_value

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
        checks += [_repeated(task, program, confirmation, ctx)]
        if confirmation["confirmed"]:
            checks += [_again(task, program, confirmation, ctx)]
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
    for verdict in provenance["search"]["verdicts"]:
        if verdict["score"] is None:
            continue
        cases = task.generate("search", provenance["run"]["config"]["seed"], verdict["stage"], verdict["replicate"])
        scores = [task.run(program, case, ctx).score for case in cases]
        mean = math.fsum(scores) / len(scores)
        return "search score", _close(mean, verdict["score"]), f"{mean:.10g}, recorded {verdict['score']:.10g}"
    return "search score", False, "none was recorded"


def _repeated(task: PythonTask, program: Program, confirmation: Mapping[str, JSON], ctx: Context) -> Check:
    data = confirmation["evidence"]["data"]
    baseline = _baseline(task, data)
    if baseline is None:
        return "confirmation repeated", False, f"the seed program {data['baseline']!r} is not what it was"
    total = 0
    for kind, stream in (("fresh", "confirm"), ("held-out", "held-out")):
        recorded = data["pairs"].get(kind)
        if recorded is None:
            continue
        found = compare(task, program, baseline, stream, data["seed"], ctx)
        pairs = [] if found is None else found.pairs
        total += len(pairs)
        if len(pairs) != len(recorded) or not all(
            _close(*values)
            for pair, record in zip(pairs, recorded, strict=True)
            for values in zip(pair, record, strict=True)
        ):
            return "confirmation repeated", False, f"the {kind} cases gave other scores than recorded"
    return "confirmation repeated", True, f"{total} paired scores as recorded"


def _again(task: PythonTask, program: Program, confirmation: Mapping[str, JSON], ctx: Context) -> Check:
    """The claim, on rounds drawn from a seed of this verification."""
    evidence = confirmation["evidence"]
    baseline = _baseline(task, evidence["data"])
    found = None if baseline is None else compare(task, program, baseline, "confirm", ctx.seed, ctx)
    if found is None:
        return "claim on new cases", False, "could not be tried"
    fixed = evidence["p_value"] is None
    p = p_value(found.differences)
    holds = found.effect > 0 and not found.failures and (fixed or p <= task.alpha)
    detail = f"better by {found.effect:.4g} than {evidence['data']['baseline']} on {found.distinct} sets of cases"
    return "claim on new cases", holds, detail + ("" if fixed else f", p = {p:.2g}")


def _baseline(task: PythonTask, data: Mapping[str, JSON]) -> Program | None:
    for seed in task.seeds():
        program = task.language.check(seed.source)
        if seed.name == data["baseline"] and program.key == data["baseline_key"]:
            return program
    return None


def _close(found: float, recorded: float) -> bool:
    return math.isclose(found, recorded, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
