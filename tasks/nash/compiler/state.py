"""The variables of a program's worst case: payoffs, best-response values, regrets, and the scalars of blocks.

A *state* is everything that the axioms can see of one game and one run of a program: `U_i(s)` for every profile of
constructed strategies, `M_i(s_-i)`, the best payoff of player i against the others, and the regrets
`f_i(s) = M_i(s_-i) - U_i(s)`, which are not variables of their own but abbreviations (`State.definitions`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

from discovery.tasks.nash.compiler.algebra import Constraint, Poly, constant, variable

__all__ = ["Bounds", "Side", "State", "named"]


@dataclass(frozen=True)
class Bounds:
    """Range of a variable; None where it has no end."""

    low: Fraction | None = Fraction(0)
    high: Fraction | None = Fraction(1)


@dataclass(frozen=True, eq=False)
class Side:
    """The definition of an auxiliary variable, and a simpler one for where nothing exceptional can happen.

    Attributes:
        label: What would have to be shown.
        general: Holds always.
        simple: Holds where none of `exceptions` does.
        exceptions: What the simpler definition does not cover, one constraint each.
    """

    label: str
    general: tuple[Constraint, ...]
    simple: tuple[Constraint, ...]
    exceptions: tuple[Constraint, ...]


_POSITIVE = Bounds(Fraction(0), None)


def named(variable: str) -> list[str]:
    """The strategies in a variable's name, such as `f1(x,y)` or `weight(m) below`."""
    return variable.partition("(")[2].partition(")")[0].split(",")


