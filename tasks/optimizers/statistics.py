"""Exact paired tests and intervals for small samples. numpy only."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["paired_interval", "sign_flip_p"]

#: Largest sample whose 2^n sign patterns are enumerated.
MAX_PAIRS = 20
_STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131)
_STUDENT_MORE = (2.120, 2.110, 2.101, 2.093)


def sign_flip_p(differences: ArrayLike) -> float:
    """One-sided p-value of "the mean difference is positive", by the exact sign-flip (randomisation) test.

    If differences are symmetric about zero, every pattern of signs is equally likely; p is the share of the 2^n
    patterns whose sum is at least the observed one (Fisher, The Design of Experiments, 1935). The smallest possible
    value is 2^-n, and all-zero differences give 1.

    Args:
        differences: n paired differences, 1 <= n <= 20.

    >>> sign_flip_p([1.0, 2.0, 3.0])
    0.125
    """
    values = _checked(differences)
    signs = 1.0 - 2.0 * ((np.arange(2 ** len(values))[:, None] >> np.arange(len(values))) & 1)
    sums = signs @ values
    # Sums of the same numbers in another order differ by rounding: such ties count as reaching the observed sum.
    slack = 1e-12 * np.abs(values).sum()
    return float((sums >= values.sum() - slack).mean())


def paired_interval(differences: ArrayLike) -> tuple[float, float]:
    """95 % confidence interval of the mean difference: mean +- t * s / sqrt(n), Student's t with n - 1 degrees.

    Args:
        differences: n paired differences, 2 <= n <= 20.

    >>> low, high = paired_interval([1.0, 2.0, 3.0])
    >>> round(low, 2), round(high, 2)
    (-0.48, 4.48)
    """
    values = _checked(differences)
    if len(values) < 2:
        raise ValueError("an interval needs at least 2 differences; got 1")
    half = (_STUDENT + _STUDENT_MORE)[len(values) - 2] * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean() - half), float(values.mean() + half)


def _checked(differences: ArrayLike) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 1 or not 1 <= len(values) <= MAX_PAIRS or not np.isfinite(values).all():
        raise ValueError(f"differences must be 1 to {MAX_PAIRS} finite numbers; got shape {values.shape}")
    return values
