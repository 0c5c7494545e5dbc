"""Texts of a reply that may be its program, those that presume little first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from discovery.propose.replies.blocks import Block
from discovery.propose.replies.elisions import annotated, expand, is_elision, merged
from discovery.propose.replies.judge import Candidate
from discovery.propose.replies.layout import Layout
from discovery.propose.replies.mend import mended, normal
from discovery.propose.replies.said import changed, told
from discovery.propose.replies.spans import Span, bare_spans, numbered, says
from discovery.propose.replies.wrappings import wrapped

__all__ = ["bare", "joined", "repaired", "spoken"]

_FENCE = re.compile(r"^[ \t]*(?:`{3,}|~{3,})\w*[ \t]*$", re.M)
_BOLD = re.compile(r"^\*\*([^*\n]+)\*\*", re.M)


def repaired(block: Block, base: str) -> Iterator[Candidate]:
    """A block as it stands, then with one repair after the other."""
    yield from _repaired(Candidate(block.text, (), block.closed), base)


def joined(blocks: Sequence[Block], base: str) -> Iterator[Candidate]:
    """All blocks in one."""
    if len(blocks) > 1:
        text = "\n\n".join(block.text.strip("\n") for block in blocks)
        yield from _repaired(Candidate(text, ("blocks joined",), blocks[-1].closed), base)


def spoken(layout: Layout, base: str) -> Iterator[Candidate]:
    """A change of the base that a sentence tells."""
    if base and not layout.cut_short:
        for text in changed(layout.prose, layout.blocks, base):
            yield Candidate(text, ("told in a sentence",))


def bare(layout: Layout, base: str) -> Iterator[Candidate]:
    """Code that no fence marks as such, or that stands with other things within one."""
    found = [Candidate(text) for text in wrapped(layout.text)]
    if layout.blocks:  # a fence in the midst of code
        closed = layout.text.rstrip().endswith(("```", "~~~"))
        spans = bare_spans(_FENCE.sub("", layout.text))
        found += [Candidate(span.text, (), closed or says(span.rest)) for span in spans]
        found += [_spoken(span, layout) for span in bare_spans(layout.prose)]
    else:
        found += [_spoken(span, layout) for span in bare_spans(layout.text)]
        found += [_spoken(span, layout) for span in numbered(layout.text)]
        found += [_spoken(span, layout) for span in bare_spans(_BOLD.sub(r"\1", layout.text))]
        found += [Candidate(text, (), not layout.cut_short) for text in told(layout.text, line_ended=layout.line_ended)]
    cut = bool(layout.blocks) and not layout.blocks[-1].closed  # what stands before it is not all
    for block in layout.blocks[-1:] if cut else layout.blocks:
        found += [Candidate(text, (), True) for text in wrapped(block.text)]
        found += [Candidate(span.text, (), block.closed or says(span.rest)) for span in bare_spans(block.text)]
    found = [candidate._replace(repairs=("found between prose",)) for candidate in found]
    for candidate in found:
        yield from _repaired(candidate, base)
    for candidate in found if base and not cut else ():
        for text, repairs in mended(candidate.text):
            if (whole := merged(text, base)) is not None:
                names = (*candidate.repairs, *repairs, "left-out definitions kept")
                yield Candidate(whole, names, candidate.ended, part=text)


def _spoken(span: Span, layout: Layout) -> Candidate:
    """A span of the reply. A list of statements with nothing behind it is whole, unless the model was stopped."""
    alone = not span.rest.strip() and "def " not in span.text and not layout.cut_short and _line_is_whole(layout)
    return Candidate(span.text, (), alone or says(span.rest))


def _line_is_whole(layout: Layout) -> bool:
    return layout.line_ended or layout.text.rstrip()[-1:] in (")", "]", "}")


def _repaired(candidate: Candidate, base: str) -> Iterator[Candidate]:
    for text, names in mended(candidate.text):
        yield from _completed(candidate._replace(text=text, repairs=(*candidate.repairs, *names)), base)


def _completed(candidate: Candidate, base: str) -> Iterator[Candidate]:
    """A text that says `...` for lines of the base, with these lines; any other as it is."""
    text, names, ended = candidate.text, candidate.repairs, candidate.ended
    lines = text.split("\n")
    gaps = [number for number, line in enumerate(lines, 1) if is_elision(line) and line not in base]
    if not gaps:
        yield candidate
        if (whole := annotated(text, base)) != text:
            yield Candidate(whole, (*names, "annotations kept"), ended)
        return
    if expanded := expand(lines, base.rstrip("\n").split("\n")):
        yield Candidate(normal("\n".join(expanded)), (*names, "left-out lines kept"), ended, part=text)
    if all(not lines[number - 1][:1].isspace() for number in gaps):
        kept = "\n".join(line for line in lines if not is_elision(line))
        if (whole_text := merged(kept, base)) is not None:
            yield Candidate(whole_text, (*names, "left-out definitions kept"), ended, part=kept)
    shown = lines[gaps[0] - 1].strip()[:80]
    message = f"line {gaps[0]} of the program, {shown!r}, stands for code that was left out: write all of it"
    yield Candidate(text, names, ended, gap=message)
