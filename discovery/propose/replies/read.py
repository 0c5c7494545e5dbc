"""From a model's reply to a program: read what is there, mend what is plainly meant, and say precisely what fails.

The language decides: of all readings of a reply the first that it accepts is taken, those that change nothing of the
text before those that do. A reading that may be another program than was meant is none: asking again costs a call, a
wrong program misleads the search. A reply is data. Nothing in it is ever carried out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from discovery.model import Program
from discovery.propose.replies import prose
from discovery.propose.replies.edits import find_edits
from discovery.propose.replies.elisions import merged
from discovery.propose.replies.judge import Candidate, Found, Judge
from discovery.propose.replies.layout import Layout, lay_out
from discovery.propose.replies.mend import mended
from discovery.propose.replies.parts import names_of
from discovery.propose.replies.places import Edit, EditFailed, apply
from discovery.propose.replies.programs import written
from discovery.propose.replies.troubles import MAX_REPLY_BYTES, TROUBLES, Trouble, Unreadable

__all__ = ["MAX_REPLY_BYTES", "TROUBLES", "Reading", "Trouble", "Unreadable", "read"]


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


def read(
    reply: str, check: Callable[[str], Program], base: Program | None = None, *, cut_short: bool = False
) -> Reading:
    """The program in `reply`.

    Args:
        reply: Text of a model, whatever it is.
        check: The language; raises `Rejected`.
        base: The program that edits apply to.
        cut_short: Whether the server said that the model was stopped. If it did not, a program that nothing ends is
            read all the same where it ends itself: where its last function returns on every path.

    Raises:
        Unreadable: there is none that the language accepts, or none that is surely meant and whole.
    """
    size = len(reply.encode("utf-8", "surrogatepass"))
    if size > MAX_REPLY_BYTES:
        raise Unreadable("oversized reply", f"the reply has {size:,} bytes; at most {MAX_REPLY_BYTES:,} are read")
    layout = lay_out(reply, cut_short=cut_short)
    if not layout.text.strip():
        raise Unreadable("empty reply", "the reply is empty; expected a program in a fenced code block")
    judge = Judge(check, layout, "" if base is None else base.source)
    found, how = _read(layout, judge, base)
    idea = prose.idea(layout.text, layout.prose)
    return Reading(found.program, idea, how, found.repairs, prose.instructs(layout.prose))


def _read(layout: Layout, judge: Judge, base: Program | None) -> tuple[Found, Literal["program", "edits"]]:
    edits, changed = _edited(layout, judge, base)
    if changed is not None:
        others = {judge.key(block.text) for block in layout.blocks} - {"", changed.program.key}
        if others - {"" if base is None else base.key}:
            message = "the reply holds a program and edits that give another one: give only one of them"
            raise Unreadable("no program", message)
        return changed, "edits"
    whole = written(layout, judge, base)
    if whole is None:
        raise judge.worst(edits=edits)
    return _supplied(whole, judge, base), "program"


def _edited(layout: Layout, judge: Judge, base: Program | None) -> tuple[bool, Found | None]:
    """Whether the reply holds edits, and the program that they make of the base."""
    edits: Sequence[Edit] = ()
    try:
        edits = find_edits(layout)
        if not edits:
            return False, None
        if base is None:
            raise EditFailed("the reply edits a program, but there is none to edit: write the whole program")
        if not (layout.turn_ended or all(edit.closed for edit in edits)):
            raise Unreadable("cut off", "the last edit has no end: it ends with a >>>>>>> REPLACE line")
        return True, judge.first(_applied(base.source, edits))
    except EditFailed as error:
        judge.blame(3, Unreadable("edit does not apply", str(error)))
    except Unreadable as error:
        judge.blame(4, error)
    return True, None


def _applied(base: str, edits: Sequence[Edit]) -> Iterator[Candidate]:
    """The base with `edits` made, as they stand and, where that fails, with their characters mended."""
    other = [Edit(_tidy(edit.search), _tidy(edit.replace)) for edit in edits]
    failure = None
    for versions, names in ((list(edits), ()), (other, ("characters",))):
        if names and [(edit.search, edit.replace) for edit in other] == [(edit.search, edit.replace) for edit in edits]:
            break
        try:
            changed = apply(base, versions)
        except EditFailed as error:
            failure = failure or error
            continue
        for text, more in mended(changed):
            yield Candidate(text, (*names, *more))
    if failure is not None:
        raise failure


def _tidy(text: str) -> str:
    """The text of an edit after the repairs of characters and prefixes."""
    variants = [changed for changed, names in mended(text) if not {"tabs", "indentation", "dedented"} & set(names)]
    return variants[-1].rstrip("\n")


def _supplied(found: Found, judge: Judge, base: Program | None) -> Found:
    """A program that uses what only the base defines, with these definitions."""
    text = found.program.source
    if base is None or not names_of(text).free & names_of(base.source).bound:
        return found
    whole = merged(text, base.source)
    repairs = (*found.repairs, "left-out definitions kept")
    return (judge.first([Candidate(whole, repairs)]) if whole is not None else None) or found
