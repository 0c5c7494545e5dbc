"""A rule as one self-contained module: a `torch.optim.Optimizer` in plain torch that a person can read and import.

The code is written from the simplified form of the rule, by the torch expression that the vocabulary gives for each
operation; it has no lanes and needs nothing but torch. A protection that provably never acts (see `ranges`) is left
out, as in the interpreter. Functions that the code calls are copied from `kernels` or stand in `export_parts`.
"""

from __future__ import annotations

import ast
import keyword
import textwrap
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Template

from discovery.grammar.ir import Arg, Block, Const, Form, Output, Ref, Statement
from discovery.grammar.liveness import needs
from discovery.grammar.simplify import simplify
from discovery.tasks.optimizers.export_parts import HELPERS, KIND_OF, MODULE
from discovery.tasks.optimizers.layout import (
    DIRECTION,
    INIT,
    VOCABULARY,
    kinds_of,
    merged,
    state_name,
    states,
    update_blocks,
)
from discovery.tasks.optimizers.printing import BlockWriter, constant_expression, number_text
from discovery.tasks.optimizers.ranges import lower_bounds
from discovery.tasks.optimizers.resolution import host_values, is_plain, shared_inputs
from discovery.tasks.optimizers.vocabulary import PRIMITIVES, SCALAR, Primitive

__all__ = ["class_name", "optimizer_module"]

#: Names that the module uses for itself.
_TAKEN = frozenset((
    "self", "params", "lr", "weight_decay", "kind", "group", "state", "step", "closure", "loss", "p", "w", "g", "u",
    "torch", "math", "copy", "sys", "Tensor", "Any", "Callable", "Iterable", "Value", "float", "int", "str", "dict",
    "max", "min", "abs", "isinstance", "super", "range", "kind_of",
))  # fmt: skip
#: Names that the module imports or defines beside its class.
_IMPORTED = frozenset(("Any", "Callable", "Iterable", "Tensor", "Value"))
#: Groups of operations that work on the matrix view.
_ON_MATRICES = frozenset(("lines", "matrix", "shape"))
_WIDTH = 110
_PARAMETERS = "self, p: Tensor, g: Tensor, state: dict[str, Any], group: dict[str, Any]"


def class_name(name: str) -> str:
    """Name of the class in module `name`: `swift_lion` gives `SwiftLion`."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def optimizer_module(form: Form, name: str, header: str) -> str:
    """Text of `NAME.py`.

    Args:
        form: A checked rule.
        name: Name of the module, a Python identifier.
        header: Where the rule comes from and what is known of it; becomes part of the module's docstring.

    Raises:
        ValueError: `name` is no identifier, or would hide what the module needs.
    """
    if not name.isidentifier() or keyword.iskeyword(name) or not class_name(name).isidentifier():
        raise ValueError(f"expected a Python identifier as the name of the module, got {name!r}")
    if class_name(name) in _IMPORTED:
        raise ValueError(f"expected a name whose class hides nothing of the module's, got {name!r}")
    form = merged(simplify(form, VOCABULARY))
    options = _options(form)
    parts = [_BlockCode(form, block, options) for block in update_blocks(form)]
    branches = len(parts) > 1
    methods = "\n\n".join(part.method(branches) for part in parts)
    helpers = _helpers(methods)
    argument_lines = [f"{option}: float = {number_text(form.constants[each])}" for each, option in options.items()]
    documents = [f"{option}: Constant of the rule." for option in options.values()]
    if branches:
        argument_lines.append("kind: str | None = None")
        documents.append("kind: Kind of the parameters of a group, say embedding; without it their shapes decide.")
    names = [*options.values(), *(["kind"] if branches else [])]
    return Template(MODULE).substitute(
        name=name,
        class_name=class_name(name),
        header=_docstring(header),
        imports="import math\n" if "math" in _names(methods) | _names(helpers) else "",
        helpers=(KIND_OF if branches else "") + helpers,
        documents="".join(f"        {line}\n" for line in documents),
        arguments="".join(f"        {line},\n" for line in (["*", *argument_lines] if argument_lines else [])),
        defaults="".join(f'            "{each}": {each},\n' for each in ["lr", "weight_decay", *names]),
        call=_dispatch(parts) if branches else f"u = self._{parts[0].block.name}(p, p.grad, self.state[p], group)",
        methods=methods,
    )


def _docstring(text: str) -> str:
    lines = []
    for line in text.replace("\\", "\\\\").replace('"""', "'''").strip().split("\n"):
        indent = line[: len(line) - len(line.lstrip())]
        lines += textwrap.wrap(line, _WIDTH, subsequent_indent=indent, break_on_hyphens=False) or [""]
    return "\n".join(lines)


