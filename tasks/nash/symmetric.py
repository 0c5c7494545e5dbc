"""What is built for one player, built for all: the images of new statements under rotations of the players.

In a program that treats its players alike, a strategy that helps against a worst state has counterparts which help
against the rotated states; one alone changes no bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from discovery.grammar.ir import Block, Ref
from discovery.grammar.places import fresh_name
from discovery.tasks.nash.program import digests, images

if TYPE_CHECKING:
    from discovery.tasks.nash.vocabulary import Words

__all__ = ["everywhere"]


def everywhere(before: Block, after: Block, known: Words) -> Block | None:
    """`after`, with the images under all rotations of the players of what it has more than `before`.

    None where an image needs something that `after` has no image of, or where `after` does not begin with `before`.
    """
    size = len(before.statements)
    if after.statements[:size] != before.statements or len(after.statements) == size:
        return None
    block, types, players = after, known.types_of(after), known.players
    for shift in range(1, players):
        order = [(player + shift) % players + 1 for player in range(players)]
        moved, there = images(after, order, known), {tree: name for name, tree in digests(block.statements).items()}
        for statement in after.statements[size:]:
            if moved[statement.outputs[0]] in there:
                continue
            turned = known.relabelled_statement(statement, order, dict(types))
            args = tuple(_image(arg, moved, there) if isinstance(arg, Ref) else arg for arg in turned.args)
            if None in args:
                return None
            taken = {name for each in block.statements for name in each.outputs} | set(known.vocabulary.by_name)
            for name in statement.outputs:
                there[moved[name]] = fresh_name("s", taken)
                taken.add(there[moved[name]])
            outputs = tuple(there[moved[name]] for name in turned.outputs)
            block = replace(block, statements=(*block.statements, replace(turned, outputs=outputs, args=args)))  # type: ignore[arg-type]
    return block


def _image(arg: Ref, moved: Mapping[str, str], there: Mapping[str, str]) -> Ref | None:
    name = there.get(moved[arg.name])
    return None if name is None else Ref(name)
