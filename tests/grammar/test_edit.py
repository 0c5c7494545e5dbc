"""Random edits: always well-typed, always a change, the same for the same generator."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from residues import OPERATIONS, TYPES, VOCABULARY, behaviour, random_form

from discovery.grammar import (
    Const,
    Form,
    IntegerDomain,
    Laws,
    NoEdit,
    Operation,
    Output,
    Port,
    Ref,
    Signature,
    Types,
    Vocabulary,
    canonical_key,
    check,
    mutate,
    parse_form,
    print_form,
    prune,
)
from discovery.model import Rejected

SEEDS = st.integers(0, 10**9)

FORM = parse_form(
    """
kay = 2
with block("begin", seed=Z):
    output("m", V, seed)

with block("step", g=V, t=Z, m=V):
    a = scale(m, kay)
    b = add(a, g)
    c, d = split(b)
    e = mul(c, t)
    output("u", V, e)
    output("r", Z, d)
    output("m", V, b, carries=m)
"""
)


@given(SEEDS, st.integers(1, 4))
@settings(max_examples=120, deadline=None)
def test_children_check_and_differ(seed: int, edits: int) -> None:
    form = random_form(random.Random(seed))
    child = mutate(form, VOCABULARY, random.Random(seed), edits)
    check(child, VOCABULARY)
    assert canonical_key(child, VOCABULARY) != canonical_key(form, VOCABULARY)
    assert child == mutate(form, VOCABULARY, random.Random(seed), edits)
    assert prune(child, VOCABULARY) == child
    behaviour(child)


def test_a_long_walk_stays_well_typed_and_within_limits() -> None:
    small = Vocabulary(OPERATIONS, TYPES, max_statements=6)
    rng, form = random.Random(5), FORM
    for _ in range(300):
        form = mutate(form, small, rng)
        check(form, small)
        assert parse_form(print_form(form)) == form


def _difference(parent: Form, child: Form) -> str:
    """Which edit led from `parent` to `child`."""
    old = [statement for block in parent.blocks for statement in block.statements]
    new = [statement for block in child.blocks for statement in block.statements]
    if len(new) > len(old):
        return "insert"
    if len(new) < len(old):
        return "delete"
    if [each.op for each in new] != [each.op for each in old]:
        return "operation"
    if child.constants != parent.constants:
        return "constant"
    return "rewire or literal"


def test_every_edit_occurs() -> None:
    seen = Counter(_difference(FORM, mutate(FORM, VOCABULARY, random.Random(seed))) for seed in range(300))
    assert set(seen) == {"insert", "delete", "operation", "constant", "rewire or literal"}
    assert min(seen.values()) >= 10


def test_outputs_are_edited_too() -> None:
    roots = {mutate(FORM, VOCABULARY, random.Random(seed)).block("step").outputs[1].value for seed in range(200)}
    assert len(roots) > 3


def test_weights_steer_and_zero_excludes() -> None:
    only = tuple(replace(each, weight=1.0 if each.name == "cube" else 0.0) for each in OPERATIONS)
    steered = Vocabulary(only, TYPES, max_statements=20)
    known = {statement.op for statement in FORM.block("step").statements}
    children = [mutate(FORM, steered, random.Random(seed)) for seed in range(100)]
    found = {statement.op for child in children for block in child.blocks for statement in block.statements}
    assert found - known == {"cube"}


def test_operations_stay_in_their_blocks() -> None:
    placed = tuple(replace(each, blocks=lambda name: name == "step") for each in OPERATIONS)
    confined = Vocabulary(placed, TYPES, max_statements=20)
    for seed in range(150):
        assert not mutate(FORM, confined, random.Random(seed), 2).block("begin").statements


def test_the_validity_hook_is_obeyed() -> None:
    def no_draws(form: Form) -> str | None:
        ops = {statement.op for block in form.blocks for statement in block.statements}
        return "no draws" if ops & {"draw", "note", "meet"} else None

    hooked = Vocabulary(OPERATIONS, TYPES, max_statements=20, valid=no_draws)
    for seed in range(150):
        assert no_draws(mutate(FORM, hooked, random.Random(seed), 2)) is None


def test_extra_edits_take_part() -> None:
    def hold_input(form: Form, vocabulary: Vocabulary, rng: random.Random) -> Form | None:
        """A carried value that holds the previous `g`, read in place of `g`."""
        begin, step = form.blocks
        if any(port.name == "old" for port in step.inputs):
            return None
        first = replace(begin, outputs=(*begin.outputs, Output("old", "V", Const(0))))
        statements = tuple(
            replace(each, args=tuple(Ref("old") if arg == Ref("g") else arg for arg in each.args))
            for each in step.statements
        )
        outputs = (*step.outputs, Output("old", "V", Ref("g"), "old"))
        return Form(
            form.constants,
            (first, replace(step, inputs=(*step.inputs, Port("old", "V")), statements=statements, outputs=outputs)),
        )

    extended = Vocabulary(OPERATIONS, TYPES, max_statements=20, extra_edits=((5.0, hold_input),))
    children = [mutate(FORM, extended, random.Random(seed)) for seed in range(60)]
    added = [child for child in children if any(port.name == "old" for port in child.block("step").inputs)]
    assert 15 < len(added) < 55


def test_edits_that_change_nothing_are_drawn_again() -> None:
    idle = Vocabulary(OPERATIONS, TYPES, max_statements=20, extra_edits=((50.0, lambda form, vocabulary, rng: form),))
    for seed in range(40):
        child = mutate(FORM, idle, random.Random(seed))
        assert canonical_key(child, idle) != canonical_key(FORM, idle)


def test_nothing_to_do_is_a_clear_error() -> None:
    types = Types(("Z",), constants={"Z": IntegerDomain(1, 1)})
    fixed = Vocabulary((Operation("id", (Signature(("Z",), ("Z",)),), Laws(pure=True), weight=0),), types)
    form = parse_form('with block("b"):\n    output("u", Z, 1)\n')
    with pytest.raises(NoEdit, match="different well-typed form"):
        mutate(form, fixed, random.Random(0))


def test_what_does_not_check_is_not_edited() -> None:
    with pytest.raises(Rejected):
        mutate(parse_form('with block("b"):\n    output("u", Z, x)\n'), VOCABULARY, random.Random(0))


def test_new_names_are_readable() -> None:
    names: set[str] = set()
    for seed in range(100):
        child = mutate(FORM, VOCABULARY, random.Random(seed))
        names |= {name for statement in child.block("step").statements for name in statement.outputs}
    assert all(name.rstrip("0123456789") in {*"abcde", *VOCABULARY.by_name} for name in names)
