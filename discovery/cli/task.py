"""`discovery task`: the tasks there are, and a folder for a new one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from discovery.cli._options import JsonOption
from discovery.cli._say import print_json, say

__all__ = ["app"]

_HELP = """The tasks there are, and new ones.

    discovery task list

    discovery task new my-problem
"""

app = typer.Typer(help=_HELP, no_args_is_help=True)


@app.command("list")
def list_tasks(as_json: JsonOption = False) -> None:
    """List the registered tasks. A folder with a `task.py` is a task too, by its path.

    discovery task list

    discovery task list --json
    """
    from discovery.errors import DiscoveryError
    from discovery.task import load_task, registered_tasks

    found: list[dict[str, str]] = []
    for name, origin in sorted(registered_tasks().items()):
        try:
            score, problem = load_task(name).score_name, ""
        except DiscoveryError as error:
            score, problem = "", error.message
        found.append({"name": name, "origin": origin, "score": score, "problem": problem})
    if as_json:
        print_json("task-list", {"tasks": found})
        return
    for entry in found:
        print(f"{entry['name']:<16} {entry['score'] or 'cannot be loaded: ' + entry['problem']}")
    say("and any folder with a task.py, by its path; `discovery task new NAME` makes one")


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the task and of its folder.")],
    out: Annotated[Path, typer.Option("--out", help="Where to put the folder.")] = Path(),
    as_json: JsonOption = False,
) -> None:
    """Make a task folder that runs as it stands: your own problem, in plain Python.

    discovery task new my-problem

    discovery run ./my-problem --max-proposals 100
    """
    from discovery.errors import ConfigError, command_line

    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,63}", name):
        raise ConfigError(
            f"a task's name has letters, digits, - and _, and starts with a letter; got {name!r}",
            hint="for example: discovery task new my-problem",
        )
    folder = out / name
    if folder.exists():
        raise ConfigError(f"{folder} exists already", hint="choose another name or --out")
    _copy_template(folder, name)
    if as_json:
        print_json("task-new", {"path": str(folder)})
    else:
        path = folder if folder.is_absolute() else f"./{folder}"
        print(folder)
        say(f"next: edit {folder / 'task.py'}, or try it as it is: {command_line('run', path, '--max-proposals', 50)}")


def _copy_template(folder: Path, name: str) -> None:
    from importlib.resources import as_file, files

    from discovery.errors import EnvironmentMissing

    with as_file(files("discovery").joinpath("tasks/python/template")) as template:
        try:
            for source in sorted(template.rglob("*")):
                if source.is_file() and source.suffix in (".py", ".md"):
                    target = folder / source.relative_to(template)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_text(source.read_text(encoding="utf-8").replace("NAME", name), encoding="utf-8")
        except OSError as error:
            raise EnvironmentMissing(f"cannot write {folder}: {error.strerror}") from error
