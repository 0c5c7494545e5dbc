"""What the operations of the rule language compute, on many lanes at once, with torch.

A *lane* is one training run; all lanes of a harness call travel in one tensor. A tensor argument has shape
`(lanes, rows, cols)` (or any `(lanes, ...)` for elementwise operations), a scalar of a lane `(lanes, 1, 1)`, so that
ordinary broadcasting does the rest. No operation mixes lanes. Wherever a scalar is allowed a Python float may stand in
its place (constants, the step and what is computed from them), as long as one argument is a tensor; `number` carries
the case in which all are floats.

Nothing replaces a non-finite value by a finite one. Divisors are kept away from zero, roots and logarithms act on
absolute values, exponents are clamped: so ordinary rules stay finite, and a rule that does not is seen to fail.
The sign of a zero is never visible: no operation tells -0.0 from 0.0, which makes `x + 0 = x` and the commutativity of
`min` and `max` exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

__all__ = ["FLOOR", "NS_COEFFICIENTS", "number"]

Value: TypeAlias = Tensor | float

#: Smallest absolute value of a divisor.
FLOOR = 1e-12
#: Largest absolute value that `exp`, `sinh` and `cosh` take.
EXPONENT_LIMIT = 20.0
#: Quintic Newton-Schulz iteration of Muon (K. Jordan 2024): X <- aX + (bA + cA^2)X with A = XX'.
NS_COEFFICIENTS = (3.4445, -4.7750, 2.0315)

_EACH = (1, 2)


def number(kernel: Callable[..., Value], *args: float) -> float:
    """`kernel` on Python floats, computed in float64."""
    return float(kernel(*(torch.tensor(value, dtype=torch.float64) for value in args)))


def as_tensor(x: Value, like: Value) -> Tensor:
    """`x` as a tensor of the dtype and device of `like`, one of them being a tensor."""
    if isinstance(x, Tensor):
        return x
    assert isinstance(like, Tensor)
    return torch.tensor(x, dtype=like.dtype, device=like.device)


# Arithmetic


def add(x: Value, y: Value) -> Value:
    return x + y


def sub(x: Value, y: Value) -> Value:
    return x - y


def mul(x: Value, y: Value) -> Value:
    return x * y


def floored(y: Value) -> Value:
    """`y` with its absolute value floored at 1e-12; zero counts as positive."""
    if isinstance(y, Tensor):
        size = y.abs().clamp_min_(FLOOR)
        return torch.where(y < 0, -size, size)
    return y if not abs(y) < FLOOR else (-FLOOR if y < 0 else FLOOR)


def div(x: Value, y: Value) -> Value:
    return x / floored(y)


def plain_div(x: Value, y: Value) -> Value:
    """`div` where the divisor is known to be at least 1e-12: the same, in one pass."""
    return x / y


def limited(x: float, like: Tensor) -> float:
    """`x` as the dtype of `like` holds it: infinite where it is too large, which torch would refuse to convert."""
    largest = torch.finfo(like.dtype).max if abs(x) > 65504.0 else 65504.0
    return math.copysign(math.inf, x) if abs(x) > largest else x


def minimum(x: Value, y: Value) -> Value:
    """The smaller of `x` and `y`, elementwise."""
    if not isinstance(x, Tensor):
        return y.clamp_max(limited(x, y)) if isinstance(y, Tensor) else (x if x < y else y)
    return torch.minimum(x, y) if isinstance(y, Tensor) else x.clamp_max(limited(y, x))


def maximum(x: Value, y: Value) -> Value:
    """The larger of `x` and `y`, elementwise."""
    if not isinstance(x, Tensor):
        return y.clamp_min(limited(x, y)) if isinstance(y, Tensor) else (x if x > y else y)
    return torch.maximum(x, y) if isinstance(y, Tensor) else x.clamp_min(limited(y, x))


def signed_power(x: Value, c: Value) -> Value:
    """sign(x) * abs(x)^c."""
    if not isinstance(x, Tensor):
        return math.copysign(float(x != 0), x) * torch.pow(abs(x), as_tensor(c, c))
    return x.sign() * x.abs().pow(c)


def angle(y: Value, x: Value) -> Tensor:
    """Angle of the point (x, y), from -pi to pi; -0.0 counts as 0.0."""
    return torch.atan2(as_tensor(y, x) + 0.0, as_tensor(x, y) + 0.0)


def where_gt(a: Value, b: Value, x: Value, y: Value) -> Tensor:
    """`x` where a > b, else `y`."""
    like = next(value for value in (a, b, x, y) if isinstance(value, Tensor))
    return torch.where(as_tensor(a, like) > b, as_tensor(x, like), as_tensor(y, like))


# One argument


def neg(x: Value) -> Value:
    return -x


def absolute(x: Tensor) -> Tensor:
    return x.abs()


def sign(x: Tensor) -> Tensor:
    return x.sign()


def square(x: Value) -> Value:
    return x * x


def sqrt(x: Tensor) -> Tensor:
    return x.abs().sqrt_()


def plain_sqrt(x: Tensor) -> Tensor:
    """`sqrt` where the argument is known not to be negative: the same, in one pass."""
    return x.sqrt()


def rsqrt(x: Tensor) -> Tensor:
    return x.abs().sqrt_().clamp_min_(FLOOR).reciprocal_()


def exp(x: Tensor) -> Tensor:
    return x.clamp(-EXPONENT_LIMIT, EXPONENT_LIMIT).exp_()


def log(x: Tensor) -> Tensor:
    return x.abs().add_(FLOOR).log_()


def tanh(x: Tensor) -> Tensor:
    return x.tanh()


def sigmoid(x: Tensor) -> Tensor:
    return x.sigmoid()


def sin(x: Tensor) -> Tensor:
    return x.sin()


def cos(x: Tensor) -> Tensor:
    return x.cos()


def arcsin(x: Tensor) -> Tensor:
    return x.clamp(-1.0, 1.0).asin_()


def arctan(x: Tensor) -> Tensor:
    return x.atan()


def sinh(x: Tensor) -> Tensor:
    return x.clamp(-EXPONENT_LIMIT, EXPONENT_LIMIT).sinh_()


def cosh(x: Tensor) -> Tensor:
    return x.clamp(-EXPONENT_LIMIT, EXPONENT_LIMIT).cosh_()


# Reductions of a (lanes, rows, cols) tensor to (lanes, 1, 1)


def mean(x: Tensor) -> Tensor:
    return x.mean(_EACH, keepdim=True)


def rms(x: Tensor) -> Tensor:
    return (x * x).mean(_EACH, keepdim=True).sqrt_()


def l1(x: Tensor) -> Tensor:
    return x.abs().sum(_EACH, keepdim=True)


def _length(x: Tensor, dim: int | tuple[int, ...]) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(x, dim=dim, keepdim=True)
    return length


def norm(x: Tensor) -> Tensor:
    return _length(x, _EACH)


def dot(x: Tensor, y: Tensor) -> Tensor:
    return (x * y).sum(_EACH, keepdim=True)


def cosine(x: Tensor, y: Tensor) -> Tensor:
    return dot(x, y) / (norm(x) * norm(y)).clamp_min_(FLOOR)


def amax(x: Tensor) -> Tensor:
    return x.abs().amax(_EACH, keepdim=True)


# Reductions along the rows or columns of a (lanes, rows, cols) tensor, spread over it again (a view, not a copy)


def row_mean(x: Tensor) -> Tensor:
    return x.mean(2, keepdim=True).expand_as(x)


def row_rms(x: Tensor) -> Tensor:
    return (x * x).mean(2, keepdim=True).sqrt_().expand_as(x)


def row_norm(x: Tensor) -> Tensor:
    return _length(x, 2).expand_as(x)


def row_amax(x: Tensor) -> Tensor:
    return x.abs().amax(2, keepdim=True).expand_as(x)


def col_mean(x: Tensor) -> Tensor:
    return x.mean(1, keepdim=True).expand_as(x)


def col_rms(x: Tensor) -> Tensor:
    return (x * x).mean(1, keepdim=True).sqrt_().expand_as(x)


def col_norm(x: Tensor) -> Tensor:
    return _length(x, 1).expand_as(x)


def col_amax(x: Tensor) -> Tensor:
    return x.abs().amax(1, keepdim=True).expand_as(x)


# Time: `t` is the step, an int from 1, and comes first


def bias_correct(t: int, x: Value, beta: Value) -> Value:
    if isinstance(beta, Tensor):
        return x / floored(1.0 - beta.pow(t))
    try:
        return x / floored(1.0 - beta**t)
    except OverflowError:
        return x / -math.inf


def pow_t(t: int, a: Tensor) -> Tensor:
    return torch.pow(float(t), a)


def ramp(t: int, n: Tensor) -> Tensor:
    return (t / n.abs().clamp_min(FLOOR)).clamp_max_(1.0)


def first(t: int, x: Value, y: Value) -> Value:
    return chosen(t == 1, x, y)


def every(t: int, k: float, x: Value, y: Value) -> Value:
    return chosen(t % int(k) == 0, x, y)


def chosen(condition: bool, x: Value, y: Value) -> Value:
    """`x` or `y`, a tensor if either is."""
    chosen, other = (x, y) if condition else (y, x)
    if isinstance(other, Tensor) and not isinstance(chosen, Tensor):
        return other.new_full(other.shape, chosen)
    return chosen


# Macros


def ema(s: Value, x: Value, beta: Value) -> Value:
    if isinstance(s, Tensor) and isinstance(x, Tensor):
        # 1 - beta is taken in float64 for a constant: in float32, 1 - 0.999 is off by 1e-5 of itself.
        return torch.lerp(s, x, 1.0 - beta)
    return beta * s + (1.0 - beta) * x


def accumulate(s: Value, x: Value, mu: Value) -> Value:
    if isinstance(s, Tensor) and isinstance(x, Tensor) and not isinstance(mu, Tensor):
        return torch.add(x, s, alpha=limited(mu, x))
    return mu * s + x


def interp(x: Value, y: Value, a: Value) -> Value:
    if isinstance(x, Tensor) and isinstance(y, Tensor):
        return torch.lerp(x, y, a if isinstance(a, Tensor) else limited(a, x))
    return (1.0 - a) * x + a * y


def rms_norm(x: Tensor) -> Tensor:
    return x / rms(x).clamp_min_(FLOOR)


def clip(x: Value, lo: Value, hi: Value) -> Value:
    """min(max(x, lo), hi)."""
    return minimum(maximum(x, lo), hi)


def clip_norm(x: Tensor, c: Value) -> Tensor:
    return x * (c / norm(x).clamp_min_(FLOOR)).clamp_max_(1.0)


def cautious(u: Tensor, g: Tensor) -> Tensor:
    agree = (u * g > 0).to(u.dtype)
    return u * (agree / mean(agree).clamp_min_(1e-3))


def update_floor(u: Tensor, w: Tensor, r: Value) -> Tensor:
    return u * (r * rms(w) / rms(u).clamp_min_(FLOOR)).clamp_min_(1.0)


def project_out(u: Tensor, w: Tensor) -> Tensor:
    return u - w * (dot(u, w) / dot(w, w).clamp_min_(FLOOR))


# Matrices (lanes, rows, cols)


def matmul(a: Tensor, b: Tensor) -> Tensor:
    return torch.bmm(a, b)


def transpose(a: Tensor) -> Tensor:
    return a.transpose(1, 2)


def ns(x: Tensor, k: float) -> Tensor:
    a, b, c = NS_COEFFICIENTS
    tall = x.shape[1] > x.shape[2]
    x = x.transpose(1, 2) if tall else x
    x = x / norm(x).clamp_min_(FLOOR)
    for _ in range(int(k)):
        gram = torch.bmm(x, x.transpose(1, 2))
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.transpose(1, 2) if tall else x


# Shape: Python floats


def aspect(x: Tensor) -> float:
    return math.sqrt(x.shape[1] / x.shape[2]) if x.shape[1] > x.shape[2] else 1.0


def max_dim(x: Tensor) -> float:
    return float(x.shape[1] if x.shape[1] > x.shape[2] else x.shape[2])


def numel(x: Tensor) -> float:
    return float(x.shape[1] * x.shape[2])
