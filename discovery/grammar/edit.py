"""Random edits that keep a form well-typed: insert, delete, rewire, replace an operation, perturb a constant.

Candidates are drawn by type. What a changed overload does further down is then checked, and an edit that fails is
drawn again, so none that does not check ever leaves this module.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from discovery.errors import DiscoveryError
from discovery.grammar.build import Checked, check
from discovery.grammar.canonical import full_key
from discovery.grammar.constants import same_number
from discovery.grammar.ir import Arg, Const, Form, Ref, Statement
from discovery.grammar.liveness import drop_unused_constants, prune
from discovery.grammar.places import Slot, Workbench
from discovery.grammar.vocabulary import Operation, Signature, Vocabulary
from discovery.model import Rejected

__all__ = ["NoEdit", "mutate", "tidied"]

#: Draws of one edit, and of the whole sequence, before `mutate` gives up.
_DRAWS, _SEQUENCES = 60, 10

#: Probability that an inserted call takes the value whose place it takes; that a deleted one is bypassed; that a
#: number is a shared constant where one fits; and that a place which may hold a number gets one: where operations
#: give values of the wanted type, and where none does (so that the type is meant for numbers first).
_WRAP, _BYPASS, _SHARED, _CONSTANT, _MOSTLY_CONSTANT = 0.6, 0.7, 0.3, 0.2, 0.9

_Edit: TypeAlias = Callable[[Workbench, random.Random], Form | None]


class NoEdit(DiscoveryError):
    """No edit was found that changes the form and checks."""


@dataclass(frozen=True)
class _Version:
    checked: Checked
    key: str


def tidied(form: Form, vocabulary: Vocabulary) -> Checked:
    """`form` without what is not needed, checked; where the family wants it whole, `form` itself, checked.

    Raises:
        Rejected: neither checks.
    """
    try:
        return check(drop_unused_constants(prune(form, vocabulary)), vocabulary)
    except Rejected:
        return check(form, vocabulary)


def mutate(form: Form, vocabulary: Vocabulary, rng: random.Random, edits: int = 1) -> Form:
    """A form that checks, `edits` successive random edits away from `form` and of another key.

    Each edit changes the key. Unneeded statements, carried values and shared constants are left out of the result.
    All randomness comes from `rng`.

    Raises:
        Rejected: `form` does not check.
        NoEdit: nothing was found within a bounded number of draws.
    """
    checked = check(form, vocabulary)
    start = _Version(tidied(form, vocabulary), full_key(checked, vocabulary))
    for _ in range(_SEQUENCES):
        version: _Version | None = start
        for _ in range(edits):
            version = version and _edited(version, vocabulary, rng)
        if version is not None and version.key != start.key:
            return version.checked.form
    raise NoEdit(
        f"expected a different well-typed form after {edits} edits; found none in {_SEQUENCES * _DRAWS} draws",
        hint="the vocabulary, its limits or its validity hook leave this form too little room",
    )


def _edited(version: _Version, vocabulary: Vocabulary, rng: random.Random) -> _Version | None:
    weights = [1.0] * len(_EDITS) + [weight for weight, _ in vocabulary.extra_edits]
    bench = Workbench(version.checked, vocabulary)
    for _ in range(_DRAWS):
        (choice,) = rng.choices(range(len(weights)), weights)
        if choice < len(_EDITS):
            form = _EDITS[choice](bench, rng)
        else:
            form = vocabulary.extra_edits[choice - len(_EDITS)][1](version.checked.form, vocabulary, rng)
        if form is None:
            continue
        try:
            checked = tidied(form, vocabulary)
        except Rejected:
            continue
        key = full_key(checked, vocabulary)
        if key != version.key:
            return _Version(checked, key)
    return None


def _random_argument(bench: Workbench, slot: Slot, rng: random.Random) -> Arg | None:
    """Something of the type that `slot` wants, from what is defined before its row."""
    domain = bench.vocabulary.types.domain(slot.want)
    names = bench.values(slot.block, slot.row, slot.want)
    share = _CONSTANT if slot.want in bench.vocabulary.produced else _MOSTLY_CONSTANT
    if names and (domain is None or rng.random() >= share):
        return Ref(rng.choice(names))
    if domain is None:
        return None
    shared = [Const(value, name) for name, value in bench.form.constants.items() if domain.refuse(value) is None]
    if shared and rng.random() < _SHARED:
        return rng.choice(shared)
    return Const(domain.sample(rng))


def _insert(bench: Workbench, rng: random.Random) -> Form | None:
    """A new call, used in one place from then on."""
    limit = bench.vocabulary.max_statements
    slots = [slot for slot in bench.slots if len(bench.form.blocks[slot.block].statements) < limit]
    if not slots:
        return None
    slot = rng.choice(slots)
    makers = _makers(bench, slot)
    if not makers:
        return None
    ((operation, signature),) = rng.choices(makers, [maker[0].weight / len(maker[0].signatures) for maker in makers])
    types = bench.vocabulary.types
    places = [place for place, want in enumerate(signature.inputs) if bench.fits(slot, slot.arg, want)]
    wrapped = rng.choice(places) if places and rng.random() < _WRAP else None
    first = 0 if wrapped is None else bench.defined_at(slot.block, slot.arg)
    row = rng.randint(first, slot.row)
    args: list[Arg] = []
    for place, want in enumerate(signature.inputs):
        arg = slot.arg if place == wrapped else _random_argument(bench, Slot(slot.block, row, place, want), rng)
        if arg is None:
            return None
        args.append(arg)
    names = bench.fresh(slot.block, operation.name, len(signature.outputs))
    useful = [name for name, have in zip(names, signature.outputs, strict=True) if types.fits(have, slot.want)]
    statement = Statement(tuple(names), operation.name, tuple(args))
    return bench.inserted(slot.block, row, statement, slot, Ref(rng.choice(useful)))


def _makers(bench: Workbench, slot: Slot) -> list[tuple[Operation, Signature]]:
    """Operations, with the overload, that give a value fit for `slot`."""
    name = bench.form.blocks[slot.block].name
    return [
        (operation, signature)
        for operation in bench.vocabulary.operations
        if operation.weight > 0 and operation.blocks(name)
        for signature in operation.signatures
        if any(bench.vocabulary.types.fits(have, slot.want) for have in signature.outputs)
    ]


def _delete(bench: Workbench, rng: random.Random) -> Form | None:
    """One statement less; what used it takes one of its arguments or another earlier value."""
    rows = bench.statements()
    if not rows:
        return None
    block, row = rng.choice(rows)
    statement = bench.form.blocks[block].statements[row]
    changes: dict[Slot, Arg] = {}
    chosen: dict[tuple[str, str], Arg] = {}
    for slot in bench.slots:
        if slot.block != block or not isinstance(slot.arg, Ref) or slot.arg.name not in statement.outputs:
            continue
        use = slot.arg.name, slot.want
        if use not in chosen:
            bypass = [arg for arg in statement.args if bench.fits(Slot(block, row, 0, slot.want), arg, slot.want)]
            if bypass and rng.random() < _BYPASS:
                chosen[use] = rng.choice(bypass)
            elif (arg := _random_argument(bench, Slot(block, row, 0, slot.want), rng)) is not None:
                chosen[use] = arg
            else:
                return None
        changes[slot] = chosen[use]
    return bench.deleted(block, row, changes)


def _rewire(bench: Workbench, rng: random.Random) -> Form | None:
    """Another value, or number, in one place."""
    if not bench.slots:
        return None
    slot = rng.choice(bench.slots)
    arg = _random_argument(bench, slot, rng)
    return None if arg is None or arg == slot.arg else bench.changed({slot: arg})


def _replace_operation(bench: Workbench, rng: random.Random) -> Form | None:
    """Another operation that takes these arguments and gives the same types."""
    rows = bench.statements()
    if not rows:
        return None
    block, row = rng.choice(rows)
    statement = bench.form.blocks[block].statements[row]
    outputs = bench.checked.blocks[block].signatures[row].outputs
    have = bench.argument_types(block, statement)
    name = bench.form.blocks[block].name
    candidates: list[Operation] = []
    for operation in bench.vocabulary.operations:
        if operation.name == statement.op or operation.weight <= 0 or not operation.blocks(name):
            continue
        signature = bench.vocabulary.resolve(operation.name, have)
        if signature is not None and signature.outputs == outputs:
            candidates.append(operation)
    if not candidates:
        return None
    (operation,) = rng.choices(candidates, [each.weight for each in candidates])
    return bench.with_statement(block, row, Statement(statement.outputs, operation.name, statement.args))


def _perturb(bench: Workbench, rng: random.Random) -> Form | None:
    """Another value for one literal or one shared constant (wherever it is used)."""
    domain_of = bench.vocabulary.types.domain
    places: dict[str | Slot, Slot] = {}
    for slot in bench.slots:
        if isinstance(slot.arg, Const):
            places.setdefault(slot if slot.arg.name is None else slot.arg.name, slot)
    if not places:
        return None
    place = rng.choice(list(places))
    slot = places[place]
    domain = domain_of(slot.want)
    assert domain is not None and isinstance(slot.arg, Const)  # a checked constant stands where one may
    value = domain.perturb(slot.arg.value, rng)
    if same_number(value, slot.arg.value):
        return None
    if isinstance(place, Slot):
        return bench.changed({slot: Const(value)})
    uses = {each: Const(value, place) for each in bench.slots if isinstance(each.arg, Const) and each.arg.name == place}
    changed = bench.changed(dict(uses))
    return Form({**changed.constants, place: value}, changed.blocks)


_EDITS: tuple[_Edit, ...] = (_insert, _delete, _rewire, _replace_operation, _perturb)
