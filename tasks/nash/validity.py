"""What a program must satisfy beyond types: strategies for everyone, not too many, and an assumption that is free."""

from __future__ import annotations

from discovery.grammar.ir import Block, Const, Form, Ref
from discovery.tasks.nash.program import exchanged, tree
from discovery.tasks.nash.vocabulary import MAX_STRATEGIES, Words

__all__ = ["problem"]


def problem(form: Form, known: Words) -> str | None:
    """None, or what is wrong with a well-typed form."""
    for block in form.blocks:
        if (found := _strategies(block, known) or _payoffs(block) or _assumption(block, known)) is not None:
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
