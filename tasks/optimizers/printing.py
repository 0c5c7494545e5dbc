"""A form as the text of a rule that a person can read: the inverse of `rule.lower`, up to names.

Values with a name of their own get a line of their own; a temporary (`_1`, `_2`: what nested calls are lowered to) is
written inside the expression that uses it, where that does not change the order of the statements.
"""

from __future__ import annotations

import ast
import keyword
from collections import Counter

from discovery.grammar.ir import Arg, Block, Const, Form, Number, Ref, Statement
from discovery.tasks.optimizers.layout import DIRECTION, INIT, kinds_of, state_name, update_blocks
from discovery.tasks.optimizers.vocabulary import PRIMITIVES

__all__ = ["RESERVED", "constant_expression", "is_temporary", "source_of"]

#: Names that mean something in a rule.
RESERVED = frozenset(("w", "g", "s", "t", "kind", "shape", "HYPER", "init", "update", "True", "False", *PRIMITIVES))

_INFIX: dict[str, ast.operator] = {"add": ast.Add(), "sub": ast.Sub(), "mul": ast.Mult(), "div": ast.Div()}
#: Longest expression that a temporary is written into, in characters.
_WIDTH = 88


def source_of(form: Form) -> str:
    """The text of the rule `form`, without a docstring. `lower` gives back the form up to the names of values.

    Raises:
        KeyError: an operation that is not of the language.
    """
    constants = [f'"{name}": {_number(value)}' for name, value in form.constants.items()]
    lines = [f"HYPER = {{{', '.join(constants)}}}"]
    lines += ["", "", "def init(shape, kind):", f"    return {_init_table(form)}"]
    lines += ["", "", "def update(w, g, s, t, kind):"]
    blocks = update_blocks(form)
    last = max(blocks, key=lambda block: len(kinds_of(block.name)))
    for block in (*(each for each in blocks if each is not last), last):
        body = _BlockPrinter(form, block).lines()
        if block is not last:
            kinds = [f'"{kind}"' for kind in kinds_of(block.name)]
            test = f"== {kinds[0]}" if len(kinds) == 1 else f"in ({', '.join(kinds)})"
            lines.append(f"    if kind {test}:")
            body = ["    " + line for line in body]
        lines += ["    " + line for line in body]
    return ("\n".join(lines) + "\n").replace("'", '"')


def is_temporary(name: str) -> bool:
    """Whether `name` is one that lowering a nested expression makes."""
    return name.startswith("_") and name[1:].isdigit()


def _number(value: Number) -> str:
    number = float(value)
    return str(int(number)) if number.is_integer() and abs(number) < 1e6 and str(number) != "-0.0" else repr(number)


def constant_expression(const: Const) -> ast.expr:
    """A constant as Python: its name, or the number."""
    return ast.parse(const.name or _number(const.value), mode="eval").body


def _init_table(form: Form) -> str:
    made = {statement.outputs[0]: statement for statement in form.block(INIT).statements}
    entries = []
    for output in form.block(INIT).outputs:
        if isinstance(output.value, Const):
            text = ast.unparse(constant_expression(output.value))
        else:
            statement = made[output.value.name]
            parts = [ast.unparse(constant_expression(arg)) for arg in statement.args if isinstance(arg, Const)]
            text = f"{statement.op}({', '.join(['shape', *parts])})"
        entries.append(f'"{state_name(output.label)}": {text}')
    return f"{{{', '.join(entries)}}}"


class _BlockPrinter:
    """Lines of one update block.

    `pending` holds the temporaries that are computed but not written yet, in order. An expression may take up the last
    of them, if it uses them in that order; else all are written as assignments first.
    """

    def __init__(self, form: Form, block: Block) -> None:
        self.block = block
        self.written: list[str] = []
        self.pending: list[tuple[str, ast.expr]] = []
        self.names: dict[str, str] = {}
        self.taken = {*RESERVED, *form.constants}
        self.ports = {port.name for port in block.inputs}
        used = [arg for statement in block.statements for arg in statement.args]
        used += [output.value for output in block.outputs if output.value != Ref(output.carries or "")]
        self.uses = Counter(arg.name for arg in used if isinstance(arg, Ref))

    def lines(self) -> list[str]:
        for statement in self.block.statements:
            self._statement(statement)
        values = self._arguments([output.value for output in self.block.outputs])
        direction = next(i for i, output in enumerate(self.block.outputs) if output.label == DIRECTION)
        entries = [
            f'"{state_name(output.label)}": {ast.unparse(value)}'
            for output, value in zip(self.block.outputs, values, strict=True)
            if output.label != DIRECTION
        ]
        return [*self.written, f"return {ast.unparse(values[direction])}, {{{', '.join(entries)}}}"]

    def _statement(self, statement: Statement) -> None:
        (name,) = statement.outputs
        expression = _call(statement, self._arguments(list(statement.args)))
        if is_temporary(name) and self.uses[name] == 1 and len(ast.unparse(expression)) <= _WIDTH:
            self.pending.append((name, expression))
        else:
            self._write_pending()
            self._write(name, expression)

    def _arguments(self, args: list[Arg]) -> list[ast.expr]:
        waiting = [name for name, _ in self.pending]
        wanted = [arg.name for arg in args if isinstance(arg, Ref) and arg.name in waiting]
        if wanted != waiting[len(waiting) - len(wanted) :]:
            self._write_pending()
            wanted = []
        keep = len(self.pending) - len(wanted)
        taken = dict(self.pending[keep:])
        del self.pending[keep:]
        return [taken[arg.name] if isinstance(arg, Ref) and arg.name in taken else self._argument(arg) for arg in args]

    def _argument(self, arg: Arg) -> ast.expr:
        if isinstance(arg, Const):
            return constant_expression(arg)
        if arg.name in self.ports and arg.name not in ("w", "g", "t"):
            return ast.Subscript(ast.Name("s"), ast.Constant(state_name(arg.name)))
        return ast.Name(self.names.get(arg.name, arg.name))

    def _write_pending(self) -> None:
        for name, expression in self.pending:
            self._write(name, expression)
        self.pending.clear()

    def _write(self, name: str, expression: ast.expr) -> None:
        made = base = name.lstrip("_") if name.lstrip("_").isidentifier() else f"x{name.strip('_')}"
        number = 2
        while made in self.taken or keyword.iskeyword(made):
            made, number = f"{base}_{number}", number + 1
        self.taken.add(made)
        self.names[name] = made
        self.written.append(f"{made} = {ast.unparse(expression)}")


def _call(statement: Statement, arguments: list[ast.expr]) -> ast.expr:
    if statement.op in _INFIX:
        return ast.BinOp(arguments[0], _INFIX[statement.op], arguments[1])
    # The negative of a literal would be read back as a literal.
    if statement.op == "neg" and isinstance(statement.args[0], Ref):
        return ast.UnaryOp(ast.USub(), arguments[0])
    return ast.Call(ast.Name(statement.op), arguments, [])
