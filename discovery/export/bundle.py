"""Bundles: what a program leaves as. A folder with the family's files and `evidence.json`.

`evidence.json` holds the provenance: the program, where it came from, what search said, what was confirmed and what was
not, with versions, the SHA-256 of every other file of the bundle, and its own.
"""

from __future__ import annotations

import json
import keyword
import math
import re
import shutil
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

from discovery.errors import ConfigError, EnvironmentMissing, NotFound
from discovery.evaluate.confirm import confirmed_of
from discovery.model import JSON, content_key
from discovery.store import Journal
from discovery.store.files import write_file
from discovery.task import Task, task_code

__all__ = [
    "EVIDENCE",
    "SCHEMA",
    "default_name",
    "misnumbered",
    "provenance",
    "read_bundle",
    "seal",
    "search_scores",
    "write_bundle",
]

EVIDENCE = "evidence.json"
SCHEMA = "discovery.evidence/1"
_MAX_BYTES = 32 << 20


def default_name(task: Task, key: str) -> str:
    """A module name for program `key`: the task's name, with _ for what no name of a module may hold, and the first six
    characters of the id."""
    return f"{re.sub(r'[^A-Za-z0-9]+', '_', task.name)}_{key[:6]}"


def misnumbered(provenance: Mapping[str, JSON]) -> str:
    """The stage whose recorded measurements are not numbered 0, 1, 2, ..., each once; "" when all are."""
    verdicts = provenance["search"]["verdicts"]
    for stage in {verdict["stage"]: None for verdict in verdicts}:
        numbers = [verdict["replicate"] for verdict in verdicts if verdict["stage"] == stage]
        if any(type(number) is not int for number in numbers) or sorted(numbers) != list(range(len(numbers))):
            return str(stage)
    return ""


def search_scores(provenance: Mapping[str, JSON]) -> tuple[float, ...]:
    """What the run may have ranked the program by when it was confirmed, from the recorded verdicts: the score of its
    last stage, and the means over the first two, three, ... measurements of that stage (later ones came after)."""
    verdicts = provenance["search"]["verdicts"]
    last = next((verdict["stage"] for verdict in reversed(verdicts) if verdict["replicate"] == 0), None)
    scores = [verdict["score"] for verdict in verdicts if verdict["stage"] == last]
    scores = [score for score in scores if type(score) is float and math.isfinite(score)]
    return tuple(math.fsum(scores[:count]) / count for count in range(1, len(scores) + 1))


def provenance(journal: Journal, key: str) -> dict[str, JSON]:
    """Everything that is known of program `key`, as plain data."""
    meta, row = journal.meta, journal.program_row(key)
    notes = journal.notes("confirmation")
    entry = confirmed_of(notes[-1], key) if notes else None
    verdicts = [verdict.to_json() | {"record": None} for verdict in journal.verdicts(key)]
    return {
        "schema": SCHEMA,
        "run": {
            "name": meta.name,
            "task": meta.task,
            "config": dict(meta.config),
            "versions": dict(meta.versions),
            "sandbox": meta.sandbox["backend"],
            "created": meta.created,
            "proposals": journal.proposal_count(),
        },
        "program": {
            "id": key[:12],
            "key": key,
            "source": row.program.source,
            "proposal": row.first,
            "operator": row.operator,
            "parents": list(row.parents),
        },
        "search": {"note": "search-time scores select; they are not claims", "verdicts": verdicts},
        "alarms": journal.alarms().get(key, []),
        "confirmation": None if entry is None else entry | {"finalists": len(notes[-1]["finalists"])},
    }


def write_bundle(folder: Path, task: Task, journal: Journal, key: str, name: str) -> Path:
    """Write the bundle of program `key` as module `name` into `folder`/`name` and note it in the journal.

    Raises:
        ConfigError: `name` is no Python module name or hides a module, or the folder holds something else already.
        EnvironmentMissing: the folder cannot be written.
    """
    if not name.isidentifier() or keyword.iskeyword(name):
        raise ConfigError(f"--name must be a Python module name; got {name!r}", hint="for example: --name my_optimizer")
    if name in sys.stdlib_module_names or name in {package.partition(".")[0] for package in task.harness.preload}:
        raise ConfigError(
            f"--name must not be that of a module of Python's or of one that the program needs; got {name!r}",
            hint="for example: --name my_optimizer",
        )
    document = provenance(journal, key)
    with task_code(task.name, "export"):
        files = task.export(journal.program(key), name, document)
    target = folder / name
    document |= {"name": name, "files": {file: content_key(text) for file, text in sorted(files.items())}}
    if target.exists() and not (target / EVIDENCE).is_file() and any(target.iterdir()):
        raise ConfigError(f"{target} exists and is no exported algorithm", hint="choose another --name or --to")
    document["seal"] = seal(document)
    before = _named(target)
    _write(target, {**files, EVIDENCE: json.dumps(document, indent=1, allow_nan=False) + "\n"})
    for file in before - files.keys():
        (target / file).unlink(missing_ok=True)
    journal.add_note("export", {"key": key, "name": name, "path": str(target.resolve())})
    return target


