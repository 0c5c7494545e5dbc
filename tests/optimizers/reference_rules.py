"""Small hand-written rules with the interpreter's interface, so that the harness is tested by itself."""

from __future__ import annotations

import torch
from torch import Tensor


class AdamW:
    """Adam's direction; decay is the engine's."""

    def __init__(self, elementwise: bool = True) -> None:
        self.elementwise = elementwise

    def init(self, kind: str, w: Tensor) -> dict[str, Tensor]:
        return {"m": torch.zeros_like(w), "v": torch.zeros_like(w)}

    def update(
        self, kind: str, w: Tensor, g: Tensor, state: dict[str, Tensor], t: int
    ) -> tuple[Tensor, dict[str, Tensor]]:
        m = torch.lerp(state["m"], g, 0.1)
        v = torch.lerp(state["v"], g * g, 0.001)
        return (m / (1 - 0.9**t)) / ((v / (1 - 0.999**t)).sqrt() + 1e-8), {"m": m, "v": v}


class Misbehaving(AdamW):
    """Adam, until the update of the lanes with the largest weights is replaced by `value` from step `when` on."""

    def __init__(self, value: float, when: int = 1, elementwise: bool = True) -> None:
        super().__init__(elementwise)
        self.value, self.when = value, when

    def update(
        self, kind: str, w: Tensor, g: Tensor, state: dict[str, Tensor], t: int
    ) -> tuple[Tensor, dict[str, Tensor]]:
        u, state = super().update(kind, w, g, state, t)
        if t >= self.when:
            big = w.abs().amax(tuple(range(1, w.dim())), keepdim=True) > 50.0
            u = torch.where(big, torch.full_like(u, self.value), u)
        return u, state
