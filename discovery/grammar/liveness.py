"""Which statements and carried values a form needs, and the form without the others.

Roots are outputs that no block carries, and calls of operations that are not declared pure. A carried value is needed
when, in some block that carries it, its input is needed; then so is its output in every block. This is a least fixed
point: values that only feed each other are not needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from discovery.grammar.ir import Block, Const, Form, Output, Ref
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


class _Reach:
    """The names that are needed in one block, growing."""

    def __init__(self, block: Block, carried: frozenset[str], vocabulary: Vocabulary) -> None:
        self.reached: set[str] = set()
        #: Label of the output that an input is carried by, and every output's value by label.
        self.labels = {output.carries: output.label for output in block.outputs if output.carries is not None}
        self.values = {output.label: output.value for output in block.outputs}
        #: Labels whose value is needed when the carried value is needed in some other block.
        self.begins = [o.label for o in block.outputs if o.label in carried and o.carries is None]
        self.sources: dict[str, tuple[str, ...]] = {}
        roots = [output.value for output in block.outputs if output.label not in carried]
        self.pending = [value.name for value in roots if isinstance(value, Ref)]
        for statement in block.statements:
            sources = statement.outputs + tuple([arg.name for arg in statement.args if isinstance(arg, Ref)])
            for name in statement.outputs:
                self.sources[name] = sources
            operation = vocabulary.by_name.get(statement.op)
            if vocabulary.keep_unused or operation is None or not operation.laws.pure:
                self.pending += statement.outputs

    def want(self, label: str) -> None:
        value = self.values[label]
        if isinstance(value, Ref):
            self.pending.append(value.name)

    def spread(self, labels: set[str]) -> None:
        """Follow what is pending to its sources; add the carried values among them to `labels`."""
        while self.pending:
            name = self.pending.pop()
            if name in self.reached:
                continue
            self.reached.add(name)
            self.pending += self.sources.get(name, ())
            if name in self.labels:
                labels.add(self.labels[name])
                self.want(self.labels[name])


def needs(form: Form, vocabulary: Vocabulary) -> Needs:
    """The least set of values and carried labels that the roots of `form` depend on.

    `form` need not have been checked: an unknown operation is not pure, an unknown name has no sources.
    """
    carried = carried_labels(form)
    blocks = {block.name: _Reach(block, carried, vocabulary) for block in form.blocks}
    labels: set[str] = set()
    while any(block.pending for block in blocks.values()):
        before = set(labels)
        for block in blocks.values():
            block.spread(labels)
        for block in blocks.values():
            for label in block.begins:
                if label in labels and label not in before:
                    block.want(label)
    return Needs({name: frozenset(block.reached) for name, block in blocks.items()}, frozenset(labels))


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
