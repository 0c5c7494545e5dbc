"""The contract of a building block: one polynomial-time step of an algorithm, what it guarantees, and how it is run.

A block is one file with one subclass of `Block`, listed in `blocks/__init__.py`. **The axioms are the trusted base of
every proof**: a block may state only what holds in *every* game, for *every* legal output (adversarial ties,
adversarial duals). Its docstring derives each axiom and names its source.

What a block supplies:

- `name`, `summary` (one line for prompts), `source` (paper and section), `weight` (how often random edits choose it);
- `overloads(players)`: the types it takes and gives. Strategies of player i have type `Pi`; their names are unique
  program-wide. Numbers that a program spells have type `weight`, `coefficient` or `guarantee`; scalars that a program
  computes have type `value`;
- `axioms(call, state)`: the constraints, over `state.U`, `state.M`, `state.f` and `state.scalar`. "For all x" is a loop
  over `state.strategies(i)`: every constructed strategy of player i, later ones included;
- `routine(call)`: which function of `numerics` takes the step on a real game, and its arguments, as data: the executor
  calls it, and an exported module spells it;
- `relabelled(statement, overload, order)`: the same step with the players renamed; the default suits blocks that treat
  all players alike.

Rules for the function. Its first argument is the payoffs: one array for each player, each of shape (m_1, ..., m_n),
float64 in [0, 1]; a strategy is a probability vector of length m_i, a value a float. It returns the outputs in the
order of `call.outputs`, a single one bare. They must satisfy the block's axioms, up to rounding or up to a small
multiple of the slack `delta` that the function is given.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from discovery.grammar.ir import Statement
from discovery.grammar.vocabulary import Laws

if TYPE_CHECKING:
    from discovery.tasks.nash.compiler.algebra import Constraint
    from discovery.tasks.nash.compiler.state import State

__all__ = [
    "COEFFICIENT",
    "CONDITION",
    "GUARANTEE",
    "VALUE",
    "WEIGHT",
    "Block",
    "Call",
    "Overload",
    "Routine",
    "moved",
    "payoff_text",
    "permuted",
    "player_type",
]

VALUE, WEIGHT, COEFFICIENT, GUARANTEE, CONDITION = "value", "weight", "coefficient", "guarantee", "condition"

#: An argument of a routine: the name of a strategy or value of the program, a number, a player (from 0), or a tuple of
#: such, in which None stands for a strategy that is to be found.
Argument: TypeAlias = "str | Fraction | int | tuple[Argument, ...] | None"


def player_type(player: int) -> str:
    """Type of the strategies of player 1, 2, ...: `"P1"`."""
    return f"P{player}"


@dataclass(frozen=True)
class Overload:
    """One way to call a block.

    Attributes:
        op: Name of the operation in the intermediate form; the block's own name, or, where argument types do not tell
            the overloads apart, that name with the player's number.
        inputs, outputs: Types, in order.
    """

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Call:
    """A statement of a program whose block and overload are known.

    Attributes:
        block: The block.
        overload: The overload that is meant.
        outputs: Names of what it gives.
        inputs: What it takes: a name (of a strategy or a computed value), or a number.
    """

    block: Block
    overload: Overload
    outputs: tuple[str, ...]
    inputs: tuple[str | Fraction, ...]

    @property
    def players(self) -> tuple[int, ...]:
        """The players whose strategies the call gives, ascending, each once."""
        return tuple(sorted({int(t[1:]) for t in self.overload.outputs if t.startswith("P")}))

    @property
    def held(self) -> tuple[str, ...]:
        """The strategies that the call takes, in order."""
        named = zip(self.inputs, self.overload.inputs, strict=True)
        return tuple(str(name) for name, type_ in named if type_.startswith("P"))

    @property
    def partial(self) -> tuple[str | None, ...]:
        """The profile of the strategies that the call takes; None for the players whose strategies it gives."""
        named = zip(self.inputs, self.overload.inputs, strict=True)
        found: dict[int, str | None] = {int(type_[1:]): str(name) for name, type_ in named if type_.startswith("P")}
        found.update(dict.fromkeys(self.players))
        return tuple(found[player] for player in sorted(found))

    @property
    def numbers(self) -> tuple[Fraction, ...]:
        """The numbers that the program spells, in order."""
        return tuple(each for each in self.inputs if isinstance(each, Fraction))

    def __str__(self) -> str:
        args = [str(each) for each in self.inputs]
        count = self.overload.inputs.count(COEFFICIENT)
        if count:
            args[-count:] = [payoff_text(self.numbers[-count:])]
        return f"{', '.join(self.outputs)} = {self.overload.op}({', '.join(args)})"


@dataclass(frozen=True)
class Routine:
    """A step on a real game: `function(payoffs, *arguments)`, and `delta` or `rng` after them where it needs one.

    Attributes:
        function: Name of a function of `numerics`.
        arguments: Its arguments after the payoffs.
        needs: `"delta"`, the slack of an approximate step; `"rng"`, a random generator; or nothing.
    """

    function: str
    arguments: tuple[Argument, ...] = ()
    needs: Literal["", "delta", "rng"] = ""


class Block(ABC):
    """See the module's docstring."""

    name: str
    summary: str
    source: str
    weight: float = 1.0
    #: Exact laws for the canonical key. A block is pure when two equal calls may be merged: any worst state of the
    #: program with one call extends to the program with two by copying its outputs, so both have the same bound.
    laws: Laws = Laws(pure=True)

    @abstractmethod
    def overloads(self, players: int) -> Sequence[Overload]:
        """The ways to call it in games of so many players; none where it does not apply."""

    @abstractmethod
    def axioms(self, call: Call, state: State) -> Iterable[Constraint]:
        """What holds of the outputs in every game. Called once all strategies of the program are known."""

    @abstractmethod
    def routine(self, call: Call) -> Routine:
        """The step on a real game; see the module's docstring."""

    def relabelled(self, statement: Statement, overload: Overload, order: Sequence[int]) -> Statement:
        """`statement` with player i renamed to `order[i - 1]`.

        Here: strategies are put in the order of the new players, within the arguments and within each ascending run of
        outputs (`P1, P2, P1, P2` is two runs); everything else stays in place.
        """
        args = list(permuted(statement.args, overload.inputs, order))
        outputs: list[str] = []
        for start, end in _runs(overload.outputs):
            outputs += permuted(statement.outputs[start:end], overload.outputs[start:end], order)
        op = statement.op
        if op != self.name and op[len(self.name) :].isdigit():
            op = f"{self.name}{order[int(op[len(self.name) :]) - 1]}"
        return Statement(tuple(outputs), op, tuple(args), statement.span)


