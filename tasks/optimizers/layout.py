"""How a rule lies in a grammar form: which blocks, inputs and outputs it has, and what is required of them.

Block `init` gives one output per state. The update is one block `update`, or several `update_KIND_KIND...` that share
out the four kinds of parameters. An update block takes `w`, `g`, `t` and one input per state, and gives the direction
`u` and one output per state, carried to that input. A state `m` is called `s_m` in all these places.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from discovery.grammar.ir import Block, Form, Output, Port, Ref, Statement
from discovery.grammar.liveness import needs
from discovery.grammar.vocabulary import Vocabulary
from discovery.tasks.optimizers.vocabulary import (
    INITIAL,
    MAX_STATEMENTS,
    PRIMITIVES,
    SCALAR,
    SHAPE,
    TENSOR,
    TYPES,
)

__all__ = [
    "DIRECTION",
    "INIT",
    "KINDS",
    "MAX_SCALAR_STATES",
    "MAX_TENSOR_STATES",
    "VOCABULARY",
    "Kind",
    "block_for",
    "init_block",
    "kinds_of",
    "merged",
    "split",
    "state_name",
    "state_port",
    "states",
    "update_blocks",
    "update_inputs",
    "update_name",
]

Kind = str

#: Kinds of parameters: 2-D and more, 1-D, embedding tables, single numbers.
KINDS: tuple[Kind, ...] = ("matrix", "vector", "embedding", "scalar")

INIT, DIRECTION = "init", "u"
MAX_TENSOR_STATES, MAX_SCALAR_STATES = 3, 4

_UPDATE, _STATE = "update", "s_"


#: Operations, types and the limit, without what makes a form a rule.
_LANGUAGE = Vocabulary(
    operations=tuple(primitive.operation for primitive in PRIMITIVES.values()),
    types=TYPES,
    max_statements=MAX_STATEMENTS,
)


def state_port(state: str) -> str:
    """Name of the input and label of the output that a state has in a form."""
    return _STATE + state


def state_name(port: str) -> str:
    """Inverse of `state_port`."""
    return port.removeprefix(_STATE)


def update_name(kinds: Iterable[Kind]) -> str:
    """Name of the block that updates parameters of `kinds`."""
    chosen = set(kinds)
    return "_".join([_UPDATE, *([] if chosen == set(KINDS) else [kind for kind in KINDS if kind in chosen])])


def kinds_of(block: str) -> tuple[Kind, ...]:
    """Kinds that the update block of that name serves."""
    return tuple(block.split("_")[1:]) or KINDS


def update_blocks(form: Form) -> tuple[Block, ...]:
    """All blocks but `init`."""
    return tuple(block for block in form.blocks if block.name != INIT)


def block_for(form: Form, kind: Kind) -> Block:
    """The update block that serves `kind`."""
    return next(block for block in update_blocks(form) if kind in kinds_of(block.name))


def states(form: Form) -> dict[str, str]:
    """Name of every state, in order, to its type (`tensor` or `scalar`)."""
    return {
        state_name(output.label): TENSOR if output.type == INITIAL else SCALAR for output in form.block(INIT).outputs
    }


def update_inputs(types: Mapping[str, str]) -> tuple[Port, ...]:
    """Inputs of an update block of a rule with these states."""
    fixed = (Port("w", TENSOR), Port("g", TENSOR), Port("t", SCALAR))
    return fixed + tuple(Port(state_port(name), type_) for name, type_ in types.items())


def init_block(statements: tuple[Statement, ...], outputs: tuple[Output, ...]) -> Block:
    """The block `init`."""
    return Block(INIT, (Port("shape", SHAPE),), statements, outputs)


def split(form: Form, parts: Iterable[tuple[Kind, ...]]) -> Form:
    """The same rule with one update block for each of `parts`, a partition finer than the form's own."""
    blocks = tuple(replace(block_for(form, part[0]), name=update_name(part)) for part in parts)
    return Form(form.constants, (form.block(INIT), *blocks))


def merged(form: Form) -> Form:
    """The same rule with equal update blocks merged into one, in the order of their first kinds."""
    groups: dict[Block, set[Kind]] = {}
    for kind in KINDS:
        groups.setdefault(replace(block_for(form, kind), name=_UPDATE), set()).add(kind)
    blocks = tuple(replace(block, name=update_name(kinds)) for block, kinds in groups.items())
    return Form(form.constants, (form.block(INIT), *blocks))


def _valid(form: Form) -> str | None:
    """What is wrong with a well-typed form, seen as a rule; None when nothing is."""
    names = [block.name for block in form.blocks]
    served = sorted(kind for name in names if name != INIT for kind in kinds_of(name))
    if names[:1] != [INIT] or served != sorted(KINDS):
        return f"a rule needs a block `init` and then update blocks for each of {', '.join(KINDS)}; got {names}"
    init = form.block(INIT)
    if any(not output.label.startswith(_STATE) or output.type not in (INITIAL, SCALAR) for output in init.outputs):
        return "`init` must give states only: tensors (zeros, ones, full) or numbers"
    types = states(form)
    if sum(type_ == TENSOR for type_ in types.values()) > MAX_TENSOR_STATES:
        return f"a rule may keep at most {MAX_TENSOR_STATES} tensors shaped like the weights; got {', '.join(types)}"
    if sum(type_ == SCALAR for type_ in types.values()) > MAX_SCALAR_STATES:
        return f"a rule may keep at most {MAX_SCALAR_STATES} scalar states; got {', '.join(types)}"
    want = ((DIRECTION, TENSOR, None), *((state_port(n), type_, state_port(n)) for n, type_ in types.items()))
    for block in update_blocks(form):
        if block.inputs != update_inputs(types):
            return f"block `{block.name}` must take w, g, t and the states {', '.join(types)}"
        if tuple((output.label, output.type, output.carries) for output in block.outputs) != want:
            return f"block `{block.name}` must give u and the states {', '.join(types)}"
    return _init_is_plain(init) or _looks_at_gradients(form)


def _init_is_plain(init: Block) -> str | None:
    made = {name for statement in init.statements for name in statement.outputs}
    used = [output.value.name for output in init.outputs if isinstance(output.value, Ref)]
    if sorted(used) != sorted(made):
        return "`init` must give each tensor that it makes to one state"
    return None


def _looks_at_gradients(form: Form) -> str | None:
    values = needs(form, _LANGUAGE).values
    for block in update_blocks(form):
        if "g" not in values[block.name]:
            return f"the direction for {', '.join(kinds_of(block.name))} does not depend on the gradient g"
    return None


#: What the grammar may know of rules.
VOCABULARY = replace(_LANGUAGE, valid=_valid)
