"""What runs inside the sandbox: an exported module, on games, for `verify`. Programs are compiled, never run here."""

from __future__ import annotations

import sys
import types
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["call"]


def call(
    payload: dict[str, Any], arrays: Mapping[str, NDArray[np.float64]]
) -> tuple[dict[str, Any], dict[str, NDArray[np.float64]]]:
    """`solve` of the module `payload["source"]` on `payload["games"]` games of `payload["players"]` players.

    Args:
        payload: Also `seed`, of arbitrary strategies, and `delta`.
        arrays: `"0 1"` holds the payoffs of player 1 in game 0.

    Returns:
        `"0 1"`: the strategy of player 1 in game 0; `"0"`: the regrets that `solve` tells.
    """
    module = types.ModuleType("exported")
    sys.modules["exported"] = module
    exec(compile(payload["source"], "exported.py", "exec"), module.__dict__)
    found: dict[str, NDArray[np.float64]] = {}
    for game in range(payload["games"]):
        payoffs = [arrays[f"{game} {player}"] for player in range(1, payload["players"] + 1)]
        profile, regrets = module.solve(*payoffs, delta=payload["delta"], seed=payload["seed"])
        found.update({f"{game} {player}": np.array(strategy, float) for player, strategy in enumerate(profile, 1)})
        found[f"{game}"] = np.array(regrets, float)
    return {}, found
