"""The joins that the journal reads rows with, and the way from a row to a record. Each has its paging key first."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from discovery.model import JSON, Program, Proposal, Verdict
from discovery.store.rows import Asked, ModelCall, Outcome, ProgramRow, ProposalRow, RunMeta

__all__ = [
    "ASKED",
    "BEST",
    "COST",
    "MODEL_CALLS",
    "OUTCOMES",
    "PROGRAMS",
    "PROPOSALS",
    "read_asked",
    "read_event",
    "read_meta",
    "read_model_call",
    "read_outcome",
    "read_program",
    "read_proposal",
    "read_text",
    "read_verdict",
]

PROPOSALS = (
    "SELECT proposal.id, proposal.document, hash, text, key, repeat, proposal.created, verdict.document, idea, "
    "notes FROM proposal "
    "JOIN source ON source.id = proposal.source LEFT JOIN program ON program.id = proposal.program "
    "LEFT JOIN outcome ON outcome.proposal = proposal.id AND proposal.program IS NULL "
    "LEFT JOIN verdict ON verdict.id = outcome.verdict"
)
PROGRAMS = (
    "SELECT program.id, key, skeleton, program.first, hash, text, proposal.document, verdict.document FROM program "
    "JOIN proposal ON proposal.id = program.first JOIN source ON source.id = proposal.source "
    "LEFT JOIN outcome ON outcome.program = program.id AND settles = 1 "
    "LEFT JOIN verdict ON verdict.id = outcome.verdict"
)
ASKED = "SELECT asked.id, asked.document, hints, lessons FROM asked"
OUTCOMES = (
    "SELECT position, proposal.document, key, verdict.document, cost FROM outcome "
    "JOIN proposal ON proposal.id = outcome.proposal JOIN verdict ON verdict.id = outcome.verdict "
    "LEFT JOIN program ON program.id = outcome.program"
)
#: Per program the mean over its measurements; none of those of which one failed.
BEST = (
    "SELECT key, document, times FROM ("
    "SELECT program, avg(score) AS mean, count(*) AS times, min(first) AS first FROM outcome "
    "WHERE settles = 1 OR again = 1 GROUP BY program HAVING count(score) = count(*) ORDER BY mean DESC, first LIMIT ?"
    ") AS ranked JOIN outcome ON outcome.program = ranked.program AND settles = 1 "
    "JOIN verdict ON verdict.id = outcome.verdict JOIN program ON program.id = ranked.program "
    "ORDER BY mean DESC, ranked.first"
)
COST = (
    "SELECT coalesce(sum(coalesce(usd, (input_tokens + output_tokens) / 1e6)), 0.0) FROM model_call WHERE proposal = ?"
)
MODEL_CALLS = (
    "SELECT model_call.id, proposal, step, attempt, model, prompt, hash, text, input_tokens, output_tokens, usd, "
    "document, created FROM model_call JOIN source ON source.id = reply"
)


def read_meta(rows: list[tuple[Any, ...]]) -> RunMeta:
    """The rows of `run`. Raises ValueError unless there is exactly one."""
    ((name, task, config, versions, sandbox, created),) = rows
    return RunMeta(name, task, json.loads(config), json.loads(versions), json.loads(sandbox), created)


def read_asked(row: tuple[Any, ...]) -> Asked:
    """One row of `ASKED`."""
    _, document, hints, lessons = row
    return Asked(Proposal.from_json(json.loads(document)), hints, lessons)


def read_proposal(row: tuple[Any, ...]) -> ProposalRow:
    """One row of `PROPOSALS`."""
    _, document, digest, text, key, repeat, created, rejection, idea, notes = row
    return ProposalRow(
        Proposal.from_json(json.loads(document)),
        read_text((digest, text)),
        key,
        bool(repeat),
        None if rejection is None else read_verdict(rejection),
        created,
        idea,
        json.loads(notes),
    )


def read_program(row: tuple[Any, ...]) -> ProgramRow:
    """One row of `PROGRAMS`."""
    _, key, skeleton, first, digest, text, document, verdict = row
    proposal = Proposal.from_json(json.loads(document))
    return ProgramRow(
        Program(read_text((digest, text)), key, skeleton),
        first,
        proposal.operator,
        proposal.parents,
        None if verdict is None else read_verdict(verdict),
    )


def read_outcome(row: tuple[Any, ...]) -> Outcome:
    """One row of `OUTCOMES`."""
    position, proposal, key, verdict, cost = row
    return Outcome(position, Proposal.from_json(json.loads(proposal)), key, read_verdict(verdict), cost)


def read_model_call(row: tuple[Any, ...], text_of: Callable[[int], str]) -> ModelCall:
    """One row of `MODEL_CALLS`; `text_of` gives the text with a number in table `source`."""
    _, proposal, step, attempt, model, prompt, digest, text, *numbers, document, created = row
    input_tokens, output_tokens, usd = numbers
    return ModelCall(
        proposal,
        step,
        attempt,
        model,
        tuple((role, text_of(number)) for role, number in json.loads(prompt)),
        read_text((digest, text)),
        input_tokens,
        output_tokens,
        usd,
        json.loads(document),
        created,
    )


def read_verdict(document: str) -> Verdict:
    """A column `verdict.document`."""
    return Verdict.from_json(json.loads(document))


def read_event(row: tuple[Any, ...]) -> dict[str, JSON]:
    """A row (id, document, created) of `event`."""
    _, document, created = row
    return {"time": created, **json.loads(document)}


def read_text(row: tuple[str, bytes]) -> str:
    """A row (hash, text) of `source`. Raises ValueError where the text is not the one that was stored."""
    digest, data = row
    if sha256(data).hexdigest() != digest:
        raise ValueError(f"a source text no longer has its hash {digest[:12]}")
    return data.decode("utf-8", "surrogatepass")
