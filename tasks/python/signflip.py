"""The exact paired sign-flip test, and the interval that belongs to it. Pure, and pure Python.

Under the null hypothesis each difference is as likely to have come out with the opposite sign, independently of the
others. Nothing is assumed about their distribution. Fisher, "The Design of Experiments", 1935, section 21.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["MAX_PAIRS", "p_value", "typical_interval"]

#: Every one of the 2^n sign patterns is visited.
MAX_PAIRS = 16


def p_value(differences: Sequence[float]) -> float:
    """One-sided p-value for "the mean difference is positive": the share of the 2^n sign patterns whose sum is at least
    the observed one. At best 2^-n.

    Raises ValueError for no or more than `MAX_PAIRS` differences.

    >>> p_value([1.0, 2.0, 0.5])
    0.125
    """
    observed = math.fsum(differences)
    # Sums that differ only by rounding count as equal, to the side of caution.
    slack = 1e-12 * math.fsum(map(abs, differences))
    sums = _subset_sums(differences)
    total = math.fsum(differences)
    return sum(2 * chosen - total >= observed - slack for chosen in sums) / len(sums)


def typical_interval(differences: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """Interval for the centre of symmetry of the differences' distribution.

    The means of the 2^n - 1 non-empty subsets cut the line into 2^n intervals, each of which holds the centre with
    probability 2^-n; the outermost ones are left out on both sides. With few pairs it reaches over all subset means and
    holds less than `confidence`. Hartigan, "Using Subsample Values as Typical Values", JASA 64, 1969.

    >>> typical_interval([1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    (1.0, 1.0)
    """
    sums = _subset_sums(differences)
    means = sorted(total / index.bit_count() for index, total in enumerate(sums) if index)
    skip = max(math.floor(len(sums) * (1 - confidence) / 2) - 1, 0)
    return means[skip], means[len(means) - 1 - skip]


def _subset_sums(values: Sequence[float]) -> list[float]:
    """Sum of each subset; bit i of the index says whether value i is in it."""
    if not 0 < len(values) <= MAX_PAIRS:
        raise ValueError(f"expected 1 to {MAX_PAIRS} differences; got {len(values)}")
    sums = [0.0]
    for value in values:
        sums += [total + value for total in sums]
    return sums
