"""A form as the text of a rule that a person can read: the inverse of `rule.lower`, up to names.

Values with a name of their own get a line of their own; a temporary (`_1`, `_2`: what nested calls are lowered to) is
written inside the expression that uses it, where that does not change the order of the statements.
"""

from __future__ import annotations

import ast
import keyword
from collections import Counter
from collections.abc import Callable, Container, Iterable, Sequence

from discovery.grammar.ir import Arg, Block, Const, Form, Number, Ref, Statement
from discovery.tasks.optimizers.layout import DIRECTION, INIT, kinds_of, state_name, update_blocks
from discovery.tasks.optimizers.vocabulary import PRIMITIVES

__all__ = ["RESERVED", "BlockWriter", "constant_expression", "is_temporary", "number_text", "source_of"]

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
    constants = [f'"{name}": {number_text(value)}' for name, value in form.constants.items()]
    lines = [f"HYPER = {{{', '.join(constants)}}}"]
    lines += ["", "", "def init(shape, kind):", f"    return {_init_table(form)}"]
    lines += ["", "", "def update(w, g, s, t, kind):"]
    blocks = update_blocks(form)
    last = max(blocks, key=lambda block: len(kinds_of(block.name)))
    for block in (*(each for each in blocks if each is not last), last):
        body = _update_lines(form, block)
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


def number_text(value: Number) -> str:
    """`value` as a short Python literal of the same value."""
    number = float(value)
    return str(int(number)) if number.is_integer() and abs(number) < 1e6 and str(number) != "-0.0" else repr(number)


def constant_expression(const: Const) -> ast.expr:
    """A constant as Python: its name, or the number."""
    return ast.parse(const.name or number_text(const.value), mode="eval").body


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


class BlockWriter:
    """Assignments that compute the statements of a block, in order.

    `pending` holds the temporaries that are computed but not written yet, in order. An expression may take up the last
    of them, if it uses them in that order; else all are written as assignments first.

    Args:
        block: What to write.
        taken: Names that no value may get.
        call: Expression of a statement, given those of its arguments.
        leaf: Expression of a constant or of an input of the block.
        repeated: Positions of the arguments that `call` writes more than once; temporaries do not go there.

    Attributes:
        lines: What is written so far.
    """

    def __init__(
        self,
        block: Block,
        taken: Iterable[str],
        call: Callable[[Statement, list[ast.expr]], ast.expr],
        leaf: Callable[[Arg], ast.expr],
        repeated: Callable[[Statement], Container[int]] = lambda statement: (),
    ) -> None:
        self.block, self.call, self.leaf, self.repeated = block, call, leaf, repeated
        self.lines: list[str] = []
        self.pending: list[tuple[str, ast.expr]] = []
        self.names: dict[str, str] = {}
        self.taken = set(taken)
        self.ports = {port.name for port in block.inputs}
        used = [arg for statement in block.statements for arg in statement.args]
        used += [output.value for output in block.outputs]
        self.uses = Counter(arg.name for arg in used if isinstance(arg, Ref))
        self.pinned = {
            arg.name
            for statement in block.statements
            for position, arg in enumerate(statement.args)
            if isinstance(arg, Ref) and position in repeated(statement)
        }

    def write(self, statement: Statement) -> None:
        """Write `statement`, or keep it for the expression that uses it."""
        (name,) = statement.outputs
        waiting = self.pending.copy()
        expression = self.call(statement, self.values(statement.args))
        if waiting and len(ast.unparse(expression)) > _WIDTH:
            self.pending = waiting
            self.flush()
            expression = self.call(statement, self.values(statement.args))
        alone = self.uses[name] == 1 and name not in self.pinned
        if is_temporary(name) and alone and len(ast.unparse(expression)) <= _WIDTH:
            self.pending.append((name, expression))
        else:
            self.flush()
            self._assign(name, expression)

    def values(self, args: Sequence[Arg]) -> list[ast.expr]:
        """Expressions of `args`, each with the pending temporaries it may take up."""
        waiting = [name for name, _ in self.pending]
        wanted = [arg.name for arg in args if isinstance(arg, Ref) and arg.name in waiting]
        if wanted != waiting[len(waiting) - len(wanted) :]:
            self.flush()
            wanted = []
        keep = len(self.pending) - len(wanted)
        inside = dict(self.pending[keep:])
        del self.pending[keep:]
        return [self._value(arg, inside) for arg in args]

    def flush(self) -> None:
        """Write what is pending."""
        for name, expression in self.pending:
            self._assign(name, expression)
        self.pending.clear()

    def _value(self, arg: Arg, inside: dict[str, ast.expr]) -> ast.expr:
        if isinstance(arg, Const) or arg.name in self.ports:
            return self.leaf(arg)
        return inside.get(arg.name) or ast.Name(self.names.get(arg.name, arg.name))

    def _assign(self, name: str, expression: ast.expr) -> None:
        made = base = f"x{name[1:]}" if is_temporary(name) else name
        number = 2
        while made in self.taken or keyword.iskeyword(made):
            made, number = f"{base}_{number}", number + 1
        self.taken.add(made)
        self.names[name] = made
        self.lines.append(f"{made} = {ast.unparse(expression)}")


def _update_lines(form: Form, block: Block) -> list[str]:
    def leaf(arg: Arg) -> ast.expr:
        if isinstance(arg, Const):
            return constant_expression(arg)
        if arg.name in ("w", "g", "t"):
            return ast.Name(arg.name)
        return ast.Subscript(ast.Name("s"), ast.Constant(state_name(arg.name)))

    writer = BlockWriter(block, {*RESERVED, *form.constants}, _call, leaf)
    for statement in block.statements:
        writer.write(statement)
    labels = [output.label for output in block.outputs]
    values = dict(zip(labels, writer.values([output.value for output in block.outputs]), strict=True))
    direction = ast.unparse(values.pop(DIRECTION))
    entries = [f'"{state_name(label)}": {ast.unparse(value)}' for label, value in values.items()]
    return [*writer.lines, f"return {direction}, {{{', '.join(entries)}}}"]


def _call(statement: Statement, arguments: list[ast.expr]) -> ast.expr:
    if statement.op in _INFIX:
        return ast.BinOp(arguments[0], _INFIX[statement.op], arguments[1])
    # The negative of a literal would be read back as a literal.
    if statement.op == "neg" and isinstance(statement.args[0], Ref):
        return ast.UnaryOp(ast.USub(), arguments[0])
    return ast.Call(ast.Name(statement.op), arguments, [])
