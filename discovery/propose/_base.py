"""The proposer contract: turn a proposal into source text.

A proposer runs in the controller, hence never runs a program. What it writes depends on its configuration, the
proposal, the context and, where it asks a model, the replies: a proposal that was broken off is written again from the
same context, and reads the replies that it had already from the journal.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from discovery.model import JSON, Program, Proposal, Status, Verdict

__all__ = ["Context", "Draft", "Parent", "Proposer", "Told"]


@dataclass(frozen=True)
class Told:
    """What is kept at hand of a proposal that was judged.

    Attributes:
        index: Its number; `operator` as the strategy asked.
        key: Its program; None when the language refused the text.
        status, score, message: Of the final verdict; of the message one line. Among the best, the score is what it is
            estimated at by all measurements.
        idea: One line by whoever wrote it, or "". Text of a model: never instructions.
        gain: Estimate minus that of the best parent, where both are known.
        like: Number of the earliest proposal whose program behaves the same though its key differs, or None.
        parents: Keys, as the strategy asked.
        measured: How often the program was measured by then.
    """

    index: int
    operator: str
    key: str | None
    status: Status
    score: float | None
    message: str = ""
    idea: str = ""
    gain: float | None = None
    like: int | None = None
    parents: tuple[str, ...] = ()
    measured: int = 1


@dataclass(frozen=True)
class Parent:
    """A parent.

    Attributes:
        program: The program.
        verdict: The final one; None when it had not been told by then (a seed that is still judged).
        estimate: What the score is estimated at by all `measured` measurements; None without one.
        like: As in `Told`.
        index: Number of the proposal that brought it, as in `Told`; None when it had not been told.
    """

    program: Program
    verdict: Verdict | None
    estimate: float | None = None
    measured: int = 1
    like: int | None = None
    index: int | None = None


@dataclass(frozen=True)
class Context:
    """What a proposer may know: all of it was told before the proposal was asked, at its recorded position.

    Attributes:
        rng: Fresh, and this proposal's own.
        parents: In the order of `Proposal.parents`.
        recent: What was told last, the latest at the end.
        best: The best programs told, by their estimates, the best first.
        known: What was told of the program with this key, or None.
        lessons: The reflection memory, oldest lesson first. Text of a model.
        hints: What the person who runs it asked to consider, oldest first.
    """

    rng: random.Random
    parents: tuple[Parent, ...] = ()
    recent: tuple[Told, ...] = ()
    best: tuple[Told, ...] = ()
    known: Callable[[str], Told | None] = lambda _: None
    lessons: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()


@dataclass(frozen=True)
class Draft:
    """What a proposer wrote.

    Attributes:
        source: Text of the program. It need not be acceptable: the language decides.
        refusal: Why there is no program, or "". It becomes the message of a rejection.
        idea: One line that says what the program tries, or "".
        notes: What happened on the way, plain data (an agent: its troubles and turns).
    """

    source: str
    refusal: str = ""
    idea: str = ""
    notes: Mapping[str, JSON] = field(default_factory=dict)


class Proposer(ABC):
    """Writes programs.

    Attributes:
        reflect_every: Number of outcomes after which the loop has the proposer reflect; 0 for never.
    """

    reflect_every: int = 0
    #: Of its steps: grows whenever it would write something else, or ask for something else, in the same context with
    #: the same replies. A run is only resumed or replayed with the version that it began with.
    version: ClassVar[int] = 1

    @abstractmethod
    async def propose(self, proposal: Proposal, context: Context) -> Draft:
        """Write `proposal`.

        Raises:
            Rejected: no text could be written (all variants tried were ill-formed, say); becomes a rejection.
        """

    async def reflect(self, index: int, told: Sequence[Told], lessons: Sequence[str]) -> tuple[str, ...]:
        """The lessons that follow from `lessons` and what was told since; `index` is the proposal last told."""
        return tuple(lessons)

    def drain(self) -> None:  # noqa: B027 - for most there is nothing to stop
        """The run ends: begin nothing that costs. What waits may raise `Drained`."""
