"""Every rule of the zoo against torch's own, or against its published equations written out here (float64)."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from discovery.tasks.optimizers import zoo
from discovery.tasks.optimizers.interpreter import Rule
from discovery.tasks.optimizers.rule import lower

STEPS, LANES, LR, DECAY = 80, 3, 0.01, 0.1
SHAPES = [(), (5,), (4, 6), (6, 4), (3, 2, 2)]
#: Gradient and step (from 1) to the direction; keeps its own state.
Reference = Callable[[Tensor, int], Tensor]


def gradients(shape: tuple[int, ...]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(7)
    scale = torch.logspace(-3, 2, STEPS, dtype=torch.float64)
    drawn = [torch.randn(LANES, *shape, generator=generator, dtype=torch.float64) for _ in range(STEPS)]
    drawn[3] = torch.zeros_like(drawn[3])
    return [g * s for g, s in zip(drawn, scale, strict=True)]


def follow(name: str, shape: tuple[int, ...], kind: str = "matrix") -> tuple[Tensor, Tensor]:
    """First and last weights of the rule under the engine's step w <- w - lr u - lr decay w."""
    rule = Rule(lower(zoo.sources()[name]))
    start = w = torch.randn(LANES, *shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    state = rule.init(kind, w)
    for t, g in enumerate(gradients(shape), 1):
        u, state = rule.update(kind, w, g, state, t)
        w = w - LR * u - LR * DECAY * w
    return start, w


def decoupled(optimizer: Callable[[list[torch.nn.Parameter]], torch.optim.Optimizer], start: Tensor) -> Tensor:
    """Last weights under torch's optimizer, each lane its own parameter, with the engine's decay outside."""
    lanes = [torch.nn.Parameter(lane.clone()) for lane in start]
    stepper = optimizer(lanes)
    for g in gradients(tuple(start.shape[1:])):
        before = [lane.detach().clone() for lane in lanes]
        for lane, part in zip(lanes, g, strict=True):
            lane.grad = part.clone()
        stepper.step()
        with torch.no_grad():
            for lane, old in zip(lanes, before, strict=True):
                lane -= LR * DECAY * old
    return torch.stack([lane.detach() for lane in lanes])


def written(reference: Callable[[Tensor], Reference], start: Tensor) -> Tensor:
    lanes = []
    for index, lane in enumerate(start):
        direction, w = reference(lane), lane
        for t, g in enumerate(gradients(tuple(start.shape[1:])), 1):
            w = w - LR * direction(g[index], t) - LR * DECAY * w
        lanes.append(w)
    return torch.stack(lanes)


TORCH = {
    "sgd": lambda p: torch.optim.SGD(p, lr=LR),
    "sgd_momentum": lambda p: torch.optim.SGD(p, lr=LR, momentum=0.9),
    "nesterov": lambda p: torch.optim.SGD(p, lr=LR, momentum=0.9, nesterov=True),
    "adamw": lambda p: torch.optim.AdamW(p, lr=LR, weight_decay=0),
    "amsgrad": lambda p: torch.optim.AdamW(p, lr=LR, weight_decay=0, amsgrad=True),
    "adamax": lambda p: torch.optim.Adamax(p, lr=LR),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=LR),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=LR),
}


def lion(w: Tensor) -> Reference:
    """Algorithm 2 of arXiv 2302.06675: c = b1 m + (1 - b1) g; u = sign(c); m = b2 m + (1 - b2) g."""
    m = torch.zeros_like(w)

    def direction(g: Tensor, t: int) -> Tensor:
        nonlocal m
        c = 0.9 * m + (1 - 0.9) * g
        m = 0.99 * m + (1 - 0.99) * g
        return torch.sign(c)

    return direction


def signum(w: Tensor) -> Reference:
    m = torch.zeros_like(w)

    def direction(g: Tensor, t: int) -> Tensor:
        nonlocal m
        m = 0.9 * m + (1 - 0.9) * g
        return torch.sign(m)

    return direction


