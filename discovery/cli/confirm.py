"""`discovery confirm`: fresh seeds and held-out cases for the finalists."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from discovery.cli._options import JsonOption, OutOption
from discovery.cli._say import print_json, say

if TYPE_CHECKING:
    from discovery.evaluate.rescore import Rescore
    from discovery.model import JSON, Evidence, Program
    from discovery.store import Journal
    from discovery.task import Task

__all__ = ["command"]


def command(
    runs: Annotated[list[str], typer.Argument(metavar="RUN", help="Folders or names of runs, or @last.")],
    finalists: Annotated[int, typer.Option("--finalists", min=1, help="How many of the best programs.")] = 3,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure or prove the finalists again where the search never looked, and say what can be claimed.

    A null result is a result: it exits with 0. Confirming again repeats the same seeds; it is not another try. What was
    measured is kept: broken off, it goes on with the next finalist.

    discovery confirm @last

    discovery confirm @last --finalists 5 --json
    """
    from discovery.store import Journal, find_run

    results = []
    for folder in [find_run(run, out) for run in runs]:
        with Journal.open(folder, write=True) as journal:
            results.append(_confirm(journal, finalists, quiet=as_json, named=len(runs) > 1))
    if as_json:
        whole = results[0] if len(results) == 1 else {"runs": results}
        print_json("confirm", whole)


def _confirm(journal: Journal, count: int, *, quiet: bool, named: bool) -> dict[str, JSON]:
    """Confirm the finalists of one run, journal what was found, and say it unless `quiet`."""
    from discovery.cli._drive import require_packages, run_task
    from discovery.course import check_seeds
    from discovery.evaluate import confirm as confirmation

    task = run_task(journal)
    require_packages(task)
    seeds = [program.key for program in check_seeds(task)]
    chosen = confirmation.finalists(journal, seeds, count)
    evidence = _evidence(journal, [key for key, _ in chosen])
    found = confirmation.corrected(task, chosen, evidence)
    again = _scored_again(journal, task, seeds, [key for key, _ in chosen])
    alarms = journal.alarms()
    entries = [
        {**entry.to_json(), "rescore": again.get(entry.key), "alarms": alarms.get(entry.key, [])} for entry in found
    ]
    document = {"alpha": task.alpha, "finalists": entries}
    if document not in journal.notes("confirmation")[-1:]:
        journal.add_note("confirmation", document)
    if not quiet:
        if named:
            print(f"{journal.meta.name}:")
        _print(document)
    return {"run": str(journal.folder), **document}


def _evidence(journal: Journal, keys: list[str]) -> list[Evidence]:
    """Evidence about each program: from the journal what was found before, the rest measured now and journaled."""
    from discovery.model import Evidence

    def keep(program: Program, found: Evidence) -> None:
        journal.add_note("evidence", {"key": program.key, "evidence": found.to_json()})

    def known() -> dict[str, Evidence]:
        return {note["key"]: Evidence.from_json(note["evidence"]) for note in journal.notes("evidence")}

    before = known()
    missing = [journal.program(key) for key in keys if key not in before]
    if missing:
        asyncio.run(_measure(journal, missing, keep))
    after = known()
    return [after[key] for key in keys]


def _scored_again(journal: Journal, task: Task, seeds: list[str], keys: list[str]) -> dict[str, Mapping[str, JSON]]:
    """Each program's scores in a new sandbox, by key: from the journal, or measured now and journaled with the alarms
    that they raise."""
    from discovery.events import Alarm

    def keep(found: Rescore) -> None:
        journal.add_note("rescore", found.to_json())
        for alarm in found.alarms:
            journal.add_event(Alarm(f"program {found.key[:12]}: {alarm}", found.key))

    known = {note["key"]: note for note in journal.notes("rescore")}
    missing = [key for key in keys if key not in known]
    if missing:
        asyncio.run(_score_again(journal, task, seeds, missing, keep))
    return {note["key"]: note for note in journal.notes("rescore")}


