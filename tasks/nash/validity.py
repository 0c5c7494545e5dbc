"""What a program must satisfy beyond types: strategies for everyone, not too many, and an assumption that is free."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from discovery.grammar.ir import Block, Const, Form, Ref
from discovery.tasks.nash.program import exchanged, tree
from discovery.tasks.nash.vocabulary import MAX_DEGREE, MAX_MONOMIALS, MAX_STRATEGIES, Words

__all__ = ["problem"]


def problem(form: Form, known: Words) -> str | None:
    """None, or what is wrong with a well-typed form."""
    for block in form.blocks:
        found = _strategies(block, known) or _payoffs(block) or _values(block) or _assumption(block, known)
        if found is not None:
            return found
    return _cases(form)


def _strategies(block: Block, known: Words) -> str | None:
    types = list(known.types_of(block).values())
    limit = MAX_STRATEGIES.get(known.players, 2)
    for player in range(1, known.players + 1):
        count = types.count(f"P{player}")
        if count == 0:
            return f"player {player} has no strategy; a program constructs at least one for every player"
        if count > limit:
            return (
                f"player {player} has {count} strategies; at most {limit} are allowed with {known.players} players, "
                "because the constraints grow with their product and no solver decides larger systems"
            )
    return None


def _payoffs(block: Block) -> str | None:
    for statement in block.statements:
        if statement.op in ("ZeroSum", "MaxPayoff"):
            numbers = [arg.value for arg in statement.args if isinstance(arg, Const)]
            if numbers and not any(numbers):
                return f"{statement.op} needs a payoff expression such as `U1 - U2`; got one that is zero everywhere"
    return None


def _values(block: Block) -> str | None:
    """Multiplied out, values must stay small; nothing is multiplied out to see it."""
    sizes: dict[str, tuple[int, int]] = {}
    for statement in block.statements:
        of = [sizes.get(arg.name, (1, 1)) if isinstance(arg, Ref) else (0, 1) for arg in statement.args]
        written, value = _size(statement.op, of)
        if written[0] > MAX_DEGREE or written[1] > MAX_MONOMIALS:
            where = "" if statement.span is None else f"line {statement.span.line}: "
            return (
                f"{where}a computed value may have degree {MAX_DEGREE} and {MAX_MONOMIALS} terms when multiplied out, "
                f"because no solver decides larger ones; `{statement.op}` makes it {written[0]} and {written[1]} here"
            )
        sizes.update(dict.fromkeys(statement.outputs, value))
    return None


def _size(op: str, of: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Degree and monomials of what defines the value of a call, and of the value itself, those of its arguments given.
    Quotients and roots are variables, as payoffs are; a regret is the difference of two."""
    match op:
        case "add" | "sub":
            value = max(degree for degree, _ in of), sum(many for _, many in of)
        case "mul":
            value = sum(degree for degree, _ in of), prod(many for _, many in of)
        case "div":
            (above, terms), (below, many) = of
            return (below + max(below, above), many * (many + terms)), (1, 1)
        case "sqrt":
            return of[0], (1, 1)
        case _:
            value = 1, 2 if op[0] == "f" and op[1:].isdigit() else 1
    return value, value


def _assumption(block: Block, known: Words) -> str | None:
    if not any(output.label == "wlog" for output in block.outputs):
        return None
    if exchanged(block, known) is not None:
        return None
    return (
        "`wlog(A >= B)` is free only if renaming two players into each other turns A into B and B into A, with all "
        "that they are computed from; this one is not: write a case split `if A >= B: ... else: ...`"
    )


def _cases(form: Form) -> str | None:
    names = [block.name for block in form.blocks]
    if names != ["main"] and names != [f"case{k}" for k in range(1, len(names) + 1)]:
        return f"expected one block `main`, or `case1`, `case2`, ...; got {', '.join(names)}"
    shared: list[object] = []
    for index, block in enumerate(form.blocks):
        trees = {o.label: tree(block, o.value) for o in block.outputs if isinstance(o.value, Ref)}
        last = index == len(form.blocks) - 1
        wanted = {f"unless{k}" for k in range(1, index + 1)} | (set() if last else {"when"})
        if set(trees) - {"wlog"} != wanted:
            return "every case but the last has a condition, and knows those of the cases before it"
        if [trees[f"unless{k}"] for k in range(1, index + 1)] != shared:
            return "the cases of a program must be told apart by the same conditions"
        shared += [] if last else [trees["when"]]
    wlogs = {tree(block, o.value) for block in form.blocks for o in block.outputs if o.label == "wlog"}
    count = sum(o.label == "wlog" for block in form.blocks for o in block.outputs)
    if count not in (0, len(form.blocks)) or len(wlogs) > 1:
        return "the assumption `wlog` must be the same in every case"
    return None
