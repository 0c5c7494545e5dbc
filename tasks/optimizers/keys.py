"""Keys of rules. Kinds are updated independently of each other, so each kind's own block has a key."""

from __future__ import annotations

from dataclasses import replace

from discovery.grammar.build import check
from discovery.grammar.canonical import Keys, canonical
from discovery.grammar.ir import Form
from discovery.model import content_key
from discovery.tasks.optimizers.layout import (
    INIT,
    KINDS,
    VOCABULARY,
    Kind,
    block_for,
    kinds_of,
    merged,
    update_blocks,
    update_name,
)

__all__ = ["keys", "unified"]


def keys(form: Form) -> Keys:
    """Keys of a checked rule: that of its form, or, where kinds differ, of what is done with each.

    They do not depend on how the rule shares blocks out; nor does what runs, see `unified`.
    """
    groups = _groups(form)
    if len(groups) == 1:
        return next(iter(groups))
    served = sorted((sorted(kinds), each.key, each.skeleton) for each, kinds in groups.items())
    return Keys(
        content_key(repr([(kinds, key) for kinds, key, _ in served])),
        content_key(repr([(kinds, skeleton) for kinds, _, skeleton in served])),
    )


def unified(form: Form) -> Form:
    """The same rule, with one block for all kinds whose blocks have equal keys."""
    blocks = []
    for kinds in _groups(form).values():
        block = block_for(form, kinds[0])
        blocks += [replace(block, name=update_name((kind,))) for kind in kinds]
    return merged(Form(form.constants, (form.block(INIT), *blocks)))


def _groups(form: Form) -> dict[Keys, list[Kind]]:
    groups: dict[Keys, list[Kind]] = {}
    for block in update_blocks(form):
        alone = Form(form.constants, (form.block(INIT), replace(block, name=update_name(KINDS))))
        groups.setdefault(canonical(check(alone, VOCABULARY), VOCABULARY), []).extend(kinds_of(block.name))
    return groups
