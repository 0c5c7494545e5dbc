"""Known algorithms, written in the family's language: references, regression tests, examples.

Each file `NAME.py` beside this one is the text of a program, never imported; its docstring names the source. All but
`joint3`, which is ours, are from the literature.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

__all__ = ["KNOWN", "LARGE", "Known", "source"]


@dataclass(frozen=True)
class Known:
    """What is known of a program.

    Attributes:
        players: Number of players.
        bound: Smallest fraction of six decimals, or the exact value, that is an upper bound; of a `LARGE` program the
            smallest one that was proved.
        below: A fraction that is none: some state exceeds it.
    """

    players: int
    bound: Fraction
    below: Fraction


def _known(players: int, bound: str, below: str) -> Known:
    return Known(players, Fraction(bound), Fraction(below))


KNOWN = {
    "kps": _known(2, "3/4", "0.749999"),
    "dmp": _known(2, "1/2", "0.499999"),
    "dmp_lp": _known(2, "0.381967", "0.381966"),
    "cdffjs": _known(2, "0.381967", "0.381966"),
    "bbm1": _known(2, "0.381967", "0.381966"),
    "bbm2": _known(2, "0.36393", "0.36391"),
    "ts": _known(2, "0.339333", "0.339332"),
    "dfm": _known(2, "1/3", "0.333333"),
    "extension3": _known(3, "3/5", "0.599999"),
    "joint3": _known(3, "579/1000", "0.576"),
}

#: Programs whose bounds take more than one quick question to a solver.
LARGE = ("bbm2", "joint3")


@cache
def source(name: str) -> str:
    """Text of the program of that name. FileNotFoundError when there is none."""
    return (Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8")
