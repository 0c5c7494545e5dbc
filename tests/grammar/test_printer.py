"""The canonical text: parse(print(form)) == form, and errors with a place."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from residues import random_form

from discovery.grammar import (
    Block,
    Const,
    Form,
    Output,
    Port,
    Ref,
    Statement,
    number_literal,
    parse_form,
    parse_source,
    print_form,
    statement_text,
)
from discovery.model import Rejected

NAMES = st.from_regex(r"[a-z_][a-zA-Z0-9_]{0,6}", fullmatch=True).filter(lambda n: n not in ("with", "output", "block"))
TYPES = st.one_of(st.sampled_from(["T", "S"]), st.text(max_size=5))
NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.fractions(-(10**20), 10**20, max_denominator=10**6),
    st.integers(-(10**12), 10**12),
)


@st.composite
def forms(draw: st.DrawFn) -> Form:
    import keyword

    names = draw(st.lists(NAMES.filter(lambda n: not keyword.iskeyword(n)), min_size=8, max_size=16, unique=True))
    constants = {name: draw(NUMBERS) for name in names[:2]}

    def arg() -> Ref | Const:
        if draw(st.booleans()):
            return Ref(draw(st.sampled_from(names[2:])))
        if draw(st.booleans()):
            name = draw(st.sampled_from(names[:2]))
            return Const(constants[name], name)
        return Const(draw(NUMBERS))

    def block() -> Block:
        inputs = tuple(Port(name, draw(TYPES)) for name in names[2 : draw(st.integers(2, 5))])
        statements = tuple(
            Statement(
                tuple(names[-n:]), draw(st.sampled_from(names)), tuple(arg() for _ in range(draw(st.integers(0, 3))))
            )
            for n in draw(st.lists(st.integers(1, 3), max_size=4))
        )
        outputs = tuple(
            Output(draw(st.text(max_size=5)), draw(TYPES), arg(), draw(st.sampled_from([None, names[3]])))
            for _ in range(draw(st.integers(0, 3)))
        )
        return Block(draw(st.text(max_size=8)), inputs, statements, outputs)

    return Form(constants, tuple(block() for _ in range(draw(st.integers(0, 3)))))


@given(forms())
@settings(max_examples=150, deadline=None)
def test_round_trip(form: Form) -> None:
    text = print_form(form)
    back = parse_form(text)
    assert back == form
    assert repr(back.constants) == repr(form.constants)
    assert print_form(back) == text


@given(st.integers(0, 10**9))
@settings(max_examples=50, deadline=None)
def test_round_trip_of_programs(seed: int) -> None:
    form = random_form(random.Random(seed), statements=15)
    assert parse_form(print_form(form)) == form


@given(NUMBERS)
def test_numbers_read_back_exactly(number: float | Fraction) -> None:
    (node,) = parse_source(number_literal(number)).tree.body
    source = parse_source(number_literal(number))
    value = node.value  # type: ignore[attr-defined]
    back = source.fraction(value) if isinstance(number, Fraction) else source.number(value)
    assert repr(back) == repr(number)


def test_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        number_literal(float("inf"))


def test_statement_text_takes_a_familys_own_calls() -> None:
    statement = Statement(("x", "y"), "add", (Ref("a"), Const(Fraction(1, 2)), Const(0.9, "beta")))
    assert statement_text(statement) == "x, y = add(a, 1/2, beta)"
    assert statement_text(statement, lambda op, args: f" {op} ".join(args)) == "x, y = a add 1/2 add beta"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("x = y", (1, 5)),
        ("x = 1\nx = 2", (2, 1)),
        ("import os", (1, 1)),
        ("with block(b): pass", (1, 6)),
        ('with block("b", **x): pass', (1, 6)),
        ('with block("b", x=1): pass', (1, 19)),
        ('with block("b") as x: pass', (1, 1)),
        ('with block("b"):\n    x.y = f(1)', (2, 5)),
        ('with block("b"):\n    x = f(1)(2)', (2, 5)),
        ('with block("b"):\n    x = f(g(2))', (2, 11)),
        ('with block("b"):\n    x = f(a=2)', (2, 5)),
        ('with block("b"):\n    output("u", T)', (2, 5)),
        ('with block("b"):\n    output("u", T, x)\n    x = f(1)', (3, 5)),
        ('with block("b"):\n    x = f(1/0)', (2, 11)),
        ('with block("b"):\n    x = f(True)', (2, 11)),
    ],
)
def test_other_text_is_rejected_with_its_place(text: str, place: tuple[int, int]) -> None:
    with pytest.raises(Rejected) as caught:
        parse_form(text)
    assert (caught.value.line, caught.value.column) == place


def test_statements_know_where_they_stand() -> None:
    form = parse_form('with block("b", é=T):\n    x = f(é); y = g(x)\n')
    spans = [statement.span for statement in form.blocks[0].statements]
    assert [(s.line, s.column, s.end_column) for s in spans if s is not None] == [(2, 5, 13), (2, 15, 23)]
