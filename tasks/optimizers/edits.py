"""Random edits of rules beyond the grammar's own: give a rule one more state, or take one away."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import replace

from discovery.grammar.build import check
from discovery.grammar.constants import DecayRateDomain
from discovery.grammar.ir import Arg, Block, Const, Form, Output, Port, Ref, Statement
from discovery.grammar.places import Slot, Workbench, fresh_name
from discovery.grammar.vocabulary import Vocabulary
from discovery.tasks.optimizers.layout import (
    INIT,
    MAX_TENSOR_STATES,
    VOCABULARY,
    state_port,
    states,
    update_blocks,
)
from discovery.tasks.optimizers.vocabulary import INITIAL, TENSOR

__all__ = ["RULE_EDITS", "SEARCH_VOCABULARY"]

#: Names that new states take, in this order of preference.
_STATE_NAMES = ("m", "v", "a", "b", "c")


def add_state(form: Form, vocabulary: Vocabulary, rng: random.Random) -> Form | None:
    """Remember a value in a new state, and use the memory where the value was used in one place.

    The memory is an exponential average, a decaying sum, or the value of the step before. In blocks of other kinds the
    state passes through.
    """
    types = states(form)
    if list(types.values()).count(TENSOR) >= MAX_TENSOR_STATES:
        return None
    bench = Workbench(check(form, vocabulary), vocabulary)
    slots = [slot for slot in bench.slots if slot.want == TENSOR and isinstance(slot.arg, Ref)]
    slots = [slot for slot in slots if form.blocks[slot.block].name != INIT and slot.arg != Ref("w")]
    if not slots:
        return None
    slot = rng.choice(slots)
    port = state_port(next(name for name in _STATE_NAMES if name not in types))
    taken = {*form.constants, *vocabulary.by_name, *(name for block in form.blocks for name in _names(block)), port}
    value, rate = slot.arg, Const(DecayRateDomain().sample(rng))
    op = rng.choice(("ema", "ema", "accumulate", ""))
    if op:
        made = Ref(fresh_name(op, taken))
        changed = bench.inserted(
            slot.block, slot.row, Statement((made.name,), op, (Ref(port), value, rate)), slot, made
        )
        carried: Arg = made
    else:
        changed, carried = bench.changed({slot: Ref(port)}), value
    return _with_state(changed, port, slot, carried)


def _with_state(form: Form, port: str, slot: Slot, carried: Arg) -> Form:
    blocks = []
    for index, block in enumerate(form.blocks):
        if block.name == INIT:
            statement = Statement((port,), "zeros", (Ref("shape"),))
            output = Output(port, INITIAL, Ref(port))
            blocks.append(replace(block, statements=(*block.statements, statement), outputs=(*block.outputs, output)))
        else:
            output = Output(port, TENSOR, carried if index == slot.block else Ref(port), port)
            inputs = (*block.inputs, Port(port, TENSOR))
            blocks.append(replace(block, inputs=inputs, outputs=(*block.outputs, output)))
    return Form(form.constants, tuple(blocks))


def drop_state(form: Form, vocabulary: Vocabulary, rng: random.Random) -> Form | None:
    """Forget a state: an average or a sum over time becomes the value that it was over, other uses read `g` (or 1)."""
    types = states(form)
    if not types:
        return None
    name = rng.choice(list(types))
    port, instead = state_port(name), Ref("g") if types[name] == TENSOR else Const(1.0)
    blocks = [_without_initial(form.block(INIT), port)]
    for block in update_blocks(form):
        blocks.append(_without_state(block, port, instead))
    return Form(form.constants, tuple(blocks))


def _without_initial(block: Block, port: str) -> Block:
    (gone,) = (output for output in block.outputs if output.label == port)
    statements = tuple(
        s for s in block.statements if not isinstance(gone.value, Ref) or gone.value.name not in s.outputs
    )
    return replace(block, statements=statements, outputs=tuple(o for o in block.outputs if o is not gone))


def _without_state(block: Block, port: str, instead: Arg) -> Block:
    known: dict[str, Arg] = {port: instead}
    statements = []
    for statement in block.statements:
        if statement.op in ("ema", "accumulate") and statement.args[0] == Ref(port):
            known[statement.outputs[0]] = _put(statement.args[1], known)
        else:
            statements.append(replace(statement, args=tuple(_put(arg, known) for arg in statement.args)))
    outputs = tuple(replace(o, value=_put(o.value, known)) for o in block.outputs if o.label != port)
    inputs = tuple(each for each in block.inputs if each.name != port)
    return Block(block.name, inputs, tuple(statements), outputs)


def _put(arg: Arg, known: dict[str, Arg]) -> Arg:
    return known.get(arg.name, arg) if isinstance(arg, Ref) else arg


def _names(block: Block) -> Iterable[str]:
    yield from (port.name for port in block.inputs)
    yield from (name for statement in block.statements for name in statement.outputs)


#: The edits, with weights relative to 1 for each of the grammar's own.
RULE_EDITS: tuple[tuple[float, Callable[[Form, Vocabulary, random.Random], Form | None]], ...] = (
    (0.5, add_state),
    (0.3, drop_state),
)

#: What the grammar may know when it searches.
SEARCH_VOCABULARY = replace(VOCABULARY, extra_edits=RULE_EDITS)
