"""The interpreter: exact on known rules, lanes apart, inputs left alone."""

from __future__ import annotations

import torch

from discovery.tasks.optimizers.interpreter import Rule
from discovery.tasks.optimizers.rule import lower

ADAMW = """
HYPER = {"b1": 0.9, "b2": 0.999, "eps": 1e-8}
def init(shape, kind):
    return {"m": zeros(shape), "v": zeros(shape)}
def update(w, g, s, t, kind):
    m = ema(s["m"], g, b1)
    v = ema(s["v"], square(g), b2)
    u = bias_correct(m, b1) / (sqrt(bias_correct(v, b2)) + eps)
    return u, {"m": m, "v": v}
"""


def test_adamw_is_torchs_on_any_shape() -> None:
    rule = Rule(lower(ADAMW))
    assert rule.elementwise
    for shape in [(), (5,), (4, 6), (3, 2, 2, 2)]:
        torch.manual_seed(0)
        w = torch.randn(3, *shape, dtype=torch.float64)
        parameter = torch.nn.Parameter(w.clone())
        optimizer = torch.optim.AdamW([parameter], lr=1e-2, weight_decay=0.1)
        state = rule.init("matrix", w)
        for t in range(1, 61):
            g = torch.randn_like(w)
            parameter.grad = g.clone()
            optimizer.step()
            u, state = rule.update("matrix", w, g, state, t)
            w = w - 1e-2 * u - 1e-2 * 0.1 * w
        torch.testing.assert_close(w, parameter.detach(), rtol=1e-12, atol=1e-12)
