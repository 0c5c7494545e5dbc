"""Weights that depend on the game: an affine function of a value that a program computes, clipped to [0, 1].

Bosse, Byrka and Markakis (WINE 2007) mix by a function of a regret. One that is affine, and steep, does nearly as well:
it is 0 on one side of a short interval, 1 on the other, and whatever is best within it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from discovery.grammar.ir import Block, Const, Form, Ref, Statement
from discovery.grammar.places import fresh_name
from discovery.tasks.nash.blocks._base import VALUE, player_type

if TYPE_CHECKING:
    from discovery.tasks.nash.vocabulary import Words

__all__ = ["affine", "regret", "weigh"]

#: How steep a weight is, either way.
_SLOPES = (1, 2, 3, 4, 6, 9, 12)

#: Probability that a value that the program computes already is taken, where there is one.
_KNOWN = 0.75

#: Where a weight is what it was as a number, if nothing better is known.
_PIVOTS = tuple(map(Fraction, ("1/4", "1/3", "2/5", "1/2")))


def affine(
    block: Block, known: Words, value: str, at: Fraction, share: Fraction, rng: random.Random
) -> tuple[list[Statement], str]:
    """Statements after those of `block`, and the name of what they compute: a multiple of `value` plus a number, about
    `share` where `value` is `at`."""
    taken = {name for s in block.statements for name in s.outputs} | set(known.vocabulary.by_name) | {value}
    slope = Fraction(rng.choice(_SLOPES) * rng.choice((-1, 1)))
    offset = (share - slope * at).limit_denominator(6)
    made: list[Statement] = []
    for op, number in (("mul", slope), ("add", offset)):
        if number == (1 if op == "mul" else 0):
            continue
        name = fresh_name("v", taken)
        taken.add(name)
        made.append(Statement((name,), op, (Const(number), Ref(value))))
        value = name
    return made, value


def regret(names: Sequence[str], known: Words, block: Block, rng: random.Random) -> Statement | None:
    """One player's regret at a profile of some strategies among `names`; None where a player has none."""
    types = known.types_of(block)
    profile = []
    for player in range(1, known.players + 1):
        own = [name for name in names if types[name] == player_type(player)]
        if not own:
            return None
        profile.append(rng.choice(own))
    name = fresh_name("v", {n for s in block.statements for n in s.outputs} | set(known.vocabulary.by_name))
    return Statement((name,), f"f{rng.randint(1, known.players)}", tuple(map(Ref, profile)))


def weigh(form: Form, known: Words, rng: random.Random) -> Form | None:
    """An affine function of a regret, or of another value, in place of a mixture's weight that is a number."""
    index = rng.randrange(len(form.blocks))
    block = form.blocks[index]
    rows = [row for row, s in enumerate(block.statements) if s.op == "Mix" and isinstance(s.args[2], Const)]
    if not rows:
        return None
    row = rng.choice(rows)
    before, mixture, after = block.statements[:row], block.statements[row], block.statements[row + 1 :]
    types = known.types_of(block)
    names = [name for s in before for name in s.outputs]
    values = [name for name in names if types[name] == VALUE]
    made: list[Statement] = []
    if values and rng.random() < _KNOWN:
        value = rng.choice(values)
    else:
        statement = regret([name for name in names if name not in values], known, block, rng)
        if statement is None:
            return None
        made, value = [statement], statement.outputs[0]
    number = mixture.args[2]
    assert isinstance(number, Const)
    whole = replace(block, statements=(*block.statements, *made))
    computed, weight = affine(whole, known, value, rng.choice(_PIVOTS), Fraction(number.value), rng)
    mixed = replace(mixture, args=(*mixture.args[:2], Ref(weight)))
    changed = replace(block, statements=(*before, *made, *computed, mixed, *after))
    return Form({}, (*form.blocks[:index], changed, *form.blocks[index + 1 :]))
