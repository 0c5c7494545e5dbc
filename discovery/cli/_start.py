"""What a new run starts from: seed programs, and with a model its prompts. All checked before there is a run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from discovery.cli._say import say
from discovery.errors import ConfigError
from discovery.model import Rejected

if TYPE_CHECKING:
    from discovery.config import RunConfig
    from discovery.propose import Prompts
    from discovery.store import Journal
    from discovery.task import Task

__all__ = ["Start"]

#: Best programs that `--from RUN` takes.
_BEST = 5


class Start:
    """What a run starts from.

    Args:
        task: The task.
        config: The run's; its models decide whether there are prompts.
        folder: Templates that go before the package's own, or None.
        origins: What `--from` names: files, runs, programs of runs.
        out: Folder that holds the runs.
        plan_only: Whether nothing will be sent: then a missing key is only said.

    Attributes:
        prompts: Checked prompts; None without a model.
        count: Number of programs.

    Raises:
        NotFound: a file, run or folder does not exist.
        ConfigError: a template or a program cannot be used, a model is not known, or without one nothing can propose.
        TaskError: the task's own seeds do not check.
        Unauthorised: a model's key is missing.
    """

    def __init__(
        self,
        task: Task,
        config: RunConfig,
        folder: Path | None,
        origins: Sequence[str],
        out: Path | None,
        *,
        plan_only: bool = False,
    ) -> None:
        from discovery.course import check_seeds
        from discovery.propose import Symbolic

        check_seeds(task)
        self._more = [source for origin in origins for source in _sources(task, origin, out)]
        self.count = len(check_seeds(task, self._more))
        self.prompts: Prompts | None = None
        if config.llm.models:
            _check_models(config, plan_only)
            self.prompts = _prompts(task, folder)
        elif folder is not None:
            raise ConfigError("--prompts has no effect without a model", hint="name one with --model")
        else:
            Symbolic(task)

    def record(self, journal: Journal) -> None:
        """Commit it to the journal of the new run."""
        from discovery.course import SEEDS

        if self._more:
            journal.add_note(SEEDS, self._more)
        if self.prompts is not None:
            self.prompts.record(journal)


def _check_models(config: RunConfig, plan_only: bool) -> None:
    from discovery.llm import Unauthorised, check_models

    try:
        check_models(config)
    except Unauthorised as error:
        if not plan_only:
            raise
        say(f"note: {error.message}")


def _prompts(task: Task, folder: Path | None) -> Prompts:
    from discovery.propose import Brief, Prompts, load_templates

    return Prompts(load_templates(folder), Brief.of(task))


def _sources(task: Task, origin: str, out: Path | None) -> Iterable[str]:
    """The programs that one `--from` names."""
    from discovery.task import check_source

    path = Path(origin)
    found = [path.read_bytes().decode("utf-8", "surrogateescape")] if path.is_file() else _of_run(origin, out)
    for source in found:
        try:
            check_source(task, source)
        except Rejected as error:
            raise ConfigError(
                f"--from {origin}: task {task.name!r} does not take this program: {error}",
                hint=f"`discovery check {task.name} FILE` says more",
            ) from error
    return found


def _of_run(origin: str, out: Path | None) -> list[str]:
    from discovery.store import Journal, find_run, split_program

    name, prefix = split_program(origin)
    with Journal.open(find_run(name, out)) as journal:
        keys = [journal.find(prefix)] if prefix is not None else [key for key, _ in journal.best(_BEST)]
        if not keys:
            raise ConfigError(f"--from {origin}: this run has no scored program to start from")
        return [journal.program(key).source for key in keys]
