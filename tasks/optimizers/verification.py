"""Re-checking an exported rule from scratch. Nothing of the bundle is executed: its module text is compared with the
text that the recorded rule gives, and only that regenerated text is run, inside the sandbox.

What the bundle says is either *derived* (scores, effects, intervals, p-values, levels, sentences) or *raw* (log losses,
learning rates, fingerprints). Derived values must be exactly those that the recorded raw values give. Raw values are
measured again with the recorded seeds: in the environment that made them they must be equal, elsewhere float32 training
drifts, and what they add up to must agree within the uncertainty of the new measurement. What is only told, not
measured, cannot be checked and carries no claim: name and date of the run, numbers of proposals, parents, other
finalists.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from discovery.export import misnumbered, search_scores
from discovery.model import JSON, Evidence, Rejected, Verdict
from discovery.randomness import derive
from discovery.sandbox import Array
from discovery.task import Context, Verification
from discovery.tasks.optimizers import zoo
from discovery.tasks.optimizers.baseline import load_table
from discovery.tasks.optimizers.confirmation import compare, concluded, confirm, root_seed
from discovery.tasks.optimizers.environment import environment
from discovery.tasks.optimizers.language import OptimizerLanguage
from discovery.tasks.optimizers.proxies import HELD_OUT, SEARCH, proxy
from discovery.tasks.optimizers.stages import Judge
from discovery.tasks.optimizers.stages import concluded as judged
from discovery.tasks.optimizers.sweep import CandidateFailed, Trainer, check_answer, inputs

__all__ = ["EXACT", "MODULE_TOLERANCE", "SEARCH_SLACK", "SLACK", "mismatch", "verify"]

#: Largest difference of any weight between exported class and harness, after `MODULE_STEPS` steps in float64; after
#: fewer, of a rule that turns a relative change of its initial weights by `NUDGE` into a tenth of that (it is chaotic).
MODULE_TOLERANCE = 1e-6
MODULE_STEPS = 60
NUDGE = 1e-13
#: Equal numbers differ by no more than this, relatively or absolutely: sums and logarithms may round differently.
EXACT = 1e-9
#: In another environment: an effect must lie within the 95 % interval of the new measurement, widened by `SLACK` on
#: either side; a search-time score within `SEARCH_SLACK` of the new one.
SLACK, SEARCH_SLACK = 0.02, 0.1

Check = tuple[str, bool, str]
#: What reading a bundle that no export wrote may raise.
_MALFORMED = (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError)
#: Fields of a verdict that say what it cost, not what it found.
_COSTS = ("wall_seconds", "cpu_seconds", "record")


def verify(
    export: Callable[[], Mapping[str, str]], files: Mapping[str, str], provenance: Mapping[str, JSON], ctx: Context
) -> Verification:
    """All checks, in order; a bundle that is not what an export writes fails a check and raises nothing.

    Args:
        export: Gives the files that the recorded rule exports to.
        files, provenance, ctx: As for `Task.verify`.
    """
    source = provenance["program"]["source"]
    checks = [_rule(source, provenance)]
    if checks[0][1]:
        checks += _guarded("files", lambda: _exported(export(), files, source, ctx))
        checks += _guarded("search", lambda: [_search(source, provenance, ctx)])
        checks += _guarded("confirmation", lambda: _confirmation(source, provenance, ctx))
    return Verification(all(holds for _, holds, _ in checks), tuple(checks))


def _guarded(name: str, checks: Callable[[], list[Check]]) -> list[Check]:
    try:
        return checks()
    except _MALFORMED as error:
        return [(name, False, f"the record is incomplete or malformed: {type(error).__name__}: {error}")]


def mismatch(recorded: JSON, expected: JSON, path: str = "") -> str:
    """Where and how plain data `recorded` differ from `expected`; "" when they are equal, numbers to `EXACT`."""
    if isinstance(expected, Mapping) and isinstance(recorded, Mapping):
        if recorded.keys() != expected.keys():
            return f"{path or 'record'} has {sorted(recorded)}, expected {sorted(expected)}"
        parts = [(recorded[key], expected[key], f"{path}.{key}".lstrip(".")) for key in expected]
    elif isinstance(expected, list) and isinstance(recorded, list) and len(recorded) == len(expected):
        parts = [
            (ours, theirs, f"{path}[{i}]") for i, (ours, theirs) in enumerate(zip(recorded, expected, strict=True))
        ]
    elif isinstance(expected, str) and isinstance(recorded, str) and recorded != expected:
        same = (ours == theirs for ours, theirs in zip(recorded, expected, strict=False))
        start = len(list(takewhile(bool, same)))
        return f"{path} is recorded as {_from(recorded, start)}, found {_from(expected, start)}"
    else:
        return "" if _same(recorded, expected) else f"{path} is recorded as {recorded!r:.120}, found {expected!r:.120}"
    return next((told for part in parts if (told := mismatch(*part))), "")


def _from(text: str, start: int) -> str:
    """`text` from shortly before `start`, quoted."""
    return ("..." if start > 20 else "") + repr(text[max(0, start - 20) : start + 80])


def _same(recorded: JSON, expected: JSON) -> bool:
    if float in (kinds := {type(recorded), type(expected)}) and kinds <= {int, float}:
        return math.isclose(recorded, expected, rel_tol=EXACT, abs_tol=EXACT)
    return type(recorded) is type(expected) and bool(recorded == expected)


def _plain(record: Evidence | Verdict) -> Any:
    return json.loads(json.dumps(record.to_json()))


def _rule(source: str, provenance: Mapping[str, JSON]) -> Check:
    try:
        key = OptimizerLanguage().check(source).key
    except Rejected as error:
        return "rule", False, f"the recorded source is no rule: {error}"
    if key != provenance["program"]["key"] or key[:12] != provenance["program"].get("id"):
        return "rule", False, f"the recorded source has key {key[:12]}, the bundle says otherwise"
    return "rule", True, f"the recorded source is a rule with the recorded key {key[:12]}"


def _exported(expected: Mapping[str, str], files: Mapping[str, str], source: str, ctx: Context) -> list[Check]:
    module = next(text for name, text in expected.items() if name.endswith(".py"))
    return [_text(files, expected), _training(source, module, ctx)]


def _text(files: Mapping[str, str], expected: Mapping[str, str]) -> Check:
    if extra := files.keys() - expected.keys():
        return "files", False, f"{', '.join(sorted(extra))}: not part of what the recorded rule exports to"
    for name, text in expected.items():
        if name not in files:
            return "files", False, f"{name} is missing from the bundle"
        if files[name] != text:
            reason = "it was changed by hand, or made by another version"
            return "files", False, f"{name} differs from what the recorded rule exports to: {reason}"
    return "files", True, f"{', '.join(expected)}: byte for byte what the recorded rule exports to"


def _training(source: str, text: str, ctx: Context) -> Check:
    """Whether the exported class trains as the harness does, over as many steps as the comparison has a meaning."""
    task, seed = proxy("digits"), derive(ctx.seed, "optimizers", "module")
    trainer = Trainer(ctx.slot, ctx.limits, source, dtype="float64")
    payload = {"model": dict(task.model), "warmup": task.warmup, "dtype": "float64"}

    def trained(mode: str, program: str, steps: int, nudge: float = 0.0) -> NDArray[np.float64]:
        arrays = inputs(task.name, (seed,), steps)
        start = Array.of(arrays["init"].numpy().astype(np.float64) * (1.0 + nudge))
        answer = ctx.slot.call({**payload, "mode": mode, "source": program}, {**arrays, "init": start}, ctx.limits)
        weights: NDArray[np.float64] = check_answer(answer).arrays["weights"].numpy()
        if weights.shape != (1, task.parameters):
            raise CandidateFailed("invalid", f"weights of shape {weights.shape}, expected (1, {task.parameters})")
        return weights

    try:
        payload["lanes"] = [[2.0**-6 / trainer.scale(task, seed), 0.01, 0]]
        steps = MODULE_STEPS
        while True:
            ours = trained("train", source, steps)
            if steps == 1 or _gap(ours, trained("train", source, steps, NUDGE)) <= 0.1 * MODULE_TOLERANCE:
                break
            steps //= 2
        gap = _gap(ours, trained("module", text, steps))
    except (CandidateFailed, KeyError) as error:
        return "training", False, f"the exported class did not train: {error}"
    told = f"after {steps} steps on digits in float64 the exported class and the harness differ by {gap:.1e}"
    why = "" if steps == MODULE_STEPS else "; over more steps this rule blows up rounding errors"
    return "training", gap <= MODULE_TOLERANCE, f"{told} at most ({MODULE_TOLERANCE:.0e} is allowed){why}"


def _gap(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Largest difference of any weight; infinite where one is not finite."""
    gap = float(np.abs(one - other).max())
    return gap if math.isfinite(gap) else math.inf


