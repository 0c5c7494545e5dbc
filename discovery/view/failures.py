"""What goes wrong, by class and operator: the cheapest source of improvement."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from rich.console import RenderableType
from rich.table import Table

from discovery.model import JSON
from discovery.propose.replies import TROUBLES
from discovery.store import Journal
from discovery.view.text import one_line

__all__ = ["failures", "failures_view"]

_SCORED = ("scored", "proved")
_EXAMPLE = 160


class _Class(NamedTuple):
    status: str
    stage: str


def failures(journal: Journal) -> dict[str, JSON]:
    """Counts of outcomes by class (status and stage) and operator, repeats included.

    Returns:
        `operators`: operator to number of judged proposals; `classes`: one entry per failing class, the most frequent
        first, with `status`, `stage`, `count`, `operators` (operator to count) and `message`, the commonest there;
        `agent`: what was wrong with the replies of models, also where a program came of them in the end.
    """
    judged: Counter[str] = Counter()
    counts: dict[_Class, Counter[str]] = {}
    messages: dict[_Class, Counter[str]] = {}
    examples: dict[str, str] = {}
    for outcome in journal.outcomes():
        operator, verdict = outcome.proposal.operator, outcome.verdict
        judged[operator] += 1
        if verdict.status in _SCORED:
            continue
        kind = _Class(verdict.status, verdict.stage)
        counts.setdefault(kind, Counter())[operator] += 1
        pattern = _pattern(verdict.message)
        messages.setdefault(kind, Counter())[pattern] += 1
        examples.setdefault(pattern, verdict.message)
    ranked = sorted(counts.items(), key=lambda item: (-item[1].total(), item[0]))
    return {
        "operators": dict(sorted(judged.items())),
        "classes": [
            {
                "status": kind.status,
                "stage": kind.stage,
                "count": count.total(),
                "operators": dict(sorted(count.items())),
                "message": examples[messages[kind].most_common(1)[0][0]],
            }
            for kind, count in ranked
        ],
        "agent": _agent(journal),
    }


def _agent(journal: Journal) -> dict[str, JSON]:
    """What models did: proposals written by them, replies, and each trouble with how often it came and how often a
    program came of that proposal all the same; by operator and model."""
    written, calls, mended = 0, 0, 0
    troubles: dict[str, Counter[str]] = {}
    models: dict[str, Counter[str]] = {}
    for row in journal.proposals():
        if "calls" not in row.notes:
            continue
        written, calls, mended = written + 1, calls + row.notes["calls"], mended + bool(row.notes.get("mended"))
        for trouble in row.notes["troubles"]:
            counts = troubles.setdefault(trouble, Counter())
            counts["count"] += 1
            models.setdefault(trouble, Counter())[row.notes["model"]] += 1
        for trouble in set(row.notes["troubles"]):
            troubles[trouble]["proposals"] += 1
            troubles[trouble]["recovered"] += row.key is not None
    ranked = sorted(troubles.items(), key=lambda item: (-item[1]["count"], item[0]))
    return {
        "written": written,
        "calls": calls,
        "mended": mended,
        "troubles": [
            {
                "trouble": name,
                "meaning": TROUBLES.get(name, ""),
                "count": counts["count"],
                "proposals": counts["proposals"],
                "recovered": counts["recovered"],
                "models": dict(sorted(models[name].items())),
            }
            for name, counts in ranked
        ],
    }


def _pattern(message: str) -> str:
    """Messages that differ in numbers, places and quoted names only are one."""
    return re.sub(r"'[^']*'|\"[^\"]*\"|[-+]?\d[\d.e+-]*", "_", one_line(message, _EXAMPLE))


def failures_view(found: Mapping[str, JSON]) -> list[RenderableType]:
    """The same for a terminal: a line where nothing went wrong, else a table; of outcomes, and of replies of models."""
    judged, agent = sum(found["operators"].values()), found["agent"]
    parts: list[RenderableType] = [
        _outcomes(found) if found["classes"] else f"none of {judged} judged proposals failed"
    ]
    if agent["written"]:
        said = f"models: {agent['calls']} calls for {agent['written']} proposals, {agent['mended']} mended in reading"
        parts += [said, _replies(agent)] if agent["troubles"] else [f"{said}; no trouble with replies"]
    return parts


def _outcomes(found: Mapping[str, JSON]) -> Table:
    """A row per class, a column per operator, each `count (share of that operator)`."""
    judged = found["operators"]
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("class", no_wrap=True)
    table.add_column("stage", no_wrap=True)
    for operator in judged:
        table.add_column(one_line(operator, 20), justify="right", no_wrap=True)
    table.add_column("all", justify="right", no_wrap=True)
    table.add_column("commonest message")  # wraps, so that no name is cut
    for entry in found["classes"]:
        cells = [_cell(entry["operators"].get(operator, 0), total) for operator, total in judged.items()]
        message = one_line(entry["message"], _EXAMPLE)
        table.add_row(entry["status"], entry["stage"] or "language", *cells, str(entry["count"]), message)
    table.add_row("judged", "", *(str(total) for total in judged.values()), str(sum(judged.values())), style="dim")
    return table


def _cell(count: int, total: int) -> str:
    return f"{count} ({count / total:.0%})" if count else "-"


def _replies(agent: Mapping[str, JSON]) -> Table:
    """A row per trouble; recovered are the proposals that became a program in the end."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("trouble", no_wrap=True)
    for name in ("replies", "proposals", "recovered"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("models")
    table.add_column("meaning")
    for entry in agent["troubles"]:
        models = ", ".join(f"{one_line(model, 30)} {count}" for model, count in entry["models"].items())
        counts = (str(entry[name]) for name in ("count", "proposals", "recovered"))
        table.add_row(entry["trouble"], *counts, models, entry["meaning"])
    return table
