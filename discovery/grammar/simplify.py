"""A form cleaned up for reading, with the declared laws applied and all that is not needed left out."""

from __future__ import annotations

from dataclasses import replace

from discovery.grammar.build import check
from discovery.grammar.canonical import full_key
from discovery.grammar.ir import Form
from discovery.grammar.liveness import drop_unused_constants, prune
from discovery.grammar.rewrite import rewrite
from discovery.grammar.vocabulary import Vocabulary
from discovery.model import Rejected

__all__ = ["simplify"]


def simplify(form: Form, vocabulary: Vocabulary) -> Form:
    """A form of the same key with no unneeded pure statement, no unneeded carried value and no unused shared constant,
    and with the declared laws applied, block by block where the result is still a form that the family accepts.

    Raises:
        Rejected: `form` does not check.
    """
    checked = check(form, vocabulary)
    key = full_key(checked, vocabulary)
    rewritten = rewrite(checked, vocabulary).form

    def cleaned(candidate: Form) -> Form | None:
        smaller = drop_unused_constants(prune(candidate, vocabulary))
        try:
            same = full_key(check(smaller, vocabulary), vocabulary) == key
        except Rejected:
            return None
        return smaller if same else None

    if (whole := cleaned(rewritten)) is not None:
        return whole
    # Some block cannot take the laws: an overload would change its meaning, or the family wants it as it was.
    best = form
    for index, block in enumerate(rewritten.blocks):
        candidate = replace(best, blocks=(*best.blocks[:index], block, *best.blocks[index + 1 :]))
        if cleaned(candidate) is not None:
            best = candidate
    return cleaned(best) or form
