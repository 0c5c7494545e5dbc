"""`discovery confirm`: fresh seeds and held-out cases for the finalists."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from discovery.cli._options import JsonOption, OutOption

if TYPE_CHECKING:
    from discovery.evaluate.confirm import Finalist
    from discovery.model import JSON, Program
    from discovery.store import Journal
    from discovery.task import Task

__all__ = ["command"]


def command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's folder or name, or @last.")],
    finalists: Annotated[int, typer.Option("--finalists", min=1, help="How many of the best programs.")] = 3,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure or prove the finalists again where the search never looked, and say what can be claimed.

    A null result is a result: it exits with 0. Confirming again repeats the same seeds; it is not another try.

    discovery confirm @last

    discovery confirm @last --finalists 5 --json
    """
    from discovery.evaluate import confirm as confirmation
    from discovery.loop import check_seeds
    from discovery.store import Journal, find_run
    from discovery.task import load_task

    with Journal.open(find_run(run, out), write=True) as journal:
        task = load_task(journal.meta.task)
        seeds = [program.key for program in check_seeds(task)]
        chosen = confirmation.finalists(journal, seeds, finalists)
        notes = journal.notes("confirmation")
        known = (
            notes[-1]
            if notes and [entry["key"] for entry in notes[-1]["finalists"]] == [k for k, _ in chosen]
            else None
        )
        if known is None:
            programs = [(journal.program(key), score) for key, score in chosen]
            found = asyncio.run(_confirm(journal, task, programs))
            known = {"alpha": task.alpha, "finalists": [entry.to_json() for entry in found]}
            journal.add_note("confirmation", known)
        _print(journal, task, known, as_json)


async def _confirm(journal: Journal, task: Task, programs: list[tuple[Program, float]]) -> list[Finalist]:
    from discovery.evaluate import Pool, confirm

    if not programs:
        return []
    config, backend = journal.meta.config, journal.meta.sandbox["backend"]
    workers = min(config["workers"], len(programs))
    log = journal.folder / "evaluator.log"
    print(f"confirming {len(programs)} finalists on fresh seeds and held-out cases ...", file=sys.stderr)
    async with Pool(journal.meta.task, sandbox=backend, workers=workers, seed=config["seed"], log=log) as pool:
        return await confirm.confirm(pool, task, config["seed"], programs)


def _print(journal: Journal, task: Task, known: Mapping[str, JSON], as_json: bool) -> None:
    if as_json:
        print(json.dumps({"schema": "discovery.confirm/1", "run": str(journal.folder), **known}))
        return
    if not known["finalists"]:
        print("nothing to confirm: no program but the seeds was scored")
        return
    for rank, entry in enumerate(known["finalists"], 1):
        _print_finalist(rank, entry, task)
    if not any(entry["confirmed"] for entry in known["finalists"]):
        print("result: no finalist is confirmed. The search-time scores are not to be claimed.")


def _print_finalist(rank: int, entry: Mapping[str, JSON], task: Task) -> None:
    evidence = entry["evidence"]
    low, high = evidence["interval"]
    adjusted = "" if entry["adjusted_p"] is None else f", p = {entry['adjusted_p']:.2g} after Holm"
    print(f"{rank}. {entry['key'][:12]}  {'CONFIRMED' if entry['confirmed'] else 'not confirmed'}{adjusted}")
    print(f"   {evidence['claim']}")
    print(
        f"   search {entry['search_score']:+.4f}; confirmed effect {evidence['effect']:+.4f} [{low:+.4f}, {high:+.4f}]"
    )
    for name, case in evidence["cases"].items():
        low, high = case["interval"]
        held = " (held out)" if case.get("held_out") else ""
        p_value = "" if case.get("p_value") is None else f"  p = {case['p_value']:.2g}"
        print(f"     {name + held:<32} {case['effect']:+.4f} [{low:+.4f}, {high:+.4f}]{p_value}")
