"""The copy test: a statement whose outputs may be copies of strategies that exist is worth nothing.

If letting the outputs equal earlier strategies satisfies the block's axioms, then every worst state of the program with
those strategies put in its place extends, by copying, to one of the program with the statement: the program is no
better than the shorter one. `improved` makes that replacement; the result may have a smaller bound.

Where nothing uses the outputs the bounds are equal, since a program with more strategies only has more lines, and a
proof for the shorter program is one for the longer: its axioms and lines are among the longer's. `reduced` leaves out
only such statements.
"""

from __future__ import annotations

from dataclasses import replace

from discovery.grammar.build import check
from discovery.grammar.ir import Block, Form, Ref, Statement
from discovery.grammar.rewrite import rewrite
from discovery.tasks.nash.program import ancestors
from discovery.tasks.nash.vocabulary import Words

__all__ = ["improved", "reduced"]


def reduced(form: Form, known: Words) -> Form:
    """A program of the same bound as the checked `form`: without copies that nothing uses, equal calls merged."""
    return _shortened(form, known, leaves=True)


def improved(form: Form, known: Words) -> Form:
    """A program whose bound is not larger than that of the checked `form`: without copies."""
    return _shortened(form, known, leaves=False)


def _shortened(form: Form, known: Words, *, leaves: bool) -> Form:
    merged = rewrite(check(form, known.vocabulary), known.vocabulary).form
    blocks = []
    for block in merged.blocks:
        while (shorter := _shorter(block, known, leaves)) is not None:
            block = shorter
        blocks.append(block)
    return replace(merged, blocks=tuple(blocks))


def _shorter(block: Block, known: Words, leaves: bool) -> Block | None:
    types = known.types_of(block)
    used = {arg.name for statement in block.statements for arg in statement.args if isinstance(arg, Ref)}
    used |= {output.value.name for output in block.outputs if isinstance(output.value, Ref)}
    for statement in block.statements:
        if leaves and not used.isdisjoint(statement.outputs):
            continue
        if statement.op == "BestResponse":
            copy = _known_response(block, statement, types)
        elif statement.op.startswith("Random") and statement.op in known.overloads:
            copy = _any(block, statement, types)
        else:
            continue
        if copy is not None:
            return _without(block, statement, copy)
    return None


def _known_response(block: Block, statement: Statement, types: dict[str, str]) -> str | None:
    """A strategy that some other call makes a best response to the same strategies."""
    against = frozenset(arg.name for arg in statement.args if isinstance(arg, Ref))
    player = types[statement.outputs[0]]
    for other in block.statements:
        if other is statement:
            continue
        held = frozenset(arg.name for arg in other.args if isinstance(arg, Ref))
        out = other.outputs
        pairs: list[tuple[str, frozenset[str]]] = []
        if other.op == "StationaryPoint":
            pairs = [(out[2], held | {out[1]}), (out[3], held | {out[0]})]
        elif other.op == "JointStationaryPoint":
            n = len(out) // 2
            pairs = [(out[n + i], frozenset(out[:n]) - {out[i]}) for i in range(n)]
        elif other.op in ("MaxPayoff", "ZeroSum"):
            pairs = _optimal(other, types, held)
        for name, opponents in pairs:
            if types[name] == player and opponents == against:
                return name
    return None


def _optimal(other: Statement, types: dict[str, str], held: frozenset[str]) -> list[tuple[str, frozenset[str]]]:
    """Best responses among the outputs of a call that optimises one payoff."""
    numbers = {i: arg.value for i, arg in enumerate((a for a in other.args if not isinstance(a, Ref)), 1)}
    involved = [i for i, c in numbers.items() if c]
    if len(involved) != 1:
        return []
    (player,) = involved
    wanted = 1 if other.op == "MaxPayoff" or types[other.outputs[0]] == f"P{player}" else -1
    if numbers[player] * wanted <= 0:
        return []
    own = [name for name in other.outputs if types[name] == f"P{player}"]
    return [(name, held | (frozenset(other.outputs) - {name})) for name in own]


def _any(block: Block, statement: Statement, types: dict[str, str]) -> str | None:
    """A strategy of the same player that does not depend on this arbitrary one."""
    (name,) = statement.outputs
    for other, kind in types.items():
        if other != name and kind == types[name] and name not in ancestors(block, other):
            return other
    return None


def _without(block: Block, gone: Statement, copy: str) -> Block:
    """`block` with `copy` in place of the only output of `gone`, in an order in which names are defined before use."""
    (name,) = gone.outputs

    def renamed(arg: object) -> object:
        return Ref(copy) if arg == Ref(name) else arg

    rest = [replace(s, args=tuple(renamed(a) for a in s.args)) for s in block.statements if s is not gone]  # type: ignore[misc]
    ordered: list[Statement] = []
    defined: set[str] = set()
    while rest:
        ready = next(s for s in rest if all(a.name in defined for a in s.args if isinstance(a, Ref)))
        rest.remove(ready)
        ordered.append(ready)
        defined.update(ready.outputs)
    outputs = tuple(replace(o, value=renamed(o.value)) for o in block.outputs)  # type: ignore[arg-type]
    return Block(block.name, block.inputs, tuple(ordered), outputs)
