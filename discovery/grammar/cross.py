"""Crossover: one output of a second form, with everything that it is computed from, put into a first form.

Blocks are matched by name. The output's statements come along under fresh names, with their constants; plain inputs
are matched by name. A carried value that they read is either one that the first form already carries, of the same
type, or is copied too: its input, and its output (with what that is computed from) in every block that has one.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

from discovery.grammar.build import Checked, check
from discovery.grammar.canonical import full_key
from discovery.grammar.constants import same_number
from discovery.grammar.edit import NoEdit, tidied
from discovery.grammar.ir import Arg, Block, Const, Form, Number, Output, Port, Ref, Statement
from discovery.grammar.liveness import carried_labels
from discovery.grammar.places import fresh_name
from discovery.grammar.vocabulary import Vocabulary
from discovery.model import Rejected

__all__ = ["cross"]

#: Draws before `cross` gives up.
_DRAWS = 40

#: Probability that a carried value which the copied statements read is one of the first form's, where one fits.
_REUSE = 0.5


def cross(first: Form, second: Form, vocabulary: Vocabulary, rng: random.Random) -> Form:
    """A child of both that checks and has the key of neither. All randomness comes from `rng`.

    Raises:
        Rejected: one of the forms does not check.
        NoEdit: nothing was found within a bounded number of draws, as when the two have equal keys.
    """
    parents = check(first, vocabulary), tidied(second, vocabulary)
    keys = {full_key(parent, vocabulary) for parent in parents}
    choices = _choices(first, parents[1].form)
    for _ in range(_DRAWS if choices else 0):
        block, label = rng.choice(choices)
        child = _Graft(parents[0], parents[1], vocabulary, rng).graft(block, label)
        if child is None:
            continue
        try:
            checked = tidied(child, vocabulary)
        except Rejected:
            continue
        if full_key(checked, vocabulary) not in keys:
            return checked.form
    raise NoEdit(
        f"expected a child that differs from both parents; found none in {_DRAWS} draws",
        hint="the parents are too much alike, or their blocks and outputs have different names",
    )


def _choices(first: Form, second: Form) -> list[tuple[str, str]]:
    """Block and label of the outputs of `second` that can take an output's place in `first`."""
    mine = {(block.name, output.label): output for block in first.blocks for output in block.outputs}
    theirs = [(block.name, output) for block in second.blocks for output in block.outputs]
    return [(name, output.label) for name, output in theirs if (name, output.label) in mine]


@dataclass
class _Draft:
    """A block under construction."""

    name: str
    inputs: list[Port]
    statements: list[Statement]
    outputs: list[Output]
    #: Names in the second form's block to what stands for them here.
    here: dict[str, Arg] = field(default_factory=dict)

    def taken(self) -> set[str]:
        return {port.name for port in self.inputs} | {n for each in self.statements for n in each.outputs}

    def output(self, label: str) -> Output | None:
        return next((output for output in self.outputs if output.label == label), None)


