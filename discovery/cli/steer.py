"""`discovery steer`: take part in a run by hand."""

from __future__ import annotations

from typing import Annotated

import typer

from discovery.cli._options import JsonOption, OutOption
from discovery.cli._read import read_bytes
from discovery.cli._say import print_json, say
from discovery.errors import command_line

__all__ = ["app"]

_HELP = """Take part in RUN by hand: answer its prompts in a model's place (`--model queue`), or give its models a hint.

discovery steer @last inbox

discovery steer @last answer 12-generate-0 --file reply.md

discovery steer @last hint "Try something that forgets its past."
"""

app = typer.Typer(help=_HELP, no_args_is_help=True)


@app.callback()
def _run(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's folder or name, or @last.")],
    out: OutOption = None,
) -> None:
    context.obj = run, out  # looked for by the verb: its help needs no run


@app.command("inbox")
def inbox(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="ID", help="A prompt, to show it whole.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the prompts that wait for an answer, or show one whole.

    discovery steer @last inbox

    discovery steer @last inbox 12-generate-0
    """
    from discovery.errors import NotFound
    from discovery.llm import waiting
    from discovery.store import find_run

    folder = find_run(*context.obj)
    prompts = [item for item in waiting(folder) if name in (None, item.id)]
    if name is not None and not prompts:
        raise NotFound(f"no prompt {name!r} waits in {folder / 'inbox'}", hint="`inbox` without ID lists what waits")
    if as_json:
        entries = [{"id": item.id, "answered": item.answered, "page": item.page} for item in prompts]
        print_json("steer", {"run": str(folder), "waiting": entries})
    elif name is not None:
        print(prompts[0].page)
    elif prompts:
        for item in prompts:
            print(item.id + ("   answered, not taken yet" if item.answered else ""))
        say(f"{command_line('steer', folder, 'inbox', 'ID')} shows one, `answer ID --file FILE` replies")
    else:
        say(f"nothing waits in {folder / 'inbox'}")


@app.command("answer")
def answer(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="ID", help="The prompt that is answered.")],
    extra: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
    file: Annotated[str, typer.Option("--file", metavar="FILE", help="Holds the reply; - is standard input.")] = "-",
) -> None:
    """Answer a prompt. The run takes the reply at once, or when it is resumed.

    discovery steer @last answer 12-generate-0 --file reply.md

    my-agent < prompt.md | discovery steer @last answer 12-generate-0
    """
    from discovery.errors import ConfigError
    from discovery.llm import answer as reply
    from discovery.store import find_run, lease_holder

    folder = find_run(*context.obj)
    if extra:
        raise ConfigError(
            f"`answer` takes the ID of one prompt, not also {' '.join(extra)}",
            hint=f"the file that holds the reply: `discovery steer {folder} answer {name} --file {extra[0]}`",
        )
    data = read_bytes(file)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} is not text in UTF-8: {error}") from error
    reply(folder, name, text)
    later = (
        "" if lease_holder(folder) is not None else f"; nobody runs it now, {command_line('resume', folder)} takes it"
    )
    say(f"answered {name}{later}")


@app.command("hint")
def hint(
    context: typer.Context,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="One or two sentences, for every later prompt.")],
) -> None:
    """Tell the models of a run something. It enters with the next proposal that is asked for, and stays.

    discovery steer @last hint "Try something that forgets its past."
    """
    from discovery.errors import ConfigError
    from discovery.store import Journal, find_run, give_hint, lease_holder

    folder = find_run(*context.obj)
    with Journal.open(folder) as journal:
        if not journal.meta.config["llm"]["models"]:
            raise ConfigError(
                f"run {journal.meta.name} has no language model: a hint would reach nobody",
                hint="hints are for runs that were started with --model",
            )
    give_hint(folder, text)
    when = (
        "with the next proposal"
        if lease_holder(folder) is not None
        else f"when {command_line('resume', folder)} goes on"
    )
    say(f"the hint enters {when}")
