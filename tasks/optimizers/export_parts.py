"""The fixed parts of an exported module: its frame, its self-test, and functions that its code may call."""

from __future__ import annotations

__all__ = ["HELPERS", "KIND_OF", "MODULE"]

#: The module, with `string.Template` fields.
MODULE = '''"""$class_name: an update rule for the training of neural networks.

$header
"""

from __future__ import annotations

import copy
${imports}import sys
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

__all__ = ["$class_name"]


${helpers}class $class_name(torch.optim.Optimizer):
    """Each step moves a parameter by w <- w - lr * u - lr * weight_decay * w, with the rule's direction u.

    Args:
        params: Parameters, or parameter groups with their own options.
        lr: Learning rate, at least 0.
        weight_decay: Decoupled weight decay, at least 0.
$documents    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        weight_decay: float = 0.0,
$arguments    ) -> None:
        if not lr >= 0.0 or not weight_decay >= 0.0:
            raise ValueError(f"expected lr and weight_decay of at least 0, got {lr} and {weight_decay}")
        defaults = {
$defaults        }
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient.

        Args:
            closure: Clears the gradients, computes the loss and its gradients, and returns the loss.

        Returns:
            What `closure` returned, or None.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None or p.numel() == 0:
                    continue
                if p.grad.is_sparse:
                    raise RuntimeError("$class_name expects dense gradients, got a sparse one")
                $call
                p.sub_(group["lr"] * (u + group["weight_decay"] * p))
        return loss

$methods


def _problem() -> tuple[torch.nn.Module, Callable[[], Tensor]]:
    """A small regression problem: a network, and its loss."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(128, 8, generator=generator)
    targets = torch.sin(inputs @ torch.randn(8, 1, generator=generator) / 2)
    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(0.3 * torch.randn(p.shape, generator=generator))
    return model, lambda: (model(inputs) - targets).square().mean()


def _train(model: torch.nn.Module, loss: Callable[[], Tensor], optimizer: torch.optim.Optimizer, steps: int) -> float:
    """Loss after `steps` steps."""
    for _ in range(steps):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
    return float(loss().detach())


def _resumes() -> bool:
    """Whether training goes on identically from a saved state."""
    model, loss = _problem()
    optimizer = $class_name(model.parameters())
    _train(model, loss, optimizer, 10)
    saved = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    again, loss_again = _problem()
    resumed = $class_name(again.parameters())
    again.load_state_dict(saved[0])
    resumed.load_state_dict(saved[1])
    _train(model, loss, optimizer, 10)
    _train(again, loss_again, resumed, 10)
    return all(torch.equal(p, q) for p, q in zip(model.parameters(), again.parameters(), strict=True))


def _self_test() -> int:
    """Fit the problem at a few learning rates, resume from a saved state; 0 when both work."""
    start = _train(*_problem(), torch.optim.SGD([torch.zeros(1)]), 0)
    ends = {}
    for lr in (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001):
        model, loss = _problem()
        ends[lr] = _train(model, loss, $class_name(model.parameters(), lr=lr), 100)
    best = min(ends, key=lambda lr: ends[lr] if ends[lr] == ends[lr] else float("inf"))
    falls, resumes = ends[best] < 0.5 * start, _resumes()
    verdict = "ok" if falls and resumes else "FAILED"
    fit = f"loss {start:.4f} -> {ends[best]:.4f} at lr {best}"
    print(f"$class_name: {fit}, resumes identically: {resumes}: {verdict}")
    return 0 if falls and resumes else 1


if __name__ == "__main__":
    sys.exit(_self_test())
'''

#: Kind of a parameter by its shape, for rules that branch on it.
KIND_OF = '''def kind_of(p: Tensor) -> str:
    """Kind of a parameter by its shape: one element, one dimension, or more (then a matrix, all but the first flat)."""
    if p.numel() == 1:
        return "scalar"
    return "vector" if p.dim() == 1 else "matrix"


'''

#: Functions that the code may call, in the order in which they are written; "" stands for that of `kernels`.
HELPERS = {
    "as_tensor": "",
    "floored": "",
    "limited": "",
    "minimum": "",
    "maximum": "",
    "clip": "",
    "signed_power": "",
    "angle": "",
    "where_gt": "",
    "chosen": "",
    "number": '''
def number(function: Callable[..., Any], *args: float) -> float:
    """`function` of tensors, on Python floats."""
    return float(function(*(torch.tensor(value, dtype=torch.float64) for value in args)))
''',
    "matrix": '''
def matrix(x: Tensor) -> Tensor:
    """Two-dimensional view: the first dimension by all others; a vector is one column."""
    return x.reshape(x.shape[0], -1) if x.dim() > 1 else x.reshape(-1, 1)
''',
    "cautious": '''
def cautious(u: Tensor, g: Tensor) -> Tensor:
    """`u` where it agrees in sign with `g`, else 0, divided by the fraction that agrees (at least 1e-3)."""
    agree = (u * g > 0).to(u.dtype)
    return u * (agree / agree.mean().clamp_min(1e-3))
''',
    "update_floor": '''
def update_floor(u: Tensor, w: Tensor, r: Value) -> Tensor:
    """`u`, scaled up to a root mean square of `r` times that of `w` where it is smaller."""
    floor = r * (w * w).mean().sqrt()
    return u * (floor / (u * u).mean().sqrt().clamp_min(1e-12)).clamp_min(1.0)
''',
    "newton_schulz": '''
def newton_schulz(x: Tensor, steps: float) -> Tensor:
    """Push the singular values of a matrix towards 1, by the quintic iteration of Muon (K. Jordan 2024)."""
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / x.norm().clamp_min(1e-12)
    for _ in range(int(steps)):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x.T if tall else x
''',
}
