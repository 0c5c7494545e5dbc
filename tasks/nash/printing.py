"""Form to text: `lower(source_of(form))` has the key of `form`."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from fractions import Fraction

from discovery.grammar.ir import Arg, Block, Const, Form, Ref, Statement
from discovery.tasks.nash.blocks._base import COEFFICIENT, payoff_text
from discovery.tasks.nash.program import ancestors, digests, tree
from discovery.tasks.nash.vocabulary import Words

__all__ = ["source_of"]

_INFIX = {"add": ("+", 1), "sub": ("-", 1), "mul": ("*", 2), "div": ("/", 2)}


def source_of(form: Form, known: Words) -> str:
    """The program that `form` is, its strategies named after their players: `x1`, `x2` of player 1, `y1` of 2."""
    if len(form.blocks) == 1:
        printer = _Printer(form.blocks[0], known, {}, [])
        return "\n".join(printer.lines(form.blocks[0].statements, wlog=True)) + "\n"
    everywhere = set.intersection(*(_digests(block) for block in form.blocks))
    named: dict[str, str] = {}
    head_names: list[str] = []
    lines: list[str] = []
    for index, block in enumerate(form.blocks):
        printer = _Printer(block, known, named, head_names)
        shared = [s for s in block.statements if tree(block, Ref(s.outputs[0])) in everywhere]
        if index == 0:
            lines += printer.lines(shared, wlog=True)
            head_names = list(printer.names.values())  # equal calls have one expression, but a name each
            named = {tree(block, Ref(n)): printer.names[n] for s in shared for n in s.outputs if n in printer.names}
        else:
            printer.names = {n: named[t] for n, t in digests(shared).items() if t in named}
        word = "else" if index == len(form.blocks) - 1 else f"{'elif' if index else 'if'} {printer.condition('when')}"
        own = printer.lines([s for s in block.statements if s not in shared], wlog=False)
        lines += [f"{word}:", *(f"    {line}" for line in own or ["pass"])]
    return "\n".join(lines) + "\n"


def _digests(block: Block) -> set[str]:
    return {tree(block, Ref(name)) for statement in block.statements for name in statement.outputs}


class _Printer:
    def __init__(self, block: Block, known: Words, named: dict[str, str], taken: Collection[str]) -> None:
        self.block, self.known, self.named, self.taken = block, known, named, taken
        self.types = known.types_of(block)
        self.definition = {name: statement for statement in block.statements for name in statement.outputs}
        refs = [arg for statement in block.statements for arg in statement.args] + [o.value for o in block.outputs]
        names = [arg.name for arg in refs if isinstance(arg, Ref)]
        self.often = {name for name in names if names.count(name) > 1}
        #: Name in the text of every strategy and of every value that gets a line of its own.
        self.names: dict[str, str] = {}

    def lines(self, statements: Iterable[Statement], *, wlog: bool) -> list[str]:
        """The lines of some statements, in their order; the assumption right after what it depends on."""
        assumed = next(
            (o.value.name for o in self.block.outputs if o.label == "wlog" and isinstance(o.value, Ref)), None
        )
        waiting = ancestors(self.block, assumed) - {assumed} if assumed and wlog else set()
        lines: list[str] = []
        for statement in statements:
            strategies = statement.op in self.known.overloads
            if strategies or (statement.outputs[0] in self.often and self.types[statement.outputs[0]] == "value"):
                lines.append(self.line(statement))
            waiting -= set(statement.outputs)
            if assumed and wlog and not waiting and not any(line.startswith("wlog") for line in lines):
                lines.append(f"wlog({self.condition('wlog')})")
        return lines

    def line(self, statement: Statement) -> str:
        right = self.right(statement)
        left = ", ".join(self.name(name) for name in statement.outputs)
        if len(statement.outputs) == 1 and statement.op in self.known.overloads:
            left += f": {self.types[statement.outputs[0]]}"
        return f"{left} = {right}"

    def right(self, statement: Statement) -> str:
        if statement.op in _INFIX:
            return self.infix(statement)[0]
        word = self.known.overloads[statement.op][0].name if statement.op in self.known.overloads else statement.op
        args = [self.argument(arg) for arg in statement.args]
        if statement.op in self.known.overloads:
            wants = self.known.overloads[statement.op][1][0].inputs
            count = wants.count(COEFFICIENT)
            if count:
                numbers = [Fraction(arg.value) for arg in statement.args[-count:] if isinstance(arg, Const)]
                args[-count:] = [payoff_text(numbers)]
        return f"{word}({', '.join(args)})"

    def infix(self, statement: Statement) -> tuple[str, int]:
        sign, level = _INFIX[statement.op]
        texts = []
        for place, arg in enumerate(statement.args):
            text, inner = self.operand(arg)
            texts.append(f"({text})" if inner < level + place else text)
        return f"{texts[0]} {sign} {texts[1]}", level

    def operand(self, arg: Arg) -> tuple[str, int]:
        """Text of an argument and how strongly it binds."""
        if isinstance(arg, Ref) and arg.name not in self.names:
            statement = self.definition[arg.name]
            return self.infix(statement) if statement.op in _INFIX else (self.right(statement), 3)
        if isinstance(arg, Const):
            value = Fraction(arg.value)
            return str(value), 0 if value < 0 else (2 if value.denominator > 1 else 3)
        return self.names[arg.name], 3

    def argument(self, arg: Arg) -> str:
        return self.operand(arg)[0]

    def condition(self, label: str) -> str:
        """The comparison that the output `label` is."""
        name = next(o.value.name for o in self.block.outputs if o.label == label and isinstance(o.value, Ref))
        left, right = self.definition[name].args
        return f"{self.argument(left)} >= {self.argument(right)}"

    def name(self, name: str) -> str:
        """The text's name of a value, given when it is first asked for."""
        if name not in self.names:
            text = self.named.get(tree(self.block, Ref(name)))
            if text is None:
                stem = self.stem(self.types[name])
                taken = {*self.names.values(), *self.taken}
                text = next(f"{stem}{k}" for k in range(1, 200) if f"{stem}{k}" not in taken)
            self.names[name] = text
        return self.names[name]

    def stem(self, type_: str) -> str:
        if not type_.startswith("P"):
            return "v"
        player = int(type_[1:])
        return "xyz"[player - 1] if self.known.players <= 3 else f"s{player}_"
