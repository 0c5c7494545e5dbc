"""Program to constraint system: the worst case over all games as a finite optimisation problem.

After the steps of a program, every mixing line is evaluated: fix all players but one and mix all constructed strategies
of that one. Regrets are convex along the line, so by linear-programming duality the best guaranteed point of the line
is `max over q in the simplex of min over k of sum_j q_j f_j(k)`. The program's bound is therefore the largest t with

    axioms,  0 <= U_i <= M_i <= 1,  and for each line some q >= 0 with sum q = 1 and t <= sum_j q_j f_j(k) for each k.

Besides lines there are *squares*: two strategies of one player and two of another, mixed half and half on both sides,
the rest fixed. With weights 1/4 for each corner, `f_i <= 1/4 sum over corners of f_i` there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations, product

from discovery.tasks.nash.compiler.algebra import Constraint, Poly, constant
from discovery.tasks.nash.compiler.state import Bounds, State, named
from discovery.tasks.nash.program import Case, Comparison, Program, Scalar, Step

__all__ = ["CASE", "WLOG", "Line", "System", "compile_case", "compile_program", "restricted"]

_ONE = Fraction(1)

#: Labels of the conditions of cases, and of the free assumption.
CASE, WLOG = "case", "wlog"


@dataclass(frozen=True, eq=False)
class Line:
    """Profiles that are mixed, with what mixing guarantees.

    Attributes:
        label: `"line of player 1 at y"` or `"square x1 x2 by y1 y2"`.
        multipliers: Names of q_1, ..., q_(n-1); the last one is 1 minus their sum.
        rows: One polynomial for each profile of a line, or the average of a square's corners: t is at most each.
        points: The same, as one polynomial for each player's regret: `rows[k] = sum_j q_j points[k][j]`.
        mixed: What each row stands for: a strategy of the player whose line it is, or a square's average.
    """

    label: str
    multipliers: tuple[str, ...]
    rows: tuple[Poly, ...]
    points: tuple[tuple[Poly, ...], ...]
    mixed: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class System:
    """One case of a program as constraints; `axioms` hold in every game that falls into the case.

    Attributes:
        state: Variables.
        axioms: What holds of them.
        lines: What is mixed in the end.
        lemmas: SMT-LIB texts without a model, on which simpler definitions among the axioms rest.
        symmetries: Renamings of strategies that change nothing (see `symmetry`), on which axioms about scalars rest.
    """

    state: State
    axioms: tuple[Constraint, ...]
    lines: tuple[Line, ...]
    lemmas: tuple[str, ...] = ()
    symmetries: tuple[Mapping[str, str], ...] = ()

    def simplex(self, line: Line) -> list[Constraint]:
        """What the multipliers of `line` satisfy besides lying in [0, 1]."""
        last = _last(self.state, line)
        return [(last >= 0).labelled(line.label)] if len(line.multipliers) > 1 else []

    def above(self, line: Line, target: Poly | Fraction) -> list[Constraint]:
        """That `target` is below every row of `line`, strictly where it is a number."""
        relation = ">" if isinstance(target, Fraction) else ">="
        return [Constraint(row - target, relation, line.label) for row in line.rows]


def compile_program(program: Program) -> list[System]:
    """One system for each case, in order. The program's bound is the largest of theirs."""
    return [compile_case(case) for case in program.cases]


def compile_case(case: Case) -> System:
    """The constraint system of one case."""
    state = State(case.strategies)
    axioms: list[Constraint] = []
    for step in case.steps:
        axioms += _step(step, state)
    assumed = [(WLOG, case.wlog)] if case.wlog else []
    assumed += [(CASE, each) for each in ([case.when] if case.when else [])]
    for label, comparison in assumed:
        axioms.append(_holds(comparison, state).labelled(label))
    for comparison in case.unless:
        # The case is entered when the comparison fails; its closure keeps the worst case attained.
        axioms.append(_holds(Comparison(comparison.right, comparison.left), state).labelled(CASE))
    lines = tuple(_lines(state))
    sides = tuple(each.labelled(side.label) for side in state.sides for each in side.general)
    return System(state, (*_inherent(state), *sides, *axioms), lines)


