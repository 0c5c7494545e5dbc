"""The canonical text of a form, and its parser: `parse_form(print_form(form)) == form` for every checked form.

    b1 = 0.9

    with block("step", g=T, m=T):
        v1 = interp(g, m, b1)
        output("u", T, v1)
        output("m", T, v1, carries=m)

Fractions are written `1/2`, whole fractions `3/1`; floats and whole numbers as Python writes them.
"""

from __future__ import annotations

import ast
import keyword
import math
from collections.abc import Callable, Sequence
from fractions import Fraction

from discovery.grammar.ir import Arg, Block, Const, Form, Number, Output, Port, Ref, Statement
from discovery.grammar.source import Source, parse_source

__all__ = ["argument_text", "call_text", "number_literal", "parse_form", "print_form", "statement_text"]


def number_literal(value: Number) -> str:
    """`value` as a literal that reads back exactly, of the same numeric type. ValueError when it is not finite."""
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}"
    if not math.isfinite(value):
        raise ValueError(f"expected a finite number, got {value}")
    return repr(value)


def argument_text(arg: Arg) -> str:
    """An argument: a name (of a value or of a shared constant) or a literal."""
    if isinstance(arg, Ref):
        return arg.name
    return arg.name if arg.name is not None else number_literal(arg.value)


def call_text(op: str, arguments: Sequence[str]) -> str:
    """`op(first, second)`."""
    return f"{op}({', '.join(arguments)})"


def statement_text(statement: Statement, call: Callable[[str, Sequence[str]], str] = call_text) -> str:
    """`outputs = op(arguments)` on one line; `call` writes the right-hand side (a family may prefer infix)."""
    right = call(statement.op, [argument_text(arg) for arg in statement.args])
    return f"{', '.join(statement.outputs)} = {right}"


def print_form(form: Form) -> str:
    """The text of `form`, ending in a line feed."""
    lines = [f"{name} = {number_literal(value)}" for name, value in form.constants.items()]
    for block in form.blocks:
        ports = [f"{port.name}={_type_text(port.type)}" for port in block.inputs]
        lines += ["", f"with {call_text('block', [repr(block.name), *ports])}:"]
        body = [statement_text(statement) for statement in block.statements]
        body += [_output_text(output) for output in block.outputs]
        lines += [f"    {line}" for line in body or ["pass"]]
    return "\n".join(lines).lstrip("\n") + "\n"


def _type_text(name: str) -> str:
    return name if name.isidentifier() and name.isascii() and not keyword.iskeyword(name) else repr(name)


def _output_text(output: Output) -> str:
    parts = [repr(output.label), _type_text(output.type), argument_text(output.value)]
    return call_text("output", parts + ([f"carries={output.carries}"] if output.carries is not None else []))


def parse_form(text: str) -> Form:
    """The form that `text` spells. It is not checked against any vocabulary.

    Raises:
        Rejected: the text is not of the form above, with line and column.
    """
    return _FormParser(parse_source(text)).form()


class _FormParser:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.constants: dict[str, Number] = {}

    def form(self) -> Form:
        blocks: list[Block] = []
        for node in self.source.tree.body:
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=value) if not blocks and name not in self.constants:
                    number = self.number(value)
                    if number is None:
                        raise self.source.rejected(value, "expected a number")
                    self.constants[name] = number
                case ast.With(items=[ast.withitem(context_expr=ast.Call() as call, optional_vars=None)], body=body):
                    blocks.append(self.block(call, body))
                case _:
                    raise self.source.rejected(node, "expected `NAME = NUMBER` before blocks, or `with block(...):`")
        return Form(self.constants, tuple(blocks))

    def number(self, node: ast.expr) -> Number | None:
        number = self.source.number(node)
        return number if number is not None else self.source.fraction(node)

    def block(self, call: ast.Call, body: list[ast.stmt]) -> Block:
        expected = 'expected `block("name", input=Type, ...)`'
        inputs: list[Port] = []
        match call:
            case ast.Call(func=ast.Name(id="block"), args=[ast.Constant(value=str(name))], keywords=keywords):
                for each in keywords:
                    if each.arg is None:
                        raise self.source.rejected(call, expected)
                    inputs.append(Port(each.arg, self.type(each.value)))
            case _:
                raise self.source.rejected(call, expected)
        statements: list[Statement] = []
        outputs: list[Output] = []
        for node in body:
            match node:
                case ast.Assign(targets=[target], value=ast.Call() as right) if not outputs:
                    statements.append(self.statement(node, target, right))
                case ast.Expr(value=ast.Call(func=ast.Name(id="output")) as right):
                    outputs.append(self.output(right))
                case ast.Pass():
                    pass
                case _:
                    raise self.source.rejected(node, "expected `NAMES = OPERATION(...)`, then `output(...)`")
        return Block(name, tuple(inputs), tuple(statements), tuple(outputs))

    def type(self, node: ast.expr) -> str:
        match node:
            case ast.Name(id=name) | ast.Constant(value=str(name)):
                return name
        raise self.source.rejected(node, "expected a type name")

    def argument(self, node: ast.expr) -> Arg:
        if isinstance(node, ast.Name):
            return Const(self.constants[node.id], node.id) if node.id in self.constants else Ref(node.id)
        number = self.number(node)
        if number is None:
            raise self.source.rejected(node, "expected a name or a number")
        return Const(number)

    def statement(self, node: ast.Assign, target: ast.expr, right: ast.Call) -> Statement:
        names = target.elts if isinstance(target, ast.Tuple) else [target]
        outputs = tuple(each.id for each in names if isinstance(each, ast.Name))
        if len(outputs) != len(names) or not isinstance(right.func, ast.Name) or right.keywords:
            raise self.source.rejected(node, "expected `NAMES = OPERATION(ARGUMENTS)`")
        args = tuple(self.argument(each) for each in right.args)
        return Statement(outputs, right.func.id, args, self.source.span(node))

    def output(self, call: ast.Call) -> Output:
        match call:
            case ast.Call(args=[ast.Constant(value=str(label)), type_, value], keywords=[]):
                return Output(label, self.type(type_), self.argument(value), span=self.source.span(call))
            case ast.Call(
                args=[ast.Constant(value=str(label)), type_, value],
                keywords=[ast.keyword(arg="carries", value=ast.Name(id=carries))],
            ):
                return Output(label, self.type(type_), self.argument(value), carries, self.source.span(call))
        raise self.source.rejected(call, 'expected `output("label", TYPE, VALUE)` or `..., carries=INPUT)`')
