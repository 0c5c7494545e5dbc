"""The whole program that a reply holds: which of its blocks, with what belongs to it, and what is said of it later.

The last complete statement of what is meant counts. Where something behind a program contradicts it, and nothing says
that it does not, there is none: a program that was not meant is worse than another call.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from discovery.model import Program
from discovery.propose.replies import candidates as made
from discovery.propose.replies.blocks import Block
from discovery.propose.replies.choice import announced, has_idea, meant, retracts
from discovery.propose.replies.elisions import merged
from discovery.propose.replies.ends import repeats
from discovery.propose.replies.judge import Candidate, Found, Judge
from discovery.propose.replies.layout import Layout
from discovery.propose.replies.mend import mended, normal
from discovery.propose.replies.parts import alters, belonging, names_of, threaded
from discovery.propose.replies.spans import CODE
from discovery.propose.replies.troubles import Unreadable

__all__ = ["written"]

_ADDED = re.compile(r"\b(add|append|extend)\b", re.I)


def written(layout: Layout, judge: Judge, base: Program | None) -> Found | None:
    """The program that `layout` holds whole, or that its pieces make up with the base; None where there is none.

    Raises:
        Unreadable: there are several, and nothing says which is meant, or what stands behind one contradicts it.
    """
    source = "" if base is None else base.source
    blocks = layout.blocks
    aside = any(announced(layout.before(number)) == "aside" for number in range(len(blocks)))
    one = not aside and threaded([block.text for block in blocks])
    if one and (found := judge.first(made.joined(blocks, source))) is not None:
        return found
    readings = [judge.first(made.repaired(block, source)) for block in blocks]
    if any(readings):
        return _Choice(layout, judge, readings, "" if base is None else base.key).found()
    for pieces in (made.spoken(layout, source), made.joined(blocks, source)):
        if (found := judge.first(pieces)) is not None:
            return found
    return _partial(layout, judge, source) or judge.first(made.bare(layout, source))


class _Choice:
    """Chooses between the blocks of a reply of which some are programs.

    Args:
        layout: The reply.
        judge: The language.
        readings: For each block the program that it is, or None.
        known: Key of the base, or "".
    """

    def __init__(self, layout: Layout, judge: Judge, readings: Sequence[Found | None], known: str) -> None:
        self._layout, self._judge, self._readings, self._known = layout, judge, readings, known

    def found(self) -> Found:
        """The program that is meant, with what belongs to it.

        Raises:
            Unreadable: there is none, or none that is sure.
        """
        number = self._meant()
        self._check_end(number)
        return self._amended(number)

    def _meant(self) -> int:
        accepted = {number: found for number, found in enumerate(self._readings) if found is not None}
        new = {number: found for number, found in accepted.items() if found.program.key != self._known} or accepted
        texts = {number: (found.program.key, names_of(found.program.source).bound) for number, found in new.items()}
        last = sorted({same: number for number, same in texts.items()}.values())  # of equal ones the last
        chosen = meant([(self._layout.before(number), self._layout.blocks[number].text) for number in last])
        if chosen is None:
            message = f"the reply holds {len(last)} different programs, and nothing says which is meant: write only one"
            raise Unreadable("no program", message)
        self._check_answer(last[chosen], sorted(accepted.keys() - new.keys()))
        return last[chosen]

    def _check_answer(self, number: int, parents: Sequence[int]) -> None:
        """Beside its parent a program may be another one that the prompt shows, unless it is said to be the answer."""
        shown = [parent for parent in parents if announced(self._layout.before(parent)) != "aside"]
        before = self._layout.before(number)
        if not shown or announced(before) == "final" or (has_idea(before) and shown[-1] < number):
            return
        message = "the reply shows its parent and another program, and does not say which is its answer: write only one"
        raise Unreadable("no program", message)

    def _check_end(self, number: int) -> None:
        """A block that was cut off may be another program; one that repeats this one, or holds no code, is none."""
        last = self._layout.blocks[-1]
        if last.closed or self._readings[-1] is not None:
            return
        if repeats(last.text, self._layout.blocks[number].text) or not _has_code(last):
            return
        raise Unreadable("cut off", "the reply ended inside its last block: it has to be shorter")

    def _amended(self, number: int) -> Found:
        """The program of block `number`, with the pieces that belong to it, and the functions that blocks behind it
        write anew."""
        found, blocks = self._readings[number], self._layout.blocks
        assert found is not None
        text, repairs = found.program.source, found.repairs
        pieces = [each for each in range(len(blocks)) if each == number or self._readings[each] is None]
        parts = belonging([text if each == number else blocks[each].text for each in pieces], pieces.index(number))
        parts = [pieces[part] for part in parts]
        if len(parts) > 1:
            text = "\n\n".join((text if part == number else blocks[part].text).strip("\n") for part in parts)
            repairs = (*repairs, "blocks joined")
        last = number
        for later in range(number + 1, len(blocks)):
            if self._readings[later] is None and later not in parts and blocks[later].closed:
                changed = self._changed(text, later)
                last = later if changed != text else last
                repairs, text = (repairs if changed == text else (*repairs, "functions amended")), changed
        if retracts(self._layout.behind(last)):
            raise Unreadable("no program", "the reply corrects its program in words: write the corrected program whole")
        again = self._judge.first(Candidate(one, (*repairs, *names)) for one, names in mended(text))
        if again is None:
            raise self._judge.worst(edits=False)
        return again

    def _changed(self, text: str, later: int) -> str:
        """`text` with the functions of block `later`, where that writes some of them anew."""
        part = self._layout.blocks[later].text
        kind = announced(self._layout.before(later))
        change = "" if kind == "aside" else alters(part, text)
        if not change:
            return text
        whole = merged(normal(part), text) if change == "functions" else None
        if whole is not None and self._judge.key(whole) == self._judge.key(text):
            return text
        if whole is None or kind != "final":
            what = "a function" if change == "functions" else "a line"
            message = f"{what} is written twice, differently, and nothing says which is meant: write it once"
            raise Unreadable("no program", message)
        return whole


def _has_code(block: Block) -> bool:
    return any(CODE.match(line) for line in block.text.split("\n"))


def _partial(layout: Layout, judge: Judge, base: str) -> Found | None:
    """The base with the definitions of all blocks in place of its own, or with the lines that one says to add.

    Raises:
        Unreadable: one definition is written twice, and nothing says which is meant.
    """
    text, part = base, ""
    repairs: tuple[str, ...] = ("left-out definitions kept",)
    done: frozenset[str] = frozenset()
    for number, block in enumerate(layout.blocks) if base else ():
        kind = announced(layout.before(number))
        own = names_of(block.text).bound
        if kind == "aside" or not alters(block.text, text) or not own & names_of(base).bound:
            continue
        if own & done and kind != "final":
            message = "a definition is written twice, and nothing says which is meant: write it once"
            raise Unreadable("no program", message)
        versions = ((merged(version, text), version, names) for version, names in mended(block.text))
        whole, version, names = next((each for each in versions if each[0] is not None), (None, "", ()))
        if whole is None:
            return None
        text, part, repairs, done = whole, version, (*names, *repairs), done | own
    ended = not layout.blocks or layout.blocks[-1].closed
    if part:
        return judge.first([Candidate(text, repairs, ended, part=part)])
    return judge.first(_added(layout.blocks, base)) if base else None


def _added(blocks: Sequence[Block], base: str) -> Iterator[Candidate]:
    """The base with the lines of the only block behind it, where its heading says so."""
    if len(blocks) == 1 and _ADDED.search(blocks[0].heading) and "def " not in blocks[0].text:
        for text, names in mended(blocks[0].text):
            yield Candidate(f"{base.rstrip()}\n{text}", (*names, "lines added"), blocks[0].closed, part=text)
