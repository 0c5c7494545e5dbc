"""The intermediate form: typed, straight-line, single-assignment statements in named blocks.

A *form* is what a family lowers its programs to. It knows nothing of any family: types are opaque names, operations are
looked up in a `Vocabulary` that the family supplies, and what a block's outputs mean is the family's business.

Values are named. Within a block each name is assigned once (by an input or one statement output) before it is used.
Constants may be named: a `Const` with a name is a shared constant of the whole form (declared in `Form.constants`),
one without is a literal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeAlias

__all__ = ["Arg", "Block", "Const", "Form", "Number", "Output", "Port", "Ref", "Span", "Statement"]

Number: TypeAlias = float | Fraction


@dataclass(frozen=True)
class Span:
    """A place in the source text: lines and columns from 1, the end exclusive in columns."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True)
class Const:
    """A number. With `name` it refers to `Form.constants[name]` and `value` repeats that entry."""

    value: Number
    name: str | None = None


@dataclass(frozen=True)
class Ref:
    """A use of the value called `name` in the same block."""

    name: str


Arg: TypeAlias = Ref | Const


@dataclass(frozen=True)
class Statement:
    """`outputs = op(args)`. `op` names an operation of the vocabulary; most have one output. `span` is where the source
    wrote it and takes no part in equality."""

    outputs: tuple[str, ...]
    op: str
    args: tuple[Arg, ...]
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Port:
    """A typed input of a block."""

    name: str
    type: str


@dataclass(frozen=True)
class Output:
    """A labelled, typed result of a block. `carries` names the input of the same block that receives this value at the
    block's next application (a loop-carried value), or None. An output that is carried is needed only if that input
    is; one that is not carried is a root. The label links blocks: where one block carries it, an output of that label
    in a block that does not is the value to begin with, and is needed only if the carried one is. Labels that are
    carried may be renamed throughout a form; other labels, and the names of inputs that no output carries, mean
    something to the family and are kept. `span` is where the source wrote it and takes no part in equality."""

    label: str
    type: str
    value: Arg
    carries: str | None = None
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Block:
    """A straight-line program: inputs, statements in order, labelled outputs."""

    name: str
    inputs: tuple[Port, ...]
    statements: tuple[Statement, ...]
    outputs: tuple[Output, ...]


@dataclass(frozen=True)
class Form:
    """A whole program: named shared constants, and blocks by name in a meaningful order."""

    constants: Mapping[str, Number]
    blocks: tuple[Block, ...]

    def block(self, name: str) -> Block:
        """The block called `name`; KeyError when there is none."""
        for block in self.blocks:
            if block.name == name:
                return block
        raise KeyError(name)
