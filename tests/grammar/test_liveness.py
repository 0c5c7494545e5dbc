"""What is needed, and what is left out."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st
from residues import VOCABULARY, behaviour, random_form

from discovery.grammar import (
    carried_labels,
    check,
    drop_unused_constants,
    needs,
    parse_form,
    print_form,
    prune,
    simplify,
)

TEXT = """
kay = 2
unused = 3
with block("begin", seed=Z):
    a = cube(seed)
    b = cube(a)
    output("m", Z, a)
    output("n", Z, b)
    output("o", Z, 1)
    output("first", Z, seed)

with block("step", g=V, t=Z, m=Z, n=Z, o=Z):
    a = scale(m, kay)
    dead = cube(a)
    b = add(n, o)
    c = draw()
    output("u", V, a)
    output("m", Z, t, carries=m)
    output("n", Z, o, carries=n)
    output("o", Z, b, carries=o)
"""


def test_carried_values_that_only_feed_each_other_are_not_needed() -> None:
    form = parse_form(TEXT)
    need = needs(form, VOCABULARY)
    assert carried_labels(form) == {"m", "n", "o"}
    assert need.labels == {"m"}
    assert need.values["step"] == {"m", "t", "a", "c"}
    assert need.values["begin"] == {"seed", "a"}


def test_prune_leaves_out_exactly_what_is_not_needed() -> None:
    pruned = drop_unused_constants(prune(parse_form(TEXT), VOCABULARY))
    assert (
        print_form(pruned)
        == """kay = 2

with block('begin', seed=Z):
    a = cube(seed)
    output('m', Z, a)
    output('first', Z, seed)

with block('step', g=V, t=Z, m=Z):
    a = scale(m, kay)
    c = draw()
    output('u', V, a)
    output('m', Z, t, carries=m)
"""
    )
    assert behaviour(pruned) == behaviour(parse_form(TEXT))


def test_a_carried_value_needed_in_one_block_is_handed_on_in_another() -> None:
    text = """
with block("one", x=Z, m=Z):
    output("u", Z, m)
    output("m", Z, x, carries=m)

with block("other", x=Z, m=Z):
    a = cube(x)
    output("u", Z, x)
    output("m", Z, a, carries=m)
"""
    pruned = prune(parse_form(text), VOCABULARY)
    assert not pruned.block("other").statements
    assert "output('m', Z, m, carries=m)" in print_form(pruned)
    check(pruned, VOCABULARY)


def test_an_impure_call_keeps_what_it_reads() -> None:
    text = """
with block("begin", seed=Z):
    output("m", Z, seed)

with block("step", g=V, t=Z, m=Z):
    a = cube(m)
    b = note(a)
    output("u", V, g)
    output("m", Z, t, carries=m)
"""
    form = parse_form(text)
    assert prune(form, VOCABULARY) == form == simplify(form, VOCABULARY)


@given(st.integers(0, 10**9))
@settings(max_examples=100, deadline=None)
def test_pruning_twice_is_pruning_once(seed: int) -> None:
    form = random_form(random.Random(seed), statements=15)
    pruned = prune(form, VOCABULARY)
    check(pruned, VOCABULARY)
    assert prune(pruned, VOCABULARY) == pruned
    assert behaviour(pruned) == behaviour(form)
