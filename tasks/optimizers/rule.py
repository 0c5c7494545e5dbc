"""The rule language: a checked subset of Python, lowered to the grammar's form and printed back.

    HYPER = {"b1": 0.9, "b2": 0.99}
    def init(shape, kind):
        return {"m": zeros(shape)}
    def update(w, g, s, t, kind):
        u = sign(interp(g, s["m"], b1))
        return u, {"m": ema(s["m"], g, b2)}

`lower` reads such a text without ever executing it; `source_of` (in `printing`) prints a form as one. Both also run
inside the sandbox. `layout` says what the form of a rule looks like. Names are resolved and statements counted here;
types, domains of numbers and limits are checked by the grammar.
"""

from __future__ import annotations

import ast
import keyword
from collections.abc import Mapping
from dataclasses import replace

from discovery.grammar.build import check, nearest, short
from discovery.grammar.ir import Arg, Block, Const, Form, Output, Ref, Statement
from discovery.grammar.source import Source, parse_source
from discovery.model import Rejected
from discovery.tasks.optimizers.layout import (
    DIRECTION,
    KINDS,
    VOCABULARY,
    Kind,
    init_block,
    merged,
    state_port,
    update_inputs,
    update_name,
)
from discovery.tasks.optimizers.printing import RESERVED, source_of
from discovery.tasks.optimizers.vocabulary import INITIAL, PRIMITIVES, SCALAR, TENSOR

__all__ = ["lower", "source_of"]

_PARAMETERS = {"init": ("shape", "kind"), "update": ("w", "g", "s", "t", "kind")}
_INFIX: dict[type[ast.operator], str] = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div"}
_CALLABLE = tuple(name for name, primitive in PRIMITIVES.items() if primitive.group != "initial")
_INITIAL = tuple(name for name, primitive in PRIMITIVES.items() if primitive.group == "initial")

#: What to write instead of Python that is not of the language.
_STATEMENTS: dict[type[ast.AST], str] = {
    ast.Import: "no imports: the operations are there by name",
    ast.ImportFrom: "no imports: the operations are there by name",
    ast.AugAssign: "write `x = x + y`, not `x += y`",
    ast.AnnAssign: "leave out the annotation",
    ast.Assign: "assign to one name at a time",
    ast.For: "no loops: write the operations one after another",
    ast.While: "no loops: write the operations one after another",
    ast.FunctionDef: "no functions of your own: write their operations where they are needed",
}
_EXPRESSIONS: dict[type[ast.AST], str] = {
    ast.Attribute: "no attributes or methods: write sign(g), not g.sign()",
    ast.Lambda: "no functions of your own: write their operations where they are needed",
}

#: What `init` gives a state: operation and constant, or only the number.
_Start = tuple[str | None, Const | None]


def lower(source: str) -> Form:
    """The form of the rule that `source` spells. Statements that nothing uses are kept.

    Raises:
        Rejected: `source` is no rule; with line and column where there is one place. Safe on any text whatever.
    """
    module = _Module(parse_source(source))
    starts = {kind: _Init(module, kind).starts() for kind in KINDS}
    init = _init_block(module, starts)
    types = {output.label: SCALAR if output.type == SCALAR else TENSOR for output in init.outputs}
    blocks: list[Block] = []
    for kind in KINDS if module.branches else KINDS[:1]:
        blocks.append(_Update(module, kind, types, starts[kind]).block())
    names = [update_name((kind,)) for kind in KINDS] if module.branches else [update_name(KINDS)]
    form = Form(module.constants, (init, *(replace(b, name=name) for b, name in zip(blocks, names, strict=True))))
    form = merged(form)
    check(form, VOCABULARY)
    return form


def is_name(text: str) -> bool:
    """Whether a value, a state or a constant may be called so. Two leading underscores mean something to Python."""
    return text.isidentifier() and text.isascii() and not keyword.iskeyword(text) and not text.startswith("__")


def _instead(node: ast.AST, known: Mapping[type[ast.AST], str]) -> str:
    """`; ` and what to write instead of `node`, or ""."""
    if isinstance(node, ast.Call):
        named = "arguments are given by position: ema(x, y, 0.9), not ema(x, y, beta=0.9)"
        return f"; {named}" if isinstance(node.func, ast.Name) else _instead(node.func, known)
    return f"; {known[type(node)]}" if type(node) in known else ""


