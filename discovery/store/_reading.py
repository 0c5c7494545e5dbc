"""What every journal answers: indexed queries, possible while another process writes."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from discovery.errors import ConfigError, NotFound, command_line
from discovery.model import JSON, Program, Verdict
from discovery.store._database import translated, unreadable
from discovery.store._queries import (
    ASKED,
    BEST,
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
from discovery.store.rows import Asked, ModelCall, Outcome, ProgramRow, ProposalRow, RunMeta, Spending

__all__ = ["SENT", "Reading"]

#: Kind of the notes on requests that left.
SENT = "sent"

_Row = TypeVar("_Row")
_PAGE = 256  # rows a query holds at a time: iterating keeps no read transaction open


class Reading:
    """The reading half of `Journal`, over an open database.

    Attributes:
        folder: The run's folder.
        meta: What the run is.
    """

    folder: Path
    meta: RunMeta
    _db: sqlite3.Connection

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

    def alarms(self) -> dict[str, list[str]]:
        """What a person should look at before believing a program's score: messages by program key, oldest first."""
        found: dict[str, list[str]] = {}
        for (text,) in self._rows("SELECT document FROM event WHERE note = 0 AND kind = 'Alarm' ORDER BY id"):
            alarm = self._sound(json.loads, text)
            if alarm.get("key") is not None:
                found.setdefault(alarm["key"], []).append(alarm["message"])
        return found

    def measured_again(self) -> dict[str, Verdict]:
        """The programs that were measured again, by key: each with the means over all measurements in the place of its
        score and cases, or with the verdict of a measurement that failed."""
        query = (
            "SELECT DISTINCT key, document FROM outcome AS anew JOIN program ON program.id = anew.program "
            "JOIN outcome AS final ON final.program = anew.program AND final.settles = 1 "
            "JOIN verdict ON verdict.id = final.verdict WHERE anew.again = 1"
        )
        found = {}
        for key, document in self._rows(query):
            failed = [verdict for verdict in self.verdicts(key) if verdict.replicate > 0 and verdict.score is None]
            found[key] = failed[0] if failed else self._averaged(key, document)
        return found

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

    def last_reply(self, model: str) -> ModelCall | None:
        """The latest reply of `model`, or None."""
        query = (
            f"{MODEL_CALLS} WHERE model = ? AND json_extract(document, '$.error') IS NULL "
            "ORDER BY model_call.id DESC LIMIT 1"
        )
        found = self._one(query, (model,))
        return None if found is None else self._sound(lambda row: read_model_call(row, self._text), found)

    def spending(self) -> Spending:
        """What all replies of models have cost. Calls that failed are not counted."""
        query = (
            "SELECT count(*), coalesce(sum(input_tokens + output_tokens), 0), coalesce(sum(usd), 0.0), "
            "count(*) - count(usd), coalesce(sum(json_extract(document, '$.estimated')), 0) FROM model_call "
            "WHERE json_extract(document, '$.error') IS NULL"
        )
        return Spending(*self._rows(query)[0])

    def dearest_replies(self) -> dict[str, tuple[int, float, int]]:
        """Model to its number of replies, the highest price of one (US dollars, 0 when unknown) and the most tokens."""
        found = self._rows(
            "SELECT model, count(*), coalesce(max(usd), 0.0), max(input_tokens + output_tokens) FROM model_call "
            "WHERE json_extract(document, '$.error') IS NULL GROUP BY model"
        )
        return {model: (count, usd, tokens) for model, count, usd, tokens in found}

    def sent(self) -> dict[str, int]:
        """Model to the number of requests that it may have served: what has no reply was lost on its way."""
        found = self._rows(
            "SELECT json_extract(document, '$.model') AS model, sum(json_extract(document, '$.count')) FROM event "
            "WHERE note = 1 AND kind = ? GROUP BY model",
            (SENT,),
        )
        return dict(found)

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

    def _text(self, source: int) -> str:
        return read_text(self._rows("SELECT hash, text FROM source WHERE id = ?", (source,))[0])

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
        return f"{command_line('show', self.folder, '--programs')} lists the programs"
