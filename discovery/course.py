"""How the proposals of a run follow from what it was told: seeds, strategy, memory, lessons, hints and the proposer.

The loop drives a course forward, a replay drives it once more over the same journal. Everything here is a function of
the journal up to a position, the configuration, the seed and the replies of models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from discovery.config import RunConfig
from discovery.errors import ConfigError, TaskError
from discovery.events import Event
from discovery.model import MEASURE, Program, Proposal, Rejected
from discovery.propose import Agent, Context, Draft, Memory, Notebook, Proposer, Symbolic
from discovery.propose.replies import one_line
from discovery.randomness import stream
from discovery.search import STRATEGIES, Stopping, make_strategy
from discovery.store import Asked, Journal, Outcome, RunMeta
from discovery.task import Seed, Task, check_source, task_code

__all__ = ["SEEDS", "Course", "check_course", "check_seeds", "course_versions"]

#: Kind of the note that holds the programs a run starts from besides the task's seeds: a list of sources.
SEEDS = "seeds"


#: What the parts of a course are called in messages.
_PARTS = {"search": "the search strategy", "proposer": "the proposer"}


def course_versions(config: RunConfig) -> dict[str, str]:
    """Versions of what makes the choices of a run: of its strategy (`search`) and of its `proposer`."""
    proposer = Agent if config.llm.models else Symbolic
    return {"search": str(STRATEGIES[config.search.strategy].version), "proposer": str(proposer.version)}


def check_course(meta: RunMeta, config: RunConfig) -> None:
    """Refuse to go on with a run, or to replay it, by other choices than it began with.

    Raises:
        ConfigError: the strategy or the proposer is of another version by now.
    """
    for part, now in course_versions(config).items():
        then = meta.versions.get(part, "1")  # nothing else was there before versions were recorded
        if then != now:
            raise ConfigError(
                f"{_PARTS[part]} of run {meta.name} was of version {then} when it began and is of version {now} now: "
                "it would choose otherwise, and the run could not be repeated",
                hint=f"use discovery {meta.versions.get('discovery', 'as it was')}; or start a new run from its best "
                f"programs with --from {meta.name}",
            )


def check_seeds(task: Task, more: Sequence[str] = ()) -> list[Program]:
    """The programs that a run starts from, checked: the task's seeds, and those in `more` that differ from them.

    Raises:
        TaskError: there is none, one is rejected by the task's own language, two are equal, or the task's code raised.
        Rejected: the language refuses one in `more`.
    """
    programs: list[Program] = []
    for seed in _own_seeds(task):
        try:
            programs.append(check_source(task, seed.source))
        except Rejected as error:
            raise TaskError(
                f"seed {seed.name!r} of task {task.name!r} is rejected by its own language: {error}"
            ) from error
    if not programs:
        raise TaskError(f"task {task.name!r} has no seed program; at least one is needed")
    if len({program.key for program in programs}) < len(programs):
        raise TaskError(f"two seeds of task {task.name!r} are the same program; each must differ")
    for source in more:
        program = check_source(task, source)
        if program.key not in {known.key for known in programs}:
            programs.append(program)
    return programs


def _own_seeds(task: Task) -> list[Seed]:
    with task_code(task.name, "seeds"):
        seeds = list(task.seeds())
    for place, seed in enumerate(seeds):
        if not isinstance(seed, Seed) or not isinstance(seed.name, str) or not isinstance(seed.source, str):
            raise TaskError(
                f"seeds() of task {task.name!r} must return Seed(name, source) objects, both text; "
                f"number {place} is {seed!r:.100}"
            )
    return seeds


class Course:
    """The course of one run.

    Args:
        journal: Of the run.
        task, config, proposer: The run's parts.
        emit: Given the events that lessons and hints make.
        anew: Whether the lessons are to be drawn once more, as in a replay, rather than taken from the journal.

    Attributes:
        notebook: Lessons and hints.
        stopping: Says when what was told is a reason to stop.
    """

    def __init__(
        self,
        journal: Journal,
        task: Task,
        config: RunConfig,
        proposer: Proposer,
        emit: Callable[[Event], None],
        *,
        anew: bool = False,
    ) -> None:
        self._task, self._config, self._proposer = task, config, proposer
        self._seeds = check_seeds(task, [source for note in journal.notes(SEEDS) for source in note])
        self._names = [seed.name for seed in _own_seeds(task)]
        self._strategy = make_strategy(
            config.search,
            [program.key for program in self._seeds],
            stage=task.stages[-1].name,
            features=task.features,
            models=config.llm.models,
        )
        self._memory = Memory(journal, self._strategy.estimates)
        every = 0 if self._strategy.independent else proposer.reflect_every
        self.notebook = Notebook(journal, self._memory, proposer, emit, every, anew=anew)
        self.stopping = Stopping(config.target, config.stagnation)

    @property
    def told(self) -> int:
        """Number of outcomes told."""
        return len(self._memory)

    @property
    def seeds(self) -> int:
        """Number of programs that the run starts from: its first proposals."""
        return len(self._seeds)

    def tell(self, outcome: Outcome) -> None:
        """Tell the next outcome."""
        self._strategy.tell(outcome)
        self.stopping.tell(outcome, self._strategy.estimates)
        self._memory.tell(outcome)

    def ask(self, index: int) -> Proposal:
        """Proposal `index`, from what was told."""
        return self._strategy.ask(index, stream(self._config.seed, index, "ask"), self.told)

    def context(self, asked: Asked) -> Context:
        """What the proposer may know; to be made when exactly `asked.proposal.seen` outcomes were told."""
        rng = stream(self._config.seed, asked.proposal.index, "propose")
        context = self._memory.context(asked.proposal, rng, *self.notebook.as_of(asked))
        return Context(rng, context.parents) if self._strategy.independent else context

    async def write(self, proposal: Proposal, context: Context) -> tuple[Draft, Program | None]:
        """The draft, and the program that it is; None for one that is refused, by its writer or by the language.

        Raises:
            ChatError: the model cannot be asked; see `discovery.llm`.
        """
        draft = Draft("")
        try:
            draft = await self._draft(proposal, context)
            return draft, None if draft.refusal else check_source(self._task, draft.source)
        except Rejected as error:
            return replace(draft, refusal=str(error)), None

    async def _draft(self, proposal: Proposal, context: Context) -> Draft:
        if proposal.seed is not None:
            name = self._names[proposal.seed] if proposal.seed < len(self._names) else "given with --from"
            return Draft(self._seeds[proposal.seed].source, idea=one_line(name))
        if proposal.operator == MEASURE:
            return Draft(context.parents[0].program.source)
        return await self._proposer.propose(proposal, context)