class State:
    """Variables by name, created when they are first asked for.

    Args:
        strategies: For each player in order, the names of the constructed strategies. All names differ.
    """

    def __init__(self, strategies: Sequence[Sequence[str]]) -> None:
        self.constructed = tuple(tuple(names) for names in strategies)
        self.player_of = {name: i + 1 for i, names in enumerate(self.constructed) for name in names}
        #: Range of every variable, in order of creation.
        self.variables: dict[str, Bounds] = {}
        #: Regret to its meaning, `M - U`.
        self.definitions: dict[str, Poly] = {}
        #: Scalars that the program computed.
        self.values: dict[str, Poly] = {}
        #: What defines auxiliary variables: quotients, roots, clipped weights.
        self.sides: list[Side] = []

    @property
    def players(self) -> int:
        """Number of players."""
        return len(self.constructed)

    def strategies(self, player: int) -> tuple[str, ...]:
        """Every constructed strategy of `player`: what "for all" ranges over."""
        return self.constructed[player - 1]

    def profiles(self) -> Iterator[tuple[str, ...]]:
        """All profiles of constructed strategies, in a fixed order."""
        return product(*self.constructed)

    def opponents(self, player: int) -> Iterator[tuple[str, ...]]:
        """All profiles of the players other than `player`."""
        return product(*(names for i, names in enumerate(self.constructed) if i != player - 1))

    def profile(self, *names: str) -> tuple[str, ...]:
        """`names` in the order of their players."""
        return tuple(sorted(names, key=self.player_of.__getitem__))

    def replaced(self, profile: Sequence[str], *names: str) -> tuple[str, ...]:
        """`profile` with these strategies in place of those of the same players."""
        new = {self.player_of[name]: name for name in names}
        return tuple(new.get(self.player_of[old], old) for old in profile)

    def U(self, player: int, *names: str) -> Poly:
        """Payoff of `player` at the profile of `names`, one strategy of every player, in any order."""
        return self.scalar(f"U{player}({','.join(self._whole(names))})")

    def M(self, player: int, *names: str) -> Poly:
        """Best payoff of `player` against `names`, one strategy of every other player."""
        others = self.profile(*names)
        if sorted(self.player_of[name] for name in others) != [i for i in self._numbers() if i != player]:
            raise ValueError(f"expected one strategy of every player but {player}; got {', '.join(names)}")
        return self.scalar(f"M{player}({','.join(others)})")

    def f(self, player: int, *names: str) -> Poly:
        """Regret of `player` at the profile of `names`."""
        profile = self._whole(names)
        name = f"f{player}({','.join(profile)})"
        if name not in self.definitions:
            others = [each for each in profile if self.player_of[each] != player]
            self.definitions[name] = self.M(player, *others) - self.U(player, *profile)
        return variable(name)

    def payoff(self, weights: Mapping[int, Fraction], names: Sequence[str]) -> Poly:
        """`sum_i weights[i] U_i` at the profile of `names`."""
        return sum((c * self.U(player, *names) for player, c in weights.items() if c), constant(0))

    def scalar(self, name: str, bounds: Bounds | None = None) -> Poly:
        """The variable of that name, created in [0, 1] where nothing else is said."""
        self.variables.setdefault(name, bounds or Bounds())
        return variable(name)

    def number(self, value: str | Fraction) -> Poly:
        """What an argument of a call is: a number, or a computed value by name."""
        return self.values[value] if isinstance(value, str) else constant(value)

    def new_value(self, name: str) -> Poly:
        """The value called `name`, which a block found, in [0, 1]."""
        self.values[name] = self.scalar(name)
        return self.values[name]

    def clipped(self, name: str, value: Poly) -> Poly:
        """`min(max(value, 0), 1)`: the w with `value = w + v - u` for some u, v >= 0, `u w = 0`, `v (1 - w) = 0`."""
        w = self.scalar(name)
        below, above = self.scalar(f"{name} below", _POSITIVE), self.scalar(f"{name} above", _POSITIVE)
        general = (value.equals(w + above - below), (below * w).equals(0), (above * (1 - w)).equals(0))
        outside = (Constraint(-value, ">"), Constraint(value - 1, ">"))
        self.sides.append(Side(f"{name} needs no clipping", general, (w.equals(value),), outside))
        return w

    def quotient(self, name: str, above: Poly, below: Poly) -> Poly:
        """`above / below`, anything where `below` is 0: the v with `below (v below - above) = 0`."""
        v = self.scalar(name, Bounds(None, None))
        general = ((below * (v * below - above)).equals(0),)
        self.sides.append(Side(f"{name}: no division by 0", general, ((v * below).equals(above),), (below.equals(0),)))
        return v

    def root(self, name: str, square: Poly) -> Poly:
        """`sqrt(max(square, 0))`: the v >= 0 with `v^2 >= square` and `v (v^2 - square) = 0`."""
        v = self.scalar(name, _POSITIVE)
        general = (v * v >= square, (v * (v * v - square)).equals(0))
        simple = ((v * v).equals(square),)
        self.sides.append(Side(f"{name}: root of no negative number", general, simple, (Constraint(-square, ">"),)))
        return v

    def without(self, gone: Collection[str]) -> State:
        """The variables that speak of none of these strategies."""
        other = State([[name for name in names if name not in gone] for names in self.constructed])

        def kept(name: str) -> bool:
            return not gone or set(named(name)).isdisjoint(gone)

        other.variables = {name: bounds for name, bounds in self.variables.items() if kept(name)}
        other.definitions = {name: poly for name, poly in self.definitions.items() if kept(name)}
        other.values = {name: v for name, v in self.values.items() if all(map(kept, v.variables()))}
        other.sides = [s for s in self.sides if all(kept(n) for each in s.general for n in each.poly.variables())]
        return other

    def expanded(self, poly: Poly) -> Poly:
        """`poly` with every regret written out."""
        return poly.substituted(self.definitions)

    def complete(self, values: Mapping[str, Fraction]) -> dict[str, Fraction]:
        """Values of the variables with those of the regrets added."""
        return {**values, **{name: poly.at(values) for name, poly in self.definitions.items()}}

    def _numbers(self) -> range:
        return range(1, self.players + 1)

    def _whole(self, names: Sequence[str]) -> tuple[str, ...]:
        profile = self.profile(*names)
        if [self.player_of[name] for name in profile] != list(self._numbers()):
            raise ValueError(f"expected one strategy of every player; got {', '.join(names)}")
        return profile
