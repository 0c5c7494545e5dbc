"""`discovery export`: a program as a module, with its evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from discovery.cli._options import JsonOption, OutOption
from discovery.cli._say import print_json, say

__all__ = ["command"]


def command(
    program: Annotated[str, typer.Argument(metavar="RUN[:ID]", help="A run (its best program) or one program of it.")],
    name: Annotated[str | None, typer.Option("--name", help="Name of the module.")] = None,
    to: Annotated[Path | None, typer.Option("--to", help="Folder to write into (default: the run's exports/).")] = None,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a self-contained module, its evidence and its self-test.

    Without an ID: the best confirmed program, one without an alarm before one with; else the best by search score,
    which is then said to be unconfirmed.

    discovery export @last

    discovery export @last:3f9a --name my_optimizer --to .
    """
    from discovery.cli._drive import run_task
    from discovery.errors import NotFound
    from discovery.export import default_name, write_bundle
    from discovery.store import Journal, find_run, split_program

    run, prefix = split_program(program)
    with Journal.open(find_run(run, out), write=True) as journal:
        task = run_task(journal)
        notes = journal.notes("confirmation")
        entries = notes[-1]["finalists"] if notes else []
        confirmed = [entry for entry in entries if entry["confirmed"]]
        alarms = journal.alarms()
        if prefix is not None:
            key = journal.find(prefix)
        elif confirmed:
            key = max(confirmed, key=lambda entry: (entry["key"] not in alarms, entry["evidence"]["effect"]))["key"]
        elif best := journal.best(1):
            key = best[0][0]
        else:
            raise NotFound(f"run {journal.meta.name} has no scored program to export")
        folder = to if to is not None else journal.folder / "exports"
        origin = journal.program_row(key).operator
        target = write_bundle(folder, task, journal, key, default_name(task, key) if name is None else name)
    if as_json:
        holds = key in {entry["key"] for entry in confirmed}
        found = {"path": str(target), "program": key, "confirmed": holds, "alarms": alarms.get(key, [])}
        print_json("export", found)
        return
    print(target)
    for alarm in alarms.get(key, []):
        say(f"ALARM: {alarm}; its evidence says so")
    if key not in {entry["key"] for entry in confirmed}:
        seed = "; it is a seed program, with which the run began" if origin == "seed" else ""
        say(f"note: this program is not confirmed{seed}; its evidence says so")
