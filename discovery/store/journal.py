"""The journal of a run: everything that was proposed, judged and decided, in one append-only SQLite file.

Every writing call is one durable commit: when it returns, the record has reached the disk (but see `Journal.deferred`),
and a crash at any moment leaves it whole or absent. One controller writes at a time (it holds the `Lease`); any number
of readers look on meanwhile. A journal belongs to the thread that opened it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from discovery.errors import ConfigError, JournalError, NotFound, command_line
from discovery.events import Event
from discovery.model import JSON, Program, Proposal, Verdict, content_key
from discovery.store._database import DATABASE, build, connect, translated
from discovery.store._queries import COST, read_meta, read_verdict
from discovery.store._reading import SENT, Reading
from discovery.store._sync import LogSync
from discovery.store.lease import Lease
from discovery.store.rows import Asked, ModelCall, Outcome, RunMeta

__all__ = ["Journal"]


class Journal(Reading):
    """The journal in a run's folder. Made by `create` or `open`; a context manager that closes it.

    Attributes:
        folder: The run's folder.
        meta: What the run is.
    """

    def __init__(self, folder: Path, db: sqlite3.Connection, lease: Lease | None) -> None:
        self.folder = folder
        self._db = db
        self._lease = lease
        self._sync: LogSync | None = None
        self._deferring = 0
        found = self._rows("SELECT name, task, config, versions, sandbox, created FROM run WHERE id = 1")
        self.meta = self._sound(read_meta, found)

    @classmethod
    def create(cls, folder: Path, meta: RunMeta) -> Journal:
        """Make `folder` (parents too) and a new journal in it, open for writing.

        Raises:
            ConfigError: the folder holds a run already.
            JournalError: another controller is creating one there.
            EnvironmentMissing: the disk is full, the folder cannot be written, or its file system is unfit.
        """
        with translated(folder):
            folder.mkdir(parents=True, exist_ok=True)
            lease = Lease(folder)
            try:
                if (folder / DATABASE).exists():
                    raise ConfigError(
                        f"{folder} holds a run already",
                        hint=f"{command_line('resume', folder)} continues it; or choose another folder",
                    )
                documents = (_dump(meta.config), _dump(meta.versions), _dump(meta.sandbox))
                build(folder, (meta.name, meta.task, *documents, meta.created))
                return cls(folder, connect(folder, write=True), lease)
            except BaseException:
                lease.release()
                raise

    @classmethod
    def open(cls, folder: Path, *, write: bool = False) -> Journal:
        """Open the journal in `folder`, to read, or to `write` as well.

        Raises:
            NotFound: the folder holds no run.
            JournalError: another controller holds it (when writing), it is damaged, or of another schema version.
            EnvironmentMissing: no permission.
        """
        with translated(folder):
            if not (folder / DATABASE).exists():
                raise NotFound(f"no run at {folder}: there is no {DATABASE}", hint="`discovery list` shows the runs")
            lease = Lease(folder) if write else None
            try:
                return cls(folder, connect(folder, write=write), lease)
            except BaseException:
                if lease is not None:
                    lease.release()
                raise

    def close(self) -> None:
        """Close the file and give the lease back. Idempotent."""
        if self._sync is not None:
            self._sync.close()
            self._sync = None
        with translated(self.folder):
            self._db.close()
        if self._lease is not None:
            self._lease.release()
            self._lease = None

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Writing: each method is one durable commit.

    def add_asked(self, asked: Asked) -> None:
        """Commit that a proposal was asked for, before it is written.

        Raises:
            JournalError: a proposal of this number was asked for already.
        """
        index = asked.proposal.index
        with self._commit():
            if self._one("SELECT 1 FROM asked WHERE id = ?", (index,)):
                raise JournalError(f"proposal {index} of run {self.meta.name} was asked for already")
            document = _dump(asked.proposal.to_json())
            self._insert(
                "INSERT INTO asked VALUES (?, ?, ?, ?, ?)", (index, document, asked.hints, asked.lessons, _now())
            )

    def add_proposal(
        self, proposal: Proposal, source: str, program: Program, idea: str = "", notes: Mapping[str, JSON] | None = None
    ) -> bool:
        """Commit a proposal that the language accepted as `program`, with what its writer said of it.

        Returns:
            True when the program is new to the run; False when its key is known (a repeat).

        Raises:
            JournalError: a proposal of this number is recorded already.
        """
        with self._commit():
            known = self._program_id(program.key)
            if known is None:
                insert = "INSERT INTO program (key, skeleton, first) VALUES (?, ?, ?)"
                row = self._insert(insert, (program.key, program.skeleton, proposal.index))
            else:
                row = known
            self._insert_proposal(proposal, source, row, known is not None, idea, notes)
        return known is None

    def add_rejection(
        self, proposal: Proposal, source: str, verdict: Verdict, idea: str = "", notes: Mapping[str, JSON] | None = None
    ) -> Outcome:
        """Commit a proposal whose text the language refused, together with its outcome.

        Raises:
            JournalError: a proposal of this number is recorded already.
        """
        with self._commit():
            self._insert_proposal(proposal, source, None, False, idea, notes)
            return self._insert_outcome(proposal, None, None, self._insert_verdict(None, verdict), verdict)

    def add_verdict(self, key: str, verdict: Verdict, concludes: int | None = None) -> Outcome | None:
        """Commit a verdict on the program `key`; with `concludes`, also the outcome of that proposal.

        Raises:
            JournalError: the run has no such program; this (key, stage, replicate) is judged already; or `concludes`
                names a proposal of another program, or one that has its outcome already; or the verdict is a
                re-measurement (`replicate` above 0) of a program without an outcome.
        """
        with self._commit():
            program = self._program_id(key)
            if program is None:
                raise JournalError(f"no program {key[:12]} in run {self.meta.name}: its proposal comes first")
            taken = "SELECT 1 FROM verdict WHERE program = ? AND stage = ? AND replicate = ?"
            if self._one(taken, (program, verdict.stage, verdict.replicate)):
                raise JournalError(
                    f"program {key[:12]} is judged already at stage {verdict.stage!r}, replicate {verdict.replicate}"
                )
            row = self._insert_verdict(program, verdict)
            if concludes is None:
                return None
            if verdict.replicate != 0 and not self._settled(program):
                raise JournalError(f"replicate {verdict.replicate} re-measures; replicate 0 must conclude first")
            own, proposal = self._open_proposal(concludes)
            if own != program:
                raise JournalError(f"proposal {concludes} did not bring program {key[:12]}")
            return self._insert_outcome(proposal, key, program, row, verdict)

    def conclude(self, index: int) -> Outcome:
        """Commit the outcome of proposal `index` from what its program was judged already: its last verdict of
        replicate 0.

        Raises:
            JournalError: no such proposal, it has its outcome already, or its program has no verdict yet.
        """
        with self._commit():
            program, proposal = self._open_proposal(index)
            last = (
                "SELECT verdict.id, key, document FROM verdict JOIN program ON program.id = verdict.program "
                "WHERE program = ? AND replicate = 0 ORDER BY verdict.id DESC LIMIT 1"
            )
            found = self._one(last, (program,))
            if found is None:
                raise JournalError(f"proposal {index} cannot be concluded: its program has no verdict yet")
            row, key, document = found
            verdict = self._sound(read_verdict, document)
            return self._insert_outcome(proposal, key, program, row, verdict)

    def add_model_call(self, call: ModelCall) -> None:
        """Commit a concluded model call.

        Raises:
            JournalError: its key (proposal, step, attempt) is recorded already.
        """
        key = (call.proposal, call.step, call.attempt)
        with self._commit():
            if self._one("SELECT 1 FROM model_call WHERE proposal = ? AND step = ? AND attempt = ?", key):
                raise JournalError(f"model call {'-'.join(map(str, key))} of run {self.meta.name} is recorded already")
            prompt = [[role, self._source_id(content)] for role, content in call.prompt]
            spent = (call.input_tokens, call.output_tokens, call.usd)
            self._insert(
                "INSERT INTO model_call (proposal, step, attempt, model, prompt, reply, input_tokens, output_tokens, "
                "usd, document, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*key, call.model, _dump(prompt), self._source_id(call.text), *spent, _dump(call.details), _now()),
            )

    def add_sent(self, model: str, count: int) -> None:
        """Commit that requests to `model` leave (1), or that nothing was served for one (-1)."""
        self._add_document(SENT, 1, 1, {"model": model, "count": count})

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Commits made within are whole and visible as always, and a killed process loses none; but they need not have
        reached the disk before `durable`, or before the next commit that is made elsewhere. Nests."""
        self._deferring += 1
        if self._deferring == 1:
            self._synchronous("NORMAL")
        try:
            yield
        finally:
            self._deferring -= 1
            if self._deferring == 0:
                self._synchronous("FULL")

    def _synchronous(self, mode: str) -> None:
        with translated(self.folder):
            self._db.execute(f"PRAGMA synchronous = {mode}")

    async def durable(self) -> None:
        """Wait until every commit made so far has reached the disk; the event loop goes on meanwhile.

        Raises:
            EnvironmentMissing, JournalError: it cannot be written there.
        """
        with translated(self.folder):
            if self._sync is None:
                self._sync = LogSync(self.folder / f"{DATABASE}-wal")
            await self._sync.wait()

    def add_event(self, event: Event) -> None:
        """Commit an event; one that is not `journaled` is passed over."""
        if event.journaled:
            self._add_document(type(event).__name__, 0, event.version, event.to_json())

    def add_note(self, kind: str, data: JSON) -> None:
        """Commit a JSON document of the given kind (such as `"confirmation"`, `"export"`)."""
        self._add_document(kind, 1, 1, data)

    # Beneath.

    @contextmanager
    def _commit(self) -> Iterator[None]:
        if self._lease is None:
            raise JournalError(f"the journal of run {self.meta.name} is not open for writing")
        with translated(self.folder):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise

    def _insert(self, statement: str, values: tuple[Any, ...]) -> int:
        row = self._db.execute(statement, values).lastrowid
        assert row is not None
        return row

    def _insert_proposal(
        self,
        proposal: Proposal,
        source: str,
        program: int | None,
        repeat: bool,
        idea: str,
        notes: Mapping[str, JSON] | None,
    ) -> None:
        if self._one("SELECT 1 FROM proposal WHERE id = ?", (proposal.index,)):
            raise JournalError(f"proposal {proposal.index} of run {self.meta.name} is recorded already")
        text = self._source_id(source)
        self._insert(
            "INSERT INTO proposal VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (proposal.index, _dump(proposal.to_json()), text, program, repeat, idea, _dump(notes or {}), _now()),
        )

    def _source_id(self, source: str) -> int:
        digest = content_key(source)
        found = self._one("SELECT id FROM source WHERE hash = ?", (digest,))
        if found is not None:
            return int(found[0])
        data = source.encode("utf-8", "surrogatepass")
        return self._insert("INSERT INTO source (hash, text) VALUES (?, ?)", (digest, data))

    def _insert_verdict(self, program: int | None, verdict: Verdict) -> int:
        return self._insert(
            "INSERT INTO verdict (program, stage, replicate, document, created) VALUES (?, ?, ?, ?, ?)",
            (program, verdict.stage, verdict.replicate, _dump(verdict.to_json()), _now()),
        )

    def _insert_outcome(
        self, proposal: Proposal, key: str | None, program: int | None, row: int, verdict: Verdict
    ) -> Outcome:
        """The first outcome of a program settles its final verdict; that one and measurements anew make up `best`."""
        first = score = None
        settles = False
        if program is not None:
            settles = not self._settled(program)
            first = self._count("SELECT first FROM program WHERE id = ?", (program,))
            score = float(verdict.score) if verdict.score is not None else None
            score = score if verdict.status in ("scored", "proved") else None
        cost = self._rows(COST, (proposal.index,))[0][0]
        position = self._insert(
            "INSERT INTO outcome (proposal, verdict, program, first, settles, again, score, cost) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (proposal.index, row, program, first, settles, verdict.replicate > 0, score, cost),
        )
        return Outcome(position, proposal, key, verdict, cost)

    def _settled(self, program: int) -> bool:
        return bool(self._one("SELECT 1 FROM outcome WHERE program = ? AND settles = 1", (program,)))

    def _open_proposal(self, index: int) -> tuple[int, Proposal]:
        """A proposal that has no outcome yet, and the row of its program."""
        found = self._one("SELECT program, document FROM proposal WHERE id = ?", (index,))
        if found is None:
            raise JournalError(f"run {self.meta.name} has no proposal {index}")
        if self._one("SELECT 1 FROM outcome WHERE proposal = ?", (index,)):
            raise JournalError(f"proposal {index} has its outcome already")
        return int(found[0]), self._sound(lambda text: Proposal.from_json(json.loads(text)), found[1])

    def _add_document(self, kind: str, note: int, version: int, data: JSON) -> None:
        with self._commit():
            self._insert(
                "INSERT INTO event (kind, note, version, document, created) VALUES (?, ?, ?, ?, ?)",
                (kind, note, version, _dump(data), _now()),
            )


def _dump(data: Mapping[str, JSON] | JSON) -> str:
    try:
        return json.dumps(data, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise JournalError(f"a record must be plain data with finite numbers: {error}") from error


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
