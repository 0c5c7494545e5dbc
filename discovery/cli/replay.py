"""`discovery replay`: a run once more from its recorded replies, without a model."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from discovery.cli._options import JsonOption, OutOption
from discovery.cli._say import print_json, say

if TYPE_CHECKING:
    from discovery.config import RunConfig
    from discovery.llm import Recorded
    from discovery.propose import Proposer
    from discovery.replay import Replayed
    from discovery.store import Journal
    from discovery.task import Task

__all__ = ["command"]


def command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's folder or name, or @last.")],
    re_evaluate: Annotated[
        bool, typer.Option("--re-evaluate", help="Judge every program again and compare the verdicts.")
    ] = False,
    any_prompt: Annotated[
        bool,
        typer.Option("--any-prompt", help="Take recorded replies also where the prompt would be another by now."),
    ] = False,
    task: Annotated[
        str | None, typer.Option("--task", help="The task's folder, where it is no longer where the run had it.")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Evaluator processes for --re-evaluate.")] = 2,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Propose all of RUN again from its recorded replies, and compare: the same programs, in the same order?

    By the recorded verdicts this takes seconds. Exits with 1 when something differs. The run itself stays as it is.

    discovery replay @last

    discovery replay @last --re-evaluate --workers 4
    """
    from discovery.llm import Recorded
    from discovery.store import Journal, find_run

    with Journal.open(find_run(run, out)) as journal:
        replies = Recorded(journal, any_prompt=any_prompt)
        result = asyncio.run(_replay(journal, replies, task, workers if re_evaluate else 0))
        best = [{"id": key[:12], "key": key, "score": verdict.score} for key, verdict in journal.best(1)]
        data = {
            "run": journal.meta.name,
            "equal": not result.differences,
            "proposals": result.proposals,
            "unwritten": result.unwritten,
            "replies": replies.used,
            "changed_prompts": replies.changed,
            "verdicts": result.verdicts,
            "differences": result.differences,
            "best": best[0] if best else None,
        }
    if as_json:
        print_json("replay", data)
    else:
        _print(result, replies)
    if result.differences:
        raise typer.Exit(1)


async def _replay(journal: Journal, replies: Recorded, spec: str | None, workers: int) -> Replayed:
    from discovery.cli._drive import run_task
    from discovery.config import resolve
    from discovery.evaluate import Pool
    from discovery.replay import Replay
    from discovery.task import load_task, task_spec

    spec = task_spec(spec or journal.meta.task)
    task = run_task(journal, spec) if workers else load_task(spec)
    if task.version != journal.meta.versions["task"]:
        say(f"note: task {task.name!r} has changed since this run began")
    config = resolve(flags=dict(journal.meta.config))
    _check_versions(journal, config, replies.any_prompt)
    proposer = _proposer(journal, task, config, replies)
    async with AsyncExitStack() as stack:
        evaluate = None
        if workers:
            backend, options = journal.meta.sandbox["backend"], journal.meta.sandbox.get("options")
            pool = Pool(spec, sandbox=backend, options=options, workers=workers, seed=config.seed)
            evaluate = (await stack.enter_async_context(pool)).evaluate
        return await Replay(journal, task, config, proposer, evaluate).run()


def _check_versions(journal: Journal, config: RunConfig, any_prompt: bool) -> None:
    """Raises ConfigError where the run would take another course by now; only said where other prompts will do."""
    from discovery.course import check_course
    from discovery.errors import ConfigError

    try:
        check_course(journal.meta, config)
    except ConfigError as error:
        if not any_prompt:
            raise
        say(f"note: {error.message}")


def _proposer(journal: Journal, task: Task, config: RunConfig, replies: Recorded) -> Proposer:
    from discovery.propose import Agent, Prompts, Symbolic

    if not config.llm.models:
        return Symbolic(task)
    prompts = Prompts.recorded(journal)
    models = config.llm.models
    return Agent(task, prompts, replies, models=models, config=config.agent, level=config.feedback, seed=config.seed)


def _print(result: Replayed, replies: Recorded) -> None:
    from discovery.view.text import printable

    print(f"replayed {result.proposals} proposals from {replies.used} recorded replies")
    if replies.changed:
        print(f"{replies.changed} of these replies were to another prompt")
    if result.unwritten:
        print(f"{result.unwritten} more were asked for and are not written yet")
    if result.verdicts:
        print(f"reached {result.verdicts} verdicts again")
    for line in result.differences:
        print(f"differs: {printable(line)}")
    if not result.differences:
        what = "programs, order and verdicts" if result.verdicts else "programs and order"
        print(f"the same {what} as recorded")
