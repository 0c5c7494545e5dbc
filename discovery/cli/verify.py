"""`discovery verify`: re-check an exported algorithm's evidence from scratch."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from discovery.cli._options import JsonOption, SandboxOption

__all__ = ["command"]


def command(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="An exported folder, or a file in it.")],
    sandbox: SandboxOption = None,
    as_json: JsonOption = False,
) -> None:
    """Re-check the evidence of an exported algorithm. Exits with 1 when it does not hold.

    Nothing of the bundle is executed outside the sandbox.

    discovery verify runs/optimizers-20260102-150405/exports/optimizers_3f9a12
    """
    from discovery.cli._drive import sandbox_report
    from discovery.export import read_bundle, verify
    from discovery.task import load_task

    document, files = read_bundle(path)
    task = load_task(document["run"]["task"])
    backend = sandbox_report(sandbox or "auto")["backend"]
    print(f"re-checking {document['name']} in sandbox {backend} ...", file=sys.stderr)
    result = asyncio.run(verify(task, document, files, backend))
    if as_json:
        checks = [{"name": name, "holds": holds, "detail": detail} for name, holds, detail in result.checks]
        print(json.dumps({"schema": "discovery.verify/1", "holds": result.holds, "checks": checks}))
    else:
        for name, holds, detail in result.checks:
            print(f"{'ok    ' if holds else 'FAILED'}  {name}: {detail}")
        print("the evidence holds" if result.holds else "the evidence does not hold")
    raise typer.Exit(0 if result.holds else 1)
