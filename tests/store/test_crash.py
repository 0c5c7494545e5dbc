"""Kill the controller at any moment: every commit that returned is there, whole; nobody is locked out."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from discovery.errors import JournalError
from discovery.store import Journal, RunMeta
from discovery.store.lease import Lease, lease_holder

WRITER = """
import sys
from pathlib import Path
from discovery.model import Program, Proposal, Verdict, content_key
from discovery.store import Journal

with Journal.open(Path(sys.argv[1]), write=True) as journal:
    index = journal.proposal_count()
    print("open", flush=True)
    while index < int(sys.argv[2]):
        source = f"program {index}" * 50
        if index % 5 == 4:
            journal.add_rejection(Proposal(index, "mutate"), source, Verdict("rejected", message="no"))
        else:
            program = Program(source, content_key(source))
            journal.add_proposal(Proposal(index, "mutate"), source, program)
            print("proposed", index, flush=True)
            journal.add_verdict(program.key, Verdict("scored", float(index), stage="full"), concludes=index)
        print("concluded", index, flush=True)
        index += 1
"""


def _writer(folder: Path, until: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(folder), str(until)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _conclude_the_open_one(folder: Path) -> None:
    from discovery.model import Verdict

    with Journal.open(folder, write=True) as journal:
        for row in list(journal.proposals()):
            if journal.outcome(row.proposal.index) is None:
                assert row.key is not None
                journal.add_verdict(row.key, Verdict("scored", 0.0, stage="full"), concludes=row.proposal.index)


def test_every_commit_that_returned_survives_kill_9(folder: Path, meta: RunMeta) -> None:
    Journal.create(folder, meta).close()
    rng = random.Random(5)
    for _ in range(8):
        writer = _writer(folder, 10**9)
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(rng.randint(2, 60))]
        writer.kill()
        lines += writer.stdout.readlines()
        writer.wait()
        said = [line.split() for line in lines if line.endswith("\n") and " " in line]
        with Journal.open(folder) as reader:  # before anybody repairs anything by opening it to write
            rows = {row.proposal.index: row for row in reader.proposals()}
            outcomes = {outcome.index: outcome for outcome in reader.outcomes()}
        assert sorted(rows) == list(range(len(rows)))
        assert [outcome.position for outcome in outcomes.values()] == list(range(1, len(outcomes) + 1))
        for word, number in said:
            assert int(number) in rows
            assert word == "proposed" or int(number) in outcomes
        for index, row in rows.items():
            assert (row.key is None) == (index % 5 == 4)
            assert row.key is not None or index in outcomes
        assert len(rows) - len(outcomes) in (0, 1)
        _conclude_the_open_one(folder)


def test_a_reader_sees_a_growing_whole_prefix(folder: Path, meta: RunMeta) -> None:
    Journal.create(folder, meta).close()
    writer = _writer(folder, 150)
    assert writer.stdout is not None
    seen = 0
    with Journal.open(folder) as reader:
        while seen < 150:
            assert writer.poll() in (None, 0)
            outcomes = list(reader.outcomes())
            assert [outcome.index for outcome in outcomes] == list(range(len(outcomes)))
            assert len(outcomes) >= seen
            assert reader.proposal_count() >= len(outcomes)
            seen = len(outcomes)
    writer.stdout.close()
    assert writer.wait() == 0


def test_the_lease_names_its_holder_and_dies_with_it(folder: Path, meta: RunMeta) -> None:
    Journal.create(folder, meta).close()
    assert lease_holder(folder) is None
    writer = _writer(folder, 10**9)
    assert writer.stdout is not None
    try:
        writer.stdout.readline()
        with pytest.raises(JournalError, match=f"process {writer.pid}") as caught:
            Journal.open(folder, write=True)
        assert f"kill {writer.pid}" in caught.value.hint
        assert lease_holder(folder) == writer.pid
    finally:
        writer.kill()
        writer.wait()
        writer.stdout.close()
    assert (folder / "run.lock").exists()
    assert lease_holder(folder) is None
    Journal.open(folder, write=True).close()


def test_a_forked_child_does_not_keep_its_parents_lease(folder: Path, meta: RunMeta) -> None:
    folder.mkdir(parents=True)
    lease = Lease(folder)
    ready, alive = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:  # what a pool of forked workers would be; it outlives the lease
        os.write(ready[1], b".")
        os.read(alive[0], 1)
        os._exit(0)
    try:
        os.read(ready[0], 1)
        lease.release()
        Lease(folder).release()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        for descriptor in (*ready, *alive):
            os.close(descriptor)


def test_an_interrupted_creation_leaves_no_run(folder: Path, meta: RunMeta, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", die)
        with pytest.raises(KeyboardInterrupt):
            Journal.create(folder, meta)
    assert not (folder / "run.db").exists()
    with Journal.create(folder, meta) as journal:
        assert journal.meta == meta


def test_commits_reach_the_disk(folder: Path, meta: RunMeta, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def recording(*args: object, **options: object) -> sqlite3.Connection:
        opened.append(connect(*args, **options))  # type: ignore[call-overload]
        return opened[-1]

    monkeypatch.setattr(sqlite3, "connect", recording)
    with Journal.create(folder, meta):
        pass
    with Journal.open(folder, write=True):
        assert opened[-1].execute("PRAGMA synchronous").fetchone() == (2,)  # FULL: an fsync per commit
        assert opened[-1].execute("PRAGMA journal_mode").fetchone() == ("wal",)
