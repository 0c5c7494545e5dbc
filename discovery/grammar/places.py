"""Where the parts of a checked form are, and forms with some part replaced: what edits are made of."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from discovery.grammar.build import Checked
from discovery.grammar.ir import Arg, Block, Const, Form, Ref, Statement
from discovery.grammar.vocabulary import Vocabulary

__all__ = ["Slot", "Workbench", "fresh_name"]


@dataclass(frozen=True)
class Slot:
    """A place that holds an argument: of statement `row` at `position`, or, when `row` is the number of statements,
    of output `position`. `want` is the type wanted there, `arg` what it holds."""

    block: int
    row: int
    position: int
    want: str
    arg: Arg = field(default=Const(0.0), compare=False)


def fresh_name(stem: str, taken: Collection[str]) -> str:
    """`stem`, its trailing digits replaced by the first number from 1 that makes it a name not in `taken`."""
    base = re.sub(r"\d+$", "", stem) or "v"
    number = 1
    while f"{base}{number}" in taken:
        number += 1
    return f"{base}{number}"


class Workbench:
    """A checked form laid out for editing. Methods that give a form give a new one, unchecked."""

    def __init__(self, checked: Checked, vocabulary: Vocabulary) -> None:
        self.checked, self.form, self.vocabulary = checked, checked.form, vocabulary
        self.slots: list[Slot] = []
        #: Per block: the row before which a value is defined.
        self._rows: list[dict[str, int]] = []
        for index, block in enumerate(checked.blocks):
            rows = {port.name: 0 for port in block.block.inputs}
            for row, (statement, signature) in enumerate(zip(block.block.statements, block.signatures, strict=True)):
                rows.update((name, row + 1) for name in statement.outputs)
                for position, (arg, want) in enumerate(zip(statement.args, signature.inputs, strict=True)):
                    self.slots.append(Slot(index, row, position, want, arg))
            for position, output in enumerate(block.block.outputs):
                self.slots.append(Slot(index, len(block.block.statements), position, output.type, output.value))
            self._rows.append(rows)

    def statements(self) -> list[tuple[int, int]]:
        """Block and row of every statement."""
        return [(index, row) for index, block in enumerate(self.form.blocks) for row in range(len(block.statements))]

    def values(self, block: int, row: int, want: str) -> list[str]:
        """Names defined before `row` whose type fits `want`, in order of definition."""
        types, fits = self.checked.blocks[block].types, self.vocabulary.types.fits
        return [name for name, first in self._rows[block].items() if first <= row and fits(types[name], want)]

    def defined_at(self, block: int, arg: Arg) -> int:
        """First row that may use `arg`."""
        return self._rows[block][arg.name] if isinstance(arg, Ref) else 0

    def argument_types(self, block: int, statement: Statement) -> tuple[str | None, ...]:
        """Types of the arguments, None for a constant: what `Vocabulary.resolve` takes."""
        types = self.checked.blocks[block].types
        return tuple(types[arg.name] if isinstance(arg, Ref) else None for arg in statement.args)

    def fits(self, slot: Slot, arg: Arg, want: str) -> bool:
        """Whether `arg`, a value of the slot's block or a constant, may stand where `want` is wanted."""
        if isinstance(arg, Ref):
            return self.vocabulary.types.fits(self.checked.blocks[slot.block].types[arg.name], want)
        domain = self.vocabulary.types.domain(want)
        return domain is not None and domain.refuse(arg.value) is None

    def fresh(self, block: int, stem: str, count: int) -> list[str]:
        """New names for values of a block."""
        taken = {*self._rows[block], *self.form.constants, *self.vocabulary.by_name}
        names: list[str] = []
        for _ in range(count):
            names.append(fresh_name(stem, taken))
            taken.add(names[-1])
        return names

    def changed(self, changes: Mapping[Slot, Arg]) -> Form:
        """The form with other arguments in some slots."""
        blocks = list(self.form.blocks)
        for slot, arg in changes.items():
            blocks[slot.block] = _with_argument(blocks[slot.block], slot, arg)
        return Form(self.form.constants, tuple(blocks))

    def with_statement(self, block: int, row: int, statement: Statement) -> Form:
        """The form with another statement at `row`."""
        old = self.form.blocks[block]
        return self._with_statements(self.form, block, (*old.statements[:row], statement, *old.statements[row + 1 :]))

    def inserted(self, block: int, row: int, statement: Statement, slot: Slot, arg: Arg) -> Form:
        """The form with `arg` in `slot`, then `statement` before `row`."""
        changed = self.changed({slot: arg})
        old = changed.blocks[block].statements
        return self._with_statements(changed, block, (*old[:row], statement, *old[row:]))

    def deleted(self, block: int, row: int, changes: Mapping[Slot, Arg]) -> Form:
        """The form with other arguments in some slots, then without the statement at `row`."""
        changed = self.changed(changes)
        old = changed.blocks[block].statements
        return self._with_statements(changed, block, (*old[:row], *old[row + 1 :]))

    def _with_statements(self, form: Form, index: int, statements: tuple[Statement, ...]) -> Form:
        block = replace(form.blocks[index], statements=statements)
        return Form(form.constants, (*form.blocks[:index], block, *form.blocks[index + 1 :]))


def _with_argument(block: Block, slot: Slot, arg: Arg) -> Block:
    if slot.row == len(block.statements):
        output = replace(block.outputs[slot.position], value=arg)
        outputs = (*block.outputs[: slot.position], output, *block.outputs[slot.position + 1 :])
        return replace(block, outputs=outputs)
    old = block.statements[slot.row]
    statement = replace(old, args=(*old.args[: slot.position], arg, *old.args[slot.position + 1 :]))
    return replace(block, statements=(*block.statements[: slot.row], statement, *block.statements[slot.row + 1 :]))