class _Module:
    """The top level of a rule: `HYPER` and the two functions."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.constants: dict[str, float] = {}
        self.functions: dict[str, ast.FunctionDef] = {}
        for index, node in enumerate(source.tree.body):
            match node:
                case ast.Expr(value=ast.Constant(value=str())) if index == 0:
                    pass
                case ast.Assign(targets=[ast.Name(id="HYPER")], value=ast.Dict() as table) if not self.functions:
                    self._hyper(table)
                case ast.FunctionDef(name="init" | "update") if node.name not in self.functions:
                    self._function(node)
                case _:
                    message = "expected a docstring, then `HYPER = {...}`, `def init`, `def update`"
                    raise self.rejected(node, message + _instead(node, _STATEMENTS))
        for name, parameters in _PARAMETERS.items():
            if name not in self.functions:
                raise Rejected(f"expected a function `def {name}({', '.join(parameters)}):`; there is none")
        self.branches = any(isinstance(node, ast.Compare) for node in ast.walk(source.tree))

    def rejected(self, node: ast.AST, message: str) -> Rejected:
        return self.source.rejected(node, message)

    def _hyper(self, table: ast.Dict) -> None:
        for key, value in zip(table.keys, table.values, strict=True):
            name = key.value if isinstance(key, ast.Constant) else None
            number = self.source.number(value)
            if not isinstance(name, str) or number is None:
                raise self.rejected(value, 'expected HYPER entries `"name": number`, with the number written out')
            if name in RESERVED or name in self.constants or not is_name(name):
                raise self.rejected(value, f"a constant may not be called {short(name)}: it is taken, or no name")
            self.constants[name] = float(number)

    def _function(self, node: ast.FunctionDef) -> None:
        wanted, a = _PARAMETERS[node.name], node.args
        extra = a.posonlyargs or a.kwonlyargs or a.vararg or a.kwarg or a.defaults or node.decorator_list
        if extra or tuple(each.arg for each in a.args) != wanted:
            raise self.rejected(node, f"expected `def {node.name}({', '.join(wanted)}):`, no defaults or decorators")
        self.functions[node.name] = node

    def constant(self, node: ast.expr) -> Const | None:
        """The literal or named constant that `node` is; None when it is something else."""
        if isinstance(node, ast.Name) and node.id in self.constants:
            return Const(self.constants[node.id], node.id)
        number = self.source.number(node)
        return None if number is None else Const(float(number))


class _Path:
    """One function of a rule as it runs for one kind of parameter: branches are decided here."""

    def __init__(self, module: _Module, function: str, kind: Kind) -> None:
        self.module, self.kind = module, kind
        self.function = module.functions[function]

    def returned(self) -> ast.expr:
        """Walk the body up to its `return`, and give what that returns."""
        body = self.function.body
        if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
            body = body[1:]
        if (value := self._walk(body)) is None:
            message = f'`{self.function.name}` must end in `return` on every path; it does not for kind "{self.kind}"'
            raise self.module.rejected(self.function, message)
        return value

    def _walk(self, body: list[ast.stmt]) -> ast.expr | None:
        for index, node in enumerate(body):
            match node:
                case ast.Return(value=ast.expr() as value):
                    if index + 1 < len(body):
                        raise self.module.rejected(body[index + 1], "this statement comes after `return`; delete it")
                    return value
                case ast.If(test=test, body=then, orelse=otherwise):
                    if (returned := self._walk(then if self.decide(test) else otherwise)) is not None:
                        return returned
                case ast.Assign(targets=[ast.Name(id=name) as target], value=value):
                    self.assign(target, name, value)
                case _:
                    message = (
                        'expected `name = expression`, `if kind == "matrix":` or `return`; nothing else is allowed'
                    )
                    raise self.module.rejected(node, message + _instead(node, _STATEMENTS))
        return None

    def assign(self, target: ast.Name, name: str, value: ast.expr) -> None:
        raise self.module.rejected(target, "`init` has no local names; write the states into `return {...}`")

    def decide(self, test: ast.expr) -> bool:
        """Whether `test` holds for this kind."""
        match test:
            case ast.Compare(left=ast.Name(id="kind"), ops=[op], comparators=[right]):
                negated = isinstance(op, ast.NotEq | ast.NotIn)
                single = isinstance(op, ast.Eq | ast.NotEq)
                many = isinstance(op, ast.In | ast.NotIn) and isinstance(right, ast.Tuple | ast.List | ast.Set)
                parts = [right] if single else right.elts if many else []  # type: ignore[attr-defined]
                kinds = [part.value for part in parts if isinstance(part, ast.Constant)]
                if parts and len(kinds) == len(parts):
                    for part, name in zip(parts, kinds, strict=True):
                        if name not in KINDS:
                            raise self.module.rejected(part, f"unknown kind{nearest(str(name), KINDS)}")
                    return (self.kind in kinds) != negated
        raise self.module.rejected(
            test,
            'only the kind may be tested: `kind == "matrix"` or `kind in ("vector", "scalar")`; '
            "for values use where_gt(a, b, x, y)",
        )

    def table(self, node: ast.expr) -> dict[str, ast.expr]:
        """A dictionary display with literal names."""
        if not isinstance(node, ast.Dict):
            raise self.module.rejected(node, 'expected the states as a dictionary `{"name": value, ...}`')
        table: dict[str, ast.expr] = {}
        for key, value in zip(node.keys, node.values, strict=True):
            name = key.value if isinstance(key, ast.Constant) else None
            if not isinstance(name, str) or not is_name(name) or name in table:
                raise self.module.rejected(key or value, "a state is named by a string, a Python identifier, once")
            table[name] = value
        return table


class _Init(_Path):
    """`init` for one kind."""

    def __init__(self, module: _Module, kind: Kind) -> None:
        super().__init__(module, "init", kind)

    def starts(self) -> dict[str, tuple[_Start, ast.expr]]:
        """State to what it starts as, and where that is written."""
        return {name: (self._start(value), value) for name, value in self.table(self.returned()).items()}

    def _start(self, node: ast.expr) -> _Start:
        if (constant := self.module.constant(node)) is not None:
            return None, constant
        match node:
            case ast.Call(func=ast.Name(id="zeros" | "ones" as op), args=[ast.Name(id="shape")], keywords=[]):
                return op, None
            case ast.Call(func=ast.Name(id="full"), args=[ast.Name(id="shape"), value], keywords=[]):
                if (constant := self.module.constant(value)) is not None:
                    return "full", constant
        raise self.module.rejected(node, "a state starts as zeros(shape), ones(shape), full(shape, number) or a number")


def _init_block(module: _Module, starts: Mapping[Kind, Mapping[str, tuple[_Start, ast.expr]]]) -> Block:
    """One `init` for all kinds: it gives the states of any."""
    together: dict[str, _Start] = {}
    for kind in KINDS:
        for name, (start, node) in starts[kind].items():
            if together.setdefault(name, start) != start:
                raise module.rejected(node, f"state {short(name)} must start alike for every kind that has it")
    statements: list[Statement] = []
    outputs: list[Output] = []
    for name, (op, constant) in together.items():
        label, extra = state_port(name), () if constant is None else (constant,)
        if op is None:
            assert constant is not None
            outputs.append(Output(label, SCALAR, constant))
        else:
            statements.append(Statement((label,), op, (Ref("shape"), *extra)))
            outputs.append(Output(label, INITIAL, Ref(label)))
    return init_block(tuple(statements), tuple(outputs))


class _Update(_Path):
    """`update` for one kind.

    Args:
        module: The rule.
        kind: The kind.
        types: Port of every state of the rule to its type.
        own: States that this kind has; the others pass through.
    """

    def __init__(self, module: _Module, kind: Kind, types: Mapping[str, str], own: Mapping[str, object]) -> None:
        super().__init__(module, "update", kind)
        self.types, self.own = types, own
        self.values: dict[str, Arg] = {name: Ref(name) for name in ("w", "g", "t")}
        self.statements: list[Statement] = []
        written = {node.id for node in ast.walk(self.function) if isinstance(node, ast.Name)}
        self.taken = {*types, *_PARAMETERS["update"], *module.constants}
        self.avoided = written | self.taken

    def block(self) -> Block:
        """The block, without its final name."""
        value = self.returned()
        if not isinstance(value, ast.Tuple) or len(value.elts) != 2:
            raise self.module.rejected(value, "expected `return direction, {states}`")
        outputs = [Output(DIRECTION, TENSOR, self.expression(value.elts[0]))]
        table = self.table(value.elts[1])
        for name in table:
            if name not in self.own:
                raise self.module.rejected(
                    table[name], f"state {short(name)} is not in `init`{nearest(name, self.own)}"
                )
        given = {state_port(name): self.expression(node) for name, node in table.items()}
        if missing := [name for name in self.own if name not in table]:
            raise self.module.rejected(value, f"the new value of state {short(missing[0])} is not returned")
        for port, type_ in self.types.items():
            outputs.append(Output(port, type_, given.get(port, Ref(port)), port))
        states = {port.removeprefix("s_"): type_ for port, type_ in self.types.items()}
        return Block("update", update_inputs(states), tuple(self.statements), tuple(outputs))

    def assign(self, target: ast.Name, name: str, value: ast.expr) -> None:
        if name in RESERVED or name in self.module.constants or not is_name(name):
            raise self.module.rejected(target, f"{short(name)} may not be assigned; choose another name")
        self.values[name] = self.expression(value, name)

    def expression(self, node: ast.expr, name: str = "") -> Arg:
        """The value of `node`, after emitting the statements that compute it; `name` is what to call it."""
        if (constant := self.module.constant(node)) is not None:
            return constant
        match node:
            case ast.Name(id=used):
                return self._name(node, used)
            case ast.Subscript(value=ast.Name(id="s"), slice=ast.Constant(value=str(state))):
                if state not in self.own:
                    raise self.module.rejected(node, f"unknown state {short(state)}{nearest(state, self.own)}")
                return Ref(state_port(state))
            case ast.BinOp(op=ast.Pow(), left=left, right=right):
                return self._power(node, left, right, name)
            case ast.BinOp(op=op, left=left, right=right) if type(op) in _INFIX:
                return self._emit(node, _INFIX[type(op)], [left, right], name)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._emit(node, "neg", [operand], name)
            case ast.IfExp(test=test, body=then, orelse=otherwise):
                return self.expression(then if self.decide(test) else otherwise, name)
            case ast.Call(func=ast.Name(id=op), args=arguments, keywords=[]):
                if op not in _CALLABLE:
                    where = " (only in `init`)" if op in _INITIAL else ""
                    raise self.module.rejected(node, f"unknown operation {short(op)}{where}{nearest(op, _CALLABLE)}")
                return self._emit(node, op, arguments, name)
            case ast.Compare():
                raise self.module.rejected(node, "values are compared by where_gt(a, b, x, y): x where a > b, else y")
        message = 'expected numbers, names, s["state"], + - * / **, unary - and calls of the operations'
        raise self.module.rejected(node, message + _instead(node, _EXPRESSIONS))

    def _name(self, node: ast.Name, used: str) -> Arg:
        if used in self.values:
            return self.values[used]
        allowed = [*self.values, *self.module.constants]
        hint = '; states are read as s["name"]' if used in self.own or used == "s" else nearest(used, allowed)
        raise self.module.rejected(node, f"unknown name {short(used)}{hint}")

    def _power(self, node: ast.BinOp, left: ast.expr, right: ast.expr, name: str) -> Arg:
        # x ** 2 and x ** 0.5 mean what they mean in Python; other powers keep the sign of x.
        exponent = self.module.source.number(right)
        if exponent == 2:
            return self._emit(node, "square", [left], name)
        if exponent == 0.5:
            return self._emit(node, "sqrt", [left], name)
        return self._emit(node, "pow", [left, right], name)

    def _emit(self, node: ast.expr, op: str, arguments: list[ast.expr], name: str) -> Ref:
        args = tuple(self.expression(argument) for argument in arguments)
        output = self._fresh(name)
        self.statements.append(Statement((output,), op, args, self.module.source.span(node)))
        return Ref(output)

    def _fresh(self, name: str) -> str:
        if name and name not in self.taken:
            self.taken.add(name)
            return name
        number = 1 if not name else 2
        while (made := f"{name}_{number}") in self.taken or made in self.avoided:
            number += 1
        self.taken.add(made)
        return made
