"""Symmetries of a constraint system: renamings of players and strategies that change none of its constraints.

Such a renaming turns every state into a state in which the lines guarantee the same. So of all the states that
renamings turn into each other a proof may look at one: that in which the first scalar is the largest of those that it
can be renamed to; among these, by the renamings that keep the first, the same of the second scalar, and so on.

Whatever is given as a renaming is checked here: every constraint and every line, renamed, has to be one again.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace

from discovery.tasks.nash.compiler.algebra import Constraint, Poly, variable
from discovery.tasks.nash.compiler.state import State
from discovery.tasks.nash.compiler.system import System

__all__ = ["Renaming", "symmetric"]

#: Name of every strategy to that of another one.
Renaming = Mapping[str, str]

_NAME = re.compile(r"([A-Za-z]+)(\d*)\((.*)\)")


def symmetric(system: System, renamings: Sequence[Renaming], scalars: Sequence[str]) -> System:
    """`system` with axioms that order `scalars`, which cost nothing; and with `renamings` as its symmetries.

    Args:
        system: One case of a program.
        renamings: Symmetries.
        scalars: Variables that are no payoffs and no multipliers of lines.

    Raises:
        ValueError: one of `renamings` changes the constraints of `system`.
    """
    moves = [_checked(system, renaming, scalars) for renaming in renamings]
    group, found = _generated(moves, scalars), list[Constraint]()
    for first in scalars:
        for other in sorted({move[first] for move in group} - {first}):
            label = f"symmetry: renaming the players changes nothing, so {first} is the largest"
            found.append((variable(first) >= variable(other)).labelled(label))
        group = [move for move in group if move[first] == first]
    if not found:
        return system
    return replace(system, axioms=(*system.axioms, *found), symmetries=tuple(map(dict, renamings)))


def _generated(moves: Sequence[Mapping[str, str]], scalars: Sequence[str]) -> list[dict[str, str]]:
    """All compositions of `moves`, the identity among them."""
    group = [{name: name for name in scalars}]
    for each in group:  # grows as it goes
        for move in moves:
            composed = {name: move[each[name]] for name in scalars}
            if composed not in group:
                group.append(composed)
    return group


def _checked(system: System, renaming: Renaming, scalars: Sequence[str]) -> dict[str, str]:
    """What becomes of `scalars`."""
    state = system.state
    strategies = [name for names in state.constructed for name in names]
    if sorted(renaming) != sorted(strategies) or sorted(renaming.values()) != sorted(strategies):
        raise ValueError("a renaming of strategies names each of them once")
    players = {state.player_of[old]: state.player_of[new] for old, new in renaming.items()}
    if any(players[state.player_of[old]] != state.player_of[new] for old, new in renaming.items()):
        raise ValueError("a renaming gives all strategies of a player to one player")
    multipliers = {name for line in system.lines for name in line.multipliers}
    names = {name: _renamed(name, renaming, players, state) for name in state.variables if name not in multipliers}
    if sorted(names.values()) != sorted(names):
        raise ValueError("a renaming turns every variable into one")
    if any(state.variables[old] != state.variables[new] for old, new in names.items()):
        raise ValueError("a renaming keeps the range of every variable")
    axioms = [state.expanded(each.poly) for each in system.axioms]
    if any(name in multipliers for poly in axioms for name in poly.variables()):
        raise ValueError("multipliers of lines are in no axiom")
    relations = [each.relation for each in system.axioms]
    before = Counter(map(_key, relations, axioms))
    after = Counter(_key(relation, poly, names) for relation, poly in zip(relations, axioms, strict=True))
    if before != after or Counter(_lines(system, {}, {})) != Counter(_lines(system, names, players)):
        raise ValueError("a renaming of players has to leave every constraint and line as it is")
    return {name: names[name] for name in scalars}


def _renamed(name: str, renaming: Renaming, players: Mapping[int, int], state: State) -> str:
    """`U1(x,y)`, `M1(y)`, `rho1(x,y)`, `weight(x)`: the player, and the strategies in the order of their players."""
    parts = _NAME.fullmatch(name)
    if parts is None or any(each not in renaming for each in parts[3].split(",")):
        return name
    player = str(players.get(int(parts[2]), parts[2])) if parts[2] else ""
    inside = state.profile(*(renaming[each] for each in parts[3].split(",")))
    return f"{parts[1]}{player}({','.join(inside)})"


def _lines(system: System, names: Mapping[str, str], players: Mapping[int, int]) -> list[Hashable]:
    """Each line as the set of its points, each the regrets of all players in order; variables and players renamed."""
    found: list[Hashable] = []
    for line in system.lines:
        points = []
        for point in line.points:
            regrets = [_key(">=", system.state.expanded(poly), names) for poly in point]
            moved = {players.get(player, player): regret for player, regret in enumerate(regrets, 1)}
            points.append(tuple(moved[player] for player in sorted(moved)))
        found.append(frozenset(Counter(points).items()))
    return found


def _key(relation: str, poly: Poly, names: Mapping[str, str] | None = None) -> Hashable:
    """Equal for the same constraint, its variables renamed; an equation may be written the other way round."""
    new = names or {}
    terms = {tuple(sorted(new.get(name, name) for name in monomial)): c for monomial, c in poly.terms.items()}
    if relation == "=" and terms and terms[min(terms)] < 0:
        terms = {monomial: -c for monomial, c in terms.items()}
    return relation, frozenset(terms.items())
