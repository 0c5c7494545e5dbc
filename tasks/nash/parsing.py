"""Text to form: a small subset of Python that is read and never executed.

    x: P1 = Random()
    y: P2 = BestResponse(x)
    wlog(f1(x, y) >= f2(x, y))
    if f1(x, y) <= 1/3:
        ...
    else:
        w: P1 = Mix(x, v, (1 - f1(x, y)) / 2)

Names and shapes are resolved here; types, numbers and limits are checked by the grammar.
"""

from __future__ import annotations

import ast
from fractions import Fraction

from discovery.grammar.build import check, nearest, short
from discovery.grammar.ir import Arg, Block, Const, Form, Output, Ref, Span, Statement
from discovery.grammar.places import fresh_name
from discovery.grammar.source import Source, parse_source
from discovery.model import Rejected
from discovery.tasks.nash.blocks import Block as Step
from discovery.tasks.nash.blocks._base import COEFFICIENT, CONDITION, VALUE
from discovery.tasks.nash.vocabulary import Words

__all__ = ["MAX_CASES", "lower"]

MAX_CASES = 6

_INFIX: dict[type[ast.operator], str] = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div"}
_EXPECTED = (
    "expected `x: P1 = Block(...)`, `x, y = Block(...)`, `v = expression`, `wlog(A >= B)`, or at the end "
    "`if A >= B:` with `else:`"
)


def lower(source: str, known: Words) -> Form:
    """The form of the program that `source` spells; computed values that nothing uses are left out.

    Raises:
        Rejected: `source` is no program, with line and column where there is one place. Safe on any text whatever.
    """
    parsed = parse_source(source)
    body = parsed.tree.body
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:] if isinstance(body[0].value.value, str) else body
    blocks = _cases(parsed, known, _Path(parsed, known), body)
    if len(blocks) > MAX_CASES:
        raise Rejected(f"expected at most {MAX_CASES} cases; got {len(blocks)}")
    names = ["main"] if len(blocks) == 1 else [f"case{k}" for k in range(1, len(blocks) + 1)]
    form = Form({}, tuple(path.block(name) for path, name in zip(blocks, names, strict=True)))
    check(form, known.vocabulary)
    return form


def _cases(source: Source, known: Words, path: _Path, body: list[ast.stmt]) -> list[_Path]:
    """The paths through `body`, in the order in which their conditions are tried."""
    for index, node in enumerate(body):
        if isinstance(node, ast.If):
            if index + 1 < len(body):
                raise source.rejected(body[index + 1], "a case split ends the program: move this into its cases")
            if not node.orelse:
                raise source.rejected(node, "a case split needs `else:`; every game falls into some case")
            condition = path.condition(node.test)
            then, otherwise = path.copy(), path.copy()
            then.when = condition
            otherwise.unless.append(condition)
            first = _leaf(source, then, node.body)
            return [first, *_cases(source, known, otherwise, node.orelse)]
        path.statement(node)
    return [path]


def _leaf(source: Source, path: _Path, body: list[ast.stmt]) -> _Path:
    for node in body:
        if isinstance(node, ast.If):
            raise source.rejected(node, "cases are told apart one after another: use `elif`, not a split within a case")
        path.statement(node)
    return path


