"""Runs against each other: what was configured otherwise, and what the *confirmed* scores say.

Search-time scores are the best of many noisy ones and are never compared here. Each run is represented by the finalist
that its search ranked first, chosen before confirmation, so that its confirmed effect is not selected for either.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from discovery.model import JSON
from discovery.store import Journal
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
        `config`: dotted key to a list of values, one a run, only where they differ; `runs`: per run its name, proposals
        and `confirmed` (id, key, claim, whether confirmed, effect, interval), or None when it has not been confirmed;
        `differences`: for each run but the first: the first run's effect minus its own with `interval`, or `reason`.
    """
    settings = [_settings(journal) for journal in journals]
    names = sorted({name for each in settings for name in each})
    table = {name: [each.get(name) for each in settings] for name in names}
    runs = [
        {"name": journal.meta.name, "proposals": journal.proposal_count(), "confirmed": _finalist(journal)}
        for journal in journals
    ]
    return {
        "config": {name: values for name, values in table.items() if any(value != values[0] for value in values)},
        "runs": runs,
        "differences": [
            _difference(runs[0], other, journals[0].meta.task == journal.meta.task)
            for other, journal in zip(runs[1:], journals[1:], strict=True)
        ],
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
    }


def _difference(first: Mapping[str, JSON], second: Mapping[str, JSON], same_task: bool) -> dict[str, JSON]:
    names = {"first": first["name"], "second": second["name"], "difference": None, "interval": None}
    if not same_task:
        return {**names, "reason": "the runs have different tasks: their scores do not compare"}
    for run in (first, second):
        if run["confirmed"] is None:
            return {**names, "reason": f"{run['name']} is not confirmed: `discovery confirm {run['name']}`"}
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
    for title in ("run", "proposals", "finalist", "confirmed effect", "95 % interval", "claim"):
        results.add_column(title, justify="right" if title == "proposals" else "left")
    for run in found["runs"]:
        best = run["confirmed"]
        if best is None:
            results.add_row(printable(run["name"]), str(run["proposals"]), "-", "-", "-", "not confirmed yet")
            continue
        low, high = best["interval"]
        effect = score_text(best["effect"], signed=True)
        claim = ("" if best["confirmed"] else "NOT CONFIRMED: ") + one_line(best["claim"], 160)
        interval = f"[{score_text(low, signed=True)}, {score_text(high, signed=True)}]"
        results.add_row(printable(run["name"]), str(run["proposals"]), best["id"], effect, interval, claim)
    return [*parts, results, Text(), *(Text(_sentence(entry)) for entry in found["differences"])]


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
