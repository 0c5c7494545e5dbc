"""A program as one self-contained module, `NAME.py`: plain code on numpy and highspy that a person can read and import.

The functions that it calls are copied from `numerics`, read as text: this runs where numpy is not loaded.
"""

from __future__ import annotations

import ast
import builtins
import keyword
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

from discovery.tasks.nash.blocks import Call
from discovery.tasks.nash.export_parts import MODULE
from discovery.tasks.nash.program import (
    Case,
    Comparison,
    Program,
    Scalar,
    Step,
    Tree,
    assumed_steps,
    outputs_of,
    shared_steps,
)

__all__ = ["nash_module"]

#: Modules of `numerics` in the order in which their definitions are written.
_ORDER = (
    "payoffs",
    "linear",
    "arithmetic",
    "responses",
    "zero_sum",
    "mixing",
    "descent",
    "equilibrium",
    "sampling",
    "approximate",
)
#: Names that the module uses for itself.
_TAKEN = frozenset(("payoffs", "delta", "seed", "rng", "swapped", "found", "solve", "main", "BOUND", "np", "highspy"))
_INFIX = {"add": ("+", 1), "sub": ("-", 1), "mul": ("*", 2)}
_WIDTH = 116


def nash_module(program: Program, name: str, header: str, bound: Fraction | None) -> str:
    """Text of `NAME.py`.

    Args:
        program: A checked program.
        name: Name of the module, a Python identifier.
        header: Where the program comes from and what is known of it; becomes part of the module's docstring.
        bound: The proved bound, or None; the module's self-test holds its regrets against it.

    Raises:
        ValueError: `name` is no identifier.
    """
    if not name.isidentifier() or keyword.iskeyword(name):
        raise ValueError(f"expected a Python identifier as the name of the module, got {name!r}")
    body = "\n".join(_Solve(program).lines())
    if "rng" in _names(body):
        body = f"rng = np.random.default_rng(seed)\n{body}"
    copied, imports = _library(_names(body) | _names(MODULE.replace("$", "_")))
    return Template(MODULE).substitute(
        name=name,
        header=_docstring(header),
        imports=imports,
        library=copied,
        players=program.players,
        shape=", ".join(f"m_{i}" for i in range(1, program.players + 1)),
        bound="None" if bound is None else f"{bound.numerator} / {bound.denominator}",
        body=textwrap.indent(body, "    "),
    )


def _docstring(text: str) -> str:
    lines: list[str] = []
    for line in text.replace("\\", "\\\\").replace('"""', "'''").strip().split("\n"):
        indent = line[: len(line) - len(line.lstrip())]
        lines += textwrap.wrap(line, _WIDTH, subsequent_indent=indent, break_on_hyphens=False) or [""]
    return "\n".join(lines)


def _names(text: str) -> set[str]:
    return set(re.findall(r"[A-Za-z_]\w*", text))


@dataclass(frozen=True)
class _Definition:
    text: str
    uses: frozenset[str]


@cache
def _definitions() -> tuple[Mapping[str, _Definition], Mapping[str, str]]:
    """Every definition of `numerics` by name, in order, and the import statement that gives each name from outside."""
    found: dict[str, _Definition] = {}
    imports: dict[str, str] = {}
    for module in _ORDER:
        text = (Path(__file__).parent / "numerics" / f"{module}.py").read_text(encoding="utf-8")
        lines = text.split("\n")
        for node in ast.parse(text).body:
            if isinstance(node, ast.Import):
                imports.update({(each.asname or each.name): ast.unparse(node) for each in node.names})
            elif isinstance(node, ast.ImportFrom) and not str(node.module).startswith(("discovery", "__future__")):
                imports.update({each.name: f"from {node.module} import" for each in node.names})
            elif isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AnnAssign):
                start = node.lineno - 1
                while lines[start - 1].startswith("#:"):
                    start -= 1
                source = re.sub(r"  # type: ignore.*", "", "\n".join(lines[start : node.end_lineno]))
                target = node.name if not isinstance(node, ast.AnnAssign) else ast.unparse(node.target)
                found[target] = _Definition(source, frozenset(_names(_code(node))))
    return found, imports


