"""The language decides which reading of a reply is its program; the most telling of what it says is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from discovery.model import Program, Rejected
from discovery.propose.replies import prose
from discovery.propose.replies.ends import ends_itself, unfilled
from discovery.propose.replies.layout import Layout
from discovery.propose.replies.parts import renamed
from discovery.propose.replies.spans import bare_spans
from discovery.propose.replies.troubles import Unreadable

__all__ = ["Candidate", "Found", "Judge"]

_WORK = 30  # times the length of a reply (at least `_LEAST` signs) that is put before the language, all in all
_LEAST = 10_000
_SPOKEN = "found between prose"


class Candidate(NamedTuple):
    """A text that may be the program.

    Attributes:
        text: What the language is asked about.
        repairs: What was done to the reply to get it.
        ended: Whether something marks its end; else it has to end itself.
        gap: What is left out of it, as a message; then it is no program.
        part: What of it the reply wrote, where the rest is the base's; "" for all of it.
    """

    text: str
    repairs: tuple[str, ...] = ()
    ended: bool = True
    gap: str = ""
    part: str = ""


class Found(NamedTuple):
    """A program, and what was done to the reply to get it."""

    program: Program
    repairs: tuple[str, ...]


class Judge:
    """Asks the language.

    Args:
        check: The language; raises `Rejected`.
        layout: The reply.
        base: Source of the program that it changes, or "".
    """

    def __init__(self, check: Callable[[str], Program], layout: Layout, base: str) -> None:
        self._check, self._layout, self._base = check, layout, base
        self._left = _WORK * max(len(layout.text), _LEAST)
        self._fault: tuple[int, Unreadable] | None = None

    def first(self, candidates: Iterable[Candidate]) -> Found | None:
        """The first of `candidates` that is a whole program."""
        for candidate in candidates:
            self._left -= len(candidate.text)
            if self._left < 0:
                return None
            if (found := self._judged(candidate)) is not None:
                return found
        return None

    def key(self, text: str) -> str:
        """Key of the program `text`; "" when it is none."""
        try:
            return self._check(text).key
        except Rejected:
            return ""

    def _judged(self, candidate: Candidate) -> Found | None:
        text, repairs = candidate.text, candidate.repairs
        rank = 0 if _SPOKEN in repairs else 1 if repairs else 2
        try:
            if candidate.gap:
                raise Unreadable("no program", candidate.gap)
            program = self._check(text)
            if not candidate.ended and not self._ends(candidate):
                rank = 4
                raise Unreadable("cut off", "nothing ends the program: it may go on; end it with the closing fence")
            if left_out := unfilled(text, self._base):
                rank = 3
                raise Unreadable("no program", left_out)
        except Rejected as error:
            self.blame(rank, Unreadable("not accepted", str(error)))
            if rank > 0 and not candidate.ended and (error.line or 0) >= text.count("\n"):
                self.blame(4, Unreadable("cut off", f"the reply ended inside the program: {error}"))
        except Unreadable as error:
            self.blame(max(rank, 2), error)
        else:
            return Found(program, repairs)
        return None

    def _ends(self, candidate: Candidate) -> bool:
        """Whether a candidate that nothing ends is whole; a piece of the base may always go on with another."""
        layout = self._layout
        if layout.cut_short or (candidate.part and not layout.turn_ended):
            return False
        text = candidate.part or candidate.text
        return ends_itself(text, line_ended=layout.line_ended, done=layout.turn_ended, known=self._is_known)

    def _is_known(self, text: str, name: str) -> bool:
        """Whether `name` is a word of the language: with another in its place, `text` is refused."""
        return name in self._base or not self.key(renamed(text, name, f"{name}_"))

    # What went wrong

    def blame(self, rank: int, fault: Unreadable) -> None:
        """Keep the fault that says most: the first of the highest rank."""
        if self._fault is None or rank > self._fault[0]:
            self._fault = (rank, fault)

    def worst(self, *, edits: bool) -> Unreadable:
        """The fault to report, where no program was found.

        Args:
            edits: Whether the reply holds edits: then it holds no other program.
        """
        layout = self._layout
        fault = self._fault[1] if self._fault is not None else None
        if layout.cut_short and not (layout.blocks and layout.blocks[-1].closed):
            return Unreadable("cut off", "the reply ended inside the program: it has to be shorter")
        if fault is not None and (edits or fault.trouble in ("cut off", "edit does not apply")):
            return fault
        if prose.refuses(layout.text) and not layout.blocks:
            return Unreadable("refusal", f"the model declined: {prose.first_line(layout.text)}")
        foreign = prose.foreign_language(layout.text, layout.blocks)
        if foreign:
            return Unreadable("wrong language", f"the program is in {foreign}; only the language described is read")
        if not layout.blocks and not any(True for _ in bare_spans(layout.text)):
            shown = prose.first_line(layout.text)
            return Unreadable("no program", f"the reply holds no fenced code block; it begins: {shown}")
        return fault or Unreadable("no program", "the reply holds an empty code block")
