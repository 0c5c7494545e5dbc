"""A run once more, from its recorded replies and without a model: does everything follow from what the journal holds?

Proposal after proposal, strategy, memory and prompts are made anew from the outcomes that had been told, the recorded
replies are read again, and what comes out is compared with the journal: what was asked, what was written, which program
it is, and, when programs are judged again, the verdicts. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from discovery.config import RunConfig
from discovery.course import Course
from discovery.events import Event, Observer, Proposed, Reflected
from discovery.model import Program, Verdict
from discovery.propose import Draft, Proposer
from discovery.store import Asked, Journal, ProposalRow
from discovery.task import Stage, Task

__all__ = ["Evaluate", "Replay", "Replayed"]

#: Judges a program at a stage, on a replicate.
Evaluate: TypeAlias = Callable[[Program, Stage, int], Awaitable[Verdict]]
_ENOUGH = 20


@dataclass
class Replayed:
    """How a replay went.

    Attributes:
        proposals: Proposals written again.
        unwritten: Proposals that were asked for and are not written yet; left out.
        verdicts: Verdicts reached again.
        differences: A line for each thing that came out otherwise; none when the run is the same. At most 20.
    """

    proposals: int = 0
    unwritten: int = 0
    verdicts: int = 0
    differences: list[str] = field(default_factory=list)


class Replay:
    """Replays the run in a journal.

    Args:
        journal: Of the recorded run; only read.
        task, config, proposer: The run's parts. The proposer's gateway answers from the journal.
        evaluate: Judges programs again; None takes the recorded verdicts.
        observers: Told what is proposed.
    """

    def __init__(
        self,
        journal: Journal,
        task: Task,
        config: RunConfig,
        proposer: Proposer,
        evaluate: Evaluate | None = None,
        observers: Sequence[Observer] = (),
    ) -> None:
        self._journal, self._task, self._evaluate, self._observers = journal, task, evaluate, observers
        self._course = Course(journal, task, config, proposer, self._drawn, anew=True)
        self._lessons = [tuple(event["lessons"]) for event in journal.events() if event["event"] == "Reflected"]
        window = config.visibility == "window"
        self._outcomes = {outcome.index + 1 if window else outcome.position: outcome for outcome in journal.outcomes()}
        self._unwritten = {asked.proposal.index for asked in journal.unwritten()}
        self._again: set[tuple[str, str, int]] = set()
        self._result = Replayed()

    async def run(self) -> Replayed:
        """Replay to the end, or until much differs.

        Raises:
            PromptChanged, NotRecorded: what is asked of the model now is not what was answered.
            DiscoveryError: the system failed.
        """
        for index in range(self._journal.asked_count()):
            await self._propose(self._journal.asked(index))
            if len(self._result.differences) >= _ENOUGH:
                return self._result
        self._tell(self._journal.outcome_count())
        await self._course.notebook.reflect(len(self._lessons))
        if self._evaluate is not None:
            await self._judge(self._evaluate)
        return self._result

    def _tell(self, seen: int) -> None:
        for place in range(self._course.told + 1, seen + 1):
            if place not in self._outcomes:  # under `window`: one of a run that broke off has gaps behind
                return
            self._course.tell(self._outcomes[place])

    async def _propose(self, asked: Asked) -> None:
        course, proposal = self._course, asked.proposal
        self._tell(proposal.seen)
        await course.notebook.reflect(asked.lessons)
        if (now := course.ask(proposal.index)) != proposal:
            self._differ(f"proposal {proposal.index}: asked for {now}; recorded is {proposal}")
            return
        if proposal.index in self._unwritten:
            self._result.unwritten += 1
            return
        draft, program = await course.write(proposal, course.context(asked))
        row = self._journal.proposal(proposal.index)
        self._compare(row, draft, program)
        self._result.proposals += 1
        event = Proposed(proposal.index, proposal.operator, proposal.parents, row.key, row.repeat)
        for observer in self._observers:
            observer(event)

    def _compare(self, row: ProposalRow, draft: Draft, program: Program | None) -> None:
        name = f"proposal {row.proposal.index}"
        key = None if program is None else program.key
        if key != row.key:
            self._differ(f"{name}: its program is {_short(key)}; recorded is {_short(row.key)}")
        elif draft.source != row.source:
            self._differ(f"{name}: the text of program {_short(key)} is another than the recorded one")
        elif row.rejection is not None and draft.refusal != row.rejection.message:
            self._differ(f"{name}: refused with {draft.refusal!r}; recorded is {row.rejection.message!r}")
        elif draft.idea != row.idea:
            self._differ(f"{name}: its idea reads {draft.idea!r}; recorded is {row.idea!r}")

    async def _judge(self, evaluate: Evaluate) -> None:
        """Every recorded verdict once more, in the order of the programs."""
        stages = {stage.name: stage for stage in self._task.stages}
        for row in self._journal.programs():
            for old in self._journal.verdicts(row.program.key):
                new = await evaluate(row.program, stages[old.stage], old.replicate)
                self._result.verdicts += 1
                name = f"program {row.program.id} at stage {old.stage!r}, replicate {old.replicate}"
                if (new.status, new.score) != (old.status, old.score):
                    self._differ(f"{name}: {new.status} {new.score}; recorded is {old.status} {old.score}")
                elif dict(new.cases) != dict(old.cases):
                    self._differ(f"{name}: the scores of its cases differ")
            if len(self._result.differences) >= _ENOUGH:
                return

    def _drawn(self, event: Event) -> None:
        """Lessons that were drawn again."""
        if isinstance(event, Reflected) and event.lessons != self._lessons[event.number - 1]:
            self._differ(f"reflection {event.number}: other lessons than the recorded ones")

    def _differ(self, line: str) -> None:
        self._result.differences.append(line)


def _short(key: str | None) -> str:
    return "none" if key is None else key[:12]
