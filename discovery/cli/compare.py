"""`discovery compare`: runs against each other, on confirmed scores."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated

import typer

from discovery.cli._options import JsonOption, OutOption

__all__ = ["command"]


def command(
    runs: Annotated[list[str], typer.Argument(metavar="RUN RUN...", help="Two runs or more; the first is the one.")],
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare runs: the configuration that differs, and the difference of the confirmed scores.

    Search-time scores are not compared: `discovery confirm` each run first. The first run is compared with each other.

    discovery compare optimizers-20260102-150405 optimizers-20260102-150405-control
    """
    from discovery.errors import ConfigError
    from discovery.store import Journal, find_run
    from discovery.view.compare import compare_runs, compare_view
    from discovery.view.console import print_json, show

    if len(runs) < 2:
        raise ConfigError("two runs or more are expected", hint="`discovery list` shows the runs")
    with ExitStack() as stack:
        journals = [stack.enter_context(Journal.open(find_run(run, out))) for run in runs]
        found = compare_runs(journals)
    if as_json:
        print_json("compare", found)
    else:
        show(*compare_view(found))
