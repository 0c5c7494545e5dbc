"""`discovery show`: how a run stands, or one program of it whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from discovery.cli._options import JsonOption, OutOption
from discovery.cli._say import print_json

if TYPE_CHECKING:
    from rich.console import RenderableType

    from discovery.model import JSON
    from discovery.store import Journal

__all__ = ["command"]


def command(
    run: Annotated[str, typer.Argument(metavar="RUN[:ID]", help="A run, or one program of it (RUN:ID, RUN@best).")],
    programs: Annotated[bool, typer.Option("--programs", help="Every program, best first.")] = False,
    lineage: Annotated[
        bool, typer.Option("--lineage", help="The path from a seed to the program (the best without ID).")
    ] = False,
    failures: Annotated[bool, typer.Option("--failures", help="What went wrong, by class and operator.")] = False,
    prompts: Annotated[
        bool, typer.Option("--prompts", help="What models were asked for a program, and what they replied.")
    ] = False,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a run: its state and best program; or one program: code, origin, scores, verdicts.

    discovery show @last

    discovery show @last@best

    discovery show @last:3f9a --lineage

    discovery show @last:3f9a --prompts
    """
    from discovery.errors import ConfigError, command_line
    from discovery.store import Journal, find_run, split_program
    from discovery.view.console import show

    name, prefix = split_program(run)
    chosen = [option for option, wanted in _options(programs, lineage, failures, prompts) if wanted]
    if len(chosen) > 1:
        raise ConfigError(f"{' and '.join(chosen)} are different views", hint="ask for one at a time")
    if prefix is not None and (programs or failures):
        raise ConfigError(f"{chosen[0]} is a view of a whole run", hint=command_line("show", name, chosen[0]))
    with Journal.open(find_run(name, out)) as journal:
        if prompts:
            data, parts = _prompts(journal, prefix)
        elif programs:
            data, parts = _programs(journal)
        elif lineage:
            data, parts = _lineage(journal, journal.find("best" if prefix is None else prefix))
        elif failures:
            data, parts = _failures(journal)
        elif prefix is not None:
            data, parts = _program(journal, journal.find(prefix))
        else:
            data, parts = _run(journal)
        data = {"run": journal.meta.name, **data}
    if as_json:
        print_json("show", data)
    else:
        show(*parts)


def _options(programs: bool, lineage: bool, failures: bool, prompts: bool) -> list[tuple[str, bool]]:
    return [("--programs", programs), ("--lineage", lineage), ("--failures", failures), ("--prompts", prompts)]


def _prompts(journal: Journal, prefix: str | None) -> tuple[dict[str, JSON], list[RenderableType]]:
    """Of a program (RUN:ID), of a proposal by its number (RUN:#N), or the list of all calls of a run."""
    from discovery.view.conversation import calls_list, calls_table, conversation, conversation_view

    if prefix is None:
        rows = calls_list(journal)
        return {"calls": rows}, [calls_table(rows) if rows else "no model has replied in this run"]
    index = int(prefix[1:]) if prefix[:1] == "#" and prefix[1:].isdecimal() else None
    data = conversation(journal, journal.program_row(journal.find(prefix)).first if index is None else index)
    return {"prompts": data}, conversation_view(data)


def _run(journal: Journal) -> tuple[dict[str, JSON], list[RenderableType]]:
    from discovery.view.summary import best_curve, run_summary, summary_view

    summary = run_summary(journal)
    return summary, summary_view(summary, best_curve(journal))


def _program(journal: Journal, key: str) -> tuple[dict[str, JSON], list[RenderableType]]:
    from discovery.view.program import program_data, program_view

    data = program_data(journal, key)
    return {"program": data}, program_view(data)


def _programs(journal: Journal) -> tuple[dict[str, JSON], list[RenderableType]]:
    from discovery.view.summary import program_list, programs_table

    rows = program_list(journal)
    return {"programs": rows}, [programs_table(rows)]


def _lineage(journal: Journal, key: str) -> tuple[dict[str, JSON], list[RenderableType]]:
    from discovery.view.lineage import lineage, lineage_table

    path = lineage(journal, key)
    return {"lineage": [step.to_json() for step in path]}, [lineage_table(path)]


def _failures(journal: Journal) -> tuple[dict[str, JSON], list[RenderableType]]:
    from discovery.view.failures import failures, failures_view

    found = failures(journal)
    return {"failures": found}, failures_view(found)
