"""Bad files and bad disks: one clear line, the documented exit code, nothing lost."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from discovery.errors import ConfigError, EnvironmentMissing, JournalError, NotFound
from discovery.model import Program, Proposal, Verdict, content_key
from discovery.store import Journal, RunMeta


@pytest.fixture
def run(folder: Path, meta: RunMeta) -> Path:
    """A closed run with 60 scored programs."""
    with Journal.create(folder, meta) as journal:
        for index in range(60):
            source = f"program {index}" * 60
            program = Program(source, content_key(source))
            journal.add_proposal(Proposal(index, "mutate"), source, program)
            journal.add_verdict(program.key, Verdict("scored", float(index), stage="full"), concludes=index)
    return folder


def _one_line(error: pytest.ExceptionInfo[JournalError] | pytest.ExceptionInfo[EnvironmentMissing]) -> None:
    assert "\n" not in error.value.message and "\n" not in error.value.hint
    assert error.value.hint


def test_no_run(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        Journal.open(tmp_path)
    with pytest.raises(NotFound):
        Journal.open(tmp_path / "nowhere", write=True)
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_not_overwritten(run: Path, meta: RunMeta) -> None:
    with pytest.raises(ConfigError, match="holds a run already"):
        Journal.create(run, meta)
    with Journal.open(run, write=True) as journal:
        assert journal.proposal_count() == 60


@pytest.mark.parametrize("write", [False, True])
def test_not_a_database(run: Path, write: bool) -> None:
    (run / "run.db").write_bytes(b"certainly not a database\n" * 500)
    with pytest.raises(JournalError, match="is not a database") as caught:
        Journal.open(run, write=write)
    _one_line(caught)


@pytest.mark.parametrize("write", [False, True])
def test_somebody_elses_database(run: Path, write: bool) -> None:
    (run / "run.db").unlink()
    db = sqlite3.connect(run / "run.db")
    db.execute("CREATE TABLE run (id)")
    db.commit()
    db.close()
    with pytest.raises(JournalError, match="not the journal of a run") as caught:
        Journal.open(run, write=write)
    _one_line(caught)


@pytest.mark.parametrize("write", [False, True])
def test_a_newer_schema(run: Path, write: bool) -> None:
    db = sqlite3.connect(run / "run.db")
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(JournalError, match="schema version 99") as caught:
        Journal.open(run, write=write)
    _one_line(caught)


def _damage(run: Path) -> None:
    """Overwrite pages of records in the second half of the file; its header and schema stay sound."""
    with (run / "run.db").open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(size // 8192 * 4096)
        file.write(b"\xa5" * (size // 16384 * 4096))


def test_a_damaged_file_is_not_written_to(run: Path) -> None:
    _damage(run)
    before = (run / "run.db").read_bytes()
    with pytest.raises(JournalError, match="damaged") as caught:
        Journal.open(run, write=True)
    _one_line(caught)
    assert (run / "run.db").read_bytes() == before


def test_reading_a_damaged_file(run: Path) -> None:
    _damage(run)
    with pytest.raises(JournalError, match="damaged") as caught, Journal.open(run) as journal:
        list(journal.programs())
        list(journal.outcomes())
    _one_line(caught)


def _change(run: Path, table: str, column: str, value: object) -> None:
    """What a flipped bit within a sound page does: SQLite has no checksums in its main file."""
    db = sqlite3.connect(run / "run.db")
    db.execute(f"DROP TRIGGER {table}_update")
    db.execute(f"UPDATE {table} SET {column} = ? WHERE id = (SELECT max(id) FROM {table})", (value,))
    db.commit()
    db.close()


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("run", "config", '{"seed":'),
        ("run", "versions", b"\xff"),
        ("verdict", "document", "{oops"),
        ("verdict", "document", '{"stat5s":"scored"}'),
        ("verdict", "document", "[]"),
        ("proposal", "document", '{"index":'),
        ("source", "text", b"another program"),
        ("source", "text", b"\xff\xfe"),
        ("event", "document", "{oops"),
    ],
)
def test_a_damaged_record(run: Path, table: str, column: str, value: object) -> None:
    with Journal.open(run, write=True) as journal:
        journal.add_note("confirmation", {"finalists": []})
    _change(run, table, column, value)
    with pytest.raises(JournalError, match="damaged") as caught, Journal.open(run) as journal:
        list(journal.programs())
        list(journal.proposals())
        list(journal.outcomes())
        journal.best(100)
        journal.notes("confirmation")
    _one_line(caught)


def test_a_run_without_its_row(run: Path) -> None:
    db = sqlite3.connect(run / "run.db")
    db.execute("DROP TRIGGER run_delete")
    db.execute("DELETE FROM run")
    db.commit()
    db.close()
    with pytest.raises(JournalError, match="damaged") as caught:
        Journal.open(run)
    _one_line(caught)


def test_a_damaged_table_of_contents(run: Path) -> None:
    """SQLite quotes the damaged name in its message, whatever bytes it has."""
    path = run / "run.db"
    path.write_bytes(path.read_bytes().replace(b"outcome_program", b"out\nome\xaapro\xffam"))
    with pytest.raises(JournalError, match="damaged") as caught, Journal.open(run) as journal:
        journal.best()
    _one_line(caught)


def test_a_truncated_file(run: Path) -> None:
    os.truncate(run / "run.db", (run / "run.db").stat().st_size // 2)
    with pytest.raises(JournalError, match="damaged"):
        Journal.open(run, write=True)


def test_locked_by_another_program(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("discovery.store._database._LOCK_SECONDS", 0.0)
    with Journal.open(run, write=True) as journal:
        browser = sqlite3.connect(run / "run.db")
        browser.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalError, match="locked by another program") as caught:
            journal.add_note("export", {})
        _one_line(caught)
        browser.rollback()
        journal.add_note("export", {})
        browser.close()


FILLER = """
import os, sys
from pathlib import Path
from discovery.errors import EnvironmentMissing
from discovery.model import Program, Proposal, Verdict, content_key
from discovery.store import Journal, RunMeta

