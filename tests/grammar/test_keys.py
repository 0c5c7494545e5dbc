"""Equal key means equal behaviour; and forms that differ only in writing have equal keys."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from residues import OPERATIONS, TYPES, VOCABULARY, behaviour, random_form, renamed

from discovery.grammar.build import check
from discovery.grammar.canonical import canonical, canonical_key, skeleton_key
from discovery.grammar.edit import mutate
from discovery.grammar.ir import Block, Const, Form, Output, Ref, Statement
from discovery.grammar.liveness import prune
from discovery.grammar.printer import parse_form
from discovery.grammar.simplify import simplify
from discovery.grammar.vocabulary import Laws, Operation, Signature, Vocabulary

SEEDS = st.integers(0, 10**9)


def key(text: str, vocabulary: Vocabulary = VOCABULARY) -> str:
    return canonical_key(parse_form(text), vocabulary)


def step(body: str, *, begin: str = "pass", inputs: str = "") -> str:
    """Text of a form whose block `step` has this body, indented by four."""
    head = f'with block("begin", seed=Z):\n    {begin}\n\n'
    return (
        head + f'with block("step", g=V, t=Z{inputs}):\n' + "".join(f"    {line.strip()}\n" for line in body.split(";"))
    )


@given(SEEDS)
@settings(max_examples=150, deadline=None)
def test_writing_does_not_matter(seed: int) -> None:
    rng = random.Random(seed)
    form = random_form(rng)
    other = renamed(form, rng)
    assert behaviour(other) == behaviour(form)
    assert canonical(check(other, VOCABULARY), VOCABULARY) == canonical(check(form, VOCABULARY), VOCABULARY)


def test_no_two_behaviours_share_a_key() -> None:
    """Many small forms, their edits and rewritings; keys meet often, and never with different behaviour."""
    by_key: dict[str, set[object]] = defaultdict(set)
    forms: dict[str, set[Form]] = defaultdict(set)
    for seed in range(400):
        rng = random.Random(seed)
        form = random_form(rng, statements=4)
        for variant in (form, *(mutate(form, VOCABULARY, rng) for _ in range(3)), simplify(form, VOCABULARY)):
            name = canonical_key(variant, VOCABULARY)
            by_key[name].add(behaviour(variant))
            forms[name].add(replace(variant, constants=tuple(sorted(variant.constants))))  # type: ignore[arg-type]
    assert sum(len(each) > 1 for each in forms.values()) > 200
    assert all(len(each) == 1 for each in by_key.values())


@given(SEEDS)
@settings(max_examples=100, deadline=None)
def test_edits_that_change_behaviour_change_the_key(seed: int) -> None:
    rng = random.Random(seed)
    form = random_form(rng, statements=6)
    child = mutate(form, VOCABULARY, rng)
    if behaviour(child) != behaviour(form):
        assert canonical_key(child, VOCABULARY) != canonical_key(form, VOCABULARY)


@given(SEEDS)
@settings(max_examples=100, deadline=None)
def test_simplify_and_prune_keep_behaviour_and_key(seed: int) -> None:
    form = random_form(random.Random(seed), statements=14)
    small, pruned = simplify(form, VOCABULARY), prune(form, VOCABULARY)
    assert behaviour(small) == behaviour(pruned) == behaviour(form)
    assert canonical_key(small, VOCABULARY) == canonical_key(form, VOCABULARY) == canonical_key(pruned, VOCABULARY)
    assert simplify(small, VOCABULARY) == small
    assert sum(len(b.statements) for b in small.blocks) <= sum(len(b.statements) for b in pruned.blocks)


EQUAL = {
    "commutes": ('a = mul(t, 3); output("u", V, a)', 'a = mul(3, t); output("u", V, a)'),
    "commutes over types": ('a = mul(t, g); output("u", V, a)', 'a = mul(g, t); output("u", V, a)'),
    "merges": ('a = cube(t); b = cube(t); c = sub(a, b); output("u", V, c)', 'output("u", V, 0)'),
    "involutive": ('a = neg(g); b = neg(a); output("u", V, b)', 'output("u", V, g)'),
    "idempotent": ('a = low(g); b = low(a); output("u", V, b)', 'a = low(g); output("u", V, a)'),
    "idempotent, further arguments": (
        'a = clip(t, 1, 3); b = clip(a, 1, 3); output("u", V, b)',
        'a = clip(t, 1, 3); output("u", V, a)',
    ),
    "folds": ('a = add(1, 2); b = mul(a, t); output("u", V, b)', 'b = mul(3, t); output("u", V, b)'),
    "unit": ('a = mul(1, t); output("u", V, a)', 'output("u", V, t)'),
    "equal arguments": ('a = most(g, g); output("u", V, a)', 'output("u", V, g)'),
    "dead": ('a = cube(t); b = cube(a); output("u", V, g)', 'output("u", V, g)'),
    "several outputs": (
        'a, b = split(g); c, d = split(g); e = add(a, d); output("u", V, e)',
        'a, b = split(g); e = add(b, a); output("u", V, e)',
    ),
}
UNEQUAL = {
    "does not commute": ('a = sub(t, 3); output("u", V, a)', 'a = sub(3, t); output("u", V, a)'),
    "impure calls are two": (
        'a = draw(); b = draw(); c = sub(a, b); output("u", V, c)',
        'a = draw(); c = sub(a, a); output("u", V, c)',
    ),
    "calls with arguments in another order": (
        'a = sub(t, 3); b = sub(3, t); c = mul(a, b); output("u", V, c)',
        'a = sub(t, 3); c = mul(a, a); output("u", V, c)',
    ),
    "which impure call": (
        'a = draw(); b = draw(); c = sub(a, b); output("u", V, c)',
        'a = draw(); b = draw(); c = sub(b, a); output("u", V, c)',
    ),
    "impure calls keep their order": (
        'a = note(t); b = note(3); c = sub(a, b); output("u", V, c)',
        'b = note(3); a = note(t); c = sub(a, b); output("u", V, c)',
    ),
    "impure calls stay": ('a = draw(); output("u", V, t)', 'output("u", V, t)'),
    "involutive, but of another type": (
        'a = turn(t); b = turn(a); c = total(b); output("u", V, c)',
        'c = total(t); output("u", V, c)',
    ),
    "a folded number is no literal": (
        'a = add(1, 2); b = twist(a); output("u", V, b)',
        'b = twist(3); output("u", V, b)',
    ),
    "idempotent with other arguments": (
        'a = clip(t, 1, 3); b = clip(a, 1, 2); output("u", V, b)',
        'a = clip(t, 1, 3); output("u", V, a)',
    ),
    "which output": ('a, b = split(g); output("u", V, a)', 'a, b = split(g); output("u", V, b)'),
    "which input": ('output("u", V, t)', 'output("u", V, g)'),
    "constants": ('output("u", V, 1)', 'output("u", V, 2)'),
    "labels of roots": ('output("u", V, 1)', 'output("r", V, 1)'),
}


@pytest.mark.parametrize("name", EQUAL)
def test_declared_laws_hold(name: str) -> None:
    left, right = map(step, EQUAL[name])
    assert key(left) == key(right)
    assert behaviour(parse_form(left)) == behaviour(parse_form(right))


@pytest.mark.parametrize("name", UNEQUAL)
def test_nothing_else_holds(name: str) -> None:
    left, right = map(step, UNEQUAL[name])
    assert behaviour(parse_form(left)) != behaviour(parse_form(right))
    assert key(left) != key(right)


@pytest.mark.parametrize(
    "start",
    [
        "a = turn(t); b = turn(a); c = total(b)",  # turned twice a residue is a pair, whose total is another one
        "a = sub(g, g); c = total(a)",  # a pair of zeros is no number: its total would be meant otherwise
    ],
)
def test_a_law_never_changes_a_type(start: str) -> None:
    form = parse_form(step(start + '; d = neg(c); e = neg(d); output("u", V, e)'))
    assert simplify(form, VOCABULARY) == parse_form(step(start + '; output("u", V, c)'))


def test_simplify_leaves_a_block_alone_where_a_number_would_change_an_overload() -> None:
    form = parse_form(step('a = add(1, 2); b = twist(a); output("u", V, b)'))
    assert simplify(form, VOCABULARY) == form


@pytest.mark.parametrize("name", EQUAL)
def test_without_the_laws_nothing_is_equal(name: str) -> None:
    lawless = Vocabulary(tuple(replace(each, laws=Laws()) for each in OPERATIONS), TYPES, max_statements=20)
    left, right = map(step, EQUAL[name])
    assert key(left, lawless) != key(right, lawless)


def test_skeleton_blanks_constants_only() -> None:
    one, other = (
        parse_form(step('a = mul(t, 2); output("u", V, a)')),
        parse_form(step('a = mul(t, 3); output("u", V, a)')),
    )
    assert canonical_key(one, VOCABULARY) != canonical_key(other, VOCABULARY)
    assert skeleton_key(one, VOCABULARY) == skeleton_key(other, VOCABULARY)
    third = parse_form(step('a = sub(t, 3); output("u", V, a)'))
    assert skeleton_key(other, VOCABULARY) != skeleton_key(third, VOCABULARY)


def test_shared_constants_matter_by_value() -> None:
    shared = "kay = 2\n" + step('a = mul(t, kay); output("u", V, a)')
    assert key(shared) == key(shared.replace("kay", "beta")) == key(step('a = mul(t, 2); output("u", V, a)'))
    assert key(shared) != key(shared.replace("kay = 2", "kay = 3"))


def _ring(order: str) -> Form:
    """Carried values that feed each other in the given order, told apart by where the output taps the ring."""
    inputs = "".join(f", {name}=Z" for name in sorted(order))
    steps = [f"n{a} = add({b}, {i})" for i, (a, b) in enumerate(zip(order, order[1:] + order[0], strict=True))]
    outs = [f'output("{name}", Z, n{name}, carries={name})' for name in order]
    return parse_form(step("; ".join((*steps, f'output("u", V, {order[0]})', *outs)), inputs=inputs))


def test_names_and_order_of_carried_values_do_not_matter() -> None:
    keys = {canonical_key(_ring(order), VOCABULARY) for order in ("abc", "acb", "bac", "bca", "cab", "cba")}
    assert len(keys) == 1


def test_refinement_spares_trying_every_numbering() -> None:
    """Six carried values have 720 numberings, more than are ever tried."""
    keys = {canonical_key(_ring(order), VOCABULARY) for order in ("abcdef", "fdbace", "cfebda", "badcfe")}
    assert len(keys) == 1


def test_tied_carried_values_get_one_key() -> None:
    """Two carried values with equal definitions, told apart only by their use: refinement ties, numbering decides."""
    text = step(
        'x = add(m, 1); y = add(n, 1); z = sub(m, n); output("u", V, z);'
        'output("m", Z, x, carries=m); output("n", Z, y, carries=n)',
        inputs=", m=Z, n=Z",
    )
    assert key(text) == key(text.replace("sub(m, n)", "sub(n, m)"))
    assert key(text) != key(text.replace("sub(m, n)", "sub(m, m)"))
    assert key(text) != key(text.replace("sub(m, n)", "add(n, m)"))


def test_initial_values_tell_carried_values_apart() -> None:
    text = step(
        'x = add(m, 1); y = add(n, 1); z = sub(m, n); output("u", V, z);'
        'output("m", Z, x, carries=m); output("n", Z, y, carries=n)',
        inputs=", m=Z, n=Z",
        begin='output("m", Z, 1)\n    output("n", Z, 2)',
    )
    other = text.replace("sub(m, n)", "sub(n, m)")
    assert behaviour(parse_form(text)) != behaviour(parse_form(other))
    assert key(text) != key(other)


def test_symmetric_forms_share_a_key() -> None:
    def mirrored(form: Form) -> Form:
        return Form(form.constants, tuple(_negate_inputs(block) for block in form.blocks))

    symmetric = Vocabulary(OPERATIONS, TYPES, symmetries=(mirrored,))
    plus, minus = step('output("u", V, g)'), step('a = neg(g); output("u", V, a)')
    assert key(plus, symmetric) == key(minus, symmetric)
    assert key(plus) != key(minus)


def _negate_inputs(block: Block) -> Block:
    if block.name != "step":
        return block

    def turned(arg: Ref | Const) -> Ref | Const:
        return Ref("minus") if arg == Ref("g") else arg

    statements = tuple(replace(each, args=tuple(map(turned, each.args))) for each in block.statements)
    outputs: tuple[Output, ...] = tuple(replace(each, value=turned(each.value)) for each in block.outputs)
    first = Statement(("minus",), "neg", (Ref("g"),))
    taken = {name for each in block.statements for name in each.outputs}
    assert "minus" not in taken
    return replace(block, statements=(first, *statements), outputs=outputs)


def test_unused_statements_count_where_the_family_says_so() -> None:
    keeping = Vocabulary(OPERATIONS, TYPES, keep_unused=True)
    plain, more = step('output("u", V, g)'), step('a = cube(t); output("u", V, g)')
    twice = step('a = cube(t); b = cube(t); output("u", V, g)')
    assert key(plain, keeping) != key(more, keeping) == key(twice, keeping)
    assert len(prune(parse_form(more), keeping).block("step").statements) == 1


def test_signed_zeros_are_two_constants() -> None:
    from discovery.grammar.constants import FloatDomain
    from discovery.grammar.vocabulary import Types

    operation = Operation("id", (Signature(("F",), ("F",)),), Laws(pure=True))
    floats = Vocabulary((operation,), Types(("F",), constants={"F": FloatDomain()}))
    text = 'with block("b"):\n    output("u", F, {})\n'
    assert key(text.format("0.0"), floats) != key(text.format("-0.0"), floats)
    assert key(text.format("1"), floats) == key(text.format("1.0"), floats)
    assert key(text.format("0.1"), floats) != key(text.format("0.10000000000000002"), floats)