def _code(node: ast.stmt) -> str:
    """Text of a definition without its docstring, for the names that it uses."""
    copy = ast.parse(ast.unparse(node)).body[0]
    for part in ast.walk(copy):
        if isinstance(part, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(part) is not None:
            part.body = part.body[1:] or [ast.Pass()]
    return ast.unparse(copy)


def _library(used: Iterable[str]) -> tuple[str, str]:
    """The definitions that `used` names need, in order, and the imports that they all need."""
    definitions, imports = _definitions()
    needed: set[str] = set()
    waiting = [name for name in used if name in definitions]
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += [each for each in definitions[name].uses if each in definitions]
    names = set(used).union(*(definitions[name].uses for name in needed))
    aliases = [d.text for name, d in definitions.items() if name in needed and "TypeAlias" in d.text.split("\n")[-1]]
    others = [d.text for name, d in definitions.items() if name in needed and d.text not in aliases]
    return "\n".join(aliases) + "\n\n\n" + "\n\n\n".join(others), _imports(names, imports)


def _imports(names: set[str], imports: Mapping[str, str]) -> str:
    plain, grouped = {"import sys"}, dict[str, set[str]]()
    for name in names & set(imports):
        statement = imports[name]
        if statement.startswith("from"):
            grouped.setdefault(statement, set()).add(name)
        else:
            plain.add(statement)
    lines = [*plain, *(f"{start} {', '.join(sorted(each))}" for start, each in grouped.items())]
    ours = [line for line in lines if re.match(r"(import|from) (numpy|highspy)", line)]
    return "\n".join([*sorted(set(lines) - set(ours), key=_key), "", *sorted(ours, key=_key)])


def _key(line: str) -> tuple[bool, str]:
    return line.startswith("from"), line.split()[1]


class _Solve:
    """The body of `solve`: the program's cases as nested branches, what cases share before them."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.taken = {*_TAKEN, *_definitions()[0], *_definitions()[1], *dir(builtins), *keyword.kwlist}
        #: Expression to the Python name that holds it.
        self.held: dict[Tree, str] = {}

    def lines(self) -> list[str]:
        """The statements after the payoffs are checked."""
        lines: list[str] = []
        first = self.program.cases[0]
        if first.swap is not None and first.wlog is not None:
            lines += self.steps(first, assumed_steps(first))
            lines += self.exchange(first)
        lines += self.cases(self.program.cases)
        if first.swap is not None:
            i, j = (player - 1 for player in first.swap)
            return [*lines, f"return exchanged_players(found, {i}, {j}) if swapped else found"]
        return [*lines, "return found"]

    def exchange(self, case: Case) -> list[str]:
        """The assumption: where it fails, everything so far becomes its mirror image."""
        assert case.swap is not None and case.wlog is not None
        i, j = case.swap
        made = {name for step in case.steps if isinstance(step, Call) for name in step.outputs if name in case.images}
        moved = {self.held[case.trees[name]]: self.held[case.images[name]] for name in made}
        lines = [f"payoffs = exchanged_payoffs(payoffs, {i - 1}, {j - 1})"]
        changed = sorted((old, new) for old, new in moved.items() if old != new)
        if changed:
            lines.append(f"{', '.join(old for old, _ in changed)} = {', '.join(new for _, new in changed)}")
        for step in case.steps:
            if isinstance(step, Scalar) and step.output in case.images and case.trees[step.output] in self.held:
                lines.append(f"{self.held[case.trees[step.output]]} = {self.scalar(case, step)[0]}")
        return [
            f"swapped = {self.comparison(case, case.wlog, '<')}",
            f"if swapped:  # rename players {i} and {j} into each other, with all that was computed so far",
            *("    " + line for line in lines),
        ]

    def cases(self, cases: Sequence[Case]) -> list[str]:
        lines = self.steps(cases[0], shared_steps(cases))
        if len(cases) == 1:
            chosen = [[self.held[cases[0].trees[name]] for name in names] for names in cases[0].strategies]
            written = ", ".join(f"[{', '.join(names)}]" for names in chosen)
            return [*lines, f"found = best_profile(payoffs, [{written}])"]
        case = cases[0]
        assert case.when is not None
        lines.append(f"if {self.comparison(case, case.when)}:")
        held, taken = dict(self.held), set(self.taken)
        lines += textwrap.indent("\n".join(self.cases([case])), "    ").split("\n")
        self.held, self.taken = held, taken  # the other branch may use the same names
        lines.append("else:")
        lines += textwrap.indent("\n".join(self.cases(cases[1:])), "    ").split("\n")
        return lines

    def steps(self, case: Case, steps: Sequence[Step]) -> list[str]:
        lines = []
        for step in steps:
            if case.trees[outputs_of(step)[0]] in self.held:
                continue
            if isinstance(step, Call):
                lines.append(f"{', '.join(self.name(case, each) for each in step.outputs)} = {self.call(case, step)}")
            elif self.uses(case, step.output) > 1:
                text = self.scalar(case, step)[0]
                lines.append(f"{self.name(case, step.output)} = {text}")
        return lines

    def uses(self, case: Case, name: str) -> int:
        """How often the case mentions a value."""
        mentions = [each for step in case.steps for each in step.inputs]
        for comparison in (case.wlog, case.when, *case.unless):
            mentions += [] if comparison is None else [comparison.left, comparison.right]
        return mentions.count(name)

    def name(self, case: Case, name: str) -> str:
        """A Python name for a value that gets a line of its own."""
        text = name if not name.startswith("_") else f"v{name}"
        while text in self.taken:
            text += "_"
        self.taken.add(text)
        self.held[case.trees[name]] = text
        return text

    def call(self, case: Case, call: Call) -> str:
        routine = call.block.routine(call)
        arguments = ["payoffs", *(self.argument(case, each) for each in routine.arguments)]
        return f"{routine.function}({', '.join([*arguments, *([routine.needs] if routine.needs else [])])})"

    def argument(self, case: Case, argument: Any) -> str:
        match argument:
            case str():
                return self.value(case, argument)[0]
            case Fraction():
                return _number(argument)[0]
            case tuple():
                inner = ", ".join(self.argument(case, each) for each in argument)
                return f"({inner},)" if len(argument) == 1 else f"({inner})"
        return str(argument)

    def value(self, case: Case, name: str | Fraction) -> tuple[str, int]:
        """Text of a value, and how strongly it binds."""
        if isinstance(name, Fraction):
            return _number(name)
        if case.trees[name] in self.held:
            return self.held[case.trees[name]], 3
        step = next(each for each in case.steps if isinstance(each, Scalar) and each.output == name)
        return self.scalar(case, step)

    def scalar(self, case: Case, step: Scalar) -> tuple[str, int]:
        if step.op[1:].isdigit():
            player = int(step.op[1:]) - 1
            inputs = [self.value(case, each)[0] for each in step.inputs]
            if step.op[0] == "M":
                inputs.insert(player, "None")
            function = {"U": "payoff", "M": "best_payoff", "f": "regret"}[step.op[0]]
            return f"{function}(payoffs, ({', '.join(inputs)}), {player})", 3
        if step.op in _INFIX:
            sign, level = _INFIX[step.op]
            sides = [self.value(case, each) for each in step.inputs]
            texts = [f"({text})" if inner < level + place else text for place, (text, inner) in enumerate(sides)]
            return f"{texts[0]} {sign} {texts[1]}", level
        function = {"div": "quotient", "sqrt": "root"}[step.op]
        return f"{function}({', '.join(self.value(case, each)[0] for each in step.inputs)})", 3

    def comparison(self, case: Case, comparison: Comparison, sign: str = ">=") -> str:
        return f"{self.value(case, comparison.left)[0]} {sign} {self.value(case, comparison.right)[0]}"


def _number(value: Fraction) -> tuple[str, int]:
    if value.denominator == 1:
        return str(value.numerator), 3 if value >= 0 else 0
    return f"{value.numerator} / {value.denominator}", 2 if value >= 0 else 0