folder = Path(sys.argv[1]) / "run"
ballast = Path(sys.argv[1]) / "ballast"
ballast.write_bytes(bytes(1 << 19))
done = []

def write(journal):
    while len(done) < 3000:
        index = len(done)
        source = os.urandom(1000).hex()
        program = Program(source, content_key(source))
        if journal.proposal_count() == index:
            journal.add_proposal(Proposal(index, "mutate"), source, program)
        key = journal.proposal(index).key
        journal.add_verdict(key, Verdict("scored", 1.0, stage="full"), concludes=index)
        done.append(key)

try:
    with Journal.create(folder, RunMeta("r", "toy", {}, {}, {}, "2026")) as journal:
        write(journal)
except EnvironmentMissing as error:
    assert "no space left" in error.message, error.message
    assert "free space, then `discovery resume" in error.hint
else:
    raise SystemExit("the disk never filled")
assert len(done) > 20, len(done)
with Journal.open(folder) as reader:
    assert [outcome.key for outcome in reader.outcomes()] == done
ballast.unlink()
before = len(done)
try:
    with Journal.open(folder, write=True) as journal:
        write(journal)
except EnvironmentMissing:
    pass
assert len(done) > before
with Journal.open(folder) as reader:
    assert [outcome.key for outcome in reader.outcomes()] == done
print("kept", len(done))
"""


def test_a_full_disk_loses_nothing_and_the_run_goes_on_after_it(tmp_path: Path) -> None:
    mount = tmp_path / "small"
    mount.mkdir()
    tiny = ["bwrap", "--dev-bind", "/", "/", "--size", str(2 << 20), "--tmpfs", str(mount), "--die-with-parent"]
    answer = subprocess.run([*tiny, sys.executable, "-c", FILLER, str(mount)], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith("kept")


def test_creating_a_run_on_a_full_disk(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from discovery.errors import EnvironmentMissing
from discovery.store import Journal, RunMeta
try:
    Journal.create(Path(sys.argv[1]) / "run", RunMeta("r", "toy", {}, {}, {}, "2026"))
except EnvironmentMissing as error:
    print(error.message)
"""
    mount = tmp_path / "small"
    mount.mkdir()
    tiny = ["bwrap", "--dev-bind", "/", "/", "--size", "16384", "--tmpfs", str(mount), "--die-with-parent"]
    answer = subprocess.run([*tiny, sys.executable, "-c", code, str(mount)], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert "no space left" in answer.stdout


READ_ONLY = """
import sys
from pathlib import Path
from discovery.errors import EnvironmentMissing
from discovery.store import Journal
folder = Path(sys.argv[1])
with Journal.open(folder) as journal:
    print(journal.proposal_count(), len(list(journal.programs())))
try:
    Journal.open(folder, write=True)
except EnvironmentMissing as error:
    print(error.message)
"""


def test_a_read_only_folder_can_be_read_and_not_resumed(run: Path) -> None:
    sealed = ["bwrap", "--dev-bind", "/", "/", "--ro-bind", str(run), str(run), "--die-with-parent"]
    command = [*sealed, sys.executable, "-c", READ_ONLY, str(run)]
    answer = subprocess.run(command, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    counts, message = answer.stdout.splitlines()
    assert counts == "60 60"
    assert "cannot be opened as needed" in message


def test_reading_leaves_a_copy_usable(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "copy")
    with Journal.open(tmp_path / "copy") as journal:
        assert len(journal.best(600)) == 60
