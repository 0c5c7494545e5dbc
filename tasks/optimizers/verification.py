"""Re-checking an exported rule from scratch. Nothing of the bundle is executed: its module text is compared with the
text that the recorded rule gives, and only that regenerated text is run, inside the sandbox."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from discovery.model import JSON, Evidence, Rejected
from discovery.randomness import derive
from discovery.task import Context, Verification
from discovery.tasks.optimizers import zoo
from discovery.tasks.optimizers.baseline import load_table
from discovery.tasks.optimizers.confirmation import compare, confirm
from discovery.tasks.optimizers.language import OptimizerLanguage
from discovery.tasks.optimizers.proxies import HELD_OUT, SEARCH, proxy
from discovery.tasks.optimizers.sweep import CandidateFailed, Lane, Trainer, check_answer, inputs

__all__ = ["EXACT", "MODULE_TOLERANCE", "SLACK", "verify"]

#: Largest difference of any weight between exported class and harness, after `MODULE_STEPS` steps in float64.
MODULE_TOLERANCE = 1e-6
MODULE_STEPS = 60
#: A re-run pooled effect must lie within the recorded 95 % interval, widened by this much on either side. On the
#: machine and versions that made the bundle the raw values agree to `EXACT`; elsewhere float32 training drifts apart.
SLACK = 0.02
EXACT = 1e-9

Check = tuple[str, bool, str]


def verify(
    export: Callable[[], Mapping[str, str]], files: Mapping[str, str], provenance: Mapping[str, JSON], ctx: Context
) -> Verification:
    """All checks, in order; a bundle that is not what an export writes fails a check and raises nothing.

    Args:
        export: Gives the files that the recorded rule exports to.
        files, provenance, ctx: As for `Task.verify`.
    """
    source = provenance["program"]["source"]
    checks = [_key(source, provenance)]
    if checks[0][1]:
        expected = export()
        module = next(text for name, text in expected.items() if name.endswith(".py"))
        checks += [_text(files, expected), _training(source, module, ctx)]
        checks += _confirmation(source, provenance.get("confirmation"), ctx)
    return Verification(all(holds for _, holds, _ in checks), tuple(checks))


def _key(source: str, provenance: Mapping[str, JSON]) -> Check:
    try:
        key = OptimizerLanguage().check(source).key
    except Rejected as error:
        return "rule", False, f"the recorded source is no rule: {error}"
    if key != provenance["program"]["key"]:
        return "rule", False, f"the recorded source has key {key[:12]}, the bundle says otherwise"
    return "rule", True, f"the recorded source is a rule with the recorded key {key[:12]}"


def _text(files: Mapping[str, str], expected: Mapping[str, str]) -> Check:
    for name, text in expected.items():
        if name not in files:
            return "files", False, f"{name} is missing from the bundle"
        if files[name] != text:
            reason = "it was changed by hand, or made by another version"
            return "files", False, f"{name} differs from what the recorded rule exports to: {reason}"
    return "files", True, f"{', '.join(expected)}: byte for byte what the recorded rule exports to"


def _training(source: str, text: str, ctx: Context) -> Check:
    task, seed = proxy("digits"), derive(ctx.seed, "optimizers", "module")
    trainer = Trainer(ctx.slot, ctx.limits, source, dtype="float64")
    try:
        lane = Lane(2.0**-6 / trainer.scale(task, seed), 0.01, 0)
        ours = trainer.weights(task, [lane], [seed], MODULE_STEPS)
        payload = {
            "mode": "module",
            "source": text,
            "model": dict(task.model),
            "warmup": task.warmup,
            "dtype": "float64",
            "lanes": [[lane.rate, lane.decay, lane.seed]],
        }
        answer = check_answer(ctx.slot.call(payload, inputs(task.name, (seed,), MODULE_STEPS), ctx.limits))
        theirs = answer.arrays["weights"].numpy()
    except (CandidateFailed, KeyError) as error:
        return "training", False, f"the exported class did not train: {error}"
    if theirs.shape != ours.shape:
        return "training", False, f"the exported class left weights of shape {theirs.shape}, expected {ours.shape}"
    gap = float(np.abs(ours - theirs).max())
    holds = math.isfinite(gap) and gap <= MODULE_TOLERANCE
    told = f"after {MODULE_STEPS} steps on digits in float64 the exported class and the harness differ by {gap:.1e}"
    return "training", holds, f"{told} at most ({MODULE_TOLERANCE:.0e} is allowed)"


def _confirmation(source: str, recorded: Any, ctx: Context) -> list[Check]:
    if recorded is None:
        return [("confirmation", True, "none recorded: the bundle claims nothing beyond search")]
    try:
        evidence = Evidence.from_json(recorded["evidence"])
        ours, theirs = (int(evidence.data["seeds"][side]) for side in ("candidate", "reference"))
        pooled = {kind: evidence.data["pooled"][kind] for kind in ("search", "held_out")}
        bounds = {kind: tuple(map(float, found["interval"])) for kind, found in pooled.items()}
        raw = {name: np.asarray(values, dtype=float) for name, values in evidence.data["differences"].items()}
        table, claimed, level = evidence.data["table"], bool(recorded["confirmed"]), evidence.data["level"]
    except (KeyError, TypeError, ValueError) as error:
        return [("confirmation", False, f"the recorded evidence is incomplete: {type(error).__name__}: {error}")]
    if table != load_table()["version"]:
        return [("confirmation", False, f"recorded with AdamW table {table[:12]}, this is another version")]
    if claimed and not evidence.confirmed:
        return [("confirmation", False, "the bundle calls confirmed what its own evidence does not")]
    candidate = Trainer(ctx.slot, ctx.limits, source)
    adamw = Trainer(ctx.slot, ctx.limits, zoo.sources()["adamw"])
    again = compare(candidate, adamw, SEARCH + HELD_OUT, ours, theirs)
    return [_same(again, bounds, raw, level), _fresh(confirm(candidate, ctx.seed), claimed)]


def _same(again: Evidence, bounds: Mapping[str, Any], raw: Mapping[str, Any], level: str) -> Check:
    effects = {kind: again.data["pooled"][kind]["effect"] for kind in bounds}
    inside = all(low - SLACK <= effects[kind] <= high + SLACK for kind, (low, high) in bounds.items())
    values = again.data["differences"]
    gap = math.inf
    if {name: len(v) for name, v in values.items()} == {name: v.size for name, v in raw.items()}:
        gap = max(float(np.abs(np.asarray(v) - raw[name]).max()) for name, v in values.items())
    told = "identical raw values" if gap <= EXACT else f"raw values differ by up to {gap:.3g}"
    detail = (
        f"re-run with the recorded seeds: {told}; pooled log speed-up {effects['search']:+.3f} on search tasks, "
        f"{effects['held_out']:+.3f} on held-out tasks; level {again.data['level']!r}, recorded {level!r}"
    )
    return "confirmation", inside and math.isfinite(gap) and again.data["level"] == level, detail


def _fresh(fresh: Evidence, claimed: bool) -> Check:
    search, held_out = (fresh.data["pooled"][kind] for kind in ("search", "held_out"))
    holds = search["p_value"] < 0.05 and held_out["effect"] > 0
    if not claimed:
        return "fresh seeds", True, f"nothing was claimed; on new seeds: {fresh.claim}"
    return "fresh seeds", holds, ("the effect holds" if holds else "the effect does not hold") + f": {fresh.claim}"