class _Graft:
    def __init__(self, first: Checked, second: Checked, vocabulary: Vocabulary, rng: random.Random) -> None:
        self.second, self.vocabulary, self.rng = second.form, vocabulary, rng
        self.constants: dict[str, Number] = dict(first.form.constants)
        self.first_carried = carried_labels(first.form)
        self.drafts = {
            block.name: _Draft(block.name, list(block.inputs), list(block.statements), list(block.outputs))
            for block in first.form.blocks
        }
        #: Carried labels of the second form to those that stand for them here.
        self.labels: dict[str, str] = {}
        self.carried = carried_labels(self.second)
        #: Carried outputs that are still to be copied.
        self.pending: list[str] = []

    def graft(self, block: str, label: str) -> Form | None:
        """The first form with the second's output `label` of `block`; None when an input is missing."""
        draft, source = self.drafts[block], self.second.block(block)
        if label in self.carried:
            self.labels[label] = label
        theirs = next(output for output in source.outputs if output.label == label)
        value = self.copied(theirs.value, source, draft)
        if value is None:
            return None
        mine = next(index for index, output in enumerate(draft.outputs) if output.label == label)
        draft.outputs[mine] = replace(draft.outputs[mine], value=value)
        while self.pending:
            if not self.copy_carried(self.pending.pop(0)):
                return None
        blocks = tuple(
            Block(each.name, tuple(each.inputs), tuple(each.statements), tuple(each.outputs))
            for each in self.drafts.values()
        )
        return Form(self.constants, blocks)

    def copied(self, value: Arg, source: Block, draft: _Draft) -> Arg | None:
        """What `value` of the second form's block is here, with the statements that compute it."""
        if isinstance(value, Const):
            return self.constant(value)
        wanted = {value.name}
        chosen: list[Statement] = []
        for statement in reversed(source.statements):
            if not wanted.isdisjoint(statement.outputs) and statement.outputs[0] not in draft.here:
                chosen.append(statement)
                wanted.update(arg.name for arg in statement.args if isinstance(arg, Ref))
        for port in source.inputs:
            if port.name in wanted and not self.input(port, source, draft):
                return None
        for statement in reversed(chosen):
            args = tuple(draft.here[arg.name] if isinstance(arg, Ref) else self.constant(arg) for arg in statement.args)
            names = tuple(self.fresh(name, draft) for name in statement.outputs)
            draft.statements.append(Statement(names, statement.op, args))
            draft.here.update(zip(statement.outputs, map(Ref, names), strict=True))
        return draft.here[value.name]

    def fresh(self, name: str, draft: _Draft) -> str:
        taken = draft.taken() | set(self.constants) | set(self.vocabulary.by_name)
        return name if name not in taken else fresh_name(name, taken)

    def constant(self, const: Const) -> Const:
        """The constant here: under its name where that means the same number, else renamed."""
        if const.name is None:
            return const
        name = const.name
        if name in self.constants and same_number(self.constants[name], const.value):
            return const
        taken = set(self.constants) | set(self.vocabulary.by_name)
        taken = taken.union(*(draft.taken() for draft in self.drafts.values()))
        taken |= {
            statement_name for block in self.second.blocks for s in block.statements for statement_name in s.outputs
        }
        name = name if name not in taken else fresh_name(name, taken)
        self.constants[name] = const.value
        return Const(const.value, name)

    def input(self, port: Port, source: Block, draft: _Draft) -> bool:
        """Whether an input of the second form's block has found its match here."""
        if port.name in draft.here:
            return True
        label = next((output.label for output in source.outputs if output.carries == port.name), None)
        if label is None:
            if port not in draft.inputs or any(output.carries == port.name for output in draft.outputs):
                return False
            draft.here[port.name] = Ref(port.name)
            return True
        if label not in self.labels:
            self.choose(label, port, draft)
        mine = draft.output(self.labels[label])
        if mine is None or mine.carries is None:
            return False
        have = next(each.type for each in draft.inputs if each.name == mine.carries)
        if not self.vocabulary.types.fits(have, port.type):
            return False
        draft.here[port.name] = Ref(mine.carries)
        return True

    def choose(self, label: str, port: Port, draft: _Draft) -> None:
        """Which carried value stands for `label` here: one of the first form's, or a copy."""
        types = {each.name: each.type for each in draft.inputs}
        alike = [
            output.label
            for output in draft.outputs
            if output.label in self.first_carried and output.carries and types[output.carries] == port.type
        ]
        if alike and self.rng.random() < _REUSE:
            self.labels[label] = label if label in alike and self.rng.random() < _REUSE else self.rng.choice(alike)
            return
        self.add_carried(label)

    def add_carried(self, label: str) -> None:
        """Inputs and outputs for a copy of carried value `label` in every block; their values follow later."""
        taken = {output.label for draft in self.drafts.values() for output in draft.outputs} | set(self.constants)
        taken = taken.union(*(draft.taken() for draft in self.drafts.values()))
        taken |= set(self.vocabulary.by_name)
        new = label if label not in taken else fresh_name(label, taken)
        self.labels[label] = new
        for block in self.second.blocks:
            draft = self.drafts.get(block.name)
            theirs = next((output for output in block.outputs if output.label == label), None)
            if draft is None or theirs is None:
                continue
            carries = None
            if theirs.carries is not None:
                carries = new if theirs.carries == label else self.fresh(theirs.carries, draft)
                type_ = next(port.type for port in block.inputs if port.name == theirs.carries)
                draft.inputs.append(Port(carries, type_))
            draft.outputs.append(Output(new, theirs.type, Const(0.0), carries))
        self.pending.append(label)

    def copy_carried(self, label: str) -> bool:
        """Compute the outputs of a copied carried value in every block; False when an input is missing."""
        for block in self.second.blocks:
            draft = self.drafts.get(block.name)
            theirs = next((output for output in block.outputs if output.label == label), None)
            if draft is None or theirs is None:
                continue
            value = self.copied(theirs.value, block, draft)
            if value is None:
                return False
            place = next(i for i, output in enumerate(draft.outputs) if output.label == self.labels[label])
            draft.outputs[place] = replace(draft.outputs[place], value=value)
        return True
