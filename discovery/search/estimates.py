"""What programs are worth by all their measurements, shrunk by how noisy these are, and which to measure again.

The best of many noisy scores is lucky. So the best programs are measured again (each replicate draws fresh randomness),
and among them a score counts by the share of its spread that is real. With x the mean of a program's n measurements,
m and V mean and variance of x over the best programs, and s^2 the variance between measurements of one program, pooled:

    estimate = m + (x - m) * t^2 / (t^2 + s^2 / n),    t^2 = max(V - s^2, V / 20).

Efron and Morris, "Data Analysis Using Stein's Estimator and its Generalizations", JASA 70, 1975. Until something was
measured twice, s^2 is unknown and taken as 0: the estimate is the mean.
"""

from __future__ import annotations

import math
from bisect import insort

from discovery.store import Outcome

__all__ = ["Estimates"]

#: Programs among which differences are shrunk.
POOL = 32
#: The best of them, which are measured again, until each has this many measurements.
ELITES, MEASUREMENTS = 8, 4
#: Re-measurements without any difference after which the score counts as exact.
_EXACT_AFTER = 2


class _Measured:
    """Measurements of one program: number, mean, sum of squared deviations from it."""

    __slots__ = ("count", "mean", "squares")

    def __init__(self, score: float) -> None:
        self.count, self.mean, self.squares = 1, score, 0.0

    def add(self, score: float) -> None:
        """Welford's update."""
        self.count += 1
        step = score - self.mean
        self.mean += step / self.count
        self.squares += step * (score - self.mean)


class Estimates:
    """See the module.

    Args:
        stage: Name of the last stage: only what reached it, or has a proof before, can be an elite. "" for every stage.
    """

    def __init__(self, stage: str = "") -> None:
        self._stage = stage
        self._known: dict[str, _Measured | None] = {}
        self._pool: list[tuple[float, int, str]] = []
        self._rank: dict[str, tuple[float, int, str]] = {}
        self._exact: set[str] = set()
        self._count = self._again = 0
        self._noise_squares, self._noise_degrees = 0.0, 0
        self._middle = self._spread = 0.0

    def known(self, key: str) -> bool:
        """Whether there was an outcome of the program."""
        return key in self._known

    def holds(self, key: str) -> bool:
        """Whether the program has a score, and no measurement of it failed."""
        return self._known.get(key) is not None

    def last_stage(self, outcome: Outcome) -> bool:
        """Whether the outcome is one of the last stage, or a proof: no later stage could say more."""
        return self._stage in ("", outcome.verdict.stage) or outcome.verdict.status == "proved"

    def value(self, key: str) -> float:
        """The estimate; -inf for a program without one."""
        found = self._known.get(key)
        if found is None:
            return -math.inf
        if key not in self._rank:
            return found.mean
        noise = self.noise / found.count
        real = max(self._spread - self.noise, self._spread / 20.0)
        share = real / (real + noise) if real + noise > 0.0 else 1.0
        return self._middle + (found.mean - self._middle) * share

    def count(self, key: str) -> int:
        """How often the program was measured."""
        found = self._known.get(key)
        return 0 if found is None else found.count

    @property
    def noise(self) -> float:
        """Pooled variance between measurements of one program; 0 while unknown."""
        return self._noise_squares / self._noise_degrees if self._noise_degrees else 0.0

    def best(self, count: int) -> list[str]:
        """The best programs that are judged to the end, by their estimates, the best first; at most POOL."""
        ranked = sorted(((self.value(key), -age, key) for _, age, key in self._pool), reverse=True)
        return [key for _, _, key in ranked[:count]]

    def due(self) -> str | None:
        """The elite to be measured again next: the best of those measured too seldom. None when there is none, or when
        measuring again has shown that scores are exact."""
        if self._again >= _EXACT_AFTER and self.noise == 0.0:
            return None
        elites = sorted(((self.value(key), key) for _, _, key in self._pool), reverse=True)[:ELITES]
        for _, key in elites:
            found = self._known[key]
            if found is not None and found.count < MEASUREMENTS and key not in self._exact:
                return key
        return None

    def tell(self, outcome: Outcome) -> None:
        """Take an outcome in. A repeat, answered from the journal, is no new measurement."""
        key, verdict = outcome.key, outcome.verdict
        if key is None or (key in self._known and verdict.replicate == 0):
            return
        if verdict.score is None:
            self._known[key] = None
            self._leave(key)
            return
        found = self._known.get(key)
        if found is not None:
            self._measure_again(found, verdict.score)
        elif key not in self._known:
            found = self._known[key] = _Measured(verdict.score)
        if found is not None and self.last_stage(outcome):
            if verdict.status == "proved":
                self._exact.add(key)
            self._enter(key, found.mean)

    def _measure_again(self, found: _Measured, score: float) -> None:
        before = found.squares
        found.add(score)
        self._noise_squares += found.squares - before
        self._noise_degrees += 1
        self._again += 1

    def _enter(self, key: str, mean: float) -> None:
        self._leave(key)
        self._count += 1
        entry = (mean, self._count, key)
        insort(self._pool, entry)
        self._rank[key] = entry
        if len(self._pool) > POOL:
            del self._rank[self._pool.pop(0)[2]]
        means = [each for each, _, _ in self._pool]
        self._middle = math.fsum(means) / len(means)
        self._spread = math.fsum((each - self._middle) ** 2 for each in means) / max(len(means) - 1, 1)

    def _leave(self, key: str) -> None:
        entry = self._rank.pop(key, None)
        if entry is not None:
            self._pool.remove(entry)
