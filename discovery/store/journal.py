"""The journal of a run: everything that was proposed, judged and decided, in one append-only SQLite file.

Every writing call is one durable commit: when it returns, the record has reached the disk, and a crash at any moment
leaves it whole or absent. One controller writes at a time (it holds the `Lease`); any number of readers look on
meanwhile. A journal belongs to the thread that opened it.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from discovery.errors import ConfigError, JournalError, NotFound
from discovery.events import Event
from discovery.model import JSON, Program, Proposal, Verdict, content_key
from discovery.store._database import DATABASE, build, connect, translated, unreadable
from discovery.store._queries import (
    ASKED,
    BEST,
    COST,
    MODEL_CALLS,
    OUTCOMES,
    PROGRAMS,
    PROPOSALS,
    read_asked,
    read_event,
    read_model_call,
    read_outcome,
    read_program,
    read_proposal,
    read_text,
    read_verdict,
)
from discovery.store.lease import Lease
from discovery.store.rows import Asked, ModelCall, Outcome, ProgramRow, ProposalRow, RunMeta, Spending

__all__ = ["Journal"]

_Row = TypeVar("_Row")
_PAGE = 256  # rows a query holds at a time: iterating keeps no read transaction open


class Journal:
    """The journal in a run's folder. Made by `create` or `open`; a context manager that closes it.

    Attributes:
        folder: The run's folder.
        meta: What the run is.
    """

    def __init__(self, folder: Path, db: sqlite3.Connection, lease: Lease | None) -> None:
        self.folder = folder
        self._db = db
        self._lease = lease
        name, task, *documents, created = self._rows(
            "SELECT name, task, config, versions, sandbox, created FROM run WHERE id = 1"
        )[0]
        config, versions, sandbox = (self._sound(json.loads, text) for text in documents)
        self.meta = RunMeta(name, task, config, versions, sandbox, created)

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
                        hint=f"`discovery resume {folder}` continues it; or choose another folder",
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

    def add_event(self, event: Event) -> None:
        """Commit an event; one that is not `journaled` is passed over."""
        if event.journaled:
            self._add_document(type(event).__name__, 0, event.version, event.to_json())

    def add_note(self, kind: str, data: JSON) -> None:
        """Commit a JSON document of the given kind (such as `"confirmation"`, `"export"`)."""
        self._add_document(kind, 1, 1, data)

    # Reading: indexed, and possible while another process writes.

    def asked_count(self) -> int:
        """Number of proposals that were asked for, written or not."""
        return self._count("SELECT count(*) FROM asked")

    def unwritten(self) -> list[Asked]:
        """The proposals that were asked for and are not written yet, by number."""
        query = f"{ASKED} LEFT JOIN proposal ON proposal.id = asked.id WHERE proposal.id IS NULL ORDER BY asked.id"
        return [self._sound(read_asked, row) for row in self._rows(query)]

    def asked(self, index: int) -> Asked:
        """Proposal `index` as it was asked for. Raises `NotFound`."""
        found = self._one(f"{ASKED} WHERE asked.id = ?", (index,))
        if found is None:
            raise NotFound(f"proposal {index} of run {self.meta.name} was not asked for")
        return self._sound(read_asked, found)

    def asked_before(self, index: int, operator: str, parent: str) -> int:
        """Number of proposals below `index` that were asked for with this operator and this first parent."""
        return self._count(
            "SELECT count(*) FROM asked WHERE id < ? AND json_extract(document, '$.operator') = ? "
            "AND json_extract(document, '$.parents[0]') = ?",
            (index, operator, parent),
        )

    def proposals(self) -> Iterator[ProposalRow]:
        """All proposals that are written, by number."""
        return self._pages(f"{PROPOSALS} WHERE proposal.id > ? ORDER BY proposal.id LIMIT {_PAGE}", -1, read_proposal)

    def proposal(self, index: int) -> ProposalRow:
        """The proposal of this number. Raises `NotFound`."""
        found = self._one(f"{PROPOSALS} WHERE proposal.id = ?", (index,))
        if found is None:
            raise NotFound(f"run {self.meta.name} has no proposal {index}")
        return self._sound(read_proposal, found)

    def proposal_count(self) -> int:
        """Number of proposals that are written: accepted, repeated and refused ones."""
        return self._count("SELECT count(*) FROM proposal")

    def verdict_count(self) -> int:
        """Number of verdicts: of every stage and replicate, refusals by the language included."""
        return self._count("SELECT count(*) FROM verdict")

    def outcome_count(self) -> int:
        """Number of proposals that have their outcome."""
        return self._count("SELECT count(*) FROM outcome")

    def program(self, key: str) -> Program:
        """The program of this full key. Raises `NotFound`."""
        return self.program_row(key).program

    def program_row(self, key: str) -> ProgramRow:
        """The program of this full key, with origin and final verdict. Raises `NotFound`."""
        found = self._one(f"{PROGRAMS} WHERE program.key = ?", (key,))
        if found is None:
            raise NotFound(f"run {self.meta.name} has no program {key[:12]}")
        return self._sound(read_program, found)

    def programs(self) -> Iterator[ProgramRow]:
        """All programs, in the order in which they were first proposed."""
        return self._pages(f"{PROGRAMS} WHERE program.id > ? ORDER BY program.id LIMIT {_PAGE}", -1, read_program)

    def find(self, prefix: str) -> str:
        """The key of the one program whose id starts with `prefix`; `"best"` is the best program so far.

        Raises:
            NotFound: no program has it, or none is scored yet.
            ConfigError: several have it, or `prefix` is empty.
        """
        if prefix == "best":
            best = self.best()
            if not best:
                raise NotFound(f"run {self.meta.name} has no scored program yet", hint=self._where())
            return best[0][0]
        if not prefix:
            raise ConfigError("a program id is expected after ':'", hint=self._where())
        wanted = prefix.lower()
        keys = [
            row[0]
            for row in self._rows(
                "SELECT key FROM program WHERE key >= ? AND key < ? ORDER BY key LIMIT 6", (wanted, wanted + "\x7f")
            )
        ]
        if not keys:
            raise NotFound(f"run {self.meta.name} has no program {prefix!r}", hint=self._where())
        if len(keys) > 1:
            names = ", ".join(key[:12] for key in keys[:5]) + (", ..." if len(keys) > 5 else "")
            raise ConfigError(f"program id {prefix!r} fits several: {names}", hint="give more characters")
        return str(keys[0])

    def verdicts(self, key: str) -> list[Verdict]:
        """Every verdict on the program `key`, in the order committed."""
        found = self._rows(
            "SELECT document FROM verdict JOIN program ON program.id = verdict.program "
            "WHERE program.key = ? ORDER BY verdict.id",
            (key,),
        )
        return [self._sound(read_verdict, document) for (document,) in found]

    def outcomes(self, after: int = 0) -> Iterator[Outcome]:
        """Outcomes of positions above `after`, in order."""
        return self._pages(f"{OUTCOMES} WHERE position > ? ORDER BY position LIMIT {_PAGE}", after, read_outcome)

    def outcome(self, index: int) -> Outcome | None:
        """The outcome of proposal `index`, or None while it is open."""
        found = self._one(f"{OUTCOMES} WHERE proposal = ?", (index,))
        return None if found is None else self._sound(read_outcome, found)

    def best(self, n: int = 1) -> list[tuple[str, Verdict]]:
        """The `n` best programs by score, as (key, verdict); equal scores in the order first proposed.

        A program that was measured again counts with the means of its score and of its cases over all measurements; one
        that failed then is not among them. Otherwise the verdict is the final one.
        """
        return [
            (key, self._sound(read_verdict, document) if times == 1 else self._averaged(key, document))
            for key, document, times in self._rows(BEST, (n,))
        ]

    def _averaged(self, key: str, document: str) -> Verdict:
        """The final verdict with the means over all measurements in the place of its score and cases."""
        final = self._sound(read_verdict, document)
        all_of = [final, *(verdict for verdict in self.verdicts(key) if verdict.replicate > 0)]
        scores = [verdict.score for verdict in all_of if verdict.score is not None]
        cases = {
            name: math.fsum(verdict.cases[name] for verdict in all_of) / len(all_of)
            for name in final.cases
            if all(name in verdict.cases for verdict in all_of)
        }
        return replace(final, score=math.fsum(scores) / len(scores), cases=cases)

    def model_call(self, proposal: int, step: str, attempt: int) -> ModelCall | None:
        """The model call of this key, or None."""
        query = f"{MODEL_CALLS} WHERE proposal = ? AND step = ? AND attempt = ?"
        found = self._one(query, (proposal, step, attempt))
        return None if found is None else self._sound(lambda row: read_model_call(row, self._text), found)

    def model_calls(self, proposal: int | None = None) -> Iterator[ModelCall]:
        """All model calls, or those made for one proposal, in the order committed."""
        only = "" if proposal is None else f"AND proposal = {proposal:d} "
        query = f"{MODEL_CALLS} WHERE model_call.id > ? {only}ORDER BY model_call.id LIMIT {_PAGE}"
        return self._pages(query, 0, lambda row: read_model_call(row, self._text))

    def spending(self) -> Spending:
        """What all replies of models have cost. Calls that failed are not counted."""
        query = (
            "SELECT count(*), coalesce(sum(input_tokens + output_tokens), 0), coalesce(sum(usd), 0.0), "
            "count(*) - count(usd) FROM model_call WHERE json_extract(document, '$.error') IS NULL"
        )
        return Spending(*self._rows(query)[0])

    def dearest_replies(self) -> dict[str, tuple[int, float, int]]:
        """Model to its number of replies, the highest price of one (US dollars, 0 when unknown) and the most tokens."""
        found = self._rows(
            "SELECT model, count(*), coalesce(max(usd), 0.0), max(input_tokens + output_tokens) FROM model_call "
            "WHERE json_extract(document, '$.error') IS NULL GROUP BY model"
        )
        return {model: (count, usd, tokens) for model, count, usd, tokens in found}

    def events(self) -> Iterator[dict[str, JSON]]:
        """The journaled events in order: `Event.to_json()` and `time` (ISO 8601, UTC)."""
        query = f"SELECT id, document, created FROM event WHERE note = 0 AND id > ? ORDER BY id LIMIT {_PAGE}"
        return self._pages(query, 0, read_event)

    def last_event(self, kind: str) -> dict[str, JSON] | None:
        """The latest event of class `kind`, as `events` gives it, or None."""
        query = "SELECT id, document, created FROM event WHERE note = 0 AND kind = ? ORDER BY id DESC LIMIT 1"
        found = self._one(query, (kind,))
        return None if found is None else self._sound(read_event, found)

    def notes(self, kind: str) -> list[JSON]:
        """The documents of one kind, in the order committed."""
        found = self._rows("SELECT document FROM event WHERE note = 1 AND kind = ? ORDER BY id", (kind,))
        return [self._sound(json.loads, document) for (document,) in found]

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

    def _text(self, source: int) -> str:
        return read_text(self._rows("SELECT hash, text FROM source WHERE id = ?", (source,))[0])

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

    def _program_id(self, key: str) -> int | None:
        found = self._one("SELECT id FROM program WHERE key = ?", (key,))
        return None if found is None else int(found[0])

    def _rows(self, query: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        with translated(self.folder):
            return self._db.execute(query, values).fetchall()

    def _one(self, query: str, values: tuple[Any, ...]) -> tuple[Any, ...] | None:
        found = self._rows(query, values)
        return found[0] if found else None

    def _count(self, query: str, values: tuple[Any, ...] = ()) -> int:
        return int(self._rows(query, values)[0][0])

    def _pages(self, query: str, after: int, row: Callable[[tuple[Any, ...]], _Row]) -> Iterator[_Row]:
        while page := self._rows(query, (after,)):
            for found in page:
                yield self._sound(row, found)
            after = page[-1][0]

    def _sound(self, read: Callable[[Any], _Row], stored: Any) -> _Row:
        """`read(stored)`: a record may be damaged inside a page that is sound to SQLite."""
        with unreadable(self.folder):
            return read(stored)

    def _where(self) -> str:
        return f"`discovery show {self.folder} --programs` lists the programs"


def _dump(data: Mapping[str, JSON] | JSON) -> str:
    try:
        return json.dumps(data, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise JournalError(f"a record must be plain data with finite numbers: {error}") from error


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
