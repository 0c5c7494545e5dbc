"""`discovery compare`: runs against each other, on confirmed scores."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated

import typer

from discovery.cli._options import JsonOption, OutOption
from discovery.cli._say import print_json

__all__ = ["command"]


def command(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN", help="Runs; the first is the one. One alone: with its series.")
    ],
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare runs: the configuration that differs, and the difference of the confirmed scores.

    Search-time scores are not compared: `discovery confirm` each run first. The first run is compared with each other.
    Of runs that were repeated, the differences are taken seed by seed. One run alone stands for its series: what
    `run --repeat --control` made with it.

    discovery compare optimizers-20260102-150405

    discovery compare optimizers-20260102-150405 optimizers-20260102-150405-control
    """
    from discovery.errors import ConfigError
    from discovery.store import Journal, find_run, series
    from discovery.view.compare import compare_runs, compare_view
    from discovery.view.console import show

    folders = [find_run(run, out) for run in runs]
    if len(folders) == 1:
        folders = series(folders[0])
    if len(folders) < 2:
        raise ConfigError("two runs or more are expected", hint="`discovery list` shows the runs")
    with ExitStack() as stack:
        journals = [stack.enter_context(Journal.open(folder)) for folder in folders]
        found = compare_runs(journals)
    if as_json:
        print_json("compare", found)
    else:
        show(*compare_view(found))
