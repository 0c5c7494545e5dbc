"""From a model's reply to a program: read what is there, mend what is plainly meant, and say precisely what fails.

The language decides: of all readings of a reply the first that it accepts is taken, those that change nothing of the
text before those that do. A reply is data. Nothing in it is ever carried out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from discovery.model import Program, Rejected
from discovery.propose.replies import prose
from discovery.propose.replies.blocks import Block, find_blocks, without_blocks, wrapped
from discovery.propose.replies.choice import announced, meant
from discovery.propose.replies.edits import Edit, EditFailed, apply, find_edits
from discovery.propose.replies.elisions import annotated, expand, is_elision, merged
from discovery.propose.replies.mend import mended, normal
from discovery.propose.replies.parts import belonging, goes_on, names_of, unfinished
from discovery.propose.replies.said import changed, told
from discovery.propose.replies.spans import bare_spans
from discovery.propose.replies.troubles import MAX_REPLY_BYTES, TROUBLES, Trouble, Unreadable

__all__ = ["MAX_REPLY_BYTES", "TROUBLES", "Reading", "Trouble", "Unreadable", "read"]

_MOST = 200  # blocks of a reply, the last ones, that are looked at


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


_FENCE = re.compile(r"^[ \t]*(?:`{3,}|~{3,})\w*[ \t]*$", re.M)
_BOLD = re.compile(r"^\*\*([^*\n]+)\*\*", re.M)
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
        self._blocks = _continued(find_blocks(text)[-_MOST:])
        last = self._blocks[-1] if self._blocks else Block("")
        self._open = not last.closed and (cut_short or unfinished(last.text))
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
        for candidates in (self._said(), self._joined(), self._mended(), self._partial(), self._bare()):
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
        if (amended := self._amended(blocks, plain, number)) is not None:
            return amended
        pieces = [each for each in range(len(blocks)) if each == number or plain[each] is None]
        parts = belonging([blocks[each].text for each in pieces], pieces.index(number))
        if len(parts) == 1:
            return found
        joined = self._first(mended("\n\n".join(blocks[pieces[part]].text.strip("\n") for part in parts)))
        if joined is None:
            raise self._worst()
        return joined[0], ("blocks joined", *joined[1])

    def _amended(self, blocks: Sequence[Block], plain: Sequence[_Found | None], number: int) -> _Found | None:
        """The program of one block with the functions that blocks behind it write anew; None where none does.

        Raises:
            Unreadable: nothing says whether they replace those of the program.
        """
        found, text = plain[number], blocks[number].text
        own = names_of(text).defined
        names: tuple[str, ...] = ()
        for later in range(number + 1, len(blocks)):
            there = names_of(blocks[later].text)
            kind = announced(self._before(blocks, later))
            if plain[later] or kind == "aside" or there.assigned or not there.defined or not there.defined <= own:
                continue
            whole = merged(normal(blocks[later].text), text)
            if whole is None or self._check_key(whole) == self._check_key(text):
                continue
            if kind != "final":
                raise Unreadable(
                    "no program", "a function is written twice, and nothing says which is meant: write it once"
                )
            text, names = whole, ("functions amended",)
        return self._first(iter([(text, names)])) if names and found else None

    def _check_key(self, text: str) -> str:
        try:
            return self._check(text).key
        except Rejected:
            return text

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

    def _said(self) -> Iterator[_Candidate]:
        """A change of the base that a sentence tells."""
        if self._base is not None and not self._cut_short:
            for text in changed(self._prose, self._blocks, self._base.source):
                yield text, ("told in a sentence",)

    def _bare(self) -> Iterator[_Candidate]:
        """Code that nothing marks as such."""
        if self._open or (self._cut_short and not self._blocks):
            if not self._blocks:
                self._blame(4, Unreadable("cut off", "the reply ended before a program was complete"))
            return
        spans = [*wrapped(self._text), *(() if self._blocks else bare_spans(self._text))]
        if self._blocks:  # a fence in the midst of code
            spans += bare_spans(_FENCE.sub("", self._text))
        else:
            spans += [*bare_spans(_BOLD.sub(r"\1", self._text)), *told(self._text)]
        spans += [inner for block in self._blocks for inner in (*wrapped(block.text), *bare_spans(block.text))]
        spans = [span for span in spans if "def " not in span or not (self._ends_with(span) and unfinished(span))]
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

    def _ends_with(self, span: str) -> bool:
        return self._text.rstrip().endswith(span.rstrip())

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


def _continued(blocks: Sequence[Block]) -> list[Block]:
    """The blocks, with one that goes on within a function of the block before it joined to it."""
    out: list[Block] = []
    for block in blocks:
        if out and out[-1].closed and goes_on(out[-1].text, block.text):
            first = out.pop()
            text = f"{first.text.rstrip()}\n{block.text}"
            block = replace(first, text=text, closed=block.closed, end=block.end)
        out.append(block)
    return out


def _tidy(text: str) -> str:
    """The text of an edit after the repairs of characters and prefixes."""
    variants = [changed for changed, names in mended(text) if not {"tabs", "indentation", "dedented"} & set(names)]
    return variants[-1].rstrip("\n")