def _search(source: str, provenance: Mapping[str, JSON], ctx: Context) -> Check:
    judge, seed = Judge(ctx.slot), int(provenance["run"]["config"]["seed"])
    verdicts: Sequence[Any] = provenance["search"]["verdicts"]
    if stage := misnumbered(provenance):
        return "search", False, f"{stage} is recorded twice, or without its first measurement"
    told = []
    for recorded in verdicts:
        stage = recorded["stage"]
        if recorded["clock_limited"] and recorded["score"] is None:
            told.append(f"{stage} was ended by the clock, which does not repeat")
            continue
        replicate = int(recorded["replicate"])
        again = judge.judge(source, stage, replicate, seed, ctx.limits)
        found = _plain(again) | {"stage": stage, "replicate": replicate}
        if reason := _differing_verdict(recorded, found):
            return "search", False, f"{stage}: {reason}"
        told.append(f"{stage} {again.status}" + ("" if again.score is None else f" {again.score:+.4f}"))
    return "search", True, f"judged again with the recorded seed: {', '.join(told) or 'nothing was recorded'}"


def _differing_verdict(recorded: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    def bare(verdict: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in verdict.items() if name not in _COSTS}

    made_in = recorded["evidence"].get("environment", environment())
    if recorded["status"] != "scored" or made_in == environment():
        return mismatch(bare(recorded), bare(found))
    derived = _plain(judged(recorded["stage"], recorded["evidence"])) | {
        "stage": recorded["stage"],
        "replicate": recorded["replicate"],
    }
    if reason := mismatch(bare(recorded), bare(derived)):
        return reason
    for name in ("fingerprint", "rediscovers"):
        if recorded["evidence"][name] != found["evidence"].get(name):
            return f"{name} is recorded as {recorded['evidence'][name]}, found {found['evidence'].get(name)}"
    if found["score"] is None or abs(recorded["score"] - found["score"]) > SEARCH_SLACK:
        return f"score {recorded['score']}, found {found['score']} ({SEARCH_SLACK} is allowed in another environment)"
    return ""


def _confirmation(source: str, provenance: Mapping[str, JSON], ctx: Context) -> list[Check]:
    entry = provenance.get("confirmation")
    if entry is None:
        return [("confirmation", True, "none recorded: the bundle claims nothing beyond search")]
    recorded = entry["evidence"]
    if recorded["data"]["table"] != load_table()["version"]:
        return [("confirmation", False, "recorded with another version of the AdamW table")]
    checks = [_entry(entry, provenance), _statistics(recorded)]
    if all(holds for _, holds, _ in checks):
        seed = root_seed(derive(int(provenance["run"]["config"]["seed"]), "confirm"))
        candidate = Trainer(ctx.slot, ctx.limits, source)
        adamw = Trainer(ctx.slot, ctx.limits, zoo.sources()["adamw"])
        checks.append(_repeated(recorded, compare(candidate, adamw, SEARCH + HELD_OUT, seed, seed)))
        if checks[-1][1] and entry["confirmed"]:
            checks.append(_fresh(confirm(candidate, ctx.seed)))
    return checks


def _entry(entry: Mapping[str, Any], provenance: Mapping[str, JSON]) -> Check:
    """Whether the entry belongs to this program; p after correction is the engine's to check."""
    if reason := mismatch({"key": entry["key"]}, {"key": provenance["program"]["key"]}):
        return "finalist", False, reason
    score, possible = entry["search_score"], search_scores(provenance)
    if type(score) is not float or score not in possible:
        return "finalist", False, f"search_score is recorded as {score}; the recorded verdicts give {possible}"
    if entry["confirmed"] and not entry["evidence"]["confirmed"]:
        return "finalist", False, "the bundle calls confirmed what its own evidence does not"
    return "finalist", True, "the confirmation is of this program"


def _statistics(recorded: Mapping[str, Any]) -> Check:
    derived = _plain(concluded(recorded["data"], SEARCH + HELD_OUT))
    reason = mismatch(recorded, derived)
    told = "claim, effects, intervals and p-values are what the recorded log losses give"
    return "statistics", not reason, reason or told


def _repeated(recorded: Mapping[str, Any], again: Evidence) -> Check:
    found = _plain(again)
    ours, theirs = recorded["data"], found["data"]
    if ours["environment"] == theirs["environment"]:
        reason = mismatch(recorded, found)
        return "confirmation", not reason, reason or "run again with the run's seeds: every number is the same"
    for name in ("level", "seeds"):
        if reason := mismatch(ours[name], theirs[name], name):
            return "confirmation", False, reason
    pairs = [(kind, ours["pooled"][kind], theirs["pooled"][kind]) for kind in theirs["pooled"]]
    pairs += [(name, recorded["cases"][name], found["cases"][name]) for name in found["cases"]]
    for name, before, now in pairs:
        low, high = now["interval"]
        if not low - SLACK <= before["effect"] <= high + SLACK:
            told = (
                f"{name}: log speed-up {before['effect']:+.3f} recorded, {now['effect']:+.3f} [{low:+.3f}, {high:+.3f}]"
            )
            return "confirmation", False, f"{told} found with the run's seeds"
    differing = [
        f"{key} {value}" for key, value in ours["environment"].items() if theirs["environment"].get(key) != value
    ]
    told = f"run again with the run's seeds; it was made with {', '.join(differing)}"
    return "confirmation", True, f"{told}, so only effects and level are compared, and they agree"


def _fresh(fresh: Evidence) -> Check:
    search, held_out = (fresh.data["pooled"][kind] for kind in ("search", "held_out"))
    holds = search["p_value"] < 0.05 and held_out["effect"] > 0
    return "fresh seeds", holds, ("the effect holds" if holds else "the effect does not hold") + f": {fresh.claim}"