def _free(name: str, taken: Iterable[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _options(form: Form) -> dict[str, str]:
    """Named constant to the option that sets it."""
    return _renamed(form.constants, {*_TAKEN, *HELPERS})


def _renamed(names: Iterable[str], taken: Set[str]) -> dict[str, str]:
    """Each name to itself, or, where it is taken, to one that is neither taken nor among the names."""
    names = list(names)
    return {name: _free(name, taken | {*names} - {name}) for name in names}


def _dispatch(parts: list[_BlockCode]) -> str:
    lines = ['kind = group["kind"] or kind_of(p)']
    last = max(parts, key=lambda part: len(kinds_of(part.block.name)))
    word = "if"
    for part in [each for each in parts if each is not last]:
        kinds = ", ".join(f'"{kind}"' for kind in kinds_of(part.block.name))
        test = f"== {kinds}" if "," not in kinds else f"in ({kinds})"
        lines += [f"{word} kind {test}:", f"    u = self._{part.block.name}(p, p.grad, self.state[p], group)"]
        word = "elif"
    lines += ["else:", f"    u = self._{last.block.name}(p, p.grad, self.state[p], group)"]
    return ("\n" + " " * 16).join(lines)


@dataclass(frozen=True)
class _Facts:
    """What is known of the values of a block."""

    host: frozenset[str]
    bounds: Mapping[str, float]

    def on_host(self, arg: Arg) -> bool:
        return isinstance(arg, Const) or arg.name in self.host


class _BlockCode:
    """The method of one update block."""

    def __init__(self, form: Form, block: Block, options: Mapping[str, str]) -> None:
        self.form, self.block, self.options = form, block, options
        self.needed = needs(form, VOCABULARY).values[block.name]
        self.statements = [each for each in block.statements if each.outputs[0] in self.needed]
        self.facts = _Facts(host_values(block), lower_bounds(form)[block.name])
        self.flat = any(PRIMITIVES[each.op].group in _ON_MATRICES for each in self.statements)
        self.weights = "w" if self.flat else "p"
        self.keys = _renamed(states(form), {"step"})
        self.carried = [o for o in block.outputs if o.carries is not None and o.carries in self.needed]

    def method(self, branches: bool) -> str:
        """Text of the method, indented."""
        kinds = f"Direction for a parameter of kind {' or '.join(kinds_of(self.block.name))}."
        lines = [
            f"def _{self.block.name}(",
            f"    {_PARAMETERS}",
            ") -> Tensor:",
            f'    """{kinds if branches else "Direction for parameter p with gradient g; updates its state."}"""',
        ]
        body = self._body()
        used = _names("\n".join(body))
        initial = self._initial()
        uses_w = self.flat and "w" in used | _names("\n".join(initial))
        start = [
            f"{each} = matrix({of})" for each, of in (("w", "p"), ("g", "g")) if self.flat and (uses_w or each != "w")
        ]
        start += initial
        start += [f'{option} = group["{option}"]' for option in self.options.values() if option in used]
        start += ['step = state["step"]'] if "step" in used else []
        return "\n".join("    " + line for line in [*lines, *("    " + each for each in [*start, *body])])

    def _initial(self) -> list[str]:
        """Lines that make the state at the first step."""
        makers = {output.label: self._start(output) for output in self.form.block(INIT).outputs}
        lines = ['    state["step"] = 0']
        lines += [f'    state["{self._key(output)}"] = {makers[output.label]}' for output in self.carried]
        return ["if not state:", *lines, 'state["step"] += 1']

    def _start(self, output: Output) -> str:
        if isinstance(output.value, Const):
            return f"{self.weights}.new_tensor({self._text(output.value)})"
        statement = next(s for s in self.form.block(INIT).statements if output.value.name in s.outputs)
        constants = [arg for arg in statement.args if isinstance(arg, Const)]
        if constants:
            return f"torch.full_like({self.weights}, {self._text(constants[0])})"
        return f"torch.{statement.op}_like({self.weights})"

    def _text(self, const: Const) -> str:
        return f'group["{self.options[const.name]}"]' if const.name is not None else number_text(const.value)

    def _leaf(self, arg: Arg) -> ast.expr:
        if isinstance(arg, Const):
            return ast.Name(self.options[arg.name]) if arg.name is not None else constant_expression(arg)
        if arg.name == "t":
            return ast.Name("step")
        if arg.name in ("w", "g"):
            return ast.Name(self.weights if arg.name == "w" else "g")
        return ast.Subscript(ast.Name("state"), ast.Constant(self.keys[state_name(arg.name)]))

    def _body(self) -> list[str]:
        taken = {*_TAKEN, *HELPERS, *self.options.values()} - {"u"}
        writer = BlockWriter(self.block, taken, self._call, self._leaf, _repeated)
        for statement in self.statements:
            writer.write(statement)
        direction = next(output for output in self.block.outputs if output.label == DIRECTION)
        outputs = [direction, *self.carried]
        values = writer.values([output.value for output in outputs])
        shared = shared_inputs(self.statements)
        texts = [self._result(o, ast.unparse(v), shared) for o, v in zip(outputs, values, strict=True)]
        lines, u = writer.lines, texts[0]
        if not u.isidentifier() or u in ("p", "w", "g"):
            lines.append(f"{_free('u', writer.taken)} = {u}")
            u = _free("u", writer.taken)
        entries = [f"{self._key(o)}={text}" for o, text in zip(self.carried, texts[1:], strict=True)]
        if len(entries) == 1:
            lines.append(f'state["{self._key(self.carried[0])}"] = {texts[1]}')
        elif entries:
            line = f"state.update({', '.join(entries)})"
            split = ["state.update(", *(f"    {entry}," for entry in entries), ")"]
            lines += [line] if len(line) < _WIDTH - 8 else split
        return [
            line.replace("'", '"') for line in [*lines, f"return {u}.reshape(p.shape)" if self.flat else f"return {u}"]
        ]

    def _key(self, output: Output) -> str:
        return self.keys[state_name(output.label)]

    def _result(self, output: Output, text: str, shared: Mapping[str, set[str]]) -> str:
        """`text`, the value of an output, as something that may be kept: a tensor with memory of its own."""
        if output.type == SCALAR and self.facts.on_host(output.value):
            return f'torch.full_like(state["{self._key(output)}"], {text})'
        inputs = shared.get(output.value.name, set()) if isinstance(output.value, Ref) else set()
        kept = {"w", "g"} if output.carries is not None else set()
        return f"{text}.clone()" if inputs & kept else text

    def _call(self, statement: Statement, arguments: list[ast.expr]) -> ast.expr:
        primitive = PRIMITIVES[statement.op]
        code, lifted = _code(statement, primitive, self.facts)
        if not lifted:
            return _filled(code, dict(zip(primitive.parameters, arguments, strict=True)))
        function = ast.parse(f"lambda {', '.join(primitive.parameters)}: {code}", mode="eval").body
        return ast.Call(ast.Name("number"), [function, *arguments], [])


def _names(text: str) -> set[str]:
    """Names that occur in `text`, lines of a function body or of a module."""
    tree = ast.parse("def f():\n    pass\n" + textwrap.indent(textwrap.dedent(text), "    "))
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _code(statement: Statement, primitive: Primitive, facts: _Facts) -> tuple[str, bool]:
    """The expression for `statement`, and whether it has to be computed on tensors made of its arguments."""
    host = [facts.on_host(arg) for arg in statement.args]
    plain = is_plain(statement, facts.bounds)
    if all(host) and primitive.floats:
        return (primitive.plain_floats if plain else primitive.floats), False
    if all(host):
        return primitive.code, True
    if any(host[position] for position in primitive.mixed_at if position < len(host)):
        return (primitive.plain if plain else primitive.mixed), False
    return (primitive.plain if plain else primitive.code), False


def _repeated(statement: Statement) -> frozenset[int]:
    """Positions of arguments that the expression of `statement` may hold more than once."""
    primitive = PRIMITIVES[statement.op]
    repeated: set[int] = set()
    for code in filter(None, (primitive.code, primitive.mixed, primitive.plain, primitive.floats)):
        names = [node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)]
        repeated |= {i for i, name in enumerate(primitive.parameters) if names.count(name) > 1}
    return frozenset(repeated)


class _Fill(ast.NodeTransformer):
    def __init__(self, values: Mapping[str, ast.expr]) -> None:
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.values.get(node.id, node)


def _filled(code: str, values: Mapping[str, ast.expr]) -> ast.expr:
    tree = _Fill(values).visit(ast.parse(code, mode="eval").body)
    assert isinstance(tree, ast.expr)
    return tree


def _helpers(text: str) -> str:
    """The functions that `text` calls, and those that they call, in the order of `HELPERS`."""
    found: dict[str, str] = {}
    waiting = [text]
    while waiting:
        for name in sorted(_names(waiting.pop()) & set(HELPERS) - set(found)):
            found[name] = HELPERS[name] or _kernel(name)
            waiting.append(found[name])
    if not found:
        return ""
    parts = [found[name].strip() for name in HELPERS if name in found]
    constants = "Value = Tensor | float\n\n\n" if any("Value" in part for part in parts) else ""
    return constants + "\n\n\n".join(parts) + "\n\n\n"


@cache
def _kernel(name: str) -> str:
    """Text of a function of `kernels`, read without importing it: this module runs where torch is not loaded."""
    text = Path(__file__).with_name("kernels.py").read_text(encoding="utf-8")
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return (ast.get_source_segment(text, node) or "").replace("FLOOR", "1e-12")
    raise KeyError(name)