class _Path:
    """One path through the program: the statements so far."""

    def __init__(self, source: Source, known: Words) -> None:
        self.source, self.known = source, known
        self.statements: list[Statement] = []
        #: What a name of the program stands for.
        self.names: dict[str, Arg] = {}
        self.types: dict[str, str] = {}
        self.wlog: str | None = None
        self.when: str | None = None
        self.unless: list[str] = []

    def copy(self) -> _Path:
        other = _Path(self.source, self.known)
        other.statements, other.unless = list(self.statements), list(self.unless)
        other.names, other.types, other.wlog = dict(self.names), dict(self.types), self.wlog
        return other

    def block(self, name: str) -> Block:
        """The finished block, without computed values that nothing needs."""
        labels = [("wlog", self.wlog), *((f"unless{k}", c) for k, c in enumerate(self.unless, 1)), ("when", self.when)]
        outputs = tuple(Output(label, CONDITION, Ref(value)) for label, value in labels if value is not None)
        needed = {output.value.name for output in outputs if isinstance(output.value, Ref)}
        kept: list[Statement] = []
        for statement in reversed(self.statements):
            if statement.op in self.known.overloads or not needed.isdisjoint(statement.outputs):
                kept.append(statement)
                needed.update(arg.name for arg in statement.args if isinstance(arg, Ref))
        return Block(name, (), tuple(reversed(kept)), outputs)

    def fail(self, node: ast.AST, message: str) -> Rejected:
        return self.source.rejected(node, message)

    # Statements

    def statement(self, node: ast.stmt) -> None:
        match node:
            case ast.AnnAssign(target=ast.Name() as target, annotation=ast.Name(id=kind), value=ast.expr() as value):
                self.assign(node, [target], value, kind)
            case ast.Assign(targets=[ast.Name() as target], value=value):
                self.assign(node, [target], value, None)
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=value):
                self.assign(node, targets, value, None)
            case ast.Expr(value=ast.Call(func=ast.Name(id="wlog"), args=[test], keywords=[])):
                if self.wlog is not None:
                    raise self.fail(node, "only one `wlog` is free; write `if A >= B: ... else: ...` for a further one")
                if self.unless or self.when:
                    raise self.fail(node, "`wlog` comes before the first case")
                self.wlog = self.condition(test)
            case ast.Pass():
                pass
            case _:
                raise self.fail(node, _EXPECTED)

    def assign(self, node: ast.stmt, targets: list[ast.expr], value: ast.expr, kind: str | None) -> None:
        names: list[str] = []
        for target in targets:
            if not isinstance(target, ast.Name):
                raise self.fail(target, "expected a name")
            if target.id in self.names or target.id in names:
                raise self.fail(target, f"{short(target.id)} is already defined; every name is assigned once")
            if target.id in self.known.vocabulary.by_name or target.id in self.known.blocks or target.id == "wlog":
                raise self.fail(target, f"{short(target.id)} is a word of the language; choose another name")
            names.append(target.id)
        match value:
            case ast.Call(func=ast.Name(id=word)) if word in self.known.blocks:
                self.call(node, self.known.blocks[word], names, value, kind)
            case ast.Call(func=ast.Name(id=word)) if word not in self.known.vocabulary.by_name:
                allowed = [*self.known.blocks, *self.known.scalars, "sqrt"]
                raise self.fail(value, f"unknown block {short(word)}{nearest(word, allowed)}")
            case _:
                if len(names) != 1 or kind not in (None, "value"):
                    raise self.fail(node, "an expression gives one value; a strategy comes from a block")
                self.names[names[0]] = self.expression(value)

    def call(self, node: ast.stmt, block: Step, names: list[str], value: ast.Call, kind: str | None) -> None:
        if value.keywords:
            raise self.fail(value, "arguments are given by position")
        args, have = self.arguments(block, value)
        candidates = [
            overload
            for op, (owner, overloads) in self.known.overloads.items()
            if owner is block
            for overload in overloads
            if len(overload.inputs) == len(have)
            and all(
                self.known.types.domain(want) is not None if got is None else self.known.types.fits(got, want)
                for got, want in zip(have, overload.inputs, strict=True)
            )
        ]
        overloads = [each for _, (owner, many) in self.known.overloads.items() if owner is block for each in many]
        if not candidates:
            wanted = " or ".join(f"({', '.join(_written(each.inputs))})" for each in overloads)
            got = ", ".join(_written([each or "number" for each in have]))
            raise self.fail(value, f"{block.name} expects arguments {wanted}; got ({got})")
        known_type = None if kind is None else [kind]
        if len(candidates) > 1 and kind is None:
            example = f"{names[0]}: P1 = {block.name}(...)"
            raise self.fail(node, f"say whose strategy {block.name} gives, as in `{example}`")
        fitting = [each for each in candidates if known_type is None or list(each.outputs) == known_type]
        if not fitting:
            gives = " or ".join(", ".join(each.outputs) for each in candidates)
            raise self.fail(node, f"{block.name} gives {gives} here; got the annotation {short(str(kind))}")
        overload = fitting[0]
        if len(names) != len(overload.outputs):
            gives = ", ".join(overload.outputs)
            raise self.fail(
                node, f"{block.name} gives {len(overload.outputs)} outputs ({gives}); got {len(names)} names"
            )
        self.add(overload.op, tuple(args), tuple(names), overload.outputs, self.source.span(value))
        self.names.update((name, Ref(name)) for name in names)

    def arguments(self, block: Step, value: ast.Call) -> tuple[list[Arg], list[str | None]]:
        """The arguments, a payoff expression spelled out as one coefficient a player, and their types."""
        payoff = any(COEFFICIENT in each.inputs for each in block.overloads(self.known.players))
        args: list[Arg] = []
        for index, node in enumerate(value.args):
            if payoff and index == len(value.args) - 1:
                args += [Const(c) for c in self.payoff(node)]
            else:
                args.append(self.expression(node))
        return args, [self.types[arg.name] if isinstance(arg, Ref) else None for arg in args]

    def payoff(self, node: ast.expr) -> list[int]:
        """Coefficients of `U1`, `U2`, ... in a payoff expression such as `2*U1 - U2`."""
        found = [0] * self.known.players
        words = {f"U{i}": i - 1 for i in range(1, self.known.players + 1)}

        def walk(part: ast.expr, factor: int) -> None:
            match part:
                case ast.Name(id=name) if name in words:
                    found[words[name]] += factor
                case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=right):
                    walk(left, factor)
                    walk(right, factor if isinstance(op, ast.Add) else -factor)
                case ast.UnaryOp(op=ast.USub(), operand=inner):
                    walk(inner, -factor)
                case ast.BinOp(left=left, op=ast.Mult(), right=right) if isinstance(self.source.number(left), int):
                    walk(right, factor * int(self.source.number(left) or 0))
                case _:
                    raise self.fail(part, f"expected a payoff expression over {', '.join(words)}, such as `U1 - U2`")

        walk(node, 1)
        return found

    # Values

    def expression(self, node: ast.expr) -> Arg:
        number = self.source.fraction(node)
        if number is not None:
            return Const(number)
        match node:
            case ast.Name(id=name):
                if name in self.names:
                    return self.names[name]
                raise self.fail(node, f"{short(name)} is used before it is defined{nearest(name, self.names)}")
            case ast.Call(func=ast.Name(id=word), args=args, keywords=[]) if (
                word in self.known.scalars or word == "sqrt"
            ):
                return self.scalar(node, word, [self.expression(arg) for arg in args])
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _INFIX:
                return self.scalar(node, _INFIX[type(op)], [self.expression(left), self.expression(right)])
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                return self.scalar(node, "sub", [Const(Fraction(0)), self.expression(inner)])
        scalars = ", ".join(self.known.scalars)
        raise self.fail(node, f"expected a name, a fraction such as 1/2, + - * / or a call of {scalars}, sqrt")

    def scalar(self, node: ast.expr, op: str, args: list[Arg]) -> Ref:
        have = tuple(self.types[arg.name] if isinstance(arg, Ref) else None for arg in args)
        if self.known.vocabulary.resolve(op, have) is None:
            wanted = ", ".join(self.known.vocabulary.by_name[op].signatures[0].inputs)
            got = ", ".join(each or "number" for each in have)
            raise self.fail(node, f"{op} expects ({wanted}); got ({got})")
        return self.add(op, tuple(args), (self.fresh(),), (VALUE,), self.source.span(node))

    def condition(self, node: ast.expr) -> str:
        """The name of the comparison `A >= B` or `A <= B`."""
        match node:
            case ast.Compare(left=left, ops=[ast.GtE() | ast.LtE() as op], comparators=[right]):
                sides = [self.expression(left), self.expression(right)]
            case _:
                raise self.fail(node, "expected a comparison `A >= B` or `A <= B` of two values")
        for side, part in zip(sides, (left, right), strict=True):
            if isinstance(side, Ref) and self.types[side.name] != VALUE:
                raise self.fail(part, f"expected a value such as f1(x, y); got a strategy of {self.types[side.name]}")
        if isinstance(op, ast.LtE):
            sides.reverse()
        return self.add("at_least", tuple(sides), (self.fresh(),), (CONDITION,), self.source.span(node)).name

    def fresh(self) -> str:
        return fresh_name("v", {*self.types, *(n.id for n in ast.walk(self.source.tree) if isinstance(n, ast.Name))})

    def add(self, op: str, args: tuple[Arg, ...], names: tuple[str, ...], types: tuple[str, ...], span: Span) -> Ref:
        for statement in self.statements:
            if op not in self.known.overloads and (statement.op, statement.args) == (op, args):
                return Ref(statement.outputs[0])
        self.statements.append(Statement(names, op, args, span))
        self.types.update(zip(names, types, strict=True))
        return Ref(names[0])


def _written(types: list[str] | tuple[str, ...]) -> list[str]:
    """Types as a program writes them: the coefficients of a payoff expression are one argument."""
    return [t for t in types if t != COEFFICIENT] + (["payoff"] if COEFFICIENT in types else [])