def restricted(system: System, strategies: Collection[str]) -> System:
    """`system` without what is said of other strategies than these, and without mixing any other.

    It has more states, and in each its lines guarantee no more: a bound of it is one of `system`.
    """
    everyone = {name for names in system.state.constructed for name in names}
    gone = everyone - set(strategies)

    def kept(polys: Iterable[Poly]) -> bool:
        return gone.isdisjoint(part for poly in polys for name in poly.variables() for part in named(name))

    axioms = tuple(each for each in system.axioms if kept([each.poly]))
    lines = []
    for line in system.lines:
        places = [k for k, point in enumerate(line.points) if kept(point)]
        if places:
            rows, points = tuple(line.rows[k] for k in places), tuple(line.points[k] for k in places)
            mixed = tuple(line.mixed[k] for k in places)
            lines.append(replace(line, rows=rows, points=points, mixed=mixed))
    return replace(system, state=system.state.without(gone), axioms=axioms, lines=tuple(lines))


def _step(step: Step, state: State) -> Iterator[Constraint]:
    if isinstance(step, Scalar):
        state.values[step.output] = _value(step, state)
        return
    for constraint in step.block.axioms(step, state):
        yield constraint.labelled(str(step))


def _value(step: Scalar, state: State) -> Poly:
    if step.op[1:].isdigit():
        names = [str(each) for each in step.inputs]
        return {"U": state.U, "M": state.M, "f": state.f}[step.op[0]](int(step.op[1:]), *names)
    args = [state.number(each) for each in step.inputs]
    match step.op:
        case "add":
            return args[0] + args[1]
        case "sub":
            return args[0] - args[1]
        case "mul":
            return args[0] * args[1]
        case "div":
            return state.quotient(step.output, args[0], args[1])
    return state.root(step.output, args[0])


def _holds(comparison: Comparison, state: State) -> Constraint:
    return state.number(comparison.left) >= state.number(comparison.right)


def _inherent(state: State) -> Iterator[Constraint]:
    """`U_i <= M_i` at every profile; everything lies in [0, 1] by its bounds."""
    for profile in state.profiles():
        for player in range(1, state.players + 1):
            others = [name for name in profile if state.player_of[name] != player]
            yield (state.M(player, *others) >= state.U(player, *profile)).labelled("best response")


def _lines(state: State) -> Iterator[Line]:
    everyone = range(1, state.players + 1)
    movers = [i for i in everyone if len(state.strategies(i)) > 1] or [1]
    for player in movers:
        for others in state.opponents(player):
            mixed = state.strategies(player)
            profiles = [state.profile(own, *others) for own in mixed]
            label = f"line of player {player} at {', '.join(others)}"
            yield _line(state, label, mixed, [[(_ONE, p)] for p in profiles])
    for i, j in combinations(movers, 2):
        rest = [state.strategies(k) for k in everyone if k not in (i, j)]
        for others in product(*rest):
            for a, b in combinations(state.strategies(i), 2):
                for c, d in combinations(state.strategies(j), 2):
                    corners = [(_ONE / 4, state.profile(x, y, *others)) for x in (a, b) for y in (c, d)]
                    at = f" at {', '.join(others)}" if others else ""
                    yield _line(state, f"square {a} {b} by {c} {d}{at}", ("its middle",), [corners])


def _line(
    state: State, label: str, mixed: tuple[str, ...], points: list[list[tuple[Fraction, tuple[str, ...]]]]
) -> Line:
    """A line whose points are weighted sums of profiles."""
    regrets = tuple(
        tuple(
            sum((weight * state.f(j, *profile) for weight, profile in point), constant(0))
            for j in range(1, state.players + 1)
        )
        for point in points
    )
    names = tuple(f"q{j}[{label}]" for j in range(1, state.players))
    weights = [state.scalar(name) for name in names]
    weights.append(1 - sum(weights, constant(0)))
    rows = tuple(sum((q * f for q, f in zip(weights, point, strict=True)), constant(0)) for point in regrets)
    return Line(label, names, rows, regrets, mixed)


def _last(state: State, line: Line) -> Poly:
    return 1 - sum((state.scalar(name, Bounds()) for name in line.multipliers), constant(0))
