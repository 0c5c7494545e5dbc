"""Which statements and carried values a form needs, and the form without the others.

Roots are outputs that no block carries, and calls of operations that are not declared pure. A carried value is needed
when, in some block that carries it, its input is needed; then so is its output in every block. This is a least fixed
point: values that only feed each other are not needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from discovery.grammar.ir import Arg, Block, Const, Form, Output, Ref
from discovery.grammar.vocabulary import Vocabulary

__all__ = ["Needs", "carried_labels", "drop_unused_constants", "needs", "prune"]


@dataclass(frozen=True)
class Needs:
    """What is needed: names of values per block, and labels of carried values."""

    values: Mapping[str, frozenset[str]]
    labels: frozenset[str]


def carried_labels(form: Form) -> frozenset[str]:
    """Labels that some block carries."""
    return frozenset(output.label for block in form.blocks for output in block.outputs if output.carries is not None)


def _reach(block: Block, wanted: set[str], vocabulary: Vocabulary) -> set[str]:
    """Names in `block` that the names `wanted` and its indispensable statements depend on, themselves included."""
    reached = set(wanted)
    for statement in reversed(block.statements):
        operation = vocabulary.by_name[statement.op]
        if vocabulary.keep_unused or not operation.laws.pure or not reached.isdisjoint(statement.outputs):
            reached.update(statement.outputs)
            reached.update(arg.name for arg in statement.args if isinstance(arg, Ref))
    return reached


def _names(values: Iterable[Arg]) -> set[str]:
    return {value.name for value in values if isinstance(value, Ref)}


def needs(form: Form, vocabulary: Vocabulary) -> Needs:
    """The least set of values and carried labels that the roots of `form` depend on. `form` has been checked."""
    carried = carried_labels(form)
    labels: frozenset[str] = frozenset()
    while True:
        values: dict[str, frozenset[str]] = {}
        found: set[str] = set()
        for block in form.blocks:
            own = {output.label: output.carries for output in block.outputs if output.carries is not None}
            reached: set[str] = set()
            while True:
                # Within a block a carried output is needed by its own input only; the others' need is elsewhere.
                wanted = _names(
                    output.value
                    for output in block.outputs
                    if output.label not in carried
                    or (own[output.label] in reached if output.label in own else output.label in labels)
                )
                grown = _reach(block, wanted, vocabulary)
                if grown == reached:
                    break
                reached = grown
            values[block.name] = frozenset(reached)
            found.update(label for label, name in own.items() if name in reached)
        if found == labels:
            return Needs(values, labels)
        labels = frozenset(found)


def prune(form: Form, vocabulary: Vocabulary) -> Form:
    """`form` without unneeded pure statements and without carried values that no block needs.

    Where a carried value is needed in one block and not in another, the other hands it on unchanged.
    """
    need = needs(form, vocabulary)
    carried = carried_labels(form)
    blocks: list[Block] = []
    for block in form.blocks:
        values = need.values[block.name]
        outputs: list[Output] = []
        dropped: set[str] = set()
        for output in block.outputs:
            if output.label in carried and output.label not in need.labels:
                dropped.update(() if output.carries is None else (output.carries,))
            elif output.carries is not None and output.carries not in values:
                outputs.append(replace(output, value=Ref(output.carries)))
            else:
                outputs.append(output)
        kept = tuple(statement for statement in block.statements if not values.isdisjoint(statement.outputs))
        inputs = tuple(port for port in block.inputs if port.name not in dropped)
        blocks.append(Block(block.name, inputs, kept, tuple(outputs)))
    return Form(form.constants, tuple(blocks))


def drop_unused_constants(form: Form) -> Form:
    """`form` without the shared constants that nothing uses."""
    used = {
        arg.name
        for block in form.blocks
        for arg in (*(a for s in block.statements for a in s.args), *(output.value for output in block.outputs))
        if isinstance(arg, Const)
    }
    return Form({name: value for name, value in form.constants.items() if name in used}, form.blocks)
