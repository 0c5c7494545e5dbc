"""Lower bounds of the values of a rule: where a divisor is known to be positive, or a root's argument not negative.

The protections of `div` and `sqrt` cost several passes over memory and hide the formula in an exported module; where
the bound shows that they never act they are left out, with bitwise the same result. For AdamW: v starts at 0 and is an
average of squares, so sqrt(v) + 1e-8 >= 1e-8.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from discovery.grammar.ir import Arg, Block, Const, Form, Ref
from discovery.tasks.optimizers.layout import INIT, update_blocks

__all__ = ["NEEDLESS_FLOOR", "Bounds", "lower_bounds"]

#: A divisor that is at least this need not be floored at 1e-12, whatever rounding did to the bound.
NEEDLESS_FLOOR = 2e-12

#: Block name and value name to the largest number that the value is known not to fall below.
Bounds = Mapping[str, Mapping[str, float]]

_UNKNOWN = -math.inf
#: What rounding in float32 may take off a bound, generously.
_ROUNDED = 1.0 - 1e-5


def lower_bounds(form: Form) -> Bounds:
    """Lower bounds of every value in the update blocks of `form`, at every step."""
    carried = {output.label: _started(form, output.label, output.value) for output in form.block(INIT).outputs}
    while True:
        found = {block.name: _block_bounds(block, carried) for block in update_blocks(form)}
        after = dict(carried)
        for block in update_blocks(form):
            for output in block.outputs:
                if output.carries is not None:
                    low = _of(output.value, found[block.name])
                    if low < after[output.label]:
                        after[output.label] = 0.0 if low >= 0.0 else _UNKNOWN
        if after == carried:
            return found
        carried = after


def _started(form: Form, label: str, value: Arg) -> float:
    if isinstance(value, Const):
        return float(value.value) * (_ROUNDED if value.value > 0 else 1.0)
    statement = next(each for each in form.block(INIT).statements if value.name in each.outputs)
    constants = [float(arg.value) for arg in statement.args if isinstance(arg, Const)]
    return {"zeros": 0.0, "ones": 1.0}.get(statement.op, *constants) if constants == [] else constants[0] * _ROUNDED


def _of(arg: Arg, bounds: Mapping[str, float]) -> float:
    return bounds.get(arg.name, _UNKNOWN) if isinstance(arg, Ref) else float(arg.value)


def _block_bounds(block: Block, carried: Mapping[str, float]) -> dict[str, float]:
    bounds = {"t": 1.0, **carried}
    for statement in block.statements:
        lows = [_of(arg, bounds) for arg in statement.args]
        bounds[statement.outputs[0]] = _result(statement.op, statement.args, lows)
    return bounds


def _fraction(arg: Arg) -> bool:
    """Whether `arg` is a constant from 0 to 1."""
    return isinstance(arg, Const) and 0 <= arg.value <= 1


_AT_LEAST = {
    "square": 0.0, "sqrt": 0.0, "rsqrt": 0.0, "sigmoid": 0.0, "exp": math.exp(-20.0) * _ROUNDED, "cosh": _ROUNDED,
    "rms": 0.0, "l1": 0.0, "norm": 0.0, "amax": 0.0, "row_rms": 0.0, "row_norm": 0.0, "row_amax": 0.0, "col_rms": 0.0,
    "col_norm": 0.0, "col_amax": 0.0, "pow_t": 0.0, "ramp": 0.0, "aspect": 1.0, "max_dim": 1.0, "numel": 1.0,
}  # fmt: skip
#: Operations whose result is not negative where no argument is.
_KEEP_SIGN = frozenset((
    "add", "mul", "div", "pow", "sign", "tanh", "mean", "row_mean", "col_mean", "dot", "rms_norm", "clip_norm",
    "cautious", "update_floor", "sinh", "arctan",
))  # fmt: skip
_SMALLEST: dict[str, Callable[[list[float]], float]] = {
    "abs": lambda low: max(low[0], 0.0),
    "min": min,
    "max": max,
    "where_gt": lambda low: min(low[2], low[3]),
    "first": min,
    "every": lambda low: min(low[1], low[2]),
    "clip": lambda low: min(max(low[0], low[1]), low[2]),
    "transpose": lambda low: low[0],
}


def _result(op: str, args: tuple[Arg, ...], lows: list[float]) -> float:
    if op == "add" and min(lows) >= 0:
        return sum(lows) * _ROUNDED
    if op in _AT_LEAST:
        return _AT_LEAST[op]
    if op in _SMALLEST:
        return _SMALLEST[op](lows)
    positive = min(lows[:2]) >= 0
    if op in ("ema", "interp") and positive and _fraction(args[2]):
        return min(lows[:2]) * _ROUNDED
    if op == "accumulate" and positive and lows[2] >= 0:
        return lows[1] * _ROUNDED
    if op == "bias_correct" and lows[0] >= 0 and _fraction(args[1]):
        return lows[0] * _ROUNDED
    return 0.0 if op in _KEEP_SIGN and min(lows) >= 0 else _UNKNOWN
