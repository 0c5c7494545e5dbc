"""What the journal hands back: frozen rows over the engine's records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from discovery.model import JSON, Program, Proposal, Verdict

__all__ = ["Outcome", "ProgramRow", "ProposalRow", "RunMeta"]


@dataclass(frozen=True)
class RunMeta:
    """What a run is, fixed when it was created.

    Attributes:
        name: Name of the run.
        task: The task's specification, as typed.
        config: The resolved configuration; plain data.
        versions: Package to version, everything that a result may depend on.
        sandbox: The backend and its report of capabilities on this machine; plain data.
        created: ISO 8601, UTC.
    """

    name: str
    task: str
    config: Mapping[str, JSON]
    versions: Mapping[str, JSON]
    sandbox: Mapping[str, JSON]
    created: str


@dataclass(frozen=True)
class ProposalRow:
    """A committed proposal.

    Attributes:
        proposal: As the strategy asked for it.
        source: Text that the proposer gave.
        key: Canonical key of the program; None when the language refused the text.
        repeat: Whether a program of this key had been proposed before.
        rejection: The verdict of a refused text; else None.
        created: When it was committed; ISO 8601, UTC.
    """

    proposal: Proposal
    source: str
    key: str | None
    repeat: bool
    rejection: Verdict | None
    created: str


@dataclass(frozen=True)
class Outcome:
    """The conclusion of one proposal.

    Attributes:
        position: Place in the journal's order of outcomes, from 1 without gaps.
        proposal: As the strategy asked for it.
        key: Its program's key; None when the language refused it.
        verdict: The final verdict.
    """

    position: int
    proposal: Proposal
    key: str | None
    verdict: Verdict

    @property
    def index(self) -> int:
        """Number of the proposal."""
        return self.proposal.index


@dataclass(frozen=True)
class ProgramRow:
    """A program with where it came from and what became of it.

    Attributes:
        program: The program, its source as first proposed.
        first: Number of the proposal that brought it.
        operator, parents: Of that proposal.
        verdict: The final verdict; None while it is being judged.
    """

    program: Program
    first: int
    operator: str
    parents: tuple[str, ...]
    verdict: Verdict | None
