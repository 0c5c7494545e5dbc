"""What verbs that act on a run share: its task, the evaluators, the loop, signals, how it ended."""

from __future__ import annotations

import asyncio
import errno
import signal
from collections.abc import Mapping
from typing import TYPE_CHECKING

from discovery.cli._say import say
from discovery.errors import DiscoveryError, TaskError, command_line
from discovery.model import JSON

if TYPE_CHECKING:
    from pathlib import Path

    from discovery.config import RunConfig
    from discovery.events import Event
    from discovery.loop import Summary
    from discovery.store import Journal
    from discovery.task import Task

__all__ = ["drive", "finish", "require_packages", "run_task", "versions"]


def versions(task: Task, config: RunConfig) -> dict[str, str]:
    """Versions that a run depends on: ours, Python's, the task's, of what makes its choices, and of the packages that
    the task's harness loads."""
    import platform
    from importlib import metadata

    from discovery import __version__
    from discovery.course import course_versions

    found = {"discovery": __version__, "python": platform.python_version(), "task": task.version}
    found |= course_versions(config)
    for package in task.harness.preload:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = ""
    return found


def run_task(journal: Journal, spec: str | None = None) -> Task:
    """The task of the run in `journal`, at `spec` where it has moved.

    Raises:
        ConfigError: it is not the one that the run began with.
    """
    from discovery.errors import ConfigError
    from discovery.task import load_task

    task = load_task(spec or journal.meta.task)
    then = journal.meta.versions["task"]
    if then != task.version:
        raise ConfigError(
            f"task {task.name!r} has changed since this run began (version {then[:12]}, now {task.version[:12]}): its "
            "verdicts would not compare",
            hint="start a new run, or go back to the task as it was",
        )
    return task


def require_packages(task: Task) -> None:
    """Raises EnvironmentMissing, with the line to type, when a package that the task's harness loads is missing."""
    import importlib.util
    import re
    from importlib import metadata

    from discovery.errors import EnvironmentMissing

    for package in task.harness.preload:
        if importlib.util.find_spec(package.partition(".")[0]) is None:
            lines = metadata.requires("discovery-agent") or ()
            ours = [re.match(rf"{re.escape(package)}\b.*extra == ['\"](\w+)", line) for line in lines]
            extras = [found[1] for found in ours if found and found[1] not in ("all", "dev")]
            wanted = f'"discovery-agent[{extras[0]}]"' if extras else package
            raise EnvironmentMissing(
                f"task {task.name!r} needs the package {package}, which is not installed", hint=f"pip install {wanted}"
            )


def drive(
    journal: Journal,
    task: Task,
    config: RunConfig,
    display: str | None,
    sandbox: Mapping[str, JSON] | None = None,
) -> int:
    """Take up the run in `journal` until its limits or a signal; returns the exit code.

    The first SIGINT or SIGTERM lets what is in flight finish, the second stops at once, and so does one while the
    evaluators start. Either way `resume` goes on.
    """
    folder = journal.folder
    if "queue" in config.llm.models:
        say(
            f"prompts wait in {folder / 'inbox'}: {command_line('steer', folder, 'inbox')} lists them; "
            "or put ID.md into outbox"
        )
    try:
        summary, caught = asyncio.run(_drive(journal, task, config, display, sandbox or journal.meta.sandbox))
    except (DiscoveryError, OSError) as failure:
        error = _full_disk(failure) if isinstance(failure, OSError) else failure
        resume = f"{command_line('resume', folder)} goes on from here"
        if isinstance(error, TaskError):
            resume = "a task that was changed takes a new run"
        resume += _without(error, config, folder)
        if "discovery resume" not in error.hint:
            error.hint = f"{error.hint}\n      {resume}" if error.hint else resume
        raise error from None
    return finish(journal, summary, caught)


def _without(error: DiscoveryError, config: RunConfig, folder: Path) -> str:
    """How to go on without the model that is at fault, where the run has others."""
    from discovery.llm import OutOfService, Unauthorised, UnknownModel

    if len(config.llm.models) < 2 or not isinstance(error, OutOfService | Unauthorised | UnknownModel):
        return ""
    return f"; a new run of the other models starts from its best programs with `--from {folder}`"


def _full_disk(error: OSError) -> DiscoveryError:
    """What a full disk is to the user. Raises any other `error`."""
    from discovery.errors import EnvironmentMissing

    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        raise error
    where = "" if error.filename is None else f"{error.filename}: "
    return EnvironmentMissing(f"{where}no space left on the disk; everything committed is kept", hint="free space")


async def _drive(
    journal: Journal,
    task: Task,
    config: RunConfig,
    display: str | None,
    sandbox: Mapping[str, JSON],
) -> tuple[Summary | None, int]:
    from contextlib import AsyncExitStack

    from discovery.cli._models import load_packages, open_proposer
    from discovery.cli._sandbox import run_pool
    from discovery.loop import Loop
    from discovery.view import make_display

    caught: list[int] = []
    loop: Loop | None = None
    main = asyncio.current_task()
    assert main is not None

    def stop(number: int) -> None:
        caught.append(number)
        if loop is None or len(caught) > 1:
            main.cancel()
            return
        loop.drain()
        say("stopping: what is in flight is finished first; once more stops now")

    def emit(event: Event) -> None:
        assert loop is not None  # nothing happens to a model before the loop asks it
        loop.emit(event)

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop, number)
    pool = run_pool(journal, sandbox, config.workers)
    try:
        with make_display(display) as panel:
            async with AsyncExitStack() as stack:
                await asyncio.gather(stack.enter_async_context(pool), load_packages(config))
                proposer, writers = await open_proposer(stack, journal, task, config, emit)
                loop = Loop(journal, task, config, proposer, pool, [panel], writers=writers)
                return await loop.drive(), caught[0] if caught else 0
    except asyncio.CancelledError:
        return None, caught[0] if caught else signal.SIGINT


def finish(journal: Journal, summary: Summary | None, caught: int) -> int:
    """Say on stderr how the run stands and how to go on; returns the exit code."""
    folder, best = journal.folder, journal.best(1)
    if caught and (summary is None or summary.reason not in ("limit", "target", "stagnation")):
        say(f"stopped; {command_line('resume', folder)} goes on from here")
        return 128 + caught
    if not best:
        say(
            f"no program of {journal.proposal_count()} proposals was scored; "
            f"{command_line('show', folder, '--failures')} says why"
        )
        return 4
    key, verdict = best[0]
    say(f"best program {key[:12]}, score {verdict.score:.6g} (a search-time score, not a claim)")
    say(f"next: {command_line('confirm', folder)}, then {command_line('export', folder)}")
    return 0
