"""What enters a run beside outcomes: lessons that a model draws from them, and hints of a person.

Both are journaled as events when they come; a proposal records how many of each there were when it was asked, and is
written with exactly these.
"""

from __future__ import annotations

from collections.abc import Callable

from discovery.events import Event, Hinted, Reflected
from discovery.propose._base import Proposer
from discovery.propose.memory import Memory
from discovery.store import Asked, Journal, drop_hint, waiting_hints

__all__ = ["Notebook"]


class Notebook:
    """Lessons and hints of one run.

    Args:
        journal: Of the run, open for writing.
        memory: The outcomes told.
        proposer: Draws the lessons, each time `every` more outcomes were told.
        emit: Commits an event.
        every: Outcomes between reflections; 0 for none.
        anew: Whether to draw the lessons once more rather than take those of the journal.
    """

    def __init__(
        self,
        journal: Journal,
        memory: Memory,
        proposer: Proposer,
        emit: Callable[[Event], None],
        every: int,
        *,
        anew: bool = False,
    ) -> None:
        self._journal, self._memory, self._proposer, self._emit = journal, memory, proposer, emit
        self._every = every
        self._lessons: list[tuple[str, ...]] = [()]
        self._hints: list[str] = []
        self._names: set[str] = set()
        for event in journal.events():
            if event["event"] == "Reflected" and not anew:
                self._lessons.append(tuple(event["lessons"]))
            elif event["event"] == "Hinted":
                self._hint(event["name"], event["text"])

    def _hint(self, name: str, text: str) -> None:
        self._names.add(name)
        self._hints.append(text)

    @property
    def reflections(self) -> int:
        """Reflections made."""
        return len(self._lessons) - 1

    @property
    def hints(self) -> int:
        """Hints given."""
        return len(self._hints)

    def collect(self) -> None:
        """Take the hints that wait into the journal."""
        for name, text in waiting_hints(self._journal.folder):
            if name not in self._names:
                self._emit(Hinted(name, text))
                self._hint(name, text)
            drop_hint(self._journal.folder, name)

    def made_by(self, seen: int) -> int:
        """Number of reflections on the first `seen` outcomes."""
        return seen // self._every if self._every else 0

    def owed(self) -> bool:
        """Whether enough was told for another reflection."""
        return self.reflections < self.made_by(len(self._memory))

    async def reflect(self, number: int | None = None) -> None:
        """Make the reflections that are owed, or those up to `number`, one after the other: each builds on the one
        before.

        Raises:
            ChatError: see `discovery.llm`; what is still owed is made on resume.
        """
        while self.owed() if number is None else self.reflections < number:
            start = self.reflections * self._every
            told = self._memory.since(start, start + self._every)
            lessons = await self._proposer.reflect(told[-1].index, told, self._lessons[-1])
            self._emit(Reflected(self.reflections + 1, tuple(lessons)))
            self._lessons.append(tuple(lessons))

    def as_of(self, asked: Asked) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The lessons and the hints that a proposal is written with."""
        return self._lessons[asked.lessons], tuple(self._hints[: asked.hints])
