"""The discovery loop: ask, journal, write, check, journal, evaluate, journal, tell.

Everything that a proposal depends on is in the journal before it is used: its position, the seed, the configuration and
the outcomes told so far. Killed at any moment and taken up again, a run writes what was asked for from the same
context, and judges none twice. A proposal whose model cannot be asked, or not be paid, is not written and not lost: it
waits for the next controller.

Visibility. Under `window`, proposal k is asked when the outcomes of all proposals up to k - window exist, and is told
exactly those, in the order of their numbers. Under `arrival` it is told all that the journal holds, in the order in
which they were concluded. Either way the number of outcomes told is recorded with the proposal.

Writing may take long (a model is asked) but no process; judging takes a worker. Each has a limit of its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime

from discovery.config import RunConfig
from discovery.course import Course
from discovery.errors import DiscoveryError, EvaluatorLost
from discovery.evaluate import Pool
from discovery.events import Alarm, Event, Improved, Judged, Observer, Proposed, RunStarted, RunStopped
from discovery.llm import BudgetReached, ChatError, Drained, OutOfService
from discovery.model import MEASURE, Program, Proposal, Verdict
from discovery.propose import Context, Draft, Proposer
from discovery.store import Asked, Journal, Outcome
from discovery.task import Stage, Task

__all__ = ["Loop", "Summary", "active_seconds"]


@dataclass(frozen=True)
class Summary:
    """How a controller left a run; `reason` as in `events.RunStopped`."""

    reason: str
    proposals: int
    judged: int


def active_seconds(journal: Journal) -> float:
    """Seconds that controllers have spent on a run: of one that was killed, up to its last recorded proposal."""
    marks = [(event["time"], event["event"]) for event in journal.events()]
    marks += [(row.created, "") for row in journal.proposals()]
    total, started, last = 0.0, None, None
    for text, kind in sorted(marks):
        moment = datetime.fromisoformat(text)
        if kind == "RunStarted":
            if started is not None and last is not None:
                total += (last - started).total_seconds()
            started = moment
        last = moment
        if kind == "RunStopped" and started is not None:
            total += (moment - started).total_seconds()
            started = None
    if started is not None and last is not None:
        total += (last - started).total_seconds()
    return total


class Loop:
    """Drives one run from where its journal stands to its limits.

    Args:
        journal: Open for writing; its outcomes are told first.
        task, config, proposer, pool: The run's parts; the pool is already started.
        observers: Called with every event; they cannot change the run.
        writers: Proposals that may be in the writing at once.

    The loop owns neither journal nor pool: whoever made them closes them.
    """

    def __init__(
        self,
        journal: Journal,
        task: Task,
        config: RunConfig,
        proposer: Proposer,
        pool: Pool,
        observers: Sequence[Observer] = (),
        *,
        writers: int = 1,
    ) -> None:
        self._journal = journal
        self._task = task
        self._config = config
        self._proposer = proposer
        self._pool = pool
        pool.on_lost = lambda line: self.emit(Alarm(line))
        self._observers = list(observers)
        self._course = Course(journal, task, config, proposer, self.emit)
        self._notebook = self._course.notebook
        self._reflecting: asyncio.Task[None] | None = None
        self._stopped_by: ChatError | None = None
        self._asked = journal.asked_count()
        self._written = journal.proposal_count()
        self._outcomes: dict[int, Outcome] = {}
        self._writers = writers
        self._writing: set[int] = set()
        self._pending: dict[int, asyncio.Task[None]] = {}
        self._judging: dict[str, asyncio.Event] = {}
        self._changed = asyncio.Event()
        self._draining = asyncio.Event()
        self._failure: BaseException | None = None
        self._reason = "limit"
        self._best: tuple[str, float] | None = None
        self._judged = 0

    def drain(self, reason: str = "interrupted") -> None:
        """Ask for no further proposal; `drive` returns when what is in flight is judged and journaled."""
        if not self._draining.is_set():
            self._reason = reason
        self._draining.set()
        self._proposer.drain()
        self._changed.set()

    async def drive(self) -> Summary:
        """Run to the limits, or until `drain`. Cancelling stops at once; the journal is sound at any moment.

        Raises:
            DiscoveryError: the system failed; what was finished is journaled.
        """
        self._clock = time.monotonic()
        self._recall()
        timer = self._timer(active_seconds(self._journal))
        self.emit(self._started())
        try:
            # Replies and verdicts are waited for until they are on the disk (`Journal.durable`); what was committed
            # before them is there then too, and commits share flushes.
            with self._journal.deferred():
                await self._work()
        except BaseException as error:
            self._failure = self._failure or error
        finally:
            if timer is not None:
                timer.cancel()
            await self._abandon()
        return self._end()

    async def _work(self) -> None:
        for row in self._journal.proposals():
            if row.key is not None and row.proposal.index not in self._concluded:
                self._launch(row.proposal.index, self._judge(row.proposal, self._journal.program(row.key)))
        for asked in self._journal.unwritten():
            if not await self._room(self._desk):
                break
            self._take_up(asked)
        if self._asked:
            self._tell(self._journal.asked(self._asked - 1).proposal.seen)
        while self._asked < self._config.max_proposals and await self._room(self._ready):
            if (proposal := self._ask(self._asked)) is None:
                break
            self._take_up(proposal)
        while (self._pending or self._reflecting) and self._failure is None:
            await self._wait()

    def _end(self) -> Summary:
        finished = self._asked >= self._config.max_proposals and self._judged == self._asked
        reason = "limit" if finished else self._reason
        message = ""
        self._failure = self._failure or self._stopped_by
        if self._failure is not None:
            interrupted = isinstance(self._failure, asyncio.CancelledError | KeyboardInterrupt)
            reason = "interrupted" if interrupted else self._reason if self._stopped_by is not None else "failed"
            message = str(self._failure)
        try:
            self.emit(RunStopped(reason, message, self._written, self._judged, *(self._best or (None, None))))
        except DiscoveryError as error:
            raise self._failure or error from error
        if self._failure is not None:
            raise self._failure
        return Summary(reason, self._written, self._judged)

    # What the journal already holds

    def _recall(self) -> None:
        """Take in the outcomes of earlier controllers; the strategy is told when the next proposal is asked."""
        self._concluded: set[int] = set()
        for outcome in self._journal.outcomes():
            self._take_in(outcome)
        self._best = self._best_now()

    def _best_now(self) -> tuple[str, float] | None:
        for key, verdict in self._journal.best(1):
            assert verdict.score is not None
            return key, verdict.score
        return None

    def _take_in(self, outcome: Outcome) -> None:
        """Account for an outcome."""
        self._concluded.add(outcome.index)
        self._judged += 1
        place = outcome.index + 1 if self._config.visibility == "window" else outcome.position
        self._outcomes[place] = outcome

    def _improves(self, outcome: Outcome) -> bool:
        """Whether the outcome is the new best. A best program that was measured again may be the best no more."""
        if outcome.verdict.replicate:
            self._best = self._best_now()
            return False
        score = outcome.verdict.score
        if outcome.key is None or score is None or (self._best is not None and score <= self._best[1]):
            return False
        self._best = (outcome.key, score)
        return True

    # Asking

    def _visible(self) -> int:
        """Number of outcomes that the next proposal is told."""
        if self._config.visibility == "window":
            return max(0, self._asked - self._config.window + 1)
        return len(self._concluded)

    def _lessons(self) -> int:
        """Number of reflections that the next proposal is told: under `window` those on outcomes that were told a
        window ago, so that there is time to make them."""
        if self._config.visibility == "window":
            return self._notebook.made_by(max(0, self._visible() - self._config.window))
        return self._notebook.reflections

    def _desk(self) -> bool:
        return len(self._writing) < self._writers

    def _ready(self) -> bool:
        if not self._desk():
            return False
        if self._config.visibility == "window":
            if self._lessons() > self._notebook.reflections:
                return False
            return self._visible() == 0 or self._visible() - 1 in self._concluded  # all before it were, at the last ask
        if self._writers > 1 and self._asked >= self._course.seeds and not self._seeds_judged():
            return False  # what a model writes costs, so it begins with what the seeds have shown
        return len(self._pending) - len(self._writing) < 2 * self._config.workers

    def _seeds_judged(self) -> bool:
        return all(index in self._concluded for index in range(self._course.seeds))

    async def _room(self, ready: Callable[[], bool]) -> bool:
        """Wait until `ready`; False when the run is to end instead."""
        while not ready():
            if self._draining.is_set() or self._failure is not None:
                return False
            await self._wait()
        # Proposals that are answered from the journal never wait: signals and finished evaluations need a turn.
        await asyncio.sleep(0)
        return not self._draining.is_set() and self._failure is None

    async def _wait(self) -> None:
        await self._changed.wait()
        self._changed.clear()

    def _tell(self, seen: int) -> None:
        """Tell the outcomes up to number `seen`; lessons that are due then are drawn beside."""
        for place in range(self._course.told + 1, seen + 1):
            self._course.tell(self._outcomes.pop(place))
        if self._notebook.owed() and self._reflecting is None and not self._draining.is_set():
            self._reflecting = asyncio.create_task(self._reflect())

    async def _reflect(self) -> None:
        try:
            await self._notebook.reflect()
        except ChatError as error:
            self._stop_for(error)
        except BaseException as error:
            self._failure = self._failure or error
        finally:
            self._reflecting = None
            self._changed.set()

    def _stop_for(self, error: ChatError) -> None:
        """A model cannot be asked: judge what is there, and end. What was asked for and is not written stays so."""
        if isinstance(error, BudgetReached):
            self.drain("budget")
        elif not isinstance(error, Drained):
            self._stopped_by = self._stopped_by or error
            self.drain("unreachable" if isinstance(error, OutOfService) else "failed")

    def _ask(self, index: int) -> Asked | None:
        """Ask for proposal `index` and commit what it depends on; None when what was told says to stop."""
        seen = self._visible()
        self._tell(seen)
        if reason := self._course.stopping.reason:
            self.drain(reason)
            return None
        self._notebook.collect()
        asked = Asked(self._course.ask(index), self._notebook.hints, self._lessons())
        self._journal.add_asked(asked)
        self._asked += 1
        return asked

    def _take_up(self, asked: Asked) -> None:
        """Start writing a proposal, in the context it was asked in."""
        proposal = asked.proposal
        self._tell(proposal.seen)
        context = self._course.context(asked)
        self._writing.add(proposal.index)
        self._launch(proposal.index, self._pursue(proposal, context))

    async def _pursue(self, proposal: Proposal, context: Context) -> None:
        """Have a proposal written and checked, commit it, and judge it."""
        try:
            draft, program = await self._course.write(proposal, context)
        except ChatError as error:
            self._stop_for(error)
            return
        finally:
            self._writing.discard(proposal.index)
            self._changed.set()
        self._written += 1
        if program is None:
            await self._reject(proposal, draft)
            return
        new = self._journal.add_proposal(proposal, draft.source, program, draft.idea, draft.notes)
        self.emit(Proposed(proposal.index, proposal.operator, proposal.parents, program.key, not new))
        await self._judge(proposal, program)

    async def _reject(self, proposal: Proposal, draft: Draft) -> None:
        verdict = Verdict("rejected", message=draft.refusal)
        outcome = self._journal.add_rejection(proposal, draft.source, verdict, draft.idea, draft.notes)
        self.emit(Proposed(proposal.index, proposal.operator, proposal.parents, None, False))
        await self._conclude(outcome, repeat=False)

    # Judging

    def _launch(self, index: int, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._pending[index] = task
        task.add_done_callback(lambda done: self._finished(index, done))

    def _finished(self, index: int, task: asyncio.Task[None]) -> None:
        del self._pending[index]
        if not task.cancelled() and (error := task.exception()) is not None and self._failure is None:
            self._failure = error
        self._changed.set()

    async def _judge(self, proposal: Proposal, program: Program) -> None:
        """Stage after stage until one does not advance. Whoever comes second with the same key waits for the first."""
        while (busy := self._judging.get(program.key)) is not None:
            await busy.wait()
        self._judging[program.key] = asyncio.Event()
        try:
            if proposal.operator == MEASURE:
                outcome = await self._measure(proposal.index, program)
            else:
                outcome = await self._stages(proposal.index, program)
        finally:
            self._judging.pop(program.key).set()
        await self._conclude(outcome or self._journal.conclude(proposal.index), repeat=outcome is None)

    async def _stages(self, index: int, program: Program) -> Outcome | None:
        """The outcome that this proposal's own last stage committed; None when every stage had been judged before."""
        known = {verdict.stage: verdict for verdict in self._journal.verdicts(program.key) if verdict.replicate == 0}
        for stage in self._task.stages:
            ends = stage is self._task.stages[-1]
            verdict = known.get(stage.name)
            outcome = None
            if verdict is None:
                verdict = await self._evaluate(program, stage)
                ends = ends or not verdict.advance
                outcome = self._journal.add_verdict(program.key, verdict, concludes=index if ends else None)
            if ends or not verdict.advance:
                return outcome
        return None

    async def _measure(self, index: int, program: Program) -> Outcome | None:
        """Its last stage once more, on the next replicate: the n-th proposal to measure a program gets the n-th."""
        final = self._journal.program_row(program.key).verdict
        stage = next(stage for stage in self._task.stages if final is not None and stage.name == final.stage)
        verdict = await self._evaluate(program, stage, 1 + self._journal.asked_before(index, MEASURE, program.key))
        return self._journal.add_verdict(program.key, verdict, concludes=index)

    async def _evaluate(self, program: Program, stage: Stage, replicate: int = 0) -> Verdict:
        try:
            verdict = await self._pool.evaluate(program, stage, replicate)
        except EvaluatorLost as error:
            verdict = await self._undecided(program, stage, replicate, error)
        if verdict.clock_limited:
            self.emit(Alarm(f"a wall-clock limit decided stage {stage.name!r}; it may not repeat", program.key))
        return verdict

    async def _undecided(self, program: Program, stage: Stage, replicate: int, error: EvaluatorLost) -> Verdict:
        """The verdict on a program that ends whatever judges it, once the best other program has been judged likewise
        without harm. Without that it may not be the program's doing: raises `error`."""
        others = [key for key, _ in self._journal.best(2) if key != program.key]
        if not others:
            raise error
        try:
            await self._pool.evaluate(self._journal.program_row(others[0]).program, stage, replicate)
        except EvaluatorLost:
            raise error from None
        message = f"it could not be judged: {error.message}; another program was judged after it without harm"
        return Verdict("unknown", message=message, stage=stage.name, replicate=replicate, clock_limited=True)

    async def _conclude(self, outcome: Outcome, repeat: bool) -> None:
        """Account for a committed outcome once it is on the disk. Outcomes come here in the order of their commits, and
        leave the wait in that order."""
        await self._journal.durable()
        previous = self._best
        self._take_in(outcome)
        improved = self._improves(outcome)
        verdict = outcome.verdict
        if outcome.proposal.operator == "seed" and self._stands_out(verdict):
            self.emit(Alarm(f"a program that the run begins with, {verdict.status}: {verdict.message}", outcome.key))
        self.emit(
            Judged(
                outcome.index,
                outcome.key or "",
                verdict.status,
                verdict.score,
                verdict.stage,
                verdict.message,
                repeat,
                verdict.wall_seconds,
            )
        )
        if improved and self._best is not None:
            key, score = self._best
            before = None if previous is None else previous[1]
            elapsed = time.monotonic() - self._clock
            self.emit(Improved(outcome.index, key, score, before, verdict.cases, elapsed))
        self._changed.set()

    def _stands_out(self, verdict: Verdict) -> bool:
        """Whether a person should look at this verdict on a program that the run began with: it may be the task."""
        whole = verdict.status == "scored" and verdict.stage == self._task.stages[-1].name
        return verdict.message != "" and (verdict.score is None or whole)

    # Ending

    def _timer(self, before: float) -> asyncio.TimerHandle | None:
        if self._config.max_time is None:
            return None
        left = max(0.0, self._config.max_time - before)
        return asyncio.get_running_loop().call_later(left, self.drain, "time")

    async def _abandon(self) -> None:
        """Give up what is still in flight (after a failure or a second Ctrl-C); its proposals are judged on resume."""
        tasks = [*self._pending.values(), *([self._reflecting] if self._reflecting else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def emit(self, event: Event) -> None:
        """Commit an event, and show it to the observers."""
        if event.journaled:
            self._journal.add_event(event)
        for observer in list(self._observers):
            try:
                observer(event)
            except Exception as error:
                self._observers.remove(observer)
                self.emit(Alarm(f"an observer of events raised {type(error).__name__}: {error}; it is left out"))

    def _started(self) -> RunStarted:
        meta, best = self._journal.meta, self._best or (None, None)
        return RunStarted(
            run=meta.name,
            task=meta.task,
            score_name=self._task.score_name,
            max_proposals=self._config.max_proposals,
            workers=self._config.workers,
            sandbox=self._pool.sandbox,
            resumed=self._asked > 0,
            proposals=self._written,
            judged=self._judged,
            best_key=best[0],
            best_score=best[1],
            max_time=self._config.max_time,
            max_usd=self._config.max_usd,
            max_tokens=self._config.max_tokens,
            max_calls=self._config.max_calls,
            target=self._config.target,
            stagnation=self._config.stagnation,
            models=self._config.llm.models,
        )
