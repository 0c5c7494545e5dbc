"""A reply taken apart: its text, its blocks, the prose around them, and how it ends."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from discovery.propose.replies import prose
from discovery.propose.replies.blocks import Block, find_blocks, without_blocks
from discovery.propose.replies.ends import turn_ended
from discovery.propose.replies.mend import normal
from discovery.propose.replies.parts import continued, goes_on

__all__ = ["Layout", "lay_out"]

_INVISIBLE = re.compile("[\u00ad\u200b-\u200d\u2060\ufeff]")
_MOST = 40  # blocks of a reply, the last ones, that are looked at


@dataclass(frozen=True)
class Layout:
    """A reply as it is laid out.

    Attributes:
        text: The answer, without the model's thinking and the marks of its chat format.
        blocks: Its fenced blocks, in order; one that goes on in the next is one with it.
        cut_short: Whether the server said that the model was stopped.
        turn_ended: Whether the model said that it was done.
        line_ended: Whether the last line is known to be whole.
    """

    text: str
    blocks: tuple[Block, ...]
    cut_short: bool
    turn_ended: bool
    line_ended: bool

    @cached_property
    def prose(self) -> str:
        """The text without the blocks."""
        return without_blocks(self.text, self.blocks)

    @cached_property
    def _lines(self) -> list[str]:
        return self.text.split("\n")

    def before(self, number: int) -> str:
        """The prose between block `number` and the one before it."""
        start = self.blocks[number - 1].end if number else 0
        return "\n".join(self._lines[start : self.blocks[number].start])

    def behind(self, number: int) -> str:
        """All prose behind block `number`."""
        later = [self.before(other) for other in range(number + 1, len(self.blocks))]
        return "\n".join([*later, *self._lines[self.blocks[-1].end :]])


def lay_out(reply: str, *, cut_short: bool) -> Layout:
    """`reply` taken apart."""
    reply = _unescaped(reply)
    done = turn_ended(reply) and not cut_short
    text = prose.answer(normal(_INVISIBLE.sub("", reply)), cut_short=cut_short)
    blocks = _continued(find_blocks(text)[-_MOST:])
    return Layout(text, tuple(blocks), cut_short, done, done or reply.endswith(("\n", "\r")))


def _unescaped(reply: str) -> str:
    """A reply on one line, its line ends written out, as it is meant."""
    bare = reply.strip()
    if "\n" in bare or bare.count("\\n") < 2 or bare.startswith(("{", "[")):
        return reply
    return reply.strip().strip('"').replace("\\n", "\n").replace("\\t", "\t").replace('\\"', '"')


def _continued(blocks: Sequence[Block]) -> list[Block]:
    out: list[Block] = []
    for block in blocks:
        if out and out[-1].closed and goes_on(out[-1].text, block.text):
            first = out.pop()
            block = replace(first, text=continued(first.text, block.text), closed=block.closed, end=block.end)
        out.append(block)
    return out
