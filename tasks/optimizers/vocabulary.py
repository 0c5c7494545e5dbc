"""The operations of the rule language: one entry each, with types, exact laws, and how it reads as plain torch.

What an operation computes is in `kernels` (looked up by name when a rule is run, so that this module never imports
torch). Types of values: `tensor` is shaped like the weights, `scalar` is one number per lane; `transposed`
(cols x rows), `left` (rows x rows) and `right` (cols x cols) are what products of the matrix view give. The matrix
view of a tensor is its first dimension by all the others; a vector is one column, so every operation is defined for
every parameter.

Laws are declared only where they hold exactly in floating point, up to the sign of zero (which no operation can
see): no associativity, no distributivity, and folding only where the interpreter computes the same number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import product

from discovery.grammar.constants import DecayRateDomain, FloatDomain, IntegerDomain
from discovery.grammar.vocabulary import Identity, Laws, Operation, Position, Signature, Types

__all__ = [
    "GROUPS",
    "INITIAL",
    "MAX_STATEMENTS",
    "PRIMITIVES",
    "SCALAR",
    "SHAPE",
    "TENSOR",
    "TYPES",
    "Primitive",
]

TENSOR, SCALAR, TRANSPOSED, LEFT, RIGHT = "tensor", "scalar", "transposed", "rows-by-rows", "cols-by-cols"
RATE, ITERATIONS, PERIOD = "rate", "iterations", "period"
SHAPE, INITIAL = "shape", "initial"

#: Statements that one block may have.
MAX_STATEMENTS = 48

TYPES = Types(
    names=(TENSOR, SCALAR, TRANSPOSED, LEFT, RIGHT, RATE, ITERATIONS, PERIOD, SHAPE, INITIAL),
    accepts={RATE: (SCALAR,), TENSOR: (INITIAL,)},
    constants={
        SCALAR: FloatDomain(),
        RATE: DecayRateDomain(),
        ITERATIONS: IntegerDomain(1, 10),
        PERIOD: IntegerDomain(2, 1000),
    },
)

#: Groups of operations in the order in which `describe` shows them, with a heading.
GROUPS = {
    "arithmetic": "Arithmetic (a scalar is spread over a tensor)",
    "unary": "Functions of one value",
    "reduction": "Reductions of a tensor to a scalar",
    "lines": "Row and column reductions of the matrix view, spread over the tensor again",
    "time": "Time (`t` is the step, 1, 2, ...)",
    "macro": "Macros",
    "matrix": "Matrix view",
    "shape": "Shape",
    "initial": "Only in `init`",
}


@dataclass(frozen=True)
class Primitive:
    """An operation of the language.

    Attributes:
        operation: Its types and laws.
        parameters: Names of its arguments, for documentation and for `code`.
        group: Key of `GROUPS`.
        code: Plain torch expression over the parameters and `step`, where the arguments are tensors (reductions and
            elementwise: of any shape; the rest: the 2-D matrix view).
        plain: The same where the interpreter leaves out a protection.
        mixed: The same where an argument at `mixed_at`, but not every argument, is a Python float.
        floats: The same where all arguments are Python floats; "" where `code` has to be computed on tensors.
        plain_floats: `floats` where the interpreter leaves out a protection.
        elementwise: Whether an element of the result depends on the same element of the arguments only.
        timed: Whether its kernel takes the step as first argument.
        host: Whether it gives a Python float whatever it is given.
        kernel: Name of the function in `kernels`.
    """

    operation: Operation
    parameters: tuple[str, ...]
    group: str
    code: str = ""
    plain: str = ""
    mixed: str = ""
    mixed_at: frozenset[int] = frozenset()
    floats: str = ""
    plain_floats: str = ""
    elementwise: bool = True
    timed: bool = False
    host: bool = False
    kernel: str = ""


def _signatures(text: str) -> Iterable[Signature]:
    """Overloads from a compact text such as `"T,S->T"`; `X` stands for scalar or tensor (a tensor if any is)."""
    short = {"T": TENSOR, "S": SCALAR, "B": RATE, "I": ITERATIONS, "P": PERIOD, "C": TRANSPOSED, "L": LEFT, "R": RIGHT}
    for overload in text.split():
        left, right = overload.split("->")
        inputs = left.split(",")
        for choice in product(*("ST" if letter == "X" else letter for letter in inputs)):
            output = ("T" if "T" in choice else "S") if right == "X" else right
            yield Signature(tuple(short[letter] for letter in choice), (short[output],))


def _in_update(block: str) -> bool:
    return block != "init"


def _in_init(block: str) -> bool:
    return block == "init"


PRIMITIVES: dict[str, Primitive] = {}


def _define(
    name: str,
    parameters: str,
    types: str,
    group: str,
    doc: str,
    code: str,
    *,
    plain: str = "",
    mixed: str = "",
    mixed_at: tuple[int, ...] = (0, 1, 2, 3),
    floats: str = "",
    plain_floats: str = "",
    kernel: str = "",
    weight: float = 1.0,
    timed: bool = False,
    commutative: tuple[int, ...] = (),
    idempotent: bool = False,
    involutive: bool = False,
    fold: Callable[..., float | None] | None = None,
    identities: tuple[Identity, ...] = (),
) -> None:
    laws = Laws(
        pure=True,
        commutative=(commutative,) if commutative else (),
        idempotent=idempotent,
        involutive=involutive,
        fold=fold,
        identities=identities,
    )
    operation = Operation(name, tuple(_signatures(types)), laws, doc, weight, _in_update)
    PRIMITIVES[name] = Primitive(
        operation,
        tuple(parameters.split()),
        group,
        code,
        plain or code,
        mixed or code,
        frozenset(mixed_at),
        floats,
        plain_floats or floats,
        elementwise=group in ("arithmetic", "unary", "time") or name in ("ema", "accumulate", "interp", "clip"),
        timed=timed,
        host=group == "shape",
        kernel=kernel or name,
    )


_FIRST, _SECOND = Position(0), Position(1)
_SQUARES = "C,C->C C,S->C S,C->C L,L->L L,S->L S,L->L R,R->R R,S->R S,R->R"


# fmt: off
# One row per operation: name, parameters, types, group, meaning, code.


def _arithmetic() -> None:
    _define("add", "x y", f"X,X->X {_SQUARES}", "arithmetic", "x + y", "x + y", floats="x + y", commutative=(0, 1),
        fold=lambda x, y: x + y, identities=(Identity(1, 0.0, _FIRST), Identity(0, 0.0, _SECOND)))
    _define("sub", "x y", f"X,X->X {_SQUARES}", "arithmetic", "x - y", "x - y", floats="x - y",
        fold=lambda x, y: x - y, identities=(Identity(1, 0.0, _FIRST),))
    _define("mul", "x y", f"X,X->X {_SQUARES}", "arithmetic", "x * y", "x * y", floats="x * y", commutative=(0, 1),
        fold=lambda x, y: x * y, identities=(Identity(1, 1.0, _FIRST), Identity(0, 1.0, _SECOND)))
    _define("div", "x y", f"X,X->X {_SQUARES}", "arithmetic", "x / y, the size of y floored at 1e-12",
        "x / floored(y)", plain="x / y", floats="x / floored(y)", plain_floats="x / y",
        identities=(Identity(1, 1.0, _FIRST),))
    for name, doc, call in (("min", "smaller", "minimum"), ("max", "larger", "maximum")):
        _define(name, "x y", "X,X->X", "arithmetic", f"the {doc} of x and y", f"torch.{call}(x, y)",
            mixed=f"{call}(x, y)", kernel=call, commutative=(0, 1), identities=(Identity(0, _SECOND, _FIRST),))
    _define("pow", "x c", "X,X->X", "arithmetic", "sign(x) * abs(x)^c: keeps the sign (square(x) is x * x)",
        "x.sign() * x.abs() ** c", mixed="signed_power(x, c)", mixed_at=(0,), kernel="signed_power", weight=0.5,
        identities=(Identity(1, 1.0, _FIRST),))
    _define("atan2", "y x", "X,X->X", "arithmetic", "angle of (x, y): -pi to pi, bounded, blind to a common scale",
        "angle(y, x)", kernel="angle", weight=0.5)
    _define("where_gt", "a b x y", "X,X,X,X->X", "arithmetic", "x where a > b, else y", "torch.where(a > b, x, y)",
        mixed="where_gt(a, b, x, y)", weight=0.5)


def _unary() -> None:
    def unary(name: str, doc: str, code: str, **more: object) -> None:
        _define(name, "x", "X->X", "unary", doc, code, **more)  # type: ignore[arg-type]

    _define("neg", "x", "X->X C->C L->L R->R", "unary", "-x", "-x", floats="-x", involutive=True, fold=lambda x: -x)
    unary("abs", "absolute value", "x.abs()", kernel="absolute", idempotent=True, fold=abs)
    unary("sign", "-1, 0 or 1", "x.sign()", idempotent=True)
    unary("square", "x * x", "x.square()", floats="x * x", fold=lambda x: x * x)
    unary("sqrt", "square root of abs(x)", "x.abs().sqrt()", plain="x.sqrt()", floats="math.sqrt(abs(x))",
        plain_floats="math.sqrt(x)", fold=lambda x: math.sqrt(abs(x)))
    unary("rsqrt", "1 / sqrt(x), the divisor floored at 1e-12", "1 / x.abs().sqrt().clamp_min(1e-12)")
    unary("exp", "e^x, x clamped to [-20, 20]", "x.clamp(-20.0, 20.0).exp()", weight=0.5)
    unary("log", "log(abs(x) + 1e-12)", "(x.abs() + 1e-12).log()", weight=0.5)
    unary("tanh", "hyperbolic tangent", "x.tanh()")
    unary("sigmoid", "1 / (1 + e^-x)", "x.sigmoid()")
    unary("sin", "sine", "x.sin()", weight=0.0)
    unary("cos", "cosine of an angle", "x.cos()", weight=0.0)
    unary("arcsin", "arc sine, x clamped to [-1, 1]", "x.clamp(-1.0, 1.0).asin()", weight=0.0)
    unary("arctan", "arc tangent", "x.atan()", weight=0.0)
    unary("sinh", "hyperbolic sine, x clamped to [-20, 20]", "x.clamp(-20.0, 20.0).sinh()", weight=0.0)
    unary("cosh", "hyperbolic cosine, x clamped to [-20, 20]", "x.clamp(-20.0, 20.0).cosh()", weight=0.0)


def _reductions() -> None:
    for name, doc, code in (
        ("mean", "mean of the elements", "x.mean()"),
        ("rms", "square root of the mean square", "(x * x).mean().sqrt()"),
        ("l1", "sum of absolute values", "x.abs().sum()"),
        ("norm", "Euclidean norm", "x.norm()"),
        ("amax", "largest absolute value", "x.abs().amax()"),
    ):
        _define(name, "x", "T->S", "reduction", doc, code)
    _define("dot", "x y", "T,T->S", "reduction", "inner product", "(x * y).sum()", commutative=(0, 1))
    _define("cosine", "x y", "T,T->S", "reduction", "dot(x, y) / (norm(x) norm(y))",
        "(x * y).sum() / (x.norm() * y.norm()).clamp_min(1e-12)", commutative=(0, 1))
    for line, dim in (("row", 1), ("col", 0)):
        for name, doc, code in (
            ("mean", "mean", "x.mean({0}, keepdim=True).expand_as(x)"),
            ("rms", "root mean square", "(x * x).mean({0}, keepdim=True).sqrt().expand_as(x)"),
            ("norm", "Euclidean norm", "x.norm(dim={0}, keepdim=True).expand_as(x)"),
            ("amax", "largest absolute value", "x.abs().amax({0}, keepdim=True).expand_as(x)"),
        ):
            _define(f"{line}_{name}", "x", "T->T", "lines", f"each element replaced by the {doc} of its {line}",
                code.format(dim), weight=0.25)


def _time() -> None:
    _define("bias_correct", "x beta", "X,B->X", "time", "x / (1 - beta^t): undoes the start of an `ema` from zero",
        "x / floored(1 - beta ** step)", plain="x / (1 - beta ** step)", floats="x / floored(1 - beta ** step)",
        plain_floats="x / (1 - beta ** step)", timed=True)
    _define("pow_t", "a", "S->S", "time", "t^a", "torch.pow(float(step), a)", timed=True, weight=0.5)
    _define("ramp", "n", "S->S", "time", "min(t / n, 1), the size of n floored at 1e-12",
        "(step / n.abs().clamp_min(1e-12)).clamp_max(1.0)", timed=True, weight=0.5)
    _define("first", "x y", "S,S->S T,T->T", "time", "x at t = 1, else y", "x if step == 1 else y",
        mixed="chosen(step == 1, x, y)", floats="x if step == 1 else y", timed=True, weight=0.5)
    _define("every", "k x y", "P,S,S->S P,T,T->T", "time", "x at each k-th step (k a whole number from 2), else y",
        "x if step % k == 0 else y", mixed="chosen(step % k == 0, x, y)", mixed_at=(1, 2),
        floats="x if step % k == 0 else y", timed=True, weight=0.5)


def _macros() -> None:
    _define("ema", "s x beta", "T,T,B->T S,S,B->S", "macro", "beta s + (1 - beta) x, beta from 0 to below 1",
        "s.lerp(x, 1 - beta)", mixed="beta * s + (1 - beta) * x", mixed_at=(0, 1), floats="beta * s + (1 - beta) * x",
        weight=2.0)
    _define("accumulate", "s x mu", "T,T,B->T S,S,B->S", "macro", "mu s + x, mu from 0 to below 1", "mu * s + x",
        floats="mu * s + x")
    _define("interp", "x y a", "T,T,S->T S,S,S->S", "macro", "(1 - a) x + a y, a any number", "x.lerp(y, a)",
        mixed="(1 - a) * x + a * y", mixed_at=(0, 1), floats="(1 - a) * x + a * y", weight=2.0)
    _define("rms_norm", "x", "T->T", "macro", "x / rms(x)", "x / (x * x).mean().sqrt().clamp_min(1e-12)")
    _define("clip", "x lo hi", "X,S,S->X T,T,T->T", "macro", "min(max(x, lo), hi)",
        "torch.minimum(torch.maximum(x, lo), hi)", mixed="clip(x, lo, hi)")
    _define("clip_norm", "x c", "T,S->T", "macro", "x scaled down to Euclidean norm c where it is longer",
        "x * (c / x.norm().clamp_min(1e-12)).clamp_max(1.0)")
    _define("cautious", "u g", "T,T->T", "macro",
        "u where u g > 0, else 0, divided by the fraction kept (at least 1e-3)", "cautious(u, g)")
    _define("update_floor", "u w r", "T,T,S->T", "macro", "u scaled up to rms r rms(w) where it is smaller",
        "update_floor(u, w, r)", weight=0.5)
    _define("project_out", "u w", "T,T->T", "macro", "u without its component along w",
        "u - w * ((u * w).sum() / (w * w).sum().clamp_min(1e-12))", weight=0.5)


def _matrix() -> None:
    _define("transpose", "a", "T->C C->T L->L R->R", "matrix", "transpose", "a.T", involutive=True, weight=0.1)
    _define("matmul", "a b", "T,C->L C,T->R L,T->T T,R->T L,L->L R,R->R R,C->C C,L->C", "matrix", "matrix product",
        "a @ b", weight=0.1)
    _define("ns", "x k", "T,I->T", "matrix",
        "x with its singular values pushed towards 1 by k Newton-Schulz steps (k = 5 in Muon); a scale of x is lost",
        "newton_schulz(x, k)", weight=0.5)


def _shape() -> None:
    for name, doc, code in (
        ("aspect", "sqrt(max(1, rows / cols))", "max(1.0, x.shape[0] / x.shape[1]) ** 0.5"),
        ("max_dim", "the larger of rows and cols", "float(max(x.shape))"),
        ("numel", "rows * cols", "float(x.numel())"),
    ):
        _define(name, "x", "T->S", "shape", doc, code, weight=0.25)


# fmt: on


def _initial() -> None:
    for name, parameters, inputs, doc in (
        ("zeros", "shape", (SHAPE,), "a tensor of zeros"),
        ("ones", "shape", (SHAPE,), "a tensor of ones"),
        ("full", "shape c", (SHAPE, SCALAR), "a tensor of c"),
    ):
        operation = Operation(name, (Signature(inputs, (INITIAL,)),), Laws(pure=True), doc, 1.0, _in_init)
        PRIMITIVES[name] = Primitive(operation, tuple(parameters.split()), "initial")


for _group in (_arithmetic, _unary, _reductions, _time, _macros, _matrix, _shape, _initial):
    _group()