async def _score_again(
    journal: Journal, task: Task, seeds: list[str], keys: list[str], keep: Callable[[Rescore], None]
) -> None:
    from discovery.cli._sandbox import other_sandbox, run_pool
    from discovery.errors import EnvironmentMissing
    from discovery.evaluate import confirm as confirmation
    from discovery.evaluate.rescore import rescore

    seed = journal.meta.config["seed"]
    stages = {stage.name: stage for stage in task.stages}
    verdicts = {key: verdict for key in seeds if (verdict := confirmation.final_verdict(journal, key)) is not None}
    scores = {key: verdict.score for key, verdict in verdicts.items() if verdict.score is not None}
    first = max(scores, key=scores.__getitem__, default=None)
    began = None if first is None else (journal.program(first), scores[first])
    choices = [other_sandbox(journal.meta.sandbox), journal.meta.sandbox]
    for place, sandbox in enumerate(choices):
        try:
            async with run_pool(journal, sandbox, workers=1) as pool:
                say(f"scoring them again in a new sandbox, {pool.sandbox} ...")
                for key in keys:
                    verdict = confirmation.final_verdict(journal, key)
                    assert verdict is not None
                    program = journal.program(key)
                    keep(await rescore(pool, seed, program, stages[verdict.stage], verdict, began))
            return
        except EnvironmentMissing as error:
            if place + 1 == len(choices):
                raise
            say(f"note: not in sandbox {sandbox['backend']}: {error.message}")


async def _measure(journal: Journal, programs: list[Program], keep: Callable[[Program, Evidence], None]) -> None:
    from discovery.cli._sandbox import run_pool
    from discovery.evaluate.confirm import measure

    say(f"confirming {len(programs)} finalists on fresh seeds and held-out cases ...")
    # One after another: where a confirmation measures time, the others must not disturb it.
    async with run_pool(journal, journal.meta.sandbox, workers=1) as pool:
        pool.on_told = say
        await measure(pool, journal.meta.config["seed"], programs, keep)


def _print(known: Mapping[str, JSON]) -> None:
    if not known["finalists"]:
        print("nothing to confirm: no program but the seeds was scored")
        return
    for rank, entry in enumerate(known["finalists"], 1):
        _print_finalist(rank, entry)
    confirmed = [entry for entry in known["finalists"] if entry["confirmed"]]
    if not confirmed:
        print("result: no finalist is confirmed. The search-time scores are not to be claimed.")
    elif all(entry["alarms"] for entry in confirmed):
        print("result: no finalist is confirmed without an alarm. Find out what raised it before you claim anything.")


def _standing(entry: Mapping[str, JSON]) -> str:
    from discovery.view.text import standing

    return standing(entry, entry["alarms"]).replace("confirmed", "CONFIRMED" if entry["confirmed"] else "confirmed")


def _print_finalist(rank: int, entry: Mapping[str, JSON]) -> None:
    from discovery.view.text import printable

    evidence = entry["evidence"]
    low, high = evidence["interval"]
    adjusted = "" if entry["adjusted_p"] is None else f", p = {entry['adjusted_p']:.2g} after Holm"
    print(f"{rank}. {entry['key'][:12]}  {_standing(entry)}{adjusted}")
    print(f"   {evidence['claim']}")
    for alarm in entry["alarms"]:
        told = alarm.removeprefix(f"program {entry['key'][:12]}: ")
        print(f"   ALARM: {printable(told)}")
    print(
        f"   search {entry['search_score']:+.4f}; confirmed effect {evidence['effect']:+.4f} [{low:+.4f}, {high:+.4f}]"
    )
    for name, case in evidence["cases"].items():
        low, high = case["interval"]
        held = " (held out)" if case.get("held_out") else ""
        p_value = "" if case.get("p_value") is None else f"  p = {case['p_value']:.2g}"
        print(f"     {name + held:<32} {case['effect']:+.4f} [{low:+.4f}, {high:+.4f}]{p_value}")
