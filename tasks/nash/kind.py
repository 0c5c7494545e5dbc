"""How algorithms differ in kind, for archives that are to stay diverse, and when two of them are the same.

Both are read off the program without what adds nothing: copies that nothing uses, equal calls.
"""

from __future__ import annotations

from typing import Any

from discovery.grammar.build import check
from discovery.grammar.canonical import canonical
from discovery.grammar.ir import Block, Form
from discovery.task import Feature
from discovery.tasks.nash.reduce import reduced
from discovery.tasks.nash.vocabulary import MAX_STRATEGIES, Words

__all__ = ["features", "kind"]

#: What an algorithm may rest on besides random strategies, best responses and mixtures, each worth a bit of `tools`.
_TOOLS = (
    {"ZeroSum", "MaxPayoff"},
    {"StationaryPoint", "JointStationaryPoint"},
    {"SampleLP", "Approximate"},
)


def features(players: int) -> tuple[Feature, ...]:
    """The axes.

    - `strategies`: how many strategies it constructs, in its longest case;
    - `tools`: the sum of 1 for optimal profiles (`ZeroSum`, `MaxPayoff`), 2 for stationary points, 4 for known or
      guessed solutions (`SampleLP`, `Approximate`): eight kinds;
    - `cases`: how many cases it has.
    """
    return (
        Feature("strategies", players, players * MAX_STRATEGIES[players], bins=5),
        Feature("tools", 0, 8, bins=8),
        Feature("cases", 1, 4, bins=3),
    )


def kind(form: Form, known: Words) -> dict[str, Any]:
    """`features` of a checked form, and `fingerprint`: programs of one fingerprint construct the same strategies, up to
    names, the order of lines and of players, and copies that nothing uses; so they guarantee the same."""
    shorter = reduced(form, known)
    operations = {statement.op for block in shorter.blocks for statement in block.statements}
    blocks = {known.overloads[op][0].name for op in operations if op in known.overloads}
    values = {
        "strategies": max(_strategies(block, known) for block in shorter.blocks),
        "tools": sum(1 << bit for bit, names in enumerate(_TOOLS) if not blocks.isdisjoint(names)),
        "cases": len(shorter.blocks),
    }
    same = canonical(check(shorter, known.vocabulary), known.vocabulary).key
    return {"features": values, "fingerprint": same}


def _strategies(block: Block, known: Words) -> int:
    return sum(len(statement.outputs) for statement in block.statements if statement.op in known.overloads)
