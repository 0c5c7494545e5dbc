"""Where runs live and how they are named: `runs/TASK-YYYYMMDD-HHMMSS/`, and how a user's word finds one."""

from __future__ import annotations

import difflib
import glob
import os
import re
from datetime import datetime
from pathlib import Path

from discovery.errors import ConfigError, DiscoveryError, EnvironmentMissing, NotFound
from discovery.store._database import DATABASE, translated
from discovery.store.journal import Journal

__all__ = ["CONTROL", "all_runs", "find_run", "new_run_folder", "runs_folder", "series", "series_name", "split_program"]

_NEAREST = 5
_LAST = "@last"
#: Ending of the name of a control, which `discovery run --control` makes beside a run.
CONTROL = "-control"
_SERIES = re.compile(rf"(?P<first>.*?)(?:-r(?P<number>\d+))?(?P<control>{CONTROL})?")


def runs_folder(out: Path | None = None) -> Path:
    """The folder that holds runs: `out`, or `runs` in the current folder."""
    return Path("runs") if out is None else out


def new_run_folder(task: str, out: Path | None = None) -> Path:
    """Make the folder of a new run of `task` and return it: `optimizers-20260102-150405`.

    The folder is made here, so two runs started in the same second get different names (`...-2`).

    Raises:
        EnvironmentMissing: it cannot be made there.
    """
    parent = runs_folder(out)
    word = re.sub(r"[^A-Za-z0-9]+", "-", task.rstrip("/").rpartition("/")[2]).strip("-").lower() or "run"
    name = f"{word}-{datetime.now():%Y%m%d-%H%M%S}"
    with translated(parent):
        try:
            parent.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, FileNotFoundError, NotADirectoryError) as error:
            reason = "it is a file" if parent.is_file() else error.strerror
            raise EnvironmentMissing(
                f"{parent} cannot be a folder for runs: {reason}", hint="choose another folder with --out"
            ) from error
        number = 1
        while True:
            folder = parent / (name if number == 1 else f"{name}-{number}")
            try:
                folder.mkdir()
            except FileExistsError:
                number += 1
            else:
                return folder


def series_name(first: str, number: int, *, control: bool) -> str:
    """Name of run `number` (from 1) of the series that the run called `first` begins, or of that run's control."""
    return first + (f"-r{number}" if number > 1 else "") + (CONTROL if control else "")


def series(folder: Path) -> list[Path]:
    """The runs beside `folder` that were started with it, by `--repeat` and `--control`, itself among them: first the
    runs in their order, then the controls."""
    parts = _SERIES.fullmatch(folder.resolve().name)
    assert parts is not None
    found = []
    for path in folder.resolve().parent.glob(f"{glob.escape(parts['first'])}*/{DATABASE}"):
        own = _SERIES.fullmatch(path.parent.name)
        if own is not None and own["first"] == parts["first"]:
            place = (own["control"] or "", int(own["number"] or 1))
            found.append((place, folder if path.parent == folder.resolve() else folder.parent / path.parent.name))
    return [path for _, path in sorted(found)]


def all_runs(out: Path | None = None) -> list[Path]:
    """The folders of all runs, the latest started last."""
    folder = runs_folder(out)
    if not folder.is_dir():
        return []
    return sorted((path.parent for path in folder.glob(f"*/{DATABASE}")), key=_started)


def find_run(spec: str, out: Path | None = None) -> Path:
    """The folder of the run that `spec` names: a path, a name, a unique beginning of one, or `@last` (the
    latest that is no control).

    Raises:
        NotFound: there is none; the hint names the nearest.
        ConfigError: several names begin so.
        EnvironmentMissing: no right to look there.
    """
    if not spec:
        raise ConfigError("a run is expected: a name, a path or @last")
    for path in (Path(spec), runs_folder(out) / spec):
        if _is_run(path):
            return path
    runs = all_runs(out)
    if spec == _LAST:
        started = [path for path in runs if not path.name.endswith(CONTROL)]
        if not started:
            raise NotFound(f"no runs in {runs_folder(out)}", hint="`discovery run TASK` starts one")
        return started[-1]
    fits = [path for path in runs if path.name.startswith(spec)]
    if len(fits) == 1:
        return fits[0]
    if fits:
        raise ConfigError(f"run {spec!r} fits several: {_names(fits)}", hint="give more characters, or @last")
    names = [path.name for path in runs]
    near = difflib.get_close_matches(spec, names, _NEAREST, 0.4) or names[: -_NEAREST - 1 : -1]
    where = f"in {runs_folder(out)}"
    hint = f"nearest {where}: {', '.join(near)}" if near else f"there are no runs {where}; --out names another folder"
    if os.path.isdir(spec) and (inside := all_runs(Path(spec))):
        hint = f"that folder holds runs, such as {inside[-1]}"
    raise NotFound(f"no run {spec!r}", hint=hint)


def split_program(spec: str) -> tuple[str, str | None]:
    """Split `RUN:ID` or `RUN@best` into the run's name and what `Journal.find` takes; a run alone gives None.

    `@last:3fa`, `@last@best` and paths with colons are understood: what exists as a run, is a run.

    Raises:
        EnvironmentMissing: no right to look there.
    """
    if _is_run(Path(spec)):
        return spec, None
    if spec.endswith("@best"):
        return spec.removesuffix("@best"), "best"
    run, colon, prefix = spec.rpartition(":")
    if not colon or "/" in prefix:
        return spec, None
    return run, prefix


def _is_run(folder: Path) -> bool:
    with translated(folder):
        try:
            return (folder / DATABASE).is_file()
        except PermissionError:
            raise
        except OSError:  # a word too long to be a path is none
            return False


def _started(folder: Path) -> tuple[str, str]:
    """When the run was created, by its journal (a copy changes file times); a damaged one sorts first."""
    try:
        with Journal.open(folder) as journal:
            return journal.meta.created, folder.name
    except DiscoveryError:
        return "", folder.name


def _names(folders: list[Path]) -> str:
    shown = ", ".join(path.name for path in folders[:_NEAREST])
    return shown + (", ..." if len(folders) > _NEAREST else "")