def adam_like(w: Tensor, *, surprise: bool, nesterov: bool, careful: bool) -> Reference:
    """Adam with the variations of AdaBelief, NAdamW and the cautious mask, from their papers' equations."""
    m, v = torch.zeros_like(w), torch.zeros_like(w)
    eps = 1e-16 if surprise else 1e-8

    def direction(g: Tensor, t: int) -> Tensor:
        nonlocal m, v
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * ((g - m) ** 2 if surprise else g**2) + (eps if surprise else 0)
        first = (0.9 * m + 0.1 * g if nesterov else m) / (1 - 0.9**t)
        u = first / (torch.sqrt(v / (1 - 0.999**t)) + eps)
        if careful:
            mask = (u * g > 0).to(u.dtype)
            u = u * mask / mask.mean().clamp(min=1e-3)
        return u

    return direction


WRITTEN: dict[str, Callable[[Tensor], Reference]] = {
    "lion": lion,
    "signum": signum,
    "adabelief": lambda w: adam_like(w, surprise=True, nesterov=False, careful=False),
    "nadamw": lambda w: adam_like(w, surprise=False, nesterov=True, careful=False),
    "cautious_adamw": lambda w: adam_like(w, surprise=False, nesterov=False, careful=True),
}


def assert_same(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", TORCH)
def test_is_torchs_own(name: str, shape: tuple[int, ...]) -> None:
    start, ours = follow(name, shape)
    assert_same(ours, decoupled(TORCH[name], start))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", WRITTEN)
def test_is_as_published(name: str, shape: tuple[int, ...]) -> None:
    start, ours = follow(name, shape)
    assert_same(ours, written(WRITTEN[name], start))


def test_adamw_with_torchs_own_decay() -> None:
    start, ours = follow("adamw", (4, 6))
    lanes = [torch.nn.Parameter(lane.clone()) for lane in start]
    stepper = torch.optim.AdamW(lanes, lr=LR, weight_decay=DECAY)
    for g in gradients((4, 6)):
        for lane, part in zip(lanes, g, strict=True):
            lane.grad = part.clone()
        stepper.step()
    assert_same(ours, torch.stack([lane.detach() for lane in lanes]))


def muon(w: Tensor) -> Reference:
    """Jordan's iteration, with Liu et al.'s scale (arXiv 2502.16982)."""
    b = torch.zeros_like(w)

    def direction(g: Tensor, t: int) -> Tensor:
        nonlocal b
        b = 0.95 * b + 0.05 * g
        x = 0.95 * b + 0.05 * g
        x = x / x.norm()
        for _ in range(5):
            a = x @ x.T
            x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
        return 0.2 * math.sqrt(max(w.shape)) * x

    return direction


@pytest.mark.parametrize("shape", [(4, 6), (6, 4), (5, 5)])
def test_muon_is_as_published_on_matrices(shape: tuple[int, ...]) -> None:
    start, ours = follow("muon", shape)
    torch.testing.assert_close(ours, written(muon, start), rtol=1e-9, atol=1e-9)
    # torch iterates in bfloat16.
    theirs = decoupled(lambda p: torch.optim.Muon(p, lr=LR, weight_decay=0, adjust_lr_fn="match_rms_adamw"), start)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=STEPS * LR * 0.02)


@pytest.mark.parametrize(("kind", "shape"), [("vector", (5,)), ("embedding", (4, 6)), ("scalar", ())])
def test_muon_is_adamw_elsewhere(kind: str, shape: tuple[int, ...]) -> None:
    assert_same(follow("muon", shape, kind)[1], follow("adamw", shape, kind)[1])


def test_every_rule_is_tested_and_says_where_it_comes_from() -> None:
    assert set(zoo.sources()) == {*TORCH, *WRITTEN, "muon"}
    for source in zoo.sources().values():
        assert source.startswith('"""') and any(year in source for year in map(str, range(1951, 2027)))


def test_seeds_are_zoo_rules_that_lower() -> None:
    assert {seed.name for seed in zoo.seeds()} >= {"adamw"}
    for seed in zoo.seeds():
        assert seed.source == zoo.sources()[seed.name]
        lower(seed.source)
