"""`discovery verify`: re-check an exported algorithm's evidence from scratch."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from discovery.cli._options import JsonOption, SandboxOption
from discovery.cli._say import print_json, say

__all__ = ["command"]


def command(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="An exported folder, or a file in it.")],
    task: Annotated[
        str | None, typer.Option("--task", help="Folder of the task, for a bundle of an own problem.")
    ] = None,
    sandbox: SandboxOption = None,
    as_json: JsonOption = False,
) -> None:
    """Re-check the evidence of an exported algorithm. Exits with 1 when it does not hold.

    Nothing of the bundle is executed outside the sandbox.

    discovery verify runs/optimizers-20260102-150405/exports/optimizers_3f9a12
    """
    from discovery.cli._drive import require_packages
    from discovery.cli._sandbox import sandbox_report
    from discovery.export import read_bundle, verify
    from discovery.task import load_task
    from discovery.view.text import printable

    document, files = read_bundle(path)
    spec = _trusted_task(document["run"]["task"], task)
    require_packages(load_task(spec))
    backend = sandbox_report(sandbox or "auto")["backend"]
    say(f"re-checking {document['name']} in sandbox {backend} ...")
    alarms = [str(alarm) for alarm in document.get("alarms", ())]
    result = asyncio.run(verify(spec, document, files, backend, say))
    if as_json:
        checks = [{"name": name, "holds": holds, "detail": detail} for name, holds, detail in result.checks]
        print_json("verify", {"holds": result.holds, "alarms": alarms, "checks": checks})
    else:
        for name, holds, detail in result.checks:
            print(f"{'ok    ' if holds else 'FAILED'}  {name}: {detail}")
        for alarm in alarms:
            print(f"ALARM   recorded by the run: {printable(alarm)}")
        print("the evidence holds" if result.holds else "the evidence does not hold")
    raise typer.Exit(0 if result.holds else 1)


def _trusted_task(recorded: str, given: str | None) -> str:
    """The task to check against: what the caller names, or a registered name. A folder that only the bundle names is
    not taken: loading it would run code of whoever made the bundle."""
    from discovery.errors import ConfigError
    from discovery.task import task_spec

    if given is not None:
        return task_spec(given)
    if "/" in task_spec(recorded):
        raise ConfigError(
            f"this bundle belongs to an own problem ({recorded}), whose code would have to be run to check it",
            hint="name a task folder that you trust: --task FOLDER",
        )
    return recorded
