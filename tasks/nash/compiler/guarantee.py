"""What mixing along one line guarantees at given regrets, exactly."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations

__all__ = ["Guarantee", "best_mixture", "best_multipliers"]

Guarantee = tuple[Fraction, tuple[Fraction, ...]]


def best_multipliers(points: Sequence[Sequence[Fraction]]) -> Guarantee:
    """`max over q in the simplex of min over k of sum_j q_j points[k][j]`, and a q that attains it.

    Args:
        points: Regret of every player at every point of the line, shape (points, players).
    """
    players = len(points[0])
    return _game([[row[j] for row in points] for j in range(players)])


def best_mixture(points: Sequence[Sequence[Fraction]]) -> Guarantee:
    """`min over weights of max over j of sum_k weights_k points[k][j]`, and weights that attain it."""
    if len(points) == 1:
        return max(points[0]), (Fraction(1),)
    value, weights = _game([[-entry for entry in row] for row in points])
    return -value, weights


def _game(rows: Sequence[Sequence[Fraction]]) -> Guarantee:
    """Value of a zero-sum game to the one who mixes rows, and an optimal mixture.

    An optimal mixture exists that is the equaliser of some square part of the matrix (Shapley and Snow 1950); all parts
    are tried, which is quick for the few strategies of a program.
    """
    best: Guarantee | None = None
    columns = range(len(rows[0]))
    for size in range(1, min(len(rows), len(rows[0])) + 1):
        for chosen in combinations(range(len(rows)), size):
            for against in combinations(columns, size):
                mixture = _equaliser([[rows[i][j] for j in against] for i in chosen])
                if mixture is None:
                    continue
                full = [Fraction(0)] * len(rows)
                for i, weight in zip(chosen, mixture, strict=True):
                    full[i] = weight
                value = min(sum(w * row[j] for w, row in zip(full, rows, strict=True)) for j in columns)
                if best is None or value > best[0]:
                    best = Fraction(value), tuple(full)
    assert best is not None  # size 1 always gives a mixture
    return best


def _equaliser(square: Sequence[Sequence[Fraction]]) -> list[Fraction] | None:
    """Weights >= 0 of sum 1 under which all columns of `square` are worth the same; None if there are none."""
    size = len(square)
    # Unknowns: the weights and the common value.
    system = [[*(square[i][j] for i in range(size)), Fraction(-1), Fraction(0)] for j in range(size)]
    system.append([*(Fraction(1) for _ in range(size)), Fraction(0), Fraction(1)])
    for column in range(size + 1):
        pivot = next((r for r in range(column, size + 1) if system[r][column] != 0), None)
        if pivot is None:
            return None
        system[column], system[pivot] = system[pivot], system[column]
        system[column] = [entry / system[column][column] for entry in system[column]]
        for r in range(size + 1):
            if r != column and system[r][column] != 0:
                factor = system[r][column]
                system[r] = [a - factor * b for a, b in zip(system[r], system[column], strict=True)]
    weights = [row[-1] for row in system[:size]]
    return weights if all(weight >= 0 for weight in weights) else None
