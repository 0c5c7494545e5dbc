"""The SQLite file beneath the journal: its tables, how it is created and opened, and what its failures mean.

A run's database is created under another name and renamed, so it exists whole or not at all. Writers use the
write-ahead log with `synchronous=FULL`: a commit that returned has reached the disk, and a tail torn by a crash fails
its checksum and is cut on the next open. The trade-off accepted: a frame that the disk itself damages later, before
a checkpoint has moved it into the main file, hides the commits behind it.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from discovery.errors import DiscoveryError, EnvironmentMissing, JournalError, command_line
from discovery.store.files import sync_folder

__all__ = ["DATABASE", "SCHEMA_VERSION", "build", "connect", "translated", "unreadable"]

DATABASE = "run.db"
SCHEMA_VERSION = 2
_APPLICATION = 0x64736376  # "dscv": tells our files from anybody else's
_LOCK_SECONDS = 10.0
_LITTLE_SPACE = 256 << 10

_TABLES = """
CREATE TABLE run (
    id INTEGER PRIMARY KEY CHECK (id = 1), name TEXT NOT NULL, task TEXT NOT NULL, config TEXT NOT NULL,
    versions TEXT NOT NULL, sandbox TEXT NOT NULL, created TEXT NOT NULL
);
CREATE TABLE source (id INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE, text BLOB NOT NULL);
CREATE TABLE program (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, skeleton TEXT NOT NULL,
    first INTEGER NOT NULL REFERENCES proposal (id) DEFERRABLE INITIALLY DEFERRED
);
CREATE TABLE asked (
    id INTEGER PRIMARY KEY CHECK (id >= 0), document TEXT NOT NULL, hints INTEGER NOT NULL, lessons INTEGER NOT NULL,
    created TEXT NOT NULL
);
CREATE TABLE proposal (
    id INTEGER PRIMARY KEY CHECK (id >= 0), document TEXT NOT NULL,
    source INTEGER NOT NULL REFERENCES source (id), program INTEGER REFERENCES program (id),
    repeat INTEGER NOT NULL, idea TEXT NOT NULL, notes TEXT NOT NULL, created TEXT NOT NULL
);
CREATE TABLE verdict (
    id INTEGER PRIMARY KEY, program INTEGER REFERENCES program (id), stage TEXT NOT NULL, replicate INTEGER NOT NULL,
    document TEXT NOT NULL, created TEXT NOT NULL, UNIQUE (program, stage, replicate)
);
CREATE TABLE outcome (
    position INTEGER PRIMARY KEY CHECK (position >= 1), proposal INTEGER NOT NULL UNIQUE REFERENCES proposal (id),
    verdict INTEGER NOT NULL REFERENCES verdict (id), program INTEGER REFERENCES program (id),
    first INTEGER, settles INTEGER NOT NULL, again INTEGER NOT NULL, score REAL, cost REAL NOT NULL
);
CREATE INDEX outcome_program ON outcome (program, settles);
CREATE INDEX outcome_measured ON outcome (program, score, first) WHERE settles = 1 OR again = 1;
CREATE TABLE model_call (
    id INTEGER PRIMARY KEY, proposal INTEGER NOT NULL CHECK (proposal >= 0), step TEXT NOT NULL,
    attempt INTEGER NOT NULL CHECK (attempt >= 0), model TEXT NOT NULL, prompt TEXT NOT NULL,
    reply INTEGER NOT NULL REFERENCES source (id), input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
    usd REAL, document TEXT NOT NULL, created TEXT NOT NULL, UNIQUE (proposal, step, attempt)
);
CREATE TABLE event (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, note INTEGER NOT NULL, version INTEGER NOT NULL,
    document TEXT NOT NULL, created TEXT NOT NULL
);
CREATE INDEX event_kind ON event (note, kind);
"""
_RECORDS = ("run", "source", "program", "asked", "proposal", "verdict", "outcome", "model_call", "event")


def build(folder: Path, meta: tuple[str, str, str, str, str, str]) -> None:
    """Create the database of a run in `folder`, durably and all at once, with its row of table `run`; or nothing."""
    final = folder / DATABASE
    scratch = folder / f"{DATABASE}.new"
    with translated(folder):
        _remove(scratch)
        try:
            _write(folder, scratch, meta)
            scratch.rename(final)
        except BaseException:
            _remove(scratch)
            raise
        sync_folder(folder)


def _remove(scratch: Path) -> None:
    for leftover in (scratch, *(Path(f"{scratch}-{suffix}") for suffix in ("journal", "wal", "shm"))):
        leftover.unlink(missing_ok=True)


def _write(folder: Path, scratch: Path, meta: tuple[str, str, str, str, str, str]) -> None:
    db = sqlite3.connect(scratch, isolation_level=None)
    try:
        if db.execute("PRAGMA journal_mode = WAL").fetchone() != ("wal",):
            raise EnvironmentMissing(
                f"{folder}: its file system has no shared memory for SQLite's write-ahead log",
                hint="choose a folder on a local disk with --out",
            )
        db.executescript(f"BEGIN; {_TABLES}")
        for table in _RECORDS:
            for change in ("UPDATE", "DELETE"):
                db.execute(
                    f"CREATE TRIGGER {table}_{change.lower()} BEFORE {change} ON {table} "
                    "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
                )
        db.execute("INSERT INTO run VALUES (1, ?, ?, ?, ?, ?, ?)", meta)
        db.execute(f"PRAGMA application_id = {_APPLICATION}")
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        db.execute("COMMIT")
        # Closing would do it as well, and say nothing where the disk is too full for it.
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        db.close()


def connect(folder: Path, *, write: bool) -> sqlite3.Connection:
    """Open the database of the run in `folder` and check that it is one that this version understands.

    Raises:
        JournalError: damaged, not a run's database, or of another schema version.
        EnvironmentMissing: no right to read it, or to write it.
    """
    path = folder / DATABASE
    mode = "mode=rw" if write else "mode=ro"
    if not write and not os.access(folder, os.W_OK) and not (folder / f"{DATABASE}-wal").exists():
        mode += "&immutable=1"  # SQLite cannot make its shared-memory file there, and nobody can be writing
    with translated(folder):
        db = sqlite3.connect(
            f"{path.absolute().as_uri()}?{mode}", uri=True, isolation_level=None, timeout=_LOCK_SECONDS
        )
        try:
            _check(db, path, write)
        except BaseException:
            db.close()
            raise
    return db


def _check(db: sqlite3.Connection, path: Path, write: bool) -> None:
    application = db.execute("PRAGMA application_id").fetchone()[0]
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if application != _APPLICATION:
        raise JournalError(f"{path} is an SQLite database, but not the journal of a run", hint=_RESTORE)
    if version != SCHEMA_VERSION:
        raise JournalError(
            f"{path} has schema version {version}; this discovery reads version {SCHEMA_VERSION}",
            hint="open it with the version of discovery that wrote it, or upgrade discovery",
        )
    db.execute("PRAGMA foreign_keys = ON")
    if write:
        db.execute("PRAGMA synchronous = FULL")
        found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise JournalError(f"{path} is damaged: {' '.join(found.split())}", hint=_RESTORE)


_RESTORE = "nothing was changed; restore the run's folder from a copy, or start a new run"


@contextmanager
def translated(folder: Path) -> Iterator[None]:
    """Turn failures of SQLite and of the file system about `folder` into errors a user can act on."""
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as error:  # the latter where SQLite quotes damaged names
        raise _sqlite_failure(error, folder) from error
    except OSError as error:
        raise _system_failure(error, folder) from error


@contextmanager
def unreadable(folder: Path) -> Iterator[None]:
    """Around the reading of a record: one that is no record any more is damage of the database in `folder`."""
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise JournalError(
            f"{folder / DATABASE} is damaged: a record cannot be read ({_reason(error)})", hint=_RESTORE
        ) from error


def _reason(error: Exception) -> str:
    """What `error` says, in one line of printable characters: it may quote damaged bytes."""
    line = " ".join(str(error).split())
    return "".join(letter if letter.isprintable() else "?" for letter in line)[:200]


def _sqlite_failure(error: sqlite3.Error | UnicodeDecodeError, folder: Path) -> DiscoveryError:
    name, reason = getattr(error, "sqlite_errorname", ""), _reason(error)
    path = folder / DATABASE
    if name.startswith("SQLITE_FULL") or (name.startswith("SQLITE_IOERR") and _is_full(folder)):
        return _full(folder)
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        what = "is not a database" if name.startswith("SQLITE_NOTADB") else "is damaged"
        return JournalError(f"{path} {what} ({reason})", hint=_RESTORE)
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return JournalError(
            f"{path} has been locked by another program for {_LOCK_SECONDS:g} seconds",
            hint="close what else has the file open (a database browser, a copy in progress), then try again",
        )
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return _forbidden(folder, reason)
    if not name:  # text that is no UTF-8
        return JournalError(f"{path} is damaged ({reason})", hint=_RESTORE)
    return JournalError(f"{path}: {reason} [{name}]")


def _system_failure(error: OSError, folder: Path) -> DiscoveryError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _full(folder)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return _forbidden(folder, error.strerror or str(error))
    return JournalError(f"{folder}: {error.strerror or error}", hint="choose another folder with --out")


def _is_full(folder: Path) -> bool:
    try:
        space = os.statvfs(folder)
    except OSError:
        return False
    return space.f_bavail * space.f_frsize < _LITTLE_SPACE


def _full(folder: Path) -> EnvironmentMissing:
    if not (folder / DATABASE).exists():
        return EnvironmentMissing(f"no space left on the disk of {folder}; there is no run in it", hint="free space")
    return EnvironmentMissing(
        f"no space left on the disk of {folder}; everything committed is kept",
        hint=f"free space, then {command_line('resume', folder)}",
    )


def _forbidden(folder: Path, reason: str) -> EnvironmentMissing:
    return EnvironmentMissing(
        f"{folder} cannot be opened as needed: {reason}",
        hint="check its owner and permissions, or copy the run's folder to a place that you can write",
    )
