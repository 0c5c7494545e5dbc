"""The pool of exact games that programs meet first.

| game | what it is |
| - | - |
| `indifferent` | Daskalakis, Mehta, Papadimitriou 2006: 1/2 for best responses in turn; 1 for fewer |
| `two favourites` | Kontogiannis, Panagopoulou, Spirakis 2006: 3/4 for the two best profiles mixed |
| `zero sum` | ours: 1 for an equilibrium of the zero-sum game `U1 - U2` alone |
| `stationary` | Tsaknakis, Spirakis 2007: 0.339332 for a stationary point; shape of Chen et al., arXiv 2107.01471 |
| `answered stationary` | found by optimising over games (`realised`): 0.339332 also with responses to the duals |
| `mixed stationary` | the same: also with a mixture of a stationary strategy and such a response |

The last two are Z3's exact models near SCIP's points.

Each is also played with the players' roles exchanged.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

__all__ = ["POOL", "Game", "transposed"]

Matrix: TypeAlias = "tuple[tuple[Fraction, ...], ...]"


@dataclass(frozen=True)
class Game:
    """Payoffs in [0, 1] of both players by row and column."""

    name: str
    payoffs: tuple[Matrix, Matrix]

    @property
    def mirrored(self) -> Game:
        """With the players' roles exchanged."""
        first, second = self.payoffs
        return Game(f"{self.name}, roles exchanged", (transposed(second), transposed(first)))

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of rows and columns."""
        return len(self.payoffs[0]), len(self.payoffs[0][0])


def transposed(matrix: Matrix) -> Matrix:
    """Rows for columns."""
    return tuple(zip(*matrix, strict=True))


def _game(name: str, first: str, second: str) -> Game:
    one, two = (tuple(tuple(map(Fraction, row.split())) for row in matrix.split(";")) for matrix in (first, second))
    return Game(name, (one, two))


_ONCE = (
    _game("indifferent", "0 0; 1 0", "0 0; 0 1"),
    _game("two favourites", "0 0 0; 1 0 0; 1 1 0", "0 1 1; 0 0 1; 0 0 0"),
    _game("zero sum", "0 1; 0 0", "0 1; 1 0"),
    _game(
        "stationary",
        "0.1 0 0; 0.43933205 1 1; 0.43933205 0.582505 0.582505",
        "0.1 0.43933205 0.43933205; 0 1 0.812848; 0 1 0.812848",
    ),
    _game(
        "answered stationary",
        "18236179/33554432 0 81/512 0; "
        "113/128 109093919/134217728 0 1023/1024; "
        "9/128 2097151/2097152 143/512 1023/1024; "
        "113/128 2097151/2097152 524287/524288 0",
        "21316371/33554432 499/512 9/512 499/512; "
        "0 39092443/67108864 16777215/16777216 16777215/16777216; "
        "17/512 63/512 21/128 497/512; "
        "0 1023/1024 1023/1024 0",
    ),
    _game(
        "mixed stationary",
        "9782035/33554432 0 3/16 0; "
        "323/512 3409185/4194304 0 1023/1024; "
        "323/512 141/512 4194303/4194304 0; "
        "323/512 67108863/67108864 4194303/4194304 0",
        "21447443/33554432 501/512 11/512 501/512; "
        "0 9773111/16777216 2097151/2097152 2097151/2097152; "
        "5/128 167/256 71/512 125/128; "
        "0 1023/1024 1023/1024 0",
    ),
)

POOL: tuple[Game, ...] = tuple(each for game in _ONCE for each in (game, game.mirrored))
