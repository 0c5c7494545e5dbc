"""The rule language as the engine sees it: check, describe, mutate, cross. Never runs a rule, never imports torch."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

from discovery.grammar.cross import cross
from discovery.grammar.edit import NoEdit, mutate
from discovery.grammar.ir import Form
from discovery.model import Program, Rejected
from discovery.tasks.optimizers.edits import SEARCH_VOCABULARY
from discovery.tasks.optimizers.keys import keys
from discovery.tasks.optimizers.layout import (
    KINDS,
    MAX_SCALAR_STATES,
    MAX_TENSOR_STATES,
    Kind,
    kinds_of,
    merged,
    split,
    update_blocks,
)
from discovery.tasks.optimizers.rule import lower, source_of
from discovery.tasks.optimizers.vocabulary import GROUPS, MAX_STATEMENTS, PRIMITIVES

__all__ = ["OptimizerLanguage"]

#: Edits or crossings that are tried for a rule of another key.
_DRAWS = 8


class OptimizerLanguage:
    """Implements `discovery.task.Language` for update rules."""

    def check(self, source: str) -> Program:
        """See `Language.check`."""
        found = keys(lower(source))
        return Program(source, found.key, found.skeleton)

    def describe(self) -> str:
        """See `Language.describe`."""
        return _description()

    def mutate(self, program: Program, rng: random.Random, edits: int = 1) -> str:
        """See `Language.mutate`. The result has another key than `program`.

        Raises:
            Rejected: no different rule was found; hardly ever.
        """
        form = lower(program.source)
        return _different((program.key,), lambda: mutate(form, SEARCH_VOCABULARY, rng, edits))

    def cross(self, first: Program, second: Program, rng: random.Random) -> str:
        """See `Language.cross`: `first` with one output or state of `second`, and what that needs.

        Raises:
            Rejected: nothing of `second` can be brought into `first` (they are alike, or it would not fit).
        """
        one, other = lower(first.source), lower(second.source)
        parts = _common_parts(one, other)
        one, other = split(one, parts), split(other, parts)
        return _different((first.key, second.key), lambda: cross(one, other, SEARCH_VOCABULARY, rng))


def _different(old: tuple[str, ...], make: Callable[[], Form]) -> str:
    """The rule that `make` gives, with none of the `old` keys: the grammar tells apart what kinds make no use of."""
    for _ in range(_DRAWS):
        try:
            form = merged(make())
        except NoEdit as error:
            raise Rejected(error.message) from error
        if keys(form).key not in old:
            return source_of(form)
    raise Rejected(f"expected a rule that differs from its parents; found none in {_DRAWS} draws")


def _common_parts(one: Form, other: Form) -> tuple[tuple[Kind, ...], ...]:
    """The coarsest partition of the kinds that is finer than both forms' own."""
    parts: dict[tuple[str, str], list[Kind]] = {}
    for kind in KINDS:
        place = tuple(
            next(block.name for block in update_blocks(form) if kind in kinds_of(block.name)) for form in (one, other)
        )
        parts.setdefault((place[0], place[1]), []).append(kind)
    return tuple(tuple(part) for part in parts.values())


_EXAMPLE = """HYPER = {"b1": 0.9, "b2": 0.999, "eps": 1e-8}


def init(shape, kind):
    return {"m": zeros(shape), "v": zeros(shape)}


def update(w, g, s, t, kind):
    m = ema(s["m"], g, b1)
    v = ema(s["v"], square(g), b2)
    u = bias_correct(m, b1) / (sqrt(bias_correct(v, b2)) + eps)
    return u, {"m": m, "v": v}
"""


def _description() -> str:
    lines = [
        "A rule is a text in a small subset of Python. It is checked and interpreted, not executed. This one is Adam:",
        "",
        "```python",
        *_EXAMPLE.rstrip().split("\n"),
        "```",
        "",
        "- `HYPER` names constants: numbers written out.",
        "- `init(shape, kind)` returns the states as a dictionary. A state starts as `zeros(shape)`, `ones(shape)`, "
        "`full(shape, c)` (a tensor shaped like the weights) or as a number (a scalar). "
        f"At most {MAX_TENSOR_STATES} tensors and {MAX_SCALAR_STATES} scalars.",
        "- `update(w, g, s, t, kind)` gets weights, gradient, states (`s[\"name\"]`) and the step t = 1, 2, ...; it "
        "returns the direction u, a tensor, and a dictionary with the new value of every state. The engine then does "
        "`w <- w - lr * u - lr * decay * w`: learning rate, schedule, weight decay and clipping of gradients are its "
        "own, and a rule sees no loss, no data and no other tensor.",
        "- Statements are assignments `name = expression` and one `return` at the end. Expressions are numbers, names, "
        "states, `+ - * /`, unary `-`, `x ** 2`, `x ** 0.5`, other powers (which keep the sign of x), and calls of the "
        f"operations below, nested as you like. At most {MAX_STATEMENTS} operations.",
        '- The only branch is on the kind of parameter: `if kind == "matrix":` or `if kind in ("vector", "scalar"):`, '
        f"with `elif` and `else`. Kinds: {', '.join(KINDS)}.",
        "- A scalar is one number per parameter tensor. The matrix view of a tensor is its first dimension by all "
        "others; a vector is one column.",
        "- A direction that is not finite ends the training run with the worst score.",
    ]  # fmt: skip
    for group, heading in GROUPS.items():
        lines += ["", f"**{heading}**", "", *_rows(group)]
    return "\n".join(lines) + "\n"


def _rows(group: str) -> Iterable[str]:
    for primitive in PRIMITIVES.values():
        if primitive.group == group:
            operation = primitive.operation
            yield f"- `{operation.name}({', '.join(primitive.parameters)})`: {operation.doc}"
