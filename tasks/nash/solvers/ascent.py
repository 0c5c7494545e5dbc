"""Bad states by sequential linear programming: what most programs can be made to lose is found in tenths of a second.

With the multipliers of lines and the weights of stationary points held fixed the worst state is a linear program. So
products are linearised at the state at hand, those scalars may move within a radius, and where they moved to the
payoffs are found anew: every state is one of the system, up to HiGHS's tolerance. The radius shrinks where nothing is
gained (Griffith and Stewart, Management Science 7, 1961). From several starts, each to a local maximum: a lower bound
of the worst case in floating point; never an upper one, and never a proof.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from itertools import islice, product
from typing import Any

import highspy
import numpy as np
from numpy.typing import NDArray

from discovery.tasks.nash.compiler.algebra import Constraint, Poly, variable
from discovery.tasks.nash.compiler.system import System
from discovery.tasks.nash.numerics.linear import QuietHighs

__all__ = ["ascend"]

Vector = NDArray[np.float64]

#: Name of what is maximised; no value of a program can be called so.
_LEAST = "least guarantee"

#: Radius of the first step, the least one, and what is gained at least.
_RADIUS, _SMALLEST, _GAIN = 0.25, 0.004, 1e-6

#: Steps from one start, and simplex iterations of one linear program.
_STEPS, _ITERATIONS = 30, 20_000

#: Ways to clip that are tried from each start.
_REGIMES = 9


def ascend(system: System, *, starts: int, lines: Collection[int], enough: float) -> dict[str, Any]:
    """The worst state of `system` that is found from some starts.

    Args:
        system: One case of a program.
        starts: How many; the first holds all weights of a stationary point equal, the others are random and repeat.
        lines: Which lines to keep.
        enough: A value at which nothing more is looked for.

    Returns:
        `value` (None where no start has a state) and `point` (name to value, regrets included; of what no constraint
        names, the worst value).
    """
    model = _Model(system, lines)
    rng = random.Random(0)
    best: tuple[float, Vector] | None = None
    for number, regime in product(range(starts), model.regimes()):
        found = model.climb(model.start(rng if number else None), enough, regime)
        if found is not None and (best is None or found[0] > best[0]):
            best = found
        if best is not None and best[0] >= enough:
            break
    if best is None:
        return {"value": None, "point": None}
    told = dict(zip(model.names, map(float, best[1]), strict=True))
    point = {name: told.get(name, float(name.startswith("M"))) for name in system.state.variables}
    regrets = {
        name: sum(float(c) * point[factor] for (factor,), c in poly.terms.items())
        for name, poly in system.state.definitions.items()
    }
    return {"value": best[0], "point": {**point, **regrets}}


class _Model:
    """Constraints as arrays: every monomial a coefficient, a row, and the places of its factors."""

    def __init__(self, system: System, lines: Collection[int]) -> None:
        state = system.state
        constraints = list(system.axioms)
        for index in sorted(lines):
            constraints += [*system.simplex(system.lines[index]), *system.above(system.lines[index], variable(_LEAST))]
        constraints = [each.substituted(state.definitions) for each in constraints]
        used = {name for each in constraints for name in each.poly.variables()}
        self.names = [*(name for name in state.variables if name in used), _LEAST]
        self.place = {name: index for index, name in enumerate(self.names)}
        ranges = [state.variables[name] for name in self.names[:-1]]
        self.low = np.array([*(-1e3 if each.low is None else float(each.low) for each in ranges), 0.0])
        self.high = np.array([*(1e3 if each.high is None else float(each.high) for each in ranges), 1.0])
        self._arrays(constraints)
        self.moving = self._moving(constraints)
        #: What clipping takes away: in products, but with factors that a regime holds at 0.
        self.unbounded = np.array([name.endswith((" below", " above")) for name in self.names])
        self.bounds = self.low, self.high, self.moving
        self.groups = _groups(system, self.place)

    def _arrays(self, constraints: Sequence[Constraint]) -> None:
        degree = max((len(m) for each in constraints for m in each.poly.terms), default=1)
        one = len(self.names)  # the place of a factor that is 1
        terms = [
            (row, float(c), [*(self.place[name] for name in m), *[one] * (degree - len(m))])
            for row, each in enumerate(constraints)
            for m, c in each.poly.terms.items()
        ]
        self.rows = np.array([row for row, _, _ in terms])
        self.coefficients = np.array([c for _, c, _ in terms])
        self.factors = np.array([factors for _, _, factors in terms]).reshape(len(terms), degree)
        equal = np.array([each.relation == "=" for each in constraints])
        self.least = np.zeros(len(constraints))
        self.most = np.where(equal, 0.0, np.inf)

    def _moving(self, constraints: Sequence[Constraint]) -> NDArray[np.bool_]:
        """Scalars in products; payoffs are left free unless two are multiplied."""
        found = np.zeros(len(self.names), bool)
        for monomial in {m for each in constraints for m in each.poly.terms if len(m) > 1}:
            scalars = [name for name in monomial if not _is_payoff(name)]
            both = len(monomial) - len(scalars) > 1
            found[[self.place[name] for name in (monomial if both else scalars)]] = True
        return found

    def start(self, rng: random.Random | None) -> Vector:
        """Scalars to begin with."""
        point = np.where(self.moving, 0.5, 0.0)
        for group, rest in self.groups:
            shares = [1.0 if rng is None else rng.expovariate(1.0) for _ in range(len(group) + rest)]
            point[group] = np.array(shares[: len(group)]) / sum(shares)
        return point

    def regimes(self) -> list[dict[int, float]]:
        """Places held at a value: each clipped weight is what is computed, or 0, or 1; at most `_REGIMES` of them.

        Then nothing is left of products such as `below * weight = 0`.
        """
        weights = [name for name in self.names if f"{name} below" in self.place]
        found: list[dict[int, float]] = []
        for chosen in islice(product((None, 0.0, 1.0), repeat=len(weights)), _REGIMES):
            held: dict[int, float] = {}
            for name, value in zip(weights, chosen, strict=True):
                below, above = self.place[f"{name} below"], self.place[f"{name} above"]
                held |= {below: 0.0} if value != 0.0 else {}
                held |= {above: 0.0} if value != 1.0 else {}
                held |= {} if value is None else {self.place[name]: value}
            found.append(held)
        return found

    def climb(self, point: Vector, enough: float, regime: Mapping[int, float]) -> tuple[float, Vector] | None:
        """A local maximum near `point`, some places held."""
        low, high, moving = self.low.copy(), self.high.copy(), self.moving.copy()
        point = point.copy()
        for place, value in regime.items():
            low[place] = high[place] = point[place] = value
        self.bounds = low, high, moving & ~self.unbounded
        best = self.solved(point, 0.0)
        if best is None and (step := self.solved(point, 1.0)) is not None:
            best = self.solved(step[1], 0.0)
        radius = _RADIUS
        for _ in range(_STEPS):
            if best is None or best[0] >= enough or radius < _SMALLEST:
                break
            step = self.solved(best[1], radius)
            there = None if step is None else self.solved(step[1], 0.0)
            if there is not None and there[0] > best[0] + _GAIN:
                best, radius = there, min(2 * radius, 0.5)
            else:
                radius /= 4
        return best

    def solved(self, point: Vector, radius: float) -> tuple[float, Vector] | None:
        """The linear program at `point` whose moving scalars stay within `radius`."""
        at = np.append(point, 1.0)[self.factors]
        value = self.coefficients * at.prod(axis=1)
        degree = at.shape[1]
        rows, columns, entries = [], [], []
        for place in range(degree):
            others = np.delete(at, place, axis=1).prod(axis=1) * self.coefficients
            kept = self.factors[:, place] < len(self.names)
            rows.append(self.rows[kept])
            columns.append(self.factors[kept, place])
            entries.append(others[kept])
        row, column, entry = map(np.concatenate, (rows, columns, entries))
        constant = np.bincount(self.rows, value, len(self.least)) - np.bincount(
            row, entry * point[column], len(self.least)
        )
        least, most, moving = self.bounds
        low = np.where(moving, np.maximum(least, point - radius), least)
        high = np.where(moving, np.minimum(most, point + radius), most)
        return _optimum(row, column, entry, self.least - constant, self.most - constant, low, high)


def _optimum(
    row: NDArray[np.int64],
    column: NDArray[np.int64],
    entry: Vector,
    least: Vector,
    most: Vector,
    low: Vector,
    high: Vector,
) -> tuple[float, Vector] | None:
    """Maximise the last variable; None without an optimum."""
    dense = np.bincount(row * len(low) + column, entry, len(least) * len(low)).astype(float)
    dense = dense.reshape(len(least), len(low))
    at, over = np.nonzero(dense)
    model = highspy.HighsLp()
    model.num_row_, model.num_col_ = dense.shape
    cost = np.zeros(len(low))
    cost[-1] = -1.0
    model.col_cost_, model.col_lower_, model.col_upper_ = cost, low, np.maximum(low, high)
    model.row_lower_, model.row_upper_ = least, most
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_ = np.searchsorted(at, np.arange(len(dense) + 1)).astype(np.int32)
    model.a_matrix_.index_, model.a_matrix_.value_ = over.astype(np.int32), dense[at, over]
    solver = QuietHighs()  # type: ignore[no-untyped-call]  # its base has no annotations
    for option, given in (("output_flag", False), ("parallel", "off"), ("random_seed", 0)):
        solver.setOptionValue(option, given)
    solver.setOptionValue("simplex_iteration_limit", _ITERATIONS)
    solver.passModel(model)
    solver.run()
    if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return None
    point = np.clip(np.array(solver.getSolution().col_value), low, high)
    return float(point[-1]), point


def _groups(system: System, place: Mapping[str, int]) -> list[tuple[list[int], int]]:
    """Scalars that share 1: their places, and whether one more that has no name takes the rest."""
    found: list[tuple[list[int], int]] = []
    for line in system.lines:
        held = [place[name] for name in line.multipliers if name in place]
        if held:
            found.append((held, 1))
    for axiom in system.axioms:
        if axiom.relation == "=" and _is_sum(axiom.poly):
            found.append(([place[name] for name in axiom.poly.variables()], 0))
    return found


def _is_sum(poly: Poly) -> bool:
    linear = [m for m in poly.terms if len(m) == 1]
    return len(linear) + 1 == len(poly.terms) and all(poly.terms[m] == -poly.terms.get((), 0) for m in linear)


def _is_payoff(name: str) -> bool:
    return name[:1] in "UM" and name[1:2].isdigit() and "(" in name
