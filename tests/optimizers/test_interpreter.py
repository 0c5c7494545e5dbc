"""The interpreter: operations as their formulas say, lanes apart, inputs left alone, shortcuts that change nothing."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from discovery.grammar import simplify
from discovery.tasks.optimizers import interpreter, zoo
from discovery.tasks.optimizers.interpreter import Rule
from discovery.tasks.optimizers.language import OptimizerLanguage
from discovery.tasks.optimizers.layout import KINDS, VOCABULARY
from discovery.tasks.optimizers.rule import lower
from discovery.tasks.optimizers.vocabulary import PRIMITIVES

ZOO = zoo.sources()
LANGUAGE = OptimizerLanguage()
SHAPES = [(), (5,), (4, 6), (6, 4), (3, 2, 2, 2)]


def rule(expression: str, t_scalar: str = "mean(abs(w))") -> Rule:
    """The rule whose direction is `expression`; `q` is a scalar per lane, `m` a state that starts at 2."""
    return Rule(
        lower(
            'def init(shape, kind): return {"m": full(shape, 2)}\n'
            f'def update(w, g, s, t, kind):\n    q = {t_scalar}\n    m = s["m"]\n'
            f'    return {expression} + 0 * g, {{"m": m}}\n'
        )
    )


def tensor(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def apply(one: Rule, w: Tensor, g: Tensor, t: int = 3, kind: str = "matrix") -> Tensor:
    return one.update(kind, w, g, one.init(kind, w), t)[0]


def newton_schulz(x: Tensor, steps: int) -> Tensor:
    x = x / x.norm()
    for _ in range(steps):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x


#: Expression of the language, and what it means for one lane: w, g, q = mean abs w, t = 3, the state being 2.
MEANING: dict[str, Callable[[Tensor, Tensor, float], Tensor | float]] = {
    "g + w": lambda w, g, q: g + w,
    "g - q": lambda w, g, q: g - q,
    "t * g": lambda w, g, q: 3 * g,
    "g / w": lambda w, g, q: g / w,
    "g / 0": lambda w, g, q: g / 1e-12,
    "g / (w - w)": lambda w, g, q: g / 1e-12,
    "g / (0 - w * 1e-20)": lambda w, g, q: -g * w.sign() / 1e-12,
    "-g": lambda w, g, q: -g,
    "min(g, w)": lambda w, g, q: torch.minimum(g, w),
    "min(0.1, g)": lambda w, g, q: g.clamp(max=0.1),
    "max(g, q)": lambda w, g, q: g.clamp(min=q),
    "max(g, 0.1)": lambda w, g, q: g.clamp(min=0.1),
    "pow(g, 1.5)": lambda w, g, q: g.sign() * g.abs() ** 1.5,
    "pow(g, q)": lambda w, g, q: g.sign() * g.abs() ** q,
    "pow(-2, q) * g": lambda w, g, q: -(2**q) * g,
    "g ** 2": lambda w, g, q: g * g,
    "g ** 0.5": lambda w, g, q: g.abs().sqrt(),
    "g ** 3": lambda w, g, q: g**3,
    "atan2(g, w)": lambda w, g, q: torch.atan2(g, w),
    "where_gt(g, w, g, q)": lambda w, g, q: torch.where(g > w, g, torch.full_like(g, q)),
    "where_gt(t, 2, w, g)": lambda w, g, q: w,
    "where_gt(g, 0.2, 1, 0.1)": lambda w, g, q: (g > 0.2).double() * 0.9 + 0.1,
    "abs(g)": lambda w, g, q: g.abs(),
    "sign(g)": lambda w, g, q: g.sign(),
    "square(g)": lambda w, g, q: g * g,
    "sqrt(g)": lambda w, g, q: g.abs().sqrt(),
    "rsqrt(g)": lambda w, g, q: g.abs() ** -0.5,
    "rsqrt(w - w)": lambda w, g, q: torch.full_like(w, 1e12),
    "exp(g)": lambda w, g, q: g.exp(),
    "exp(1e6 * g)": lambda w, g, q: (20 * g.sign()).exp(),
    "log(g)": lambda w, g, q: (g.abs() + 1e-12).log(),
    "tanh(g)": lambda w, g, q: g.tanh(),
    "sigmoid(g)": lambda w, g, q: 1 / (1 + (-g).exp()),
    "sin(g) + cos(g)": lambda w, g, q: g.sin() + g.cos(),
    "arcsin(g)": lambda w, g, q: g.clamp(-1, 1).asin(),
    "arctan(g)": lambda w, g, q: g.atan(),
    "sinh(g) - cosh(g)": lambda w, g, q: -(-g).exp(),
    "mean(g) * w": lambda w, g, q: g.mean() * w,
    "rms(g) * w": lambda w, g, q: g.square().mean().sqrt() * w,
    "l1(g) * w": lambda w, g, q: g.abs().sum() * w,
    "norm(g) * w": lambda w, g, q: g.square().sum().sqrt() * w,
    "amax(g) * w": lambda w, g, q: g.abs().max() * w,
    "dot(g, w) * w": lambda w, g, q: (g * w).sum() * w,
    "cosine(g, w) * w": lambda w, g, q: (g * w).sum() / (g.norm() * w.norm()) * w,
    "row_mean(g)": lambda w, g, q: g.mean(1, keepdim=True).expand_as(g),
    "row_rms(g)": lambda w, g, q: g.square().mean(1, keepdim=True).sqrt().expand_as(g),
    "row_norm(g)": lambda w, g, q: g.norm(dim=1, keepdim=True).expand_as(g),
    "row_amax(g)": lambda w, g, q: g.abs().amax(1, keepdim=True).expand_as(g),
    "col_mean(g)": lambda w, g, q: g.mean(0, keepdim=True).expand_as(g),
    "col_rms(g)": lambda w, g, q: g.square().mean(0, keepdim=True).sqrt().expand_as(g),
    "col_norm(g)": lambda w, g, q: g.norm(dim=0, keepdim=True).expand_as(g),
    "col_amax(g)": lambda w, g, q: g.abs().amax(0, keepdim=True).expand_as(g),
    "bias_correct(g, 0.9)": lambda w, g, q: g / (1 - 0.9**3),
    "bias_correct(g, q)": lambda w, g, q: g / (1 - q**3),
    "pow_t(-0.5) * g": lambda w, g, q: 3**-0.5 * g,
    "pow_t(q) * g": lambda w, g, q: 3**q * g,
    "ramp(12) * g": lambda w, g, q: g / 4,
    "ramp(2) * g": lambda w, g, q: g,
    "ramp(q) * g": lambda w, g, q: g,
    "first(w, g)": lambda w, g, q: g,
    "every(3, w, g)": lambda w, g, q: w,
    "every(2, w, g)": lambda w, g, q: g,
    "ema(m, g, 0.9)": lambda w, g, q: 0.9 * 2 + 0.1 * g,
    "ema(m, g, 0.2)": lambda w, g, q: 0.2 * 2 + 0.8 * g,
    "accumulate(m, g, 0.9)": lambda w, g, q: 0.9 * 2 + g,
    "accumulate(m, g, q)": lambda w, g, q: q * 2 + g,
    "interp(w, g, 1.1)": lambda w, g, q: -0.1 * w + 1.1 * g,
    "interp(w, g, q)": lambda w, g, q: (1 - q) * w + q * g,
    "rms_norm(g)": lambda w, g, q: g / g.square().mean().sqrt(),
    "clip(g, -0.1, 0.2)": lambda w, g, q: g.clamp(-0.1, 0.2),
    "clip(g, -q, 0.2)": lambda w, g, q: g.clamp(-q, 0.2),
    "clip(g, -abs(w), abs(w))": lambda w, g, q: torch.minimum(torch.maximum(g, -w.abs()), w.abs()),
    "clip_norm(g, 0.5)": lambda w, g, q: g / g.norm() * 0.5,
    "clip_norm(g, 1e3)": lambda w, g, q: g,
    "cautious(g, w)": lambda w, g, q: g * (g * w > 0) / max(float((g * w > 0).double().mean()), 1e-3),
    "cautious(g, -g)": lambda w, g, q: 0 * g,
    "update_floor(g, w, 9)": lambda w, g, q: g * 9 * w.norm() / g.norm(),
    "update_floor(g, w, 1e-3)": lambda w, g, q: g,
    "project_out(g, w)": lambda w, g, q: g - w * (g * w).sum() / (w * w).sum(),
    "matmul(matmul(g, transpose(w)), w)": lambda w, g, q: g @ w.T @ w,
    "matmul(g, matmul(transpose(w), g) * 2 - q)": lambda w, g, q: g @ (w.T @ g * 2 - q),
    "ns(g, 5)": lambda w, g, q: newton_schulz(g, 5),
    "aspect(g) * g": lambda w, g, q: math.sqrt(max(1, g.shape[0] / g.shape[1])) * g,
    "max_dim(g) * g": lambda w, g, q: max(g.shape) * g,
    "numel(g) * g": lambda w, g, q: g.numel() * g,
}


@pytest.mark.parametrize("expression", MEANING)
def test_operation_is_its_formula(expression: str) -> None:
    one = rule(expression)
    for shape in [(4, 6), (6, 4)]:
        w, g = tensor(3, *shape, seed=1) / 2, tensor(3, *shape, seed=2)
        got = apply(one, w, g)
        for lane in range(3):
            want = MEANING[expression](w[lane], g[lane], float(w[lane].abs().mean()))
            torch.testing.assert_close(got[lane], torch.as_tensor(want), rtol=1e-10, atol=1e-12)


def test_every_operation_has_its_formula_tested() -> None:
    used = {s.op for text in MEANING for s in lower_direction(text)}
    assert used >= {name for name, primitive in PRIMITIVES.items() if primitive.group != "initial"}


def lower_direction(expression: str):  # type: ignore[no-untyped-def]
    source = (
        'def init(shape, kind): return {"m": full(shape, 2)}\ndef update(w, g, s, t, kind):\n'
        f'    q = mean(w)\n    m = s["m"]\n    return {expression} + 0 * g, {{"m": m}}\n'
    )
    return lower(source).block("update").statements


#: Functions that torch computes in vectors but for the ends of a tensor, with another last bit there.
PLATFORM = ("pow", "atan2", "sigmoid", "sinh", "cosh", "**")


@st.composite
def mutants(draw: st.DrawFn) -> str:
    rng = random.Random(draw(st.integers(0, 10**9)))
    program = LANGUAGE.check(ZOO[draw(st.sampled_from(sorted(ZOO)))])
    return LANGUAGE.mutate(program, rng, draw(st.integers(1, 10)))


def trained(one: Rule, kind: str, w: Tensor, steps: int = 6) -> Tensor:
    state = one.init(kind, w)
    for t in range(1, steps + 1):
        # The gradient of a lane depends on that lane only.
        g = torch.sin(37.0 * w + t) * 10.0 ** (t % 3 - 1)
        u, state = one.update(kind, w, g, state, t)
        w = w - 0.01 * u
    return w


def same(one: Tensor, other: Tensor) -> bool:
    return torch.equal(one.nan_to_num(12345.0), other.nan_to_num(12345.0))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("expression", MEANING)
def test_lanes_together_are_lanes_alone(expression: str, dtype: torch.dtype) -> None:
    one = rule(expression, t_scalar="0.3 + 1 / t")
    for shape in SHAPES:
        w, g = tensor(5, *shape, seed=1, dtype=dtype), tensor(5, *shape, seed=2, dtype=dtype)
        together = apply(one, w, g)
        assert together.dtype == dtype and together.shape == w.shape
        alone = torch.cat([apply(one, w[lane : lane + 1], g[lane : lane + 1]) for lane in range(5)])
        if not any(name in expression for name in PLATFORM) and one.elementwise:
            assert same(together, alone)
        else:
            scale = float(alone.abs().max())
            torch.testing.assert_close(together, alone, rtol=1e-6, atol=1e-6 * scale + 1e-30)


@given(mutants(), st.sampled_from(KINDS), st.integers(0, 4))
@settings(max_examples=40, deadline=None)
def test_a_lane_never_touches_another(source: str, kind: str, bad: int) -> None:
    one, shape = Rule(lower(source)), {"vector": (7,), "scalar": ()}.get(kind, (4, 3))
    w = tensor(5, *shape)
    broken = w.clone()
    broken[bad] = math.nan
    healthy = [lane for lane in range(5) if lane != bad]
    assert same(trained(one, kind, w)[healthy], trained(one, kind, broken)[healthy])


@given(mutants())
@settings(max_examples=40, deadline=None)
def test_elementwise_rules_take_a_model_as_one_tensor(source: str) -> None:
    one = Rule(lower(source))
    if not one.elementwise or any(name in source for name in PLATFORM):
        return
    matrix, vector = tensor(3, 4, 5, dtype=torch.float32), tensor(3, 7, seed=1, dtype=torch.float32)
    flat = torch.cat([matrix.flatten(1), vector], 1)
    parts = [trained(one, "matrix", matrix).flatten(1), trained(one, "vector", vector)]
    assert same(trained(one, "matrix", flat), torch.cat(parts, 1))


def test_kinds_that_do_alike_run_alike() -> None:
    body = 'if kind == "vector":\n        return w * g, {"m": g}\n    return g * w * 1, {"m": w}'
    source = f'def init(shape, kind): return {{"m": zeros(shape)}}\ndef update(w, g, s, t, kind):\n    {body}\n'
    assert Rule(lower(source)).elementwise
    assert not Rule(lower(source.replace("w * g", "w + g"))).elementwise


def test_what_counts_as_elementwise() -> None:
    assert {name for name in ZOO if not Rule(lower(ZOO[name])).elementwise} == {"muon", "cautious_adamw"}
    assert not rule("aspect(g) * g").elementwise
    assert rule("clip(g, -0.1, t)", t_scalar="mean(w)").elementwise  # the mean is dead


@given(mutants())
@settings(max_examples=40, deadline=None)
def test_protections_left_out_change_nothing(source: str) -> None:
    form = lower(source)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(interpreter, "is_plain", lambda statement, bounds: False)
        protected = Rule(form)
    for kind, shape in [("matrix", (4, 3)), ("vector", (5,))]:
        w = tensor(4, *shape, dtype=torch.float32)
        w[1] = 0.0
        assert same(trained(Rule(form), kind, w), trained(protected, kind, w))


def test_protections_are_left_out_where_they_cannot_act() -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("div", "sqrt"):
            patch.delattr(interpreter.kernels, name)
        trained(Rule(lower(ZOO["adamw"])), "matrix", tensor(2, 3))
        with pytest.raises(AttributeError):
            Rule(lower(ZOO["adamw"].replace("+ eps", "- eps")))


@given(mutants())
@settings(max_examples=40, deadline=None)
def test_simplified_rules_do_the_same(source: str) -> None:
    form = lower(source)
    w = tensor(4, 4, 3, dtype=torch.float32)
    assert same(trained(Rule(form), "matrix", w), trained(Rule(simplify(form, VOCABULARY)), "matrix", w))


def test_inputs_are_left_alone_and_states_keep_no_part_of_them() -> None:
    sources = [*ZOO.values()]
    for expression in ("g", "w", "first(g, w)", "every(2, w, g)", "transpose(transpose(g))"):
        returned = expression if expression != "w" else "w + 0 * g"
        sources.append(
            'def init(shape, kind): return {"m": zeros(shape)}\ndef update(w, g, s, t, kind):\n'
            f'    return {returned} + 0 * (g + s["m"]), {{"m": {expression}}}\n'
        )
    sources.append("def init(shape, kind): return {}\ndef update(w, g, s, t, kind): return first(w, g), {}\n")
    for source in sources:
        for shape in [(4, 6), (5,), (2, 3, 2, 2)]:
            one = Rule(lower(source))
            w, g = tensor(2, *shape, seed=1), tensor(2, *shape, seed=2)
            before = w.clone(), g.clone()
            state = one.init("matrix", w)
            kept = {name: value.clone() for name, value in state.items()}
            u, after = one.update("matrix", w, g, state, 1)
            assert torch.equal(w, before[0]) and torch.equal(g, before[1])
            assert all(torch.equal(state[name], kept[name]) for name in state)
            copies, direction = {name: value.clone() for name, value in after.items()}, u.clone()
            w.fill_(9.0)
            assert torch.equal(u, direction)
            g.fill_(9.0)
            assert all(torch.equal(after[name], copies[name]) for name in after)


def test_state_is_only_what_the_kind_needs() -> None:
    muon = Rule(lower(ZOO["muon"]))
    assert set(muon.init("matrix", tensor(2, 3, 3))) == {"m"}
    assert set(muon.init("vector", tensor(2, 3))) == {"m", "v"}
    idle = ZOO["lion"].replace('"m": zeros(shape)', '"m": zeros(shape), "idle": ones(shape)')
    idle = idle.replace("b2)}", 'b2), "idle": s["idle"] * g}')
    assert set(Rule(lower(idle)).init("matrix", tensor(2, 3))) == {"m"}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_starts_and_scalar_states(dtype: torch.dtype) -> None:
    source = (
        'HYPER = {"c": 0.25}\n'
        'def init(shape, kind): return {"a": ones(shape), "b": full(shape, c), "d": 2, "e": 0.5}\n'
        "def update(w, g, s, t, kind):\n"
        '    return g * s["a"] * s["b"] * s["d"] * s["e"], '
        '{"a": s["a"], "b": s["b"], "d": s["d"] + t, "e": mean(abs(g)) + s["e"]}\n'
    )
    one = Rule(lower(source))
    for shape in SHAPES:
        w, g = tensor(3, *shape, dtype=dtype), tensor(3, *shape, seed=5, dtype=dtype)
        state = one.init("matrix", w)
        assert {name: float(value.flatten()[0]) for name, value in state.items()} == {
            "a": 1.0,
            "b": 0.25,
            "d": 2.0,
            "e": 0.5,
        }
        for t in (1, 2):
            u, state = one.update("matrix", w, g, state, t)
            assert {value.dtype for value in (u, *state.values())} == {dtype}
        lane = tuple([3, *(1 for _ in shape)])
        assert [tuple(state[name].shape) for name in "abde"] == [w.shape, w.shape, lane, lane]
        assert state["d"].flatten().tolist() == [5.0, 5.0, 5.0]
        mean = g.abs().reshape(3, -1).mean(1)
        torch.testing.assert_close(state["e"].flatten(), 0.5 + 2 * mean)
        torch.testing.assert_close(u, g * 0.25 * 3.0 * (0.5 + mean).reshape(lane))


def test_nothing_hides_what_is_not_finite() -> None:
    w, g = tensor(2, 3), torch.tensor([[math.nan, 1.0, math.inf], [1.0, 2.0, 3.0]], dtype=torch.float64)
    for expression in ("g", "g / w", "min(g, 0)", "max(g, w)", "sqrt(g)", "log(g)", "ema(m, g, 0.9)", "rms_norm(g)"):
        got = apply(rule(expression), w, g)
        assert got[0, 0].isnan() and got[1].isfinite().all()


def test_the_sign_of_zero_is_never_seen() -> None:
    w, plus = tensor(1, 4), torch.zeros(1, 4, dtype=torch.float64)
    for expression in MEANING:
        one = rule(expression)
        got, other = apply(one, w, plus), apply(one, w, -plus)
        assert torch.equal(got.nan_to_num(7.0), other.nan_to_num(7.0)), expression
        got, other = apply(one, plus, w), apply(one, -plus, w)
        assert torch.equal(got.nan_to_num(7.0), other.nan_to_num(7.0)), expression


def test_constants_and_the_step_are_floats_and_overflow_is_no_crash() -> None:
    one = rule("bias_correct(g, 0.9) * exp(99 * t) * pow(2, t) / pow(t, -400) + g * pow_t(400)")
    assert apply(one, tensor(1, 3), tensor(1, 3), t=50).isinf().all()
    assert apply(rule("bias_correct(g, q)", t_scalar="2 + t"), tensor(1, 3), tensor(1, 3), t=1000).eq(0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_numbers_beyond_float32_are_infinite_where_they_meet_one(dtype: torch.dtype) -> None:
    w = g = tensor(2, 3, dtype=dtype)
    for expression in ("clip(g, -1e300, 1e300)", "min(1e300, g)", "min(g, exp(20) * 1e300)", "max(g, -1e300)"):
        assert torch.equal(apply(rule(expression), w, g), g), expression
    blown = [apply(rule(f"g + {e}"), w, g) for e in ("interp(g, w * 2, 1e300)", "accumulate(g, w, t * 1e300)")]
    for u in blown:
        assert dtype == torch.float64 or not u.isfinite().any()
