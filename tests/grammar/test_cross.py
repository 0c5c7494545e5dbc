"""Crossover: a child has one output of the second parent, whole, and is the first parent otherwise."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from residues import OPERATIONS, TYPES, VOCABULARY, behaviour, random_form

from discovery.grammar import Form, NoEdit, Vocabulary, canonical_key, check, cross, parse_form, print_form

SEEDS = st.integers(0, 10**9)

PURE = Vocabulary(tuple(each for each in OPERATIONS if each.laws.pure), TYPES, max_statements=40)


def _only_carrying(form: Form, type_: str) -> bool:
    return all(o.type == type_ for block in form.blocks for o in block.outputs if o.carries is not None)


@given(SEEDS)
@settings(max_examples=120, deadline=None)
def test_children_check_and_are_neither_parent(seed: int) -> None:
    rng = random.Random(seed)
    first, second = random_form(rng), random_form(rng)
    try:
        child = cross(first, second, VOCABULARY, random.Random(seed))
    except NoEdit:
        return
    check(child, VOCABULARY)
    assert child == cross(first, second, VOCABULARY, random.Random(seed))
    key = canonical_key(child, VOCABULARY)
    assert key not in (canonical_key(first, VOCABULARY), canonical_key(second, VOCABULARY))
    assert parse_form(print_form(child)) == child


def test_crossing_mostly_succeeds() -> None:
    failures = 0
    for seed in range(100):
        rng = random.Random(seed)
        try:
            cross(random_form(rng, 12), random_form(rng, 12), VOCABULARY, rng)
        except NoEdit:
            failures += 1
    assert failures < 25


def test_the_copied_root_behaves_as_in_its_parent() -> None:
    """The first carries pairs only and the second residues only, so that nothing of the first can be reused."""
    copied = 0
    for seed in range(600):
        rng = random.Random(seed)
        first, second = (random_form(rng, 8, PURE) for _ in range(2))
        if not _only_carrying(first, "V") or not _only_carrying(second, "Z"):
            continue
        second = _relabelled(second)
        try:
            child = cross(first, second, PURE, rng)
        except NoEdit:
            continue
        theirs, mine, now = (behaviour(form, PURE)[0][1:] for form in (second, first, child))
        roots = [{label for label, _ in each} for each in (mine[0], theirs[0])]
        for label in sorted(roots[0] & roots[1]):
            track = [dict(each)[label] for each in now]
            assert track in ([dict(each)[label] for each in theirs], [dict(each)[label] for each in mine])
            copied += track == [dict(each)[label] for each in theirs]
    assert copied > 40


def _relabelled(form: Form) -> Form:
    """`form` with carried labels that no other random form has (the input names stay)."""
    labels = {o.label for block in form.blocks for o in block.outputs if o.carries is not None}
    blocks = tuple(
        replace(
            block,
            outputs=tuple(replace(o, label=f"n_{o.label}") if o.label in labels else o for o in block.outputs),
        )
        for block in form.blocks
    )
    return Form(form.constants, blocks)


FIRST = parse_form(
    """
kay = 2
with block("begin", seed=Z):
    output("m", Z, seed)

with block("step", g=V, t=Z, m=Z):
    a = scale(m, kay)
    output("u", V, a)
    output("m", Z, t, carries=m)
"""
)
SECOND = parse_form(
    """
kay = 3
with block("begin", seed=Z):
    a = cube(seed)
    output("m", V, a)

with block("step", g=V, t=Z, m=V):
    a = scale(m, kay)
    b = add(a, g)
    output("u", V, b)
    output("m", V, b, carries=m)
"""
)


def test_a_carried_value_comes_with_its_beginning_and_its_constants() -> None:
    """Different types under one label, one constant's name for two numbers, one value's name for two: all renamed."""
    more = parse_form(print_form(FIRST) + '    output("r", Z, a)\n')
    children = [cross(more, SECOND, VOCABULARY, random.Random(seed)) for seed in range(20)]
    child = next(each for each in children if "kay1" in each.constants)
    assert child.constants == {"kay": 2, "kay1": 3}
    assert [(o.label, o.type) for o in child.block("begin").outputs] == [("m", "Z"), ("m1", "V")]
    step = child.block("step")
    assert [port.name for port in step.inputs] == ["g", "t", "m", "m1"]
    now, theirs, mine = (behaviour(form)[0] for form in (child, SECOND, more))
    assert [dict(each).get("u") for each in now] == [dict(each).get("u") for each in theirs]
    assert [dict(each).get("r") for each in now] == [dict(each).get("r") for each in mine]


def test_parents_without_a_common_output_are_a_clear_error() -> None:
    other = parse_form('with block("elsewhere", x=Z):\n    output("u", Z, x)\n')
    with pytest.raises(NoEdit, match="differs from both"):
        cross(FIRST, other, VOCABULARY, random.Random(0))
