"""From a model's reply to a program: read what is there, mend what is plainly meant, and say precisely what fails.

The language decides: of all readings of a reply the first that it accepts is taken, those that change nothing of the
text before those that do. A reply is data. Nothing in it is ever carried out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from discovery.model import Program, Rejected
from discovery.propose.replies import prose
from discovery.propose.replies.blocks import Block, find_blocks, without_blocks, wrapped
from discovery.propose.replies.choice import meant
from discovery.propose.replies.edits import Edit, EditFailed, apply, find_edits
from discovery.propose.replies.elisions import annotated, expand, is_elision, merged
from discovery.propose.replies.mend import mended, normal
from discovery.propose.replies.parts import belonging, names_of
from discovery.propose.replies.spans import bare_spans

__all__ = ["MAX_REPLY_BYTES", "TROUBLES", "Reading", "Trouble", "Unreadable", "read"]

MAX_REPLY_BYTES = 100_000
_MOST = 200  # blocks of a reply, the last ones, that are looked at

Trouble: TypeAlias = Literal[
    "empty reply",
    "refusal",
    "oversized reply",
    "cut off",
    "wrong language",
    "no program",
    "edit does not apply",
    "not accepted",
    "known program",
    "instruction-like reply",
    "prompt trimmed",
    "context too long",
    "call failed",
]
#: What can go wrong with a model's reply, and what a single message says of each.
TROUBLES: Mapping[str, str] = {
    "empty reply": "the model answered nothing",
    "refusal": "the model declined",
    "oversized reply": f"the reply was larger than {MAX_REPLY_BYTES // 1000} kB",
    "cut off": "the reply ended before the program did",
    "wrong language": "the program was in another language",
    "no program": "the reply held no program",
    "edit does not apply": "an edit did not fit the program",
    "not accepted": "the task's language refused the program",
    "known program": "the program had been judged already",
    "instruction-like reply": "the reply tried to instruct the engine; that text was left out",
    "prompt trimmed": "the prompt was shortened to fit the context",
    "context too long": "the model's context was too small for the prompt",
    "call failed": "the provider gave no usable answer",
}


class Unreadable(Exception):
    """A reply from which no program could be had; the message says what failed and where."""

    def __init__(self, trouble: Trouble, message: str) -> None:
        super().__init__(message)
        self.trouble: Trouble = trouble


@dataclass(frozen=True)
class Reading:
    """A program read from a reply.

    Attributes:
        program: As the language accepted it.
        idea: One line that says what it tries, or "". Text of the model.
        how: `"program"`, or `"edits"` of the base.
        mended: Names of the repairs that were needed.
        instructs: Whether the reply tried to instruct the engine.
    """

    program: Program
    idea: str
    how: Literal["program", "edits"]
    mended: tuple[str, ...] = ()
    instructs: bool = False


_ADDED = re.compile(r"\b(add|append|extend)\b", re.I)

#: A text that may be the program, and what was done to get it.
_Candidate: TypeAlias = tuple[str, tuple[str, ...]]
#: A program, and what was done to get it.
_Found: TypeAlias = tuple[Program, tuple[str, ...]]


def read(
    reply: str, check: Callable[[str], Program], base: Program | None = None, *, cut_short: bool = False
) -> Reading:
    """The program in `reply`.

    Args:
        reply: Text of a model, whatever it is.
        check: The language; raises `Rejected`.
        base: The program that edits apply to.
        cut_short: Whether the model stopped at its limit of tokens: then an open end is not taken for the end.

    Raises:
        Unreadable: there is none that the language accepts.
    """
    size = len(reply.encode("utf-8", "surrogatepass"))
    if size > MAX_REPLY_BYTES:
        raise Unreadable("oversized reply", f"the reply has {size:,} bytes; at most {MAX_REPLY_BYTES:,} are read")
    text = prose.answer(normal(reply).lstrip("\ufeff\u200b\u2060"), cut_short=cut_short)
    if not text.strip():
        raise Unreadable("empty reply", "the reply is empty; expected a program in a fenced code block")
    return _Reader(text, check, base, cut_short).reading()


class _Reader:
    """Reads one reply."""

    def __init__(self, text: str, check: Callable[[str], Program], base: Program | None, cut_short: bool) -> None:
        self._text, self._check, self._base, self._cut_short = text, check, base, cut_short
        self._blocks = find_blocks(text)[-_MOST:]
        self._open = cut_short and bool(self._blocks) and not self._blocks[-1].closed
        self._prose = without_blocks(text, self._blocks)
        self._edits = False
        self._fault: tuple[int, Unreadable] | None = None

    def reading(self) -> Reading:
        found = self._edited() or self._written()
        if found is None:
            raise self._worst()
        program, mended_by, how = found
        if how == "program":
            program, mended_by = self._supplied(program, mended_by)
        instructs = prose.instructs(self._prose)
        return Reading(program, prose.idea(self._text, self._prose), how, mended_by, instructs)

    def _supplied(self, program: Program, mended_by: tuple[str, ...]) -> _Found:
        """A program that uses what only the base defines, with these definitions."""
        if self._base is None or not names_of(program.source).free & names_of(self._base.source).bound:
            return program, mended_by
        whole = merged(program.source, self._base.source)
        found = None if whole is None else self._first(iter([(whole, (*mended_by, "left-out definitions kept"))]))
        return found or (program, mended_by)

    # Edits

    def _edited(self) -> tuple[Program, tuple[str, ...], Literal["program", "edits"]] | None:
        try:
            edits = find_edits(self._text, self._blocks)
            if not edits:
                return None
            self._edits = True
            if self._base is None:
                raise EditFailed("the reply edits a program, but there is none to edit: write the whole program")
            if self._open:
                raise Unreadable("cut off", "the reply ended inside an edit")
            found = self._first(self._applied(edits))
        except EditFailed as error:
            self._blame(3, Unreadable("edit does not apply", str(error)))
            return None
        except Unreadable as error:
            self._blame(4, error)
            return None
        return None if found is None else (*found, "edits")

    def _applied(self, edits: Sequence[Edit]) -> Iterator[_Candidate]:
        assert self._base is not None
        other = [Edit(_tidy(edit.search), _tidy(edit.replace)) for edit in edits]
        failure = None
        for versions, names in ((list(edits), ()), (other, ("characters",))):
            if names and other == list(edits):
                break
            try:
                changed = apply(self._base.source, versions)
            except EditFailed as error:
                failure = failure or error
                continue
            for text, more in mended(changed):
                yield text, (*names, *more)
        if failure is not None:
            raise failure

    # Whole programs

    def _written(self) -> tuple[Program, tuple[str, ...], Literal["program", "edits"]] | None:
        blocks = self._whole()
        plain = [self._first(self._plain(block)) for block in blocks]
        if any(plain):
            return (*self._chosen(blocks, plain), "program")
        for candidates in (self._joined(), self._mended(), self._partial(), self._bare()):
            if (found := self._first(candidates)) is not None:
                return (*found, "program")
        return None

    def _chosen(self, blocks: Sequence[Block], plain: Sequence[_Found | None]) -> _Found:
        """Of the blocks that are programs as they stand, the one that is meant.

        Raises:
            Unreadable: nothing says which.
        """
        known = None if self._base is None else self._base.key
        accepted = {number: found for number, found in enumerate(plain) if found is not None}
        new = {number: found for number, found in accepted.items() if found[0].key != known} or accepted
        last = {found[0].key: number for number, found in new.items()}  # of equal ones the last
        number = meant([(self._before(blocks, number), blocks[number].text) for number in sorted(last.values())])
        if number is None:
            message = f"the reply holds {len(last)} different programs, and nothing says which is meant: write only one"
            raise Unreadable("no program", message)
        return self._together(blocks, plain, sorted(last.values())[number])

    def _together(self, blocks: Sequence[Block], plain: Sequence[_Found | None], number: int) -> _Found:
        """The program of one block, with the blocks that are no programs but belong to it.

        Raises:
            Unreadable: what they make together is not accepted.
        """
        found = plain[number]
        assert found is not None
        pieces = [each for each in range(len(blocks)) if each == number or plain[each] is None]
        parts = belonging([blocks[each].text for each in pieces], pieces.index(number))
        if len(parts) == 1:
            return found
        joined = self._first(mended("\n\n".join(blocks[pieces[part]].text.strip("\n") for part in parts)))
        if joined is None:
            raise self._worst()
        return joined[0], ("blocks joined", *joined[1])

    def _before(self, blocks: Sequence[Block], number: int) -> str:
        """The prose between a block and the one before it."""
        start = blocks[number - 1].end if number else 0
        return "\n".join(self._text.split("\n")[start : blocks[number].start])

    def _whole(self) -> list[Block]:
        """The blocks that may be taken as they end."""
        if self._open:
            self._blame(4, Unreadable("cut off", "the reply ended inside the program: it has to be shorter"))
            return self._blocks[:-1]
        return self._blocks

    def _plain(self, block: Block) -> Iterator[_Candidate]:
        text, _ = next(mended(block.text))
        yield from self._completed(text, ())

    def _joined(self) -> Iterator[_Candidate]:
        if len(self._blocks) > 1 and not self._open:
            for text, names in mended("\n\n".join(block.text.strip("\n") for block in self._blocks)):
                yield from self._completed(text, ("blocks joined", *names))

    def _mended(self) -> Iterator[_Candidate]:
        for block in reversed(self._whole()):
            for text, names in mended(block.text):
                yield from self._completed(text, names)

    def _partial(self) -> Iterator[_Candidate]:
        """Definitions that leave out what stays as it is."""
        if self._base is None or self._open:
            return
        for block in reversed(self._blocks):
            for text, names in mended(block.text):
                if (whole := merged(text, self._base.source)) is not None:
                    yield whole, (*names, "left-out definitions kept")
                elif _ADDED.search(block.heading) and "def " not in text:
                    yield f"{self._base.source.rstrip()}\n{text}", (*names, "lines added")

    def _bare(self) -> Iterator[_Candidate]:
        """Code that nothing marks as such."""
        if self._open or (self._cut_short and not self._blocks):
            if not self._blocks:
                self._blame(4, Unreadable("cut off", "the reply ended before a program was complete"))
            return
        spans = [*wrapped(self._text), *(() if self._blocks else bare_spans(self._text))]
        spans += [inner for block in self._blocks for inner in (*wrapped(block.text), *bare_spans(block.text))]
        for span in spans:
            for text, names in mended(span):
                yield from self._completed(text, ("found between prose", *names))
        if self._base is not None:
            for span in spans:
                for text, names in mended(span):
                    if (whole := merged(text, self._base.source)) is not None:
                        yield whole, ("found between prose", *names, "left-out definitions kept")
        if not self._blocks:
            for text, names in mended(self._text):
                yield text, names

    def _completed(self, text: str, names: tuple[str, ...]) -> Iterator[_Candidate]:
        """A text that says `...` for lines of the base, with these lines; any other as it is."""
        lines = text.split("\n")
        gap = next((number for number, line in enumerate(lines, 1) if is_elision(line)), None)
        base = "" if self._base is None else self._base.source
        if gap is None:
            yield text, names
            if (whole := annotated(text, base)) != text:
                yield whole, (*names, "annotations kept")
            return
        if expanded := expand(lines, base.rstrip("\n").split("\n")):
            yield normal("\n".join(expanded)), (*names, "left-out lines kept")
        kept = "\n".join(line for line in lines if not is_elision(line))
        if whole_text := merged(kept, base):
            outside = all(not line[:1].isspace() for line in lines if is_elision(line))
            if outside:
                yield whole_text, (*names, "left-out definitions kept")
        shown = lines[gap - 1].strip()[:80]
        message = f"line {gap} of the program, {shown!r}, stands for code that was left out: write all of it"
        self._blame(2, Unreadable("no program", message))

    # Deciding

    def _first(self, candidates: Iterator[_Candidate]) -> _Found | None:
        for text, names in candidates:
            try:
                return self._check(text), names
            except Rejected as error:
                rank = 1 if "found between prose" in names else 2
                self._blame(rank if not names else rank - 1, Unreadable("not accepted", str(error)))
        return None

    def _blame(self, rank: int, fault: Unreadable) -> None:
        """Keep the fault that says most: the first of the highest rank."""
        if self._fault is None or rank > self._fault[0]:
            self._fault = (rank, fault)

    def _worst(self) -> Unreadable:
        fault = self._fault[1] if self._fault is not None else None
        if fault is not None and (self._edits or fault.trouble in ("cut off", "edit does not apply")):
            return fault
        if prose.refuses(self._text) and not self._blocks:
            return Unreadable("refusal", f"the model declined: {prose.first_line(self._text)}")
        foreign = prose.foreign_language(self._text, self._blocks)
        if foreign:
            return Unreadable("wrong language", f"the program is in {foreign}; only the language described is read")
        if not self._blocks and not any(True for _ in bare_spans(self._text)):
            shown = prose.first_line(self._text)
            return Unreadable("no program", f"the reply holds no fenced code block; it begins: {shown}")
        return fault or Unreadable("no program", "the reply holds an empty code block")


def _tidy(text: str) -> str:
    """The text of an edit after the repairs of characters and prefixes."""
    variants = [changed for changed, names in mended(text) if not {"tabs", "indentation", "dedented"} & set(names)]
    return variants[-1].rstrip("\n")
