"""`discovery resume`: continue a run after Ctrl-C, a crash or a kill."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from discovery.cli._options import (
    DisplayOption,
    MaxCallsOption,
    MaxProposalsOption,
    MaxTimeOption,
    MaxTokensOption,
    MaxUsdOption,
    OutOption,
    SandboxOption,
    StagnationOption,
    TargetOption,
    WorkersOption,
    limits,
)
from discovery.cli._say import say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from discovery.config import RunConfig
    from discovery.model import JSON
    from discovery.store import Journal
    from discovery.task import Task

__all__ = ["command"]


def command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's folder or name, or @last.")],
    workers: WorkersOption = None,
    max_proposals: MaxProposalsOption = None,
    max_time: MaxTimeOption = None,
    max_usd: MaxUsdOption = None,
    max_tokens: MaxTokensOption = None,
    max_calls: MaxCallsOption = None,
    target: TargetOption = None,
    stagnation: StagnationOption = None,
    sandbox: SandboxOption = None,
    allow_weaker: Annotated[
        bool, typer.Option("--allow-weaker-sandbox", help="Go on although the sandbox enforces less than it did.")
    ] = False,
    out: OutOption = None,
    display: DisplayOption = None,
) -> None:
    """Go on with RUN where its journal ends. Limits are totals, and stay as last given.

    discovery resume @last

    discovery resume optimizers-20260102-150405 --max-proposals 500
    """
    from discovery.cli._drive import drive, run_task
    from discovery.config import resolve
    from discovery.course import check_course
    from discovery.store import Journal, find_run

    with Journal.open(find_run(run, out), write=True) as journal:
        # Given limits stay in force: the next resume goes on towards them.
        last = journal.last_event("RunStarted") or {}
        given = limits(
            workers=workers,
            max_proposals=max_proposals,
            max_time=max_time,
            max_usd=max_usd,
            max_tokens=max_tokens,
            max_calls=max_calls,
            target=target,
            stagnation=stagnation,
        )
        changes = {name: last.get(name) if value is None else value for name, value in given.items()}
        config = resolve(flags={**journal.meta.config, **{k: v for k, v in changes.items() if v is not None}})
        task = run_task(journal)
        check_course(journal.meta, config)
        ground = _same_ground(journal, task, config, sandbox, allow_weaker)
        raise typer.Exit(drive(journal, task, config, display, ground))


def _same_ground(
    journal: Journal, task: Task, config: RunConfig, sandbox: str | None, allow_weaker: bool
) -> Mapping[str, JSON]:
    """Refuse to mix verdicts that do not compare; the report of the sandbox to go on in.

    Raises:
        ConfigError: that sandbox enforces less than the one in which the run began.
        EnvironmentMissing: it cannot be used here.
    """
    from discovery.cli._drive import require_packages, versions
    from discovery.cli._sandbox import sandbox_report
    from discovery.errors import ConfigError

    then, now = journal.meta.versions, versions(task, config)
    for name in sorted(then.keys() | now.keys()):
        if then.get(name) != now.get(name):
            say(f"note: {name} was {then.get(name)} when the run began and is {now.get(name)} now")
    require_packages(task)
    before = journal.meta.sandbox
    after = sandbox_report(sandbox or before["backend"], before.get("options"))
    rank = {"none": 0, "best_effort": 1, "enforced": 2}
    levels = {name: entry["level"] for name, entry in after["capabilities"].items()}
    weaker = [name for name, had in before["capabilities"].items() if rank[levels[name]] < rank[had["level"]]]
    if weaker and not allow_weaker:
        raise ConfigError(
            f"sandbox {after['backend']} on this machine is weaker than {before['backend']} was when the run began: "
            + ", ".join(weaker),
            hint="`discovery doctor` says what is missing; --allow-weaker-sandbox goes on all the same",
        )
    if weaker or after["backend"] != before["backend"]:
        less = f", weaker in {', '.join(weaker)}" if weaker else ""
        say(f"note: the run began in sandbox {before['backend']} and goes on in {after['backend']}{less}")
    return after
