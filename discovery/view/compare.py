"""Runs against each other: what was configured otherwise, and what the *confirmed* scores say.

Search-time scores are the best of many noisy ones and are never compared here. Each run is represented by the finalist
that its search ranked first, chosen before confirmation, so that its confirmed effect is not selected for either. Runs
that differ in nothing but their seed (and limits) belong together: between two such groups the differences are taken
seed by seed, and the spread over seeds is what the interval comes from.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from discovery.errors import command_line
from discovery.model import JSON
from discovery.statistics import MAX_PAIRS, over_seeds, p_value
from discovery.store import Journal
from discovery.view.summary import spent_text
from discovery.view.text import one_line, printable, score_text

__all__ = ["compare_runs", "compare_view", "difference"]

Interval = tuple[float, float]


def difference(first: float, first_interval: Interval, second: float, second_interval: Interval) -> Interval:
    """95 % interval of `first - second` from the estimates and their 95 % intervals, taken as independent.

    With estimates a, b and intervals (l, u), (m, v): the bounds are
    a - b - sqrt((a - l)^2 + (v - b)^2) and a - b + sqrt((u - a)^2 + (b - m)^2)
    (Zou and Donner, "Construction of confidence limits about effect measures", Statistics in Medicine 27, 2008). Runs
    that confirm on common seeds have positively correlated errors; the interval is then wider than need be.

    >>> difference(5.0, (2.0, 8.0), 1.0, (-3.0, 5.0))
    (-1.0, 9.0)
    """
    (low, high), (other_low, other_high) = first_interval, second_interval
    middle = first - second
    return (
        middle - math.hypot(first - low, other_high - second),
        middle + math.hypot(high - first, second - other_low),
    )


def compare_runs(journals: Sequence[Journal]) -> dict[str, JSON]:
    """What `compare --json` gives.

    Returns:
        `config`: dotted key to a list of values, one a run, only where they differ; `runs`: per run its name, path,
        proposals and `confirmed` (id, key, claim, whether confirmed, effect, interval), or None when it was not yet;
        `differences`: for each run but the first: the first run's effect minus its own with `interval`, or `reason`;
        `by_seed`: for each group of runs but that of the first run, where several seeds are there: the groups' names,
        `seeds` in both, `differences` by seed, their `mean`, an `interval` with its `coverage` and `method`, `p_value`
        (one-sided, exact, for the first being better; None past 16 seeds), or `reason`.
    """
    settings = [_settings(journal) for journal in journals]
    names = sorted({name for each in settings for name in each})
    table = {name: [each.get(name) for each in settings] for name in names}
    runs = [
        {
            "name": journal.meta.name,
            "path": str(journal.folder),
            "proposals": journal.proposal_count(),
            "spent": asdict(journal.spending()),
            "confirmed": _finalist(journal),
        }
        for journal in journals
    ]
    return {
        "config": {name: values for name, values in table.items() if any(value != values[0] for value in values)},
        "runs": runs,
        "differences": [
            _difference(runs[0], other, journals[0].meta.task == journal.meta.task)
            for other, journal in zip(runs[1:], journals[1:], strict=True)
        ],
        "by_seed": _by_seed(journals, runs),
    }


#: What may differ between runs of one group.
_OWN = ("seed", "workers", "max_proposals", "max_time", "max_usd", "max_tokens", "max_calls", "target", "stagnation")


def _by_seed(journals: Sequence[Journal], runs: Sequence[Mapping[str, JSON]]) -> list[dict[str, JSON]]:
    groups: dict[str, dict[int, Mapping[str, JSON]]] = {}
    for journal, run in zip(journals, runs, strict=True):
        config = {name: value for name, value in journal.meta.config.items() if name not in _OWN}
        group = json.dumps([journal.meta.task, journal.meta.versions.get("task"), config], sort_keys=True)
        groups.setdefault(group, {}).setdefault(journal.meta.config["seed"], run)
    first, *others = groups.values()
    return [_paired(first, other) for other in others if len(first) > 1 and len(other) > 1]


def _paired(first: Mapping[int, Mapping[str, JSON]], second: Mapping[int, Mapping[str, JSON]]) -> dict[str, JSON]:
    """Differences seed by seed, of the seeds for which both runs are confirmed."""
    names = {"first": [run["name"] for run in first.values()], "second": [run["name"] for run in second.values()]}
    common = sorted(first.keys() & second.keys())
    pairs = {seed: (first[seed]["confirmed"], second[seed]["confirmed"]) for seed in common}
    found = {seed: one["effect"] - two["effect"] for seed, (one, two) in pairs.items() if one and two}
    nothing = {"mean": None, "interval": None, "coverage": None, "method": "", "p_value": None}
    seeds = {**names, "seeds": list(found), "differences": list(found.values())}
    if len(found) < 2:
        missing = [run["path"] for seed in common for run in (first[seed], second[seed]) if run["confirmed"] is None]
        reason = f"first {command_line('confirm', *missing)}" if missing else "they have fewer than two seeds in common"
        return {**seeds, **nothing, "reason": reason}
    interval = over_seeds(list(found.values()))
    return {
        **seeds,
        "mean": math.fsum(found.values()) / len(found),
        "interval": [interval.low, interval.high],
        "coverage": interval.coverage,
        "method": interval.method,
        "p_value": p_value(list(found.values())) if len(found) <= MAX_PAIRS else None,
        "reason": "",
    }


def _settings(journal: Journal) -> dict[str, JSON]:
    meta = journal.meta
    versions = {f"version of {name}": value for name, value in meta.versions.items()}
    return {"task": meta.task, "sandbox backend": meta.sandbox.get("backend"), **versions, **_flat(meta.config)}


def _flat(tree: Mapping[str, JSON], prefix: str = "") -> dict[str, JSON]:
    flat: dict[str, JSON] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            flat.update(_flat(value, f"{prefix}{name}."))
        else:
            flat[prefix + name] = value
    return flat


def _finalist(journal: Journal) -> dict[str, JSON] | None:
    notes = journal.notes("confirmation")
    if not notes or not notes[-1]["finalists"]:
        return None
    entry = notes[-1]["finalists"][0]
    evidence = entry["evidence"]
    return {
        "id": entry["key"][:12],
        "key": entry["key"],
        "confirmed": entry.get("confirmed", evidence["confirmed"]),
        "claim": evidence["claim"],
        "effect": evidence["effect"],
        "interval": evidence["interval"],
        "alarms": journal.alarms().get(entry["key"], []),
    }


def _difference(first: Mapping[str, JSON], second: Mapping[str, JSON], same_task: bool) -> dict[str, JSON]:
    names = {"first": first["name"], "second": second["name"], "difference": None, "interval": None}
    if not same_task:
        return {**names, "reason": "the runs have different tasks: their scores do not compare"}
    for run in (first, second):
        if run["confirmed"] is None:
            return {**names, "reason": f"{run['name']} is not confirmed: {command_line('confirm', run['path'])}"}
    one, two = first["confirmed"], second["confirmed"]
    low, high = difference(one["effect"], tuple(one["interval"]), two["effect"], tuple(two["interval"]))
    return {**names, "difference": one["effect"] - two["effect"], "interval": [low, high], "reason": ""}


def compare_view(found: Mapping[str, JSON]) -> list[RenderableType]:
    """The picture of `compare_runs` for a terminal."""
    names = [run["name"] for run in found["runs"]]
    config = Table(box=None, pad_edge=False, header_style="bold")
    config.add_column("configuration", no_wrap=True)
    for name in names:
        config.add_column(printable(name), overflow="fold")
    for key, values in found["config"].items():
        config.add_row(key, *("-" if value is None else one_line(str(value), 60) for value in values))
    parts: list[RenderableType] = [config if found["config"] else Text("the configurations are equal"), Text()]
    results = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("run", "proposals", "spent", "finalist", "confirmed effect", "95 % interval", "claim"):
        results.add_column(title, justify="right" if title in ("proposals", "spent") else "left")
    for run in found["runs"]:
        best = run["confirmed"]
        name, spent = printable(run["name"]), spent_text(run["spent"])
        if best is None:
            results.add_row(
                printable(run["name"]),
                str(run["proposals"]),
                spent_text(run["spent"]),
                "-",
                "-",
                "-",
                "not confirmed yet",
            )
            continue
        low, high = best["interval"]
        effect = score_text(best["effect"], signed=True)
        warnings = ("" if best["confirmed"] else "NOT CONFIRMED: ") + ("ALARM: " if best["alarms"] else "")
        claim = warnings + one_line(best["claim"], 160)
        interval = f"[{score_text(low, signed=True)}, {score_text(high, signed=True)}]"
        results.add_row(name, str(run["proposals"]), spent, best["id"], effect, interval, claim)
    sentences = [_sentence(entry) for entry in found["differences"]] if not found["by_seed"] else []
    sentences += [_seed_sentence(entry) for entry in found["by_seed"]]
    return [*parts, results, Text(), *(Text(sentence) for sentence in sentences)]


def _seed_sentence(entry: Mapping[str, JSON]) -> str:
    names = f"{printable(entry['first'][0])} and its repeats minus {printable(entry['second'][0])} and its repeats"
    if entry["mean"] is None:
        return f"{names}: no difference over seeds can be stated; {printable(entry['reason'])}"
    low, high = entry["interval"]
    told = (
        f"{names}, seed by seed over {len(entry['seeds'])} seeds: {score_text(entry['mean'], signed=True)}, "
        f"{100 * entry['coverage']:.3g} % interval [{score_text(low, signed=True)}, {score_text(high, signed=True)}]"
    )
    told += "" if entry["p_value"] is None else f", one-sided p = {entry['p_value']:.2g}"
    if entry["coverage"] < 0.95:
        return f"{told}; {len(entry['seeds'])} seeds are too few for a 95 % interval, which needs six: nothing is shown"
    return f"{told}; " + (
        "the interval holds zero: no difference is shown" if low <= 0 <= high else "the interval excludes zero"
    )


def _sentence(entry: Mapping[str, JSON]) -> str:
    names = f"{printable(entry['first'])} minus {printable(entry['second'])}"
    if entry["difference"] is None:
        return f"{names}: no difference can be stated; {printable(entry['reason'])}"
    low, high = entry["interval"]
    verdict = "the interval holds zero: no difference is shown" if low <= 0 <= high else "the interval excludes zero"
    return (
        f"{names}: {score_text(entry['difference'], signed=True)}, 95 % interval "
        f"[{score_text(low, signed=True)}, {score_text(high, signed=True)}]; {verdict}"
    )
