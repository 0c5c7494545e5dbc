"""What `check` refuses, where it points, and what it says."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from residues import OPERATIONS, TYPES, VOCABULARY, random_form

from discovery.grammar import (
    Block,
    Const,
    Form,
    Identity,
    Laws,
    Operation,
    Output,
    Port,
    Position,
    Ref,
    Signature,
    Statement,
    Types,
    Vocabulary,
    check,
    parse_form,
)
from discovery.model import Rejected


def step(body: str) -> str:
    return 'with block("step", g=V, t=Z, m=Z):\n' + "".join(f"    {line.strip()}\n" for line in body.split(";"))


REFUSED = {
    "twice": ("a = cube(t); a = cube(g)", (3, "`a` is already defined")),
    "an input again": ("t = cube(t)", (2, "`t` is already defined")),
    "before": ("a = cube(b); b = cube(t)", (2, "`b` is used before it is defined")),
    "itself": ("a = cube(a)", (2, "`a` is used before it is defined")),
    "unknown value": ("count = cube(t); a = cube(cuont)", (3, "unknown value `cuont`; did you mean `count`?")),
    "unknown operation": (
        "a = cubed(t)",
        (2, "unknown operation `cubed`; did you mean `cube`? (allowed: add, clip, cube"),
    ),
    "arity": ("a = cube(t, t)", (2, "`cube` expects arguments (Z) or (V); got (Z, Z)")),
    "type": ("a = note(g)", (2, "`note` expects arguments (Z); got (V)")),
    "value where only numbers stand": ("a = scale(t, t)", (2, "expects arguments (Z, N) or (V, N); got (Z, Z)")),
    "domain": ("a = scale(t, 9)", (2, "`scale`: expected a whole number from 0 to 4, got 9")),
    "fraction": ("a = ratio(t, 0.5)", (2, "expected a fraction such as 1/2, got 0.5")),
    "outputs": ("a = split(g)", (2, "`split` has 2 outputs; got 1 names")),
    "output unknown": ('output("u", V, x)', (2, "unknown value `x`")),
    "output type": ('output("u", Z, g)', (2, "output `u` of block `step` must be of type Z; got `g` of type V")),
    "output twice": ('output("u", V, g); output("u", V, g)', (3, "output `u` of block `step` is given twice")),
    "output of no type": ('output("u", X, g)', (2, "unknown type")),
    "carries nothing": ('output("m", Z, m, carries=x)', (2, "carries `x`, an unknown input")),
    "carries twice": ('output("m", Z, m, carries=m); output("n", Z, m, carries=m)', (3, "another output carries")),
    "carries another type": ('output("m", V, g, carries=m)', (2, "carries `m` of type Z; got type V")),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_place_and_reason(name: str) -> None:
    body, want = REFUSED[name]
    line, words = want
    with pytest.raises(Rejected) as caught:
        check(parse_form(step(body)), VOCABULARY)
    assert words in str(caught.value)
    assert caught.value.line == line


def test_a_number_may_stand_for_what_accepts_its_type() -> None:
    check(parse_form(step("a, b = split(1)")), VOCABULARY)


@pytest.mark.parametrize("name", ["def", "1a", "a b", "", "ﬁ", "x" * 100 + "!"])
def test_names_are_identifiers(name: str) -> None:
    block = Block("step", (Port("t", "Z"),), (Statement((name,), "cube", (Ref("t"),)),), ())
    with pytest.raises(Rejected, match="Python identifier"):
        check(Form({}, (block,)), VOCABULARY)


def test_shared_constants_are_checked() -> None:
    def form(constants: dict[str, float], const: Const) -> Form:
        return Form(constants, (Block("b", (), (), (Output("u", "Z", const),)),))

    check(form({"a": 2}, Const(2, "a")), VOCABULARY)
    for constants, const, words in [
        ({}, Const(2, "a"), "unknown constant"),
        ({"a": 3}, Const(2, "a"), "constant `a` is 3; got 2"),
        ({"a": float("nan")}, Const(2), "finite number"),
        ({"if": 3}, Const(2), "Python identifier"),
        ({"a": True}, Const(2), "finite number"),
        ({"a": 9}, Const(9, "a"), "expected a whole number from -5 to 5, got 9"),
        ({"a": 10**5000}, Const(10**5000, "a"), "more than 30 digits"),
        ({}, Const(10**5000), "at most 30 digits"),
        ({}, Const(True), "expected a whole number"),
    ]:
        with pytest.raises(Rejected) as caught:
            check(form(constants, const), VOCABULARY)
        assert words in str(caught.value)
    with pytest.raises(Rejected, match="shared constant"):
        check(parse_form("a = 1\n" + step("a = cube(t)")), VOCABULARY)


def test_limits_and_hook() -> None:
    text = step(";".join(f"a{i} = cube(t)" for i in range(4)))
    check(parse_form(text), Vocabulary(OPERATIONS, TYPES, max_statements=4))
    with pytest.raises(Rejected, match=r"line 5, column 5: block `step` has 4 statements; at most 3"):
        check(parse_form(text), Vocabulary(OPERATIONS, TYPES, max_statements=3))
    with pytest.raises(Rejected, match=r"^not today$"):
        check(parse_form(text), Vocabulary(OPERATIONS, TYPES, valid=lambda form: "not today"))
    with pytest.raises(Rejected, match="each block may occur once"):
        check(parse_form(text + text), VOCABULARY)


def test_operations_keep_to_their_blocks() -> None:
    inside = Operation("cube", (Signature(("Z",), ("Z",)),), blocks=lambda name: name == "inside")
    vocabulary = Vocabulary((inside, *(each for each in OPERATIONS if each.name == "neg")), TYPES)
    with pytest.raises(Rejected, match=r"not allowed in block `step`: `cube` \(allowed: neg\)"):
        check(parse_form(step("a = cube(t)")), vocabulary)
    check(parse_form(step("a = cube(t)").replace('"step"', '"inside"')), vocabulary)


def test_the_first_overload_that_matches_is_meant() -> None:
    checked = check(parse_form(step("a = add(t, m); b = add(a, g); c = total(b); d = total(c)")), VOCABULARY)
    (block,) = checked.blocks
    assert {name: block.types[name] for name in "abcd"} == {"a": "Z", "b": "V", "c": "Z", "d": "Z"}
    assert [str(each) for each in block.signatures[2:]] == ["(V) -> Z", "(Z) -> Z"]


@given(st.integers(0, 10**9))
@settings(max_examples=100, deadline=None)
def test_well_typed_forms_pass(seed: int) -> None:
    check(random_form(random.Random(seed), statements=18), VOCABULARY)


@given(st.text(max_size=200), st.text(max_size=50))
def test_messages_stay_short(name: str, label: str) -> None:
    block = Block(label, (), (Statement((name * 50,), name * 50, ()),), ())
    with pytest.raises(Rejected) as caught:
        check(Form({}, (block,)), VOCABULARY)
    assert len(str(caught.value)) < 1500


Z = (Signature(("Z", "Z"), ("Z",)),)


@pytest.mark.parametrize(
    ("laws", "signatures"),
    [
        (Laws(involutive=True), (Signature(("Z",), ("Z",)),)),
        (Laws(fold=lambda x: x), (Signature(("Z",), ("Z",)),)),
        (Laws(pure=True, involutive=True), Z),
        (Laws(pure=True, idempotent=True), (Signature((), ("Z",)),)),
        (Laws(pure=True, idempotent=True), (Signature(("Z",), ("Z", "Z")),)),
        (Laws(commutative=((0, 2),)), Z),
        (Laws(commutative=((0, 1), (1,))), Z),
        (Laws(pure=True, identities=(Identity(2, 0, Position(0)),)), Z),
        (Laws(pure=True, identities=(Identity(0, Position(2), 0),)), Z),
        (Laws(), (Signature(("Z",), ()),)),
        (Laws(), ()),
        (Laws(), (*Z, Signature(("Z",), ("Z", "Z")))),
    ],
)
def test_laws_that_cannot_hold_are_refused(laws: Laws, signatures: tuple[Signature, ...]) -> None:
    with pytest.raises(ValueError, match="f:"):
        Operation("f", signatures, laws)


def test_vocabularies_are_consistent() -> None:
    with pytest.raises(ValueError, match="twice"):
        Vocabulary((OPERATIONS[0], OPERATIONS[0]), TYPES)
    with pytest.raises(ValueError, match="unknown types"):
        Vocabulary((Operation("f", (Signature(("W",), ("Z",)),)),), TYPES)
    with pytest.raises(ValueError, match="unknown types"):
        Types(("Z",), accepts={"Z": ("W",)})


def test_fractions_and_whole_numbers_stand_for_fractions() -> None:
    block = Block("step", (Port("t", "Z"),), (Statement(("a",), "ratio", (Ref("t"), Const(Fraction(1, 3)))),), ())
    check(Form({}, (block,)), VOCABULARY)
