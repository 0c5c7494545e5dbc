"""What the journal hands back: frozen rows over the engine's records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from discovery.model import JSON, Program, Proposal, Verdict

__all__ = ["Asked", "ModelCall", "Outcome", "ProgramRow", "ProposalRow", "RunMeta", "Spending"]


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
class Asked:
    """A proposal as it was asked for, with the positions up to which it saw what else enters a run.

    Attributes:
        proposal: As the strategy asked for it.
        hints: Number of hints that had been given.
        lessons: Number of reflections that had been made.
    """

    proposal: Proposal
    hints: int = 0
    lessons: int = 0


@dataclass(frozen=True)
class ProposalRow:
    """A proposal that was written.

    Attributes:
        proposal: As the strategy asked for it.
        source: Text that the proposer gave.
        key: Canonical key of the program; None when the language refused the text.
        repeat: Whether a program of this key had been proposed before.
        rejection: The verdict of a refused text; else None.
        created: When it was committed; ISO 8601, UTC.
        idea: One line by whoever wrote it, or "".
        notes: What the proposer noted on the way; plain data.
    """

    proposal: Proposal
    source: str
    key: str | None
    repeat: bool
    rejection: Verdict | None
    created: str
    idea: str = ""
    notes: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """The conclusion of one proposal.

    Attributes:
        position: Place in the journal's order of outcomes, from 1 without gaps.
        proposal: As the strategy asked for it.
        key: Its program's key; None when the language refused it.
        verdict: The final verdict, or that of a re-measurement.
        cost: US dollars that models cost until it was concluded; without a known price, one for a million tokens.
    """

    position: int
    proposal: Proposal
    key: str | None
    verdict: Verdict
    cost: float = 0.0

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


@dataclass(frozen=True)
class ModelCall:
    """A concluded call of a language model. Its key is (proposal, step, attempt).

    Attributes:
        proposal: Number of the proposal that it was made for; the proposal itself is committed later.
        step, attempt: Which call of that proposal.
        model: The model, as the run calls it.
        prompt: Role and text of each message.
        text: The reply as it came; "" when the call failed.
        input_tokens, output_tokens: Of prompt and reply.
        usd: Price in US dollars; None when unknown.
        details: What else is known of the reply, or the error that the call ended with; plain data.
        created: When it was committed; ISO 8601, UTC. Set by the journal.
    """

    proposal: int
    step: str
    attempt: int
    model: str
    prompt: tuple[tuple[str, str], ...]
    text: str
    input_tokens: int
    output_tokens: int
    usd: float | None
    details: Mapping[str, JSON] = field(default_factory=dict)
    created: str = ""


@dataclass(frozen=True)
class Spending:
    """What a run has spent on models.

    Attributes:
        calls: Replies.
        tokens: Of their prompts and texts.
        usd: Sum of the known prices, US dollars.
        unpriced: Replies whose price is unknown.
        estimated: Replies whose tokens, and with them their price, were estimated from the length of the text.
    """

    calls: int
    tokens: int
    usd: float
    unpriced: int
    estimated: int = 0
