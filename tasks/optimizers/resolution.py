"""What can be said of the statements of an update block before it runs; shared by interpreter and export."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from discovery.grammar.ir import Arg, Block, Const, Ref, Statement
from discovery.tasks.optimizers.ranges import NEEDLESS_FLOOR
from discovery.tasks.optimizers.vocabulary import PRIMITIVES

__all__ = ["host_values", "is_plain", "shared_inputs"]

#: Operations whose results may share memory with an argument.
_SHARING = frozenset(("first", "every", "transpose"))


def host_values(block: Block) -> frozenset[str]:
    """Values of an update block that are Python floats: they depend on constants, the step and shapes only."""
    host = {"t"}
    for statement in block.statements:
        if PRIMITIVES[statement.op].host or all(isinstance(a, Const) or a.name in host for a in statement.args):
            host.update(statement.outputs)
    return frozenset(host)


def is_plain(statement: Statement, bounds: Mapping[str, float]) -> bool:
    """Whether the protection of `statement` never acts, where values are known to be at least `bounds`."""

    def low(arg: Arg) -> float:
        return bounds.get(arg.name, -math.inf) if isinstance(arg, Ref) else float(arg.value)

    match statement.op, statement.args:
        case "div", (_, Const(value=divisor)):
            return abs(float(divisor)) >= NEEDLESS_FLOOR
        case "div", (_, divisor):
            return low(divisor) >= NEEDLESS_FLOOR
        case "sqrt", (radicand,):
            return low(radicand) >= 0
        case "bias_correct", (_, rate):
            # The domain of rates keeps a constant below 1.
            return isinstance(rate, Const)
    return False


def shared_inputs(statements: Iterable[Statement]) -> dict[str, set[str]]:
    """Value to those of `w` and `g` whose memory it may share."""
    shared = {"w": {"w"}, "g": {"g"}}
    for statement in statements:
        if statement.op in _SHARING:
            names = [arg.name for arg in statement.args if isinstance(arg, Ref)]
            shared[statement.outputs[0]] = set().union(*(shared.get(name, set()) for name in names))
    return shared