def seal(document: Mapping[str, JSON]) -> str:
    """SHA-256 over all of `document` but its own seal. Anybody can make one anew, so it proves nothing; it shows what
    was changed by mistake, also in what is only told and cannot be measured again."""
    return content_key(json.dumps({**document, "seal": None}, sort_keys=True, allow_nan=False))


def _named(target: Path) -> set[str]:
    """The files of an earlier export into the folder `target`."""
    try:
        named = json.loads((target / EVIDENCE).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    return (
        {name for name in named if _is_inside(name) and (target / name).is_file()} if isinstance(named, dict) else set()
    )


def _write(target: Path, files: Mapping[str, str]) -> None:
    """Write all `files` into the folder `target`; where that fails a folder that is new is taken away again."""
    new = not target.exists()
    try:
        target.mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            (target / file).parent.mkdir(exist_ok=True)
            write_file(target / file, text)
    except OSError as error:
        if new:
            shutil.rmtree(target, ignore_errors=True)
        raise EnvironmentMissing(
            f"{target} cannot be written: {error.strerror or error}", hint="--to names another folder"
        ) from error


def read_bundle(path: Path) -> tuple[dict[str, JSON], dict[str, str]]:
    """Provenance and files of the bundle at `path` (its folder, or a file in it). Nothing of it is executed.

    Files and folders that the record does not name are among the files, as empty texts: a `numpy.py` beside a module is
    imported by it. Hidden ones and Python's caches are passed over.

    Raises:
        NotFound: no bundle there.
        ConfigError: `evidence.json` is not what an export writes.
    """
    folder = path if path.is_dir() else path.parent
    evidence = folder / EVIDENCE
    if not evidence.is_file():
        raise NotFound(
            f"no exported algorithm at {path}: {evidence} does not exist", hint="`discovery export RUN` makes one"
        )
    try:
        document = json.loads(_text(evidence))
        json.dumps(document, allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{evidence} is not JSON of finite numbers: {error}") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise ConfigError(f"{evidence} has no schema {SCHEMA!r}", hint="it must come from `discovery export`")
    if not _complete(document):
        raise ConfigError(f"{evidence} lacks name, files, program or run", hint="export the program again")
    files = {name: _text(folder / name) for name in document["files"] if (folder / name).is_file()}
    return document, files | dict.fromkeys(_others(folder, {*document["files"], EVIDENCE}), "")


def _others(folder: Path, named: Collection[str]) -> list[str]:
    """What lies in `folder` and in the folders of the `named` files, besides these."""
    inner = {name.partition("/")[0] for name in named if "/" in name}
    found = [each.name for each in folder.iterdir() if each.name not in inner]
    found += [f"{name}/{each.name}" for name in inner if (folder / name).is_dir() for each in (folder / name).iterdir()]
    return sorted(
        name for name in found if name not in named and not name.rpartition("/")[2].startswith((".", "__pycache__"))
    )


def _complete(document: Mapping[str, JSON]) -> bool:
    program, run, files = (document.get(name) for name in ("program", "run", "files"))
    return (
        isinstance(document.get("name"), str)
        and isinstance(program, dict)
        and all(isinstance(program.get(field), str) for field in ("key", "source"))
        and isinstance(run, dict)
        and isinstance(run.get("task"), str)
        and isinstance(files, dict)
        and all(isinstance(name, str) and _is_inside(name) for name in files)
    )


def _is_inside(name: str) -> bool:
    """Whether `name` is a file of the bundle's folder or of a folder in it."""
    parts = name.split("/")
    return len(parts) <= 2 and not {"", ".", ".."} & set(parts) and "\\" not in name and "\0" not in name


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ConfigError(f"{path} is larger than {_MAX_BYTES >> 20} MiB; an exported file is not")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
