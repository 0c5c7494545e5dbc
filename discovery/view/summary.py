"""How a run stands: what `list` and `show` say of it, as plain data and as pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from discovery.errors import DiscoveryError, command_line
from discovery.model import JSON, MEASURE
from discovery.store import Journal, lease_holder
from discovery.view.text import about, duration, one_line, printable, score_text, sparkline, standing

__all__ = [
    "best_curve",
    "list_entry",
    "program_list",
    "programs_table",
    "run_state",
    "run_summary",
    "runs_table",
    "spent_text",
    "summary_view",
]

_CURVE_WIDTH = 64
_IMPROVEMENTS = 5
_STATE_STYLES = {"running": "green", "finished": "cyan", "stopped": "yellow", "unreadable": "red"}


def run_state(journal: Journal) -> Literal["running", "finished", "stopped"]:
    """`running` while a controller holds the run, `finished` at its limit of proposals, at its target or when nothing
    better came any more, else `stopped`."""
    if lease_holder(journal.folder) is not None:
        return "running"
    last = journal.last_event("RunStopped")
    return "finished" if last is not None and last["reason"] in ("limit", "target", "stagnation") else "stopped"


def list_entry(folder: Path) -> dict[str, JSON]:
    """One run as `list --json` gives it; a journal that cannot be read has state `"unreadable"` and a message."""
    try:
        with Journal.open(folder) as journal:
            return {**_head(journal), "best": _best(journal)}
    except DiscoveryError as error:
        return {"name": folder.name, "path": str(folder), "state": "unreadable", "message": error.message}


def _head(journal: Journal) -> dict[str, JSON]:
    limits = journal.last_event("RunStarted") or journal.meta.config
    return {
        "name": journal.folder.resolve().name,
        "path": str(journal.folder),
        "task": journal.meta.task,
        "state": run_state(journal),
        "created": journal.meta.created,
        "proposals": journal.proposal_count(),
        "max_proposals": limits.get("max_proposals"),
        "spent": asdict(journal.spending()),
    }


def _best(journal: Journal) -> dict[str, JSON] | None:
    found = journal.best(1)
    if not found:
        return None
    key, verdict = found[0]
    alarms = journal.alarms().get(key, [])
    return {
        "id": key[:12],
        "key": key,
        "status": verdict.status,
        "score": verdict.score,
        "stage": verdict.stage,
        "cases": dict(verdict.cases),
        "alarms": alarms,
    }


def run_summary(journal: Journal) -> dict[str, JSON]:
    """The state of a run as `show --json` gives it."""
    statuses: Counter[str] = Counter()
    repeats = measured = 0
    for row in journal.proposals():
        again = row.proposal.operator == MEASURE
        measured, repeats = measured + again, repeats + (row.repeat and not again)
    for outcome in journal.outcomes():
        statuses[outcome.verdict.status] += 1
    events = list(journal.events())
    notes = journal.notes("confirmation")
    return {
        **_head(journal),
        "sandbox": journal.meta.sandbox.get("backend"),
        "config": journal.meta.config,
        "versions": journal.meta.versions,
        "score_name": next((event["score_name"] for event in events if event["event"] == "RunStarted"), ""),
        "verdicts": journal.verdict_count(),
        "judged": journal.outcome_count(),
        "repeats": repeats,
        "measured_again": measured,
        "statuses": dict(statuses),
        "best": _best(journal),
        "improvements": [
            {name: event[name] for name in ("time", "index", "key", "score", "previous")}
            for event in events
            if event["event"] == "Improved"
        ],
        "alarms": [event["message"] for event in events if event["event"] == "Alarm"],
        "alarmed": sorted(journal.alarms()),
        "confirmation": notes[-1] if notes else None,
    }


def best_curve(journal: Journal) -> list[float]:
    """Best score so far after each outcome, from the first scored program on."""
    curve: list[float] = []
    for outcome in journal.outcomes():
        score = None if outcome.verdict.replicate else outcome.verdict.score
        if score is not None:
            curve.append(score if not curve else max(score, curve[-1]))
        elif curve:
            curve.append(curve[-1])
    return curve


def runs_table(entries: Iterable[Mapping[str, JSON]], now: datetime | None = None) -> Table:
    """The runs as `list` prints them."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    entries = list(entries)
    spent = any(entry.get("spent", {}).get("calls") for entry in entries)  # a column only where models were asked
    for name in ("run", "task", "state", "proposals", "best score", *(["spent"] if spent else []), "age"):
        table.add_column(name, justify="left" if name in ("run", "task", "state") else "right", no_wrap=True)
    for entry in entries:
        state = Text(entry["state"], style=_STATE_STYLES[entry["state"]])
        if entry["state"] == "unreadable":
            table.add_row(entry["name"], "", state)
            continue
        best = entry["best"]
        count = f"{entry['proposals']}/{entry['max_proposals'] or '?'}"
        score = score_text(best["score"]) + (" ALARM" if best["alarms"] else "") if best else "-"
        task = one_line(Path(entry["task"]).name, 40)
        cells = [entry["name"], task, state, count, score, *([spent_text(entry["spent"])] if spent else [])]
        table.add_row(*cells, _age(entry["created"], now))
    return table


def spent_text(spent: Mapping[str, JSON]) -> str:
    """What a run spent on models: dollars, or tokens where a price is unknown, with a `~` where they are estimated; a
    dash for nothing."""
    if not spent["calls"]:
        return "-"
    said = f"${spent['usd']:.4f}" if not spent["unpriced"] else f"{spent['tokens']:,} tokens"
    return about(said, spent["estimated"])


