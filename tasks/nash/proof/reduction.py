"""A question with fewer variables that follows from it, by steps each of which a small proof of its own confirms.

With the multipliers held (weights, the q of lines, rho, and what occurs in products with itself), constraints are
linear in payoffs. So payoffs can be eliminated: by an equation, or by Fourier and Motzkin's pairs. From
`a v + p >= 0` and `n - b v >= 0`, where the polynomials a and b in the multipliers are nowhere negative on the unit
box, follows `b p + a n >= 0`. What is left has few variables, and Z3 decides it where it does not decide the whole.

Where two payoffs occur in products mostly as a difference, the difference becomes a variable: then one of the two is in
few products, or none, and goes.

Nothing here has to be believed. Leaving constraints out is always sound for a proof, and each `Step` says what follows
from what: `refutation` is a text that has no model exactly if it does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import permutations, product
from math import lcm
from typing import TypeAlias

from discovery.tasks.nash.compiler.algebra import Constraint, Monomial, Poly, constant, variable
from discovery.tasks.nash.compiler.state import Bounds
from discovery.tasks.nash.solvers.encoding import Problem
from discovery.tasks.nash.solvers.smtlib import smtlib

__all__ = ["STEP_ORDERINGS", "Reduction", "Step", "reduction", "refutations"]

#: Variable orderings with which Z3 proves a step, the quickest first.
STEP_ORDERINGS = (1, 4, 0)

#: A constraint, maybe negated: polynomial, relation, the size of the variable's factor, and what it was.
_Side: TypeAlias = tuple[Poly, str, Poly, Constraint]

_UNIT, _FREE = Bounds(), Bounds(None, None)
_ONE, _NOTHING = constant(1), Fraction(0)

#: Largest degree of what pairs may give, factors of a polynomial whose sign is looked at, and constraints more than
#: before that an elimination may leave.
_DEGREE, _CORNERS, _GROWTH = 5, 6, 4

#: Terms that may be multiplied out: some tenths of a second.
_WORK = 30_000

#: Constraints that may be compared with multiples of others: some tenths of a second, too.
_COMPARED = 30_000


@dataclass(frozen=True)
class Step:
    """`found` follows from `given` and the ranges of variables.

    Attributes:
        gone: The variable that is eliminated: `found` is free of it.
        given: Constraints of the question, or found by steps before; and the definition of a difference.
        found: What follows.
        variables: Range of every variable in them.
    """

    gone: str
    given: tuple[Constraint, ...]
    found: tuple[Constraint, ...]
    variables: dict[str, Bounds]


@dataclass(frozen=True)
class Reduction:
    """The last question, which follows from the first by `steps` in order; `spent`: work ended, not what there was to
    do."""

    problem: Problem
    steps: tuple[Step, ...]
    spent: bool


def reduction(problem: Problem) -> Reduction:
    """`problem` with as few payoffs as can be had within a fixed amount of work. Repeats exactly; asks no solver."""
    return _Reducer(problem).run()


def refutations(step: Step, comment: str = "") -> list[str]:
    """SMT-LIB texts, one for each that `step` found, without a model exactly if it follows from what was given."""
    known = Problem(step.variables, step.given)
    return [smtlib(known, comment, products=False, unless=[each]) for each in step.found]


@dataclass
class _Reducer:
    problem: Problem
    steps: list[Step] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.bounds = dict(self.problem.variables)
        self.left = list(self.problem.constraints)
        self.held = _multipliers(self.problem)
        self._work = self._compared = 0
        self._signs: dict[frozenset[tuple[Monomial, Fraction]], int] = {}
        #: By identity of a polynomial, which is kept for that reason, and place of the factor.
        self._multiples: dict[tuple[int, int], tuple[Poly, Poly]] = {}
        #: Pairs of constraints of which the first does not imply the second, by identity; kept for that reason.
        self._apart: dict[tuple[int, int], tuple[Constraint, Constraint]] = {}

    def run(self) -> Reduction:
        self._equations()
        self._prune()
        while self._work < _WORK and (self._pair(0, flat=True) or self._difference() or self._pair(_GROWTH, flat=True)):
            self._prune()
        used = {name for each in self.left for name in each.poly.variables()}
        ranges = {name: bounds for name, bounds in self.bounds.items() if name in used}
        spent = self._work >= _WORK or self._compared >= _COMPARED
        return Reduction(Problem(ranges, tuple(self.left)), tuple(self.steps), spent)

    def _equations(self) -> None:
        """Solve every equation for a payoff with a constant coefficient, and write that out elsewhere."""
        while (chosen := self._solvable()) is not None and self._work < _WORK:
            name, equation = chosen
            factor, _ = _split(equation.poly, name)
            unit = equation.poly * (1 / factor.terms[()])
            given = [each for each in self.left if name in each.poly.variables() and each is not equation]
            found = []
            for each in [*given, *self._box(name)]:
                factor, _ = _split(each.poly, name)
                self._work += len(factor.terms) * len(unit.terms)
                written = Constraint(each.poly - factor * unit, each.relation, each.label)
                if not self._trivial(written):
                    found.append(written)
            self._replace(name, [equation, *given], found)

    def _replace(self, name: str, given: list[Constraint], found: list[Constraint]) -> None:
        """Put `found` in place of `given`, which are all constraints with the variable `name`."""
        if found:
            self.steps.append(Step(name, tuple(given), tuple(found), self._ranges([*given, *found, *self._box(name)])))
        gone = {id(each) for each in given}
        self.left = [each for each in self.left if id(each) not in gone] + found
        del self.bounds[name]

    def _solvable(self) -> tuple[str, Constraint] | None:
        """A payoff and the shortest equation that says what it is."""
        best: tuple[int, str, Constraint] | None = None
        for each in self.left:
            if each.relation != "=" or (best is not None and len(each.poly.terms) >= best[0]):
                continue
            for name in each.poly.variables():
                free = name not in self.held or self.bounds[name] == _FREE
                if free and each.poly.degree(name) == 1 and _is_constant(_split(each.poly, name)[0]):
                    best = len(each.poly.terms), name, each
                    break
        return None if best is None else best[1:]

    def _pair(self, most: int, *, flat: bool = False) -> bool:
        """Eliminate the payoff that leaves fewest constraints, if they are at most `most` more than before."""
        best: tuple[int, str, list[Constraint], list[Constraint]] | None = None
        for name in self.bounds:
            if name in self.held:
                continue
            given = [each for each in self.left if name in each.poly.variables()]
            found = self._pairs(name, given)
            if found is None or (flat and _degree(found) > _degree(given)):
                continue
            if best is None or len(found) - len(given) < best[0]:
                best = len(found) - len(given), name, given, found
        if best is None or best[0] > most:
            return False
        self._replace(*best[1:])
        return True

    def _pairs(self, name: str, given: list[Constraint]) -> list[Constraint] | None:
        """What follows from two constraints each; None where a sign is not known, or degrees grow too large."""
        lower: list[_Side] = []
        upper: list[_Side] = []
        one = [_ONE]
        box = [each for each in self._box(name) if not any(self._implies(other, each, one) for other in given)]
        for each in [*given, *box]:
            factor, _ = _split(each.poly, name)
            sign = self._sign(factor)
            if sign == 0:
                return None
            for way in (1, -1) if each.relation == "=" else (1,):
                side = (each.poly * way, "=" if each.relation == "=" else each.relation, factor * sign, each)
                (lower if sign * way > 0 else upper).append(side)
        found: list[Constraint] = []
        for (p, strict_p, a, first), (n, strict_n, b, second) in product(lower, upper):
            if first is second or (first in box and second in box):
                continue
            if self._work >= _WORK:
                return None
            ratio = _ratio(a, b)
            of_p, of_n = (constant(1), constant(ratio)) if ratio is not None else (b, a)
            strict = (strict_p == ">" and _is_constant(of_p)) or (strict_n == ">" and _is_constant(of_n))
            label = first.label if second in box else second.label if first in box else f"{first.label}; {second.label}"
            self._work += len(of_p.terms) * len(p.terms) + len(of_n.terms) * len(n.terms)
            pair = Constraint(of_p * p + of_n * n, ">" if strict else ">=", label)
            if any(len(monomial) > _DEGREE for monomial in pair.poly.terms):
                return None
            if not self._trivial(pair):
                found.append(pair)
        return found

    def _difference(self) -> bool:
        """Put a difference of two payoffs in place of one of them, if the other one is in fewer products then."""
        free = [name for name in self.bounds if name not in self.held]
        products = {name: self._products(name) for name in free}
        best: tuple[int, str, str] | None = None
        for first, second in permutations(free, 2):
            before = sum(len(each.terms) for each in products[second].values())
            places = products[first].keys() | products[second].keys()
            zero = constant(0)
            after = sum(
                len((products[first].get(i, zero) + products[second].get(i, zero)).terms) for i in sorted(places)
            )
            if after < before and (best is None or after - before < best[0]):
                best = after - before, first, second
        if best is None:
            return False
        _, first, second = best
        new = f"{first} - {second}"
        meaning = variable(new).equals(variable(first) - variable(second)).labelled(f"definition of {new}")
        given = [each for each in self.left if first in each.poly.variables()]
        put = {first: variable(new) + variable(second)}
        found = [each.substituted(put) for each in [*given, *self._box(first)]]
        self.bounds[new] = _FREE
        self._replace(first, [meaning, *given], found)
        return True

    def _products(self, name: str) -> dict[int, Poly]:
        """What `name` is multiplied with, constants aside, by the place of the constraint."""
        found = {}
        for index, each in enumerate(self.left):
            factor, _ = _split(each.poly, name)
            factor = Poly({monomial: c for monomial, c in factor.terms.items() if monomial})
            if factor.terms:
                found[index] = factor
        return found

    def _prune(self) -> None:
        """Leave out what follows at once from another constraint: sound, whatever is left out."""
        factors = [_ONE]
        for name in sorted(self.held & self.bounds.keys()):
            if self.bounds[name] == _UNIT:
                factors += [variable(name), 1 - variable(name)]
        for each in list(self.left):
            if self._work >= _WORK:
                return
            if each.relation != "=" and any(self._redundant(each, other, factors) for other in self.left):
                self.left.remove(each)

    def _redundant(self, wanted: Constraint, known: Constraint, factors: list[Poly]) -> bool:
        """Whether `wanted` follows from `known`, another constraint; a pair is looked at once."""
        pair = id(known), id(wanted)
        if known is wanted or pair in self._apart or self._compared >= _COMPARED:
            return False
        if self._implies(known, wanted, factors):
            return True
        self._apart[pair] = known, wanted
        return False

    def _implies(self, known: Constraint, wanted: Constraint, factors: list[Poly]) -> bool:
        """Whether `wanted` is `known` times one of `factors`, of which the first is 1, plus something that is nowhere
        negative."""
        if known.relation == "=":
            return False
        for place, factor in enumerate(factors):
            if wanted.relation == ">" and not (known.relation == ">" and _is_constant(factor)):
                continue
            self._compared += 1
            multiple = self._multiple(known, place, factor)
            rest = _short_rest(wanted.poly, multiple)
            if rest is not None and (not rest.terms or (_maybe_positive(rest) and self._sign(rest) > 0)):
                return True
        return False

    def _multiple(self, known: Constraint, place: int, factor: Poly) -> Poly:
        key = id(known.poly), place
        if key not in self._multiples:
            self._multiples[key] = known.poly, factor * known.poly if place else known.poly
            self._work += len(factor.terms) * len(known.poly.terms)
        return self._multiples[key][1]

    def _box(self, name: str) -> list[Constraint]:
        bounds, label = self.bounds[name], f"range of {name}"
        low = [] if bounds.low is None else [(variable(name) >= bounds.low).labelled(label)]
        return low if bounds.high is None else [*low, (variable(name) <= bounds.high).labelled(label)]

    def _ranges(self, constraints: Collection[Constraint]) -> dict[str, Bounds]:
        used = {name for each in constraints for name in each.poly.variables()}
        return {name: bounds for name, bounds in self.bounds.items() if name in used}

    def _trivial(self, each: Constraint) -> bool:
        if each.relation == "=" or not each.poly.terms:
            return not each.poly.terms and each.relation != ">"
        return self._sign(each.poly) > 0 and (each.relation == ">=" or each.poly.terms.keys() == {()})

    def _sign(self, poly: Poly) -> int:
        """1 if `poly` is nowhere negative for numbers in [0, 1], -1 if nowhere positive, 0 if neither is known."""
        key = frozenset(poly.terms.items())
        if key not in self._signs:
            self._signs[key] = self._corners(poly)
        return self._signs[key]

    def _corners(self, poly: Poly) -> int:
        """A polynomial that is affine in each variable is largest, and smallest, at a corner of the box."""
        names = poly.variables()
        affine = all(len(set(monomial)) == len(monomial) for monomial in poly.terms)
        if len(names) > _CORNERS or not affine or any(self.bounds.get(name) != _UNIT for name in names):
            return 0
        scale = lcm(*(c.denominator for c in poly.terms.values()))
        at = [0] * (1 << len(names))  # by the set of variables that are 1, as bits
        for monomial, coefficient in poly.terms.items():
            at[sum(1 << names.index(name) for name in monomial)] = int(coefficient * scale)
        for bit in range(len(names)):
            for corner in range(len(at)):
                if corner >> bit & 1:
                    at[corner] += at[corner ^ 1 << bit]
        return 1 if min(at) >= 0 else -1 if max(at) <= 0 else 0


def _multipliers(problem: Problem) -> set[str]:
    """Variables that stay: all but payoffs, and of payoffs that are multiplied the most frequent."""
    held = {name for name in problem.variables if not _is_payoff(name)}
    monomials = {monomial for each in problem.constraints for monomial in each.poly.terms if len(monomial) > 1}
    while crowded := [rest for each in monomials if len(rest := [name for name in each if name not in held]) > 1]:
        counts = {name: sum(rest.count(name) for rest in crowded) for rest in crowded for name in rest}
        held.add(min(counts, key=lambda name: (-counts[name], name)))
    return held


def _is_payoff(name: str) -> bool:
    kind, bracket, _ = name.partition("(")
    return bool(bracket) and kind[:1] in "UMf" and kind[1:].isdigit()


def _split(poly: Poly, name: str) -> tuple[Poly, Poly]:
    """Factor of `name`, in which `poly` is linear, and the rest."""
    factor: dict[Monomial, Fraction] = {}
    rest: dict[Monomial, Fraction] = {}
    for monomial, coefficient in poly.terms.items():
        if name in monomial:
            factor[_without(monomial, name)] = coefficient
        else:
            rest[monomial] = coefficient
    return Poly(factor), Poly(rest)


def _without(monomial: Monomial, name: str) -> Monomial:
    place = monomial.index(name)
    return monomial[:place] + monomial[place + 1 :]


def _short_rest(poly: Poly, other: Poly) -> Poly | None:
    """`poly - other`, if it has no more than `_CORNERS` terms."""
    if abs(len(poly.terms) - len(other.terms)) > _CORNERS:
        return None
    terms: dict[Monomial, Fraction] = {}
    common = 0
    for monomial, coefficient in poly.terms.items():
        taken = other.terms.get(monomial)
        common += taken is not None
        if taken != coefficient:
            terms[monomial] = coefficient if taken is None else coefficient - taken
            if len(terms) > _CORNERS:
                return None
    if len(terms) + len(other.terms) - common > _CORNERS:
        return None
    terms.update((monomial, -taken) for monomial, taken in other.terms.items() if monomial not in poly.terms)
    return Poly(terms)


def _maybe_positive(poly: Poly) -> bool:
    """False if `poly` is negative at a corner of the box at which at most one variable is 1, or all are."""
    least = poly.terms.get((), _NOTHING)
    single = [c for monomial, c in poly.terms.items() if len(monomial) == 1]
    return least >= 0 and min(single, default=least) + least >= 0 and sum(poly.terms.values()) >= 0


def _degree(constraints: Collection[Constraint]) -> int:
    return max((len(monomial) for each in constraints for monomial in each.poly.terms), default=0)


def _is_constant(poly: Poly) -> bool:
    return poly.terms.keys() == {()}


def _ratio(first: Poly, second: Poly) -> Fraction | None:
    """The number that `second` times it is `first`; None if there is none."""
    if first.terms.keys() != second.terms.keys():
        return None
    ratios: Iterator[Fraction] = (first.terms[monomial] / second.terms[monomial] for monomial in first.terms)
    found = set(ratios)
    return found.pop() if len(found) == 1 else None
