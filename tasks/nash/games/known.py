"""Games in which a known algorithm does as badly as its bound says, with the outputs of its blocks that make it so.

The bounds allow every legal output: any tie, any dual solution. Where these decide, they are given here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from discovery.tasks.nash.numerics import Payoffs, Vector, pure

__all__ = ["WORST", "WorstCase"]


@dataclass(frozen=True)
class WorstCase:
    """A game and what happens in it.

    Attributes:
        program: Name of the program in the zoo.
        payoffs: The game.
        regret: The largest regret of the profile that the program returns.
        outputs: Outputs of blocks, by the block's name, that the program is to get.
        accuracy: The outputs satisfy the axioms, and the regret is reached, up to this.
    """

    program: str
    payoffs: Payoffs
    regret: float
    outputs: Mapping[str, tuple[Vector, ...]] = field(default_factory=dict)
    accuracy: float = 1e-12


def dmp() -> WorstCase:
    """Player 2 is indifferent at the first row, and answers with the column that suits neither.

    Rows x, w; columns y, and one that player 2 wants at w. At (x, y) only player 1 wants to leave, at (w, y) only
    player 2, both by all there is.
    """
    payoffs = (np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([[0.0, 0.0], [0.0, 1.0]]))
    return WorstCase("dmp", payoffs, 0.5, {"Random": (pure(0, 2),)})


def kps() -> WorstCase:
    """Each player has a row (column) that pays 1 whatever the other one plays of its best profiles.

    Rows x2, x1 and the one that player 1 wants; columns y1, y2 and the one that player 2 wants.
    """
    first = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 1.0, 0.0]])
    second = np.array([[0.0, 1.0, 1.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    return WorstCase("kps", (first, second), 0.75)


def ts() -> WorstCase:
    """The stationary point (1, 1) with duals (3, 3). Its shape is that of Chen et al., arXiv 2107.01471.

    The duals are not unique, and with others the regrets are smaller. The payoffs are decimals near the exact ones.
    """
    b, first, second = 0.33933, 0.582523, 0.812815
    payoffs = (
        np.array([[0.1, 0, 0], [0.1 + b, 1, 1], [0.1 + b, first, first]]),
        np.array([[0.1, 0.1 + b, 0.1 + b], [0, 1, second], [0, 1, second]]),
    )
    point = (pure(0, 3), pure(0, 3), pure(2, 3), pure(2, 3))
    return WorstCase("ts", payoffs, b, {"StationaryPoint": point}, accuracy=1e-5)


WORST = (dmp(), kps(), ts())