def _runs(types: Sequence[str]) -> list[tuple[int, int]]:
    """Maximal strictly ascending runs of types, as half-open ranges."""
    cuts = [0] + [i for i in range(1, len(types)) if types[i] <= types[i - 1]] + [len(types)]
    return [(start, end) for start, end in pairwise(cuts) if end > start]


def permuted(items: Sequence[Any], types: Sequence[str], order: Sequence[int]) -> list[Any]:
    """`items`, those of player types put in the order of the players' new numbers; the others keep their places."""
    places = [index for index, type_ in enumerate(types) if type_.startswith("P")]
    moved = sorted(places, key=lambda index: order[int(types[index][1:]) - 1])
    result: list[Any] = list(items)
    for place, source in zip(places, moved, strict=True):
        result[place] = items[source]
    return result


def moved(coefficients: Sequence[Any], order: Sequence[int]) -> tuple[Any, ...]:
    """One coefficient a player, put in the places of the players' new numbers."""
    result = list(coefficients)
    for player, coefficient in enumerate(coefficients, 1):
        result[order[player - 1] - 1] = coefficient
    return tuple(result)


def payoff_text(coefficients: Iterable[int | Fraction]) -> str:
    """`U1 - 2*U2` for the coefficients 1, -2."""
    parts: list[str] = []
    for player, c in enumerate(coefficients, 1):
        if c:
            size = "" if abs(c) == 1 else f"{abs(c)}*"
            sign = ("-" if c < 0 else "") if not parts else (" - " if c < 0 else " + ")
            parts.append(f"{sign}{size}U{player}")
    return "".join(parts) or "0*U1"