def _age(created: str, now: datetime | None) -> str:
    try:
        start = datetime.fromisoformat(created)
    except ValueError:
        return "?"
    start = start if start.tzinfo else start.replace(tzinfo=UTC)
    return duration(((now or datetime.now(UTC)) - start).total_seconds())


def summary_view(summary: Mapping[str, JSON], curve: list[float]) -> list[RenderableType]:
    """The picture of `run_summary` for a terminal."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    state = Text(summary["state"], style=_STATE_STYLES[summary["state"]])
    grid.add_row("run", Text.assemble(printable(summary["name"]), "  ", state))
    grid.add_row("task", printable(summary["task"]))
    unsafe = summary["sandbox"] == "unsafe"
    isolation = " (candidates were not isolated)" if unsafe else ""
    grid.add_row("sandbox", Text(f"{summary['sandbox']}{isolation}", style="red" if unsafe else ""))
    limit = summary["max_proposals"] or "?"
    again = f", {summary['measured_again']} to measure again" if summary["measured_again"] else ""
    grid.add_row("proposals", f"{summary['proposals']} of {limit}, {summary['repeats']} of them repeats{again}")
    counted = ", ".join(f"{count} {status}" for status, count in sorted(summary["statuses"].items()))
    grid.add_row("outcomes", f"{summary['judged']}: {counted}" if counted else "none yet")
    grid.add_row("verdicts", str(summary["verdicts"]))
    if (spent := summary["spent"])["calls"]:
        guessed = spent["estimated"]
        tokens = about(f"{spent['tokens']:,} tokens", guessed) + (f" ({guessed} replies estimated)" if guessed else "")
        price = about(f"${spent['usd']:.4f}", guessed and spent["usd"])
        price += f" and {spent['unpriced']} of unknown price" if spent["unpriced"] else ""
        grid.add_row("models", f"{spent['calls']} replies, {tokens}, {price}")
    best = summary["best"]
    if best is None:
        grid.add_row("best", "no program scored yet")
    else:
        name = f"  {printable(summary['score_name'])}" if summary["score_name"] else ""
        grid.add_row("best", Text.assemble((score_text(best["score"]), "bold green"), f"  {best['id']}{name}"))
        for case, score in best["cases"].items():
            grid.add_row("", f"{score_text(score, signed=True):>10}  {one_line(case, 60)}")
        grid.add_row("curve", Text(sparkline(curve, _CURVE_WIDTH), style="green"))
    for place, event in enumerate(reversed(summary["improvements"][-_IMPROVEMENTS:])):
        gain = "" if event["previous"] is None else score_text(event["score"] - event["previous"], signed=True)
        line = f"#{event['index']:<5} {event['key'][:12]}  {score_text(event['score'])}  {gain}"
        grid.add_row("improved" if place == 0 else "", line)
    for message in summary["alarms"][-3:]:
        grid.add_row(Text("warning", style="yellow"), Text(one_line(message, 200), style="yellow"))
    _confirmation_rows(grid, summary)
    return [grid]


def _confirmation_rows(grid: Table, summary: Mapping[str, JSON]) -> None:
    note = summary["confirmation"]
    if note is None:
        grid.add_row("confirmed", f"nothing yet; {command_line('confirm', printable(summary['path']))}")
        return
    if not note["finalists"]:
        grid.add_row("confirmed", "there was no finalist to confirm")
    for place, entry in enumerate(note["finalists"]):
        evidence = entry["evidence"]
        alarms = summary["alarms"] if entry["key"] in summary["alarmed"] else ()
        claim = f"{entry['key'][:12]} {standing(entry, alarms)}: {one_line(evidence['claim'], 160)}"
        grid.add_row("confirmed" if place == 0 else "", claim)


def program_list(journal: Journal) -> list[dict[str, JSON]]:
    """The programs as `show --programs --json` gives them, in the order first proposed; status None: not yet judged.

    One that was measured again has the mean of its scores, or the status of the measurement that failed.
    """
    anew, alarms = journal.measured_again(), journal.alarms()
    rows = [(row, anew.get(row.program.key, row.verdict)) for row in journal.programs()]
    return [
        {
            "id": row.program.id,
            "key": row.program.key,
            "status": None if verdict is None else verdict.status,
            "score": None if verdict is None else verdict.score,
            "parents": list(row.parents),
            "operator": row.operator,
            "index": row.first,
            "stage": None if verdict is None else verdict.stage,
            "alarms": alarms.get(row.program.key, []),
        }
        for row, verdict in rows
    ]


def programs_table(programs: Iterable[Mapping[str, JSON]]) -> Table:
    """Programs for a terminal, best first, those without a score after them."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("id", "status", "score", "stage", "proposal", "operator", "parents"):
        right, may_fold = name in ("score", "proposal"), name in ("stage", "operator", "parents")
        table.add_column(name, justify="right" if right else "left", no_wrap=not may_fold, overflow="fold")
    ranked = sorted(programs, key=lambda row: (row["score"] is None, -(row["score"] or 0.0), row["index"]))
    for row in ranked:
        table.add_row(
            row["id"],
            (row["status"] or "in flight") + (", ALARM" if row["alarms"] else ""),
            score_text(row["score"]),
            row["stage"] or "",
            str(row["index"]),
            one_line(row["operator"], 20),
            " ".join(parent[:12] for parent in row["parents"]),
        )
    return table
