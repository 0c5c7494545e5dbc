"""Runs a rule: the statements of its form, resolved once to a flat list of closures over a list of values.

Parameters of many lanes (training runs) are updated at once: a tensor has shape (lanes, *shape of the parameter), a
scalar state (lanes, 1, ..., 1) with as many dimensions. No lane sees another. Works in float32 and float64, on any
device.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

from torch import Tensor

from discovery.grammar.ir import Arg, Block, Const, Form, Ref, Statement
from discovery.grammar.liveness import needs, prune
from discovery.tasks.optimizers import kernels
from discovery.tasks.optimizers.keys import unified
from discovery.tasks.optimizers.layout import (
    DIRECTION,
    INIT,
    KINDS,
    VOCABULARY,
    Kind,
    kinds_of,
    state_name,
    update_blocks,
)
from discovery.tasks.optimizers.ranges import lower_bounds
from discovery.tasks.optimizers.resolution import host_values, is_plain, shared_inputs
from discovery.tasks.optimizers.vocabulary import PRIMITIVES, SCALAR

__all__ = ["Rule"]

#: Values of a block while it runs: tensors, Python floats, None once nothing needs them any more.
_Values: TypeAlias = "list[Any]"
_Step: TypeAlias = Callable[[_Values], None]

_W, _G, _T, _STEP = range(4)
#: Kernels to use where a protection never acts.
_PLAIN = {"div": "plain_div", "sqrt": "plain_sqrt"}
#: Kernels that compute on Python floats what they compute on float64 tensors.
_ON_FLOATS = frozenset(("add", "sub", "mul", "neg", "square", "div", "plain_div"))


class Rule:
    """A rule that can be applied.

    Args:
        form: A form that `lower` gave or that passed `check` with the language's vocabulary.

    Attributes:
        elementwise: Whether an element of the direction depends on that element of weights, gradients and states only,
            in the same way for all kinds: then all parameters of a model may be updated as one (lanes, total) tensor,
            under any kind.
    """

    def __init__(self, form: Form) -> None:
        form = prune(unified(form) if len(update_blocks(form)) > 1 else form, VOCABULARY)
        bounds = lower_bounds(form)
        needed = needs(form, VOCABULARY).values
        self._starts = _starts(form)
        self._codes: dict[Kind, _Code] = {}
        for block in update_blocks(form):
            code = _Code(block, bounds[block.name], needed[block.name])
            self._codes.update(dict.fromkeys(kinds_of(block.name), code))
        self.elementwise = len(update_blocks(form)) == 1 and self._codes[KINDS[0]].elementwise

    def init(self, kind: Kind, w: Tensor) -> dict[str, Tensor]:
        """States of a parameter before the first step, only those that `kind` needs.

        Args:
            kind: One of `KINDS`.
            w: Weights (lanes, *shape); gives shape, dtype and device.
        """
        state = {}
        for name in self._codes[kind].states:
            type_, value = self._starts[name]
            state[name] = w.new_full(_scalar_shape(w) if type_ == SCALAR else w.shape, value)
        return state

    def update(
        self, kind: Kind, w: Tensor, g: Tensor, state: Mapping[str, Tensor], t: int
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """One step.

        Args:
            kind: One of `KINDS`.
            w, g: Weights and their gradients (lanes, *shape), not modified.
            state: What `init` or the last step gave, not modified.
            t: Number of the step, from 1.

        Returns:
            The direction u (lanes, *shape), to be used as w <- w - lr u, and the new states. No state shares memory
            with w or g, nor does u with w; u may be g itself.
        """
        return self._codes[kind].run(w, g, state, t)


def _scalar_shape(w: Tensor) -> tuple[int, ...]:
    return (w.shape[0], *(1 for _ in w.shape[1:]))


def _starts(form: Form) -> dict[str, tuple[str, float]]:
    """State to its type and the number it is filled with."""
    made = {statement.outputs[0]: statement for statement in form.block(INIT).statements}
    starts = {}
    for output in form.block(INIT).outputs:
        if isinstance(output.value, Const):
            value = float(output.value.value)
        else:
            statement = made[output.value.name]
            constants = [float(arg.value) for arg in statement.args if isinstance(arg, Const)]
            value = constants[0] if constants else float(statement.op == "ones")
        starts[state_name(output.label)] = (output.type, value)
    return starts


class _Code:
    """An update block, resolved.

    Attributes:
        elementwise: Whether all of its live statements are.
        states: Names of the states that it needs.
    """

    def __init__(self, block: Block, bounds: Mapping[str, float], needed: frozenset[str]) -> None:
        self.block, self.bounds = block, bounds
        statements = [statement for statement in block.statements if statement.outputs[0] in needed]
        self.elementwise = all(PRIMITIVES[statement.op].elementwise for statement in statements)
        outputs = [o for o in block.outputs if o.carries is None or o.carries in needed]
        self.states = tuple(state_name(o.label) for o in outputs if o.carries is not None)
        self.slots: dict[str, int] = {"w": _W, "g": _G, "t": _T}
        self.template: _Values = [None, None, None, None]
        self._inputs = [(name, self._slot(f"s_{name}")) for name in self.states]
        self._host, self._fixed = host_values(block), set[str]()
        self._steps = self._resolve(statements, {o.value.name for o in outputs if isinstance(o.value, Ref)})
        shared = shared_inputs(statements)
        direction = next(o.value for o in outputs if o.label == DIRECTION)
        self._direction = self._index(direction)
        self._copy_direction = "w" in _inputs(direction, shared)
        self._results = [
            (state_name(o.label), self._index(o.value), o.type == SCALAR, bool(_inputs(o.value, shared)))
            for o in outputs
            if o.carries is not None
        ]

    def run(self, w: Tensor, g: Tensor, state: Mapping[str, Tensor], t: int) -> tuple[Tensor, dict[str, Tensor]]:
        values = self.template.copy()
        # Reductions and matrix operations count on (lanes, rows, cols).
        folded = not self.elementwise and w.dim() != 3
        values[_W], values[_G], values[_T], values[_STEP] = w, g, float(t), t
        for name, slot in self._inputs:
            values[slot] = state[name]
        if folded:
            rows = w.shape[1] if w.dim() > 1 else 1
            for slot in (_W, _G, *(slot for _, slot in self._inputs)):
                value = values[slot]
                values[slot] = value.reshape(len(w), rows if value.numel() == w.numel() else 1, -1)
        for step in self._steps:
            step(values)
        u = values[self._direction]
        after = {}
        for name, slot, scalar, shared in self._results:
            value = values[slot]
            if scalar and not isinstance(value, Tensor):
                value = w.new_full(_scalar_shape(w), value)
            elif shared:
                value = value.clone()
            after[name] = value.reshape(_scalar_shape(w) if scalar else w.shape) if folded else value
        if self._copy_direction:
            u = u.clone()
        return (u.reshape(w.shape) if folded else u), after

    def _slot(self, name: str) -> int:
        if name not in self.slots:
            self.slots[name] = len(self.template)
            self.template.append(None)
        return self.slots[name]

    def _index(self, arg: Arg) -> int:
        if isinstance(arg, Ref):
            return self._slot(arg.name)
        self.template.append(float(arg.value))
        return len(self.template) - 1

    def _resolve(self, statements: list[Statement], kept: set[str]) -> list[_Step]:
        last = {arg.name: index for index, s in enumerate(statements) for arg in s.args if isinstance(arg, Ref)}
        steps: list[_Step] = []
        for index, statement in enumerate(statements):
            (output,) = statement.outputs
            args = [self._index(arg) for arg in statement.args]
            names = {arg.name for arg in statement.args if isinstance(arg, Ref)}
            kernel = self._kernel(statement)
            if PRIMITIVES[statement.op].timed:
                args.insert(0, _STEP)
            elif output in self._host and names <= self._fixed:
                self.template[self._slot(output)] = kernel(*(self.template[arg] for arg in args))
                self._fixed.add(output)
                continue
            dead = [self.slots[name] for name in names - self._fixed - kept if last[name] == index]
            steps.append(_step(kernel, args, self._slot(output), dead))
        return steps

    def _kernel(self, statement: Statement) -> Callable[..., Any]:
        primitive = PRIMITIVES[statement.op]
        name = primitive.kernel if not is_plain(statement, self.bounds) else _PLAIN.get(statement.op, primitive.kernel)
        kernel: Callable[..., Any] = getattr(kernels, name)
        if statement.outputs[0] not in self._host or primitive.host or name in _ON_FLOATS:
            return kernel
        if primitive.timed:
            return lambda t, *args: kernels.number(partial(kernel, t), *args)
        return lambda *args: kernels.number(kernel, *args)


def _inputs(arg: Arg, shared: Mapping[str, set[str]]) -> set[str]:
    return shared.get(arg.name, set()) if isinstance(arg, Ref) else set()


def _step(kernel: Callable[..., Any], args: list[int], out: int, dead: list[int]) -> _Step:
    """`values[out] = kernel(*(values[a] for a in args))`, then forget the values `dead`."""
    match args:
        case [a]:

            def step(values: _Values) -> None:
                values[out] = kernel(values[a])
        case [a, b]:

            def step(values: _Values) -> None:
                values[out] = kernel(values[a], values[b])
        case [a, b, c]:

            def step(values: _Values) -> None:
                values[out] = kernel(values[a], values[b], values[c])
        case _:

            def step(values: _Values) -> None:
                values[out] = kernel(*(values[arg] for arg in args))

    if not dead:
        return step

    def forgetting_step(values: _Values) -> None:
        step(values)
        for index in dead:
            values[index] = None

    return forgetting_step
