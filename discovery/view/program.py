"""One program whole: code, origin, scores per case, messages, evidence, every verdict."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from rich.console import RenderableType
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from discovery.model import JSON
from discovery.store import Journal
from discovery.view.text import one_line, printable, score_text, standing

__all__ = ["program_data", "program_view"]

_VALUE = 120


def program_data(journal: Journal, key: str) -> dict[str, JSON]:
    """Program `key` as `show RUN:ID --json` gives it. Raises `NotFound`."""
    row = journal.program_row(key)
    final = journal.measured_again().get(key, row.verdict)
    notes = journal.notes("confirmation")
    entries = [entry for note in notes[-1:] for entry in note["finalists"] if entry["key"] == key]
    return {
        "id": row.program.id,
        "key": key,
        "source": row.program.source,
        "index": row.first,
        "operator": row.operator,
        "parents": list(row.parents),
        "status": None if final is None else final.status,
        "score": None if final is None else final.score,
        "cases": {} if final is None else dict(final.cases),
        "message": "" if final is None else final.message,
        "evidence": {} if final is None else dict(final.evidence),
        "verdicts": [verdict.to_json() for verdict in journal.verdicts(key)],
        "confirmation": entries[0] if entries else None,
        "alarms": journal.alarms().get(key, []),
    }


def program_view(data: Mapping[str, JSON]) -> list[RenderableType]:
    """The picture of `program_data` for a terminal."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row("program", f"{data['id']}  (key {data['key']})")
    made = f"proposal {data['index']}, {printable(data['operator'])}"
    origin = " and ".join(parent[:12] for parent in data["parents"])
    grid.add_row("origin", f"{made} of {origin}" if origin else made)
    if data["status"] is None:
        grid.add_row("status", "in flight")
    else:
        score = "" if data["score"] is None else f", score {score_text(data['score'])}"
        grid.add_row("status", f"{data['status']}{score}")
    for place, (case, score) in enumerate(data["cases"].items()):
        grid.add_row("cases" if place == 0 else "", f"{score_text(score, signed=True):>10}  {one_line(case, 80)}")
    if data["message"]:
        grid.add_row("message", printable(data["message"]))
    for place, (name, value) in enumerate(data["evidence"].items()):
        grid.add_row("evidence" if place == 0 else "", f"{one_line(name, 40)}: {_value(value)}")
    for message in data["alarms"]:
        grid.add_row(Text("ALARM", style="bold red"), Text(printable(message), style="red"))
    _confirmation(grid, data["confirmation"], data["alarms"])
    code = Syntax(
        printable(data["source"].rstrip("\n")), "python", line_numbers=True, background_color="default", word_wrap=True
    )
    return [grid, Text(), code, Text(), _verdicts(data["verdicts"])]


def _confirmation(grid: Table, entry: Mapping[str, JSON] | None, alarms: Sequence[str]) -> None:
    if entry is None:
        return
    evidence = entry["evidence"]
    low, high = evidence["interval"]
    grid.add_row("confirmation", f"{standing(entry, alarms)}: {printable(evidence['claim'])}")
    effect = f"effect {score_text(evidence['effect'], signed=True)} [{score_text(low)}, {score_text(high)}]"
    adjusted = "" if entry["adjusted_p"] is None else f", p = {entry['adjusted_p']:.2g} after correction"
    grid.add_row("", effect + adjusted)


def _verdicts(verdicts: list[Mapping[str, JSON]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("stage", "replicate", "status", "score", "goes on", "wall s", "cpu s", "message"):
        table.add_column(name, justify="right" if name in ("replicate", "score", "wall s", "cpu s") else "left")
    for verdict in verdicts:
        clock = " (by the clock)" if verdict["clock_limited"] else ""
        table.add_row(
            one_line(verdict["stage"], 20),
            str(verdict["replicate"]),
            verdict["status"] + clock,
            score_text(verdict["score"]),
            "yes" if verdict["advance"] else "no",
            f"{verdict['wall_seconds']:.2f}",
            f"{verdict['cpu_seconds']:.2f}",
            one_line(verdict["message"], _VALUE),
        )
    return table


def _value(value: JSON) -> str:
    return one_line(value if isinstance(value, str) else json.dumps(value), _VALUE)
