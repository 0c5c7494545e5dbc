"""`discovery diff`: the difference of two programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from discovery.cli._options import JsonOption, OutOption
from discovery.cli._say import print_json, say

if TYPE_CHECKING:
    from discovery.model import JSON

__all__ = ["command"]


def command(
    first: Annotated[str, typer.Argument(metavar="A", help="RUN:ID or RUN@best; RUN alone is its best program.")],
    second: Annotated[
        str | None, typer.Argument(metavar="B", help="Likewise. Without it, A is compared with its first parent.")
    ] = None,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what changed from program A to program B, or from A's parent to A.

    discovery diff @last@best

    discovery diff @last:3f9a @last@best
    """
    from discovery.view.console import show
    from discovery.view.diff import diff_view, unified_diff

    if second is None:
        new = _program(first, out)
        old = _parent(new, out)
    else:
        old, new = _program(first, out), _program(second, out)
    diff = unified_diff(old["source"], new["source"], old["name"], new["name"])
    if as_json:
        print_json("diff", {"a": old, "b": new, "diff": diff})
    elif diff:
        show(diff_view(diff))
    else:
        but = "" if old["source"] == new["source"] else " but for line ends"
        say(f"the two sources are equal{but}")


def _program(spec: str, out: Path | None) -> dict[str, JSON]:
    """Run, id, key, score, parents and source of the program that `spec` names."""
    from discovery.store import Journal, find_run, split_program

    run, prefix = split_program(spec)
    with Journal.open(find_run(run, out)) as journal:
        row = journal.program_row(journal.find("best" if prefix is None else prefix))
        name = f"{journal.meta.name}:{row.program.id}"
        return {
            "name": name,
            "run": str(journal.folder),
            "id": row.program.id,
            "key": row.program.key,
            "score": None if row.verdict is None else row.verdict.score,
            "parents": list(row.parents),
            "source": row.program.source,
        }


def _parent(program: dict[str, JSON], out: Path | None) -> dict[str, JSON]:
    from discovery.errors import ConfigError

    if not program["parents"]:
        raise ConfigError(
            f"program {program['name']} is a seed and has no parent", hint="name a second program to compare it with"
        )
    return _program(f"{program['run']}:{program['parents'][0]}", out)
