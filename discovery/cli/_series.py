"""Runs that belong together: several seeds of one, each with its control if wanted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from discovery.cli._say import say
from discovery.errors import command_line

if TYPE_CHECKING:
    from discovery.cli._start import Start
    from discovery.config import RunConfig
    from discovery.task import Task

__all__ = ["run_series"]


def run_series(
    spec: str, task: Task, config: RunConfig, start: Start, out: Path | None, display: str | None, control: bool, n: int
) -> tuple[list[Path], int]:
    """Run `n` seeds, each with its control if wanted; the folders and the exit code. It ends when one is stopped."""
    from discovery.store import series_name

    folders: list[Path] = []
    codes: list[int] = []
    for number in range(1, n + 1):
        seeded = config.model_copy(update={"seed": config.seed + number - 1})
        for is_control in (False, True)[: 1 + control]:
            if codes and codes[-1] not in (0, 4):
                say(f"not started: {_rest(config, number, n, is_control)}")
                return folders, codes[-1]
            name = series_name(folders[0].name, number, control=is_control) if folders else ""
            chosen = _control(seeded, folders[-1]) if is_control else seeded
            folder, code = _start(spec, task, chosen, start, out, display, name)
            folders.append(folder)
            codes.append(code)
    if len(folders) > 1:
        say(f"then: {command_line('confirm', *folders)}, and {command_line('compare', folders[0])}")
    return folders, 0 if 0 in codes else codes[-1]


def _control(config: RunConfig, folder: Path) -> RunConfig:
    """Independent sampling at the budget that the run in `folder` used: as many proposals, the same limits besides."""
    from discovery.config import SearchConfig
    from discovery.store import Journal

    with Journal.open(folder) as journal:
        used = journal.proposal_count()
    best_of_n = SearchConfig(strategy="best_of_n")
    return config.model_copy(
        update={"search": best_of_n, "max_proposals": used, "target": None, "stagnation": None, "max_time": None}
    )


def _rest(config: RunConfig, number: int, n: int, is_control: bool) -> str:
    """What a series that was broken off lacks, and how to make it."""
    first = config.seed + number - 1
    control = f"the control of seed {first} (`--search best_of_n --seed {first}`)" if is_control else ""
    left, start = n - number + 1 - is_control, first + is_control
    seeds = f"seeds {start} to {start + left - 1} (`--seed {start} --repeat {left}`)"
    seeds = ("", f"seed {start} (`--seed {start}`)", seeds)[min(left, 2)]
    return " and ".join(part for part in (control, seeds) if part)


def _start(
    spec: str, task: Task, config: RunConfig, start: Start, out: Path | None, display: str | None, name: str
) -> tuple[Path, int]:
    from datetime import UTC, datetime

    from discovery.cli._drive import drive, require_packages, versions
    from discovery.cli._sandbox import config_options, sandbox_line, sandbox_report
    from discovery.store import Journal, RunMeta, new_run_folder, runs_folder

    require_packages(task)
    report = sandbox_report(config.sandbox, config_options(config))
    folder = runs_folder(out) / name if name else new_run_folder(task.name, out)
    meta = RunMeta(
        name=folder.name,
        task=spec,
        config=config.model_dump(mode="json"),
        versions=versions(task, config),
        sandbox=report,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    say(f"run {folder} in sandbox {sandbox_line(config.sandbox, report)}")
    with Journal.create(folder, meta) as journal:
        start.record(journal)
        return folder, drive(journal, task, config, display)
