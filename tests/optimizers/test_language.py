"""The rule language: what it accepts, refuses and prints; keys; random edits that stay inside it."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discovery.grammar import print_form
from discovery.model import Program, Rejected
from discovery.task import Language
from discovery.tasks.optimizers import language, zoo
from discovery.tasks.optimizers.language import OptimizerLanguage
from discovery.tasks.optimizers.layout import KINDS, block_for, states
from discovery.tasks.optimizers.rule import lower, source_of
from discovery.tasks.optimizers.vocabulary import PRIMITIVES

LANGUAGE = OptimizerLanguage()
ZOO = zoo.sources()


def rule(body: str, init: str = '{"m": zeros(shape)}', hyper: str = '{"b1": 0.9}') -> str:
    """A rule around the lines of `update`, which begin at line 4."""
    lines = "\n".join("    " + line for line in body.strip("\n").split("\n"))
    return f"HYPER = {hyper}\ndef init(shape, kind): return {init}\ndef update(w, g, s, t, kind):\n{lines}\n"


def key(source: str) -> str:
    return LANGUAGE.check(source).key


@st.composite
def mutants(draw: st.DrawFn) -> Program:
    """A zoo rule a few edits away."""
    rng = random.Random(draw(st.integers(0, 10**9)))
    program = LANGUAGE.check(ZOO[draw(st.sampled_from(sorted(ZOO)))])
    return LANGUAGE.check(LANGUAGE.mutate(program, rng, draw(st.integers(1, 8))))


KEEP = '{"m": s["m"]}'
REFUSED = {
    "no python": ("u = (", 4, "not Python"),
    "loop": ("for i in range(3):\n    pass\nreturn g, " + KEEP, 4, "nothing else is allowed"),
    "import": ("import os\nreturn g, " + KEEP, 4, "nothing else is allowed"),
    "while": ("while True: pass\nreturn g, " + KEEP, 4, "nothing else is allowed"),
    "augmented": ("g += w\nreturn g, " + KEEP, 4, "nothing else is allowed"),
    "attribute": ("u = g.data\nreturn u, " + KEEP, 4, "expected numbers, names"),
    "dunder": ("u = ().__class__\nreturn u, " + KEEP, 4, "expected numbers, names"),
    "lambda": ("u = (lambda: g)()\nreturn u, " + KEEP, 4, "expected numbers, names"),
    "keyword argument": ("u = sign(x=g)\nreturn u, " + KEEP, 4, "expected numbers, names"),
    "string": ('u = "g"\nreturn u, ' + KEEP, 4, "expected numbers, names"),
    "typo": ("u = sigmod(g)\nreturn u, " + KEEP, 4, "did you mean `sigmoid`"),
    "unknown function": ("u = eval(g)\nreturn u, " + KEEP, 4, "unknown operation `eval`"),
    "initial in update": ("u = zeros(shape)\nreturn g, " + KEEP, 4, "only in `init`"),
    "unknown name": ("u = lr * g\nreturn u, " + KEEP, 4, "unknown name `lr`"),
    "loss": ("u = loss * g\nreturn u, " + KEEP, 4, "unknown name `loss`"),
    "use before definition": ("u = v + g\nv = g\nreturn u, " + KEEP, 4, "unknown name `v`"),
    "state as name": ("return g + m, " + KEEP, 4, 'states are read as s["name"]'),
    "unknown state": ('return s["n"] + g, ' + KEEP, 4, "unknown state `n` (allowed: m)"),
    "state not returned": ("return g, {}", 4, "new value of state `m` is not returned"),
    "extra state": ('return g, {"m": g, "v": g}', 4, "state `v` is not in `init`"),
    "no states": ("return g", 4, "expected `return direction, {states}`"),
    "no return": ("u = g", 3, "must end in `return`"),
    "after return": ("return g, " + KEEP + "\nu = g", 5, "comes after `return`"),
    "branch on value": ("if t > 3:\n    return w, " + KEEP + "\nreturn g, " + KEEP, 4, "only the kind may be tested"),
    "unknown kind": ('if kind == "conv":\n    return w, ' + KEEP + "\nreturn g, " + KEEP, 4, "unknown kind"),
    "comparison": ("return (g > 0) * g, " + KEEP, 4, "where_gt(a, b, x, y)"),
    "assign gradient": ("g = w\nreturn g, " + KEEP, 4, "may not be assigned"),
    "assign constant": ("b1 = w\nreturn g, " + KEEP, 4, "may not be assigned"),
    "scalar direction": ("return mean(g), " + KEEP, None, "must be of type tensor"),
    "constant direction": ("return 1.0, " + KEEP, None, "must be of type tensor"),
    "scalar state": ('return g, {"m": mean(g)}', None, "must be of type tensor"),
    "arity": ("return sign(g, g), " + KEEP, 4, "expects arguments"),
    "types": ("return matmul(g, g), " + KEEP, 4, "expects arguments"),
    "decay rate": ("return ema(g, w, 1.5), " + KEEP, 4, "expected a rate"),
    "iterations": ("return ns(g, 50), " + KEEP, 4, "expected a whole number"),
    "gradient unused": ("return sign(w), " + KEEP, None, "does not depend on the gradient"),
    "too long": ("\n".join(["u = sign(g)"] + ["u = u + g"] * 60) + "\nreturn u, " + KEEP, 52, "at most 48"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_with_place_and_reason(name: str) -> None:
    body, line, fragment = REFUSED[name]
    with pytest.raises(Rejected, match=r"(?s).*") as caught:
        LANGUAGE.check(rule(body))
    assert fragment in str(caught.value)
    assert caught.value.line == line
    assert line is None or caught.value.column is not None


@pytest.mark.parametrize(
    ("source", "fragment"),
    [
        ("", "expected a function `def init"),
        ("x = 1", "expected a docstring"),
        ("import os\n" + ZOO["lion"], "expected a docstring"),
        (ZOO["lion"] + "print(1)\n", "expected a docstring"),
        (ZOO["lion"] + ZOO["lion"], "expected a docstring"),
        (ZOO["lion"].replace("w, g, s", "w, g, lr, s"), "expected `def update(w, g, s, t, kind):`"),
        (ZOO["lion"].replace("kind):", "kind, x=1):"), "no defaults"),
        (ZOO["lion"].replace("def init", "@cache\ndef init"), "decorators"),
        (ZOO["lion"].replace("0.99", "1 + 1"), "the number written out"),
        (ZOO["lion"].replace("0.99", "True"), "the number written out"),
        (ZOO["lion"].replace("0.99", "1e999"), "finite"),
        (ZOO["lion"].replace('"b1"', '"sign"'), "may not be called `sign`"),
        (ZOO["lion"].replace('"b1"', '"__debug__"'), "may not be called `__debug__`"),
        (rule("return g, {}", init='{"__x": 0}'), "a state is named by"),
        (rule('__class__ = g\nreturn __class__, {"m": g}'), "`__class__` may not be assigned"),
        (ZOO["lion"].replace("zeros(shape)", "zeros(3)"), "a state starts as"),
        (ZOO["lion"].replace("zeros(shape)", "w"), "a state starts as"),
        (ZOO["lion"].replace("return {", "x = 1\n    return {"), "`init` has no local names"),
        (rule("return g, {}", init="[]"), "expected the states as a dictionary"),
        (rule("return g, {}", init='{"a b": 0}'), "a state is named by"),
        ("x" * 70_000, "at most 65536 bytes"),
        ("(" * 5_000, "nested at most"),
        (rule("return " + "-" * 400 + 'g, {"m": g}'), "nested at most"),
        (rule("return g * 1" + "0" * 400 + ', {"m": g}'), "at most 30 digits"),
        (ZOO["lion"] + "\0", "NUL"),
        (ZOO["lion"] + "\ud800", "UTF-8"),
        ("import torch\n" + ZOO["lion"], "no imports"),
        (rule('m = s["m"]\nm *= 0.9\nreturn m, {"m": m}'), "not `x += y`"),
        (rule('m: tensor = g\nreturn m, {"m": m}'), "leave out the annotation"),
        (rule('a, b = g, w\nreturn a, {"m": b}'), "one name at a time"),
        (rule('for i in s:\n    u = g\nreturn u, {"m": g}'), "no loops"),
        (rule('return g.sign(), {"m": g}'), "not g.sign()"),
        (rule('return (lambda x: x)(g), {"m": g}'), "no functions of your own"),
        (rule('return ema(s["m"], g, beta=0.9), {"m": g}'), "given by position"),
    ],
)
def test_refuses_other_texts(source: str, fragment: str) -> None:
    with pytest.raises(Rejected) as caught:
        LANGUAGE.check(source)
    assert fragment in str(caught.value)


def test_at_most_three_tensors_and_four_scalars() -> None:
    def keeping(start: str, count: int) -> str:
        init = "{" + ", ".join(f'"x{i}": {start}' for i in range(count)) + "}"
        return rule("return g, {" + ", ".join(f'"x{i}": s["x{i}"]' for i in range(count)) + "}", init)

    LANGUAGE.check(keeping("ones(shape)", 3))
    LANGUAGE.check(keeping("0.5", 4))
    for start, count in [("zeros(shape)", 4), ("1", 5)]:
        with pytest.raises(Rejected, match="may keep at most"):
            LANGUAGE.check(keeping(start, count))


@given(st.one_of(st.text(), st.text(alphabet='(){}[]:=+-*/.,"\n abgmstuw0159', max_size=300)))
def test_any_text_is_a_program_or_refused(text: str) -> None:
    with pytest.raises(Rejected):
        LANGUAGE.check(text)


@given(st.sampled_from(sorted(ZOO)), st.data())
@settings(max_examples=200)
def test_any_damage_to_a_rule_is_a_program_or_refused(name: str, data: st.DataObject) -> None:
    source = ZOO[name]
    start = data.draw(st.integers(0, len(source)))
    end = data.draw(st.integers(start, min(len(source), start + 20)))
    damaged = source[:start] + data.draw(st.text(max_size=6)) + source[end:]
    try:
        assert isinstance(LANGUAGE.check(damaged), Program)
    except Rejected as rejected:
        assert len(str(rejected)) < 2_000


@pytest.mark.parametrize("name", sorted(ZOO))
def test_zoo_prints_and_reads_back(name: str) -> None:
    form = lower(ZOO[name])
    assert lower(source_of(form)) == form


@given(mutants())
@settings(max_examples=40, deadline=None)
def test_mutants_print_and_read_back(program: Program) -> None:
    form = lower(program.source)
    again = lower(source_of(form))
    assert LANGUAGE.check(source_of(form)).key == program.key
    # A second round changes nothing at all, not even names.
    assert source_of(lower(source_of(again))) == source_of(again)
    assert print_form(lower(source_of(again))) == print_form(again)


@given(st.integers(0, 10**9), st.sampled_from(sorted(ZOO)), st.integers(1, 5))
@settings(max_examples=40, deadline=None)
def test_mutation_changes_the_program_and_repeats(seed: int, name: str, edits: int) -> None:
    program = LANGUAGE.check(ZOO[name])
    source = LANGUAGE.mutate(program, random.Random(seed), edits)
    assert LANGUAGE.check(source).key != program.key
    assert LANGUAGE.mutate(program, random.Random(seed), edits) == source


def test_mutation_reaches_states_kinds_of_operations_and_constants() -> None:
    program, rng = LANGUAGE.check(ZOO["adamw"]), random.Random(1)
    forms = [lower(LANGUAGE.mutate(program, rng, 1)) for _ in range(300)]
    assert {len(states(form)) for form in forms} == {0, 1, 2, 3}
    used = {statement.op for form in forms for statement in form.block("update").statements}
    assert len(used) > 25
    assert {form.constants.get("b2", 0.999) for form in forms} > {0.999}
    assert all(0 <= form.constants.get("b2", 0) < 1 for form in forms)


@given(mutants(), mutants(), st.integers(0, 10**9))
@settings(max_examples=40, deadline=None)
def test_children_check_and_differ_from_both_parents(first: Program, second: Program, seed: int) -> None:
    try:
        source = LANGUAGE.cross(first, second, random.Random(seed))
    except Rejected as rejected:
        assert "that differs from" in str(rejected)
        return
    assert LANGUAGE.check(source).key not in (first.key, second.key)
    assert LANGUAGE.cross(first, second, random.Random(seed)) == source


def test_crossing_brings_parts_of_the_second_parent() -> None:
    first, second = LANGUAGE.check(ZOO["sgd_momentum"]), LANGUAGE.check(ZOO["muon"])
    children = [LANGUAGE.cross(first, second, random.Random(seed)) for seed in range(20)]
    assert any("ns(" in child and "accumulate(" in child for child in children)


LION = """
HYPER = {"c": 0.99, "k": 0.9}
def init(shape, kind):
    '''Docstrings and dead code do not count.'''
    return {"idle": ones(shape), "mean": zeros(shape)}
def update(w, g, s, t, kind):
    '''Any.'''
    waste = sqrt(square(w) + 3)
    after = ema(s["mean"], g * 1, c)
    back = ema(s["mean"], g, k)
    return sign(sign(back)), {"mean": after, "idle": waste * s["idle"]}
"""


def test_key_ignores_what_does_not_matter() -> None:
    assert key(LION) == key(ZOO["lion"])
    one, other = rule("return g * w + w, {'m': g}"), rule("return w + w * g, {'m': w}")
    assert key(one) == key(other)


def test_key_tells_constants_apart_and_skeleton_does_not() -> None:
    one, other = LANGUAGE.check(ZOO["lion"]), LANGUAGE.check(ZOO["lion"].replace("0.99", "0.98"))
    assert one.key != other.key
    assert one.skeleton == other.skeleton
    assert one.id == one.key[:12]


def test_key_keeps_floating_point_order_and_starts() -> None:
    assert key(rule("return (g + w) + 1, {'m': g}")) != key(rule("return g + (w + 1), {'m': g}"))
    live = 'return g + s["m"], {"m": ema(s["m"], g, b1)}'
    assert key(rule(live)) != key(rule(live, init='{"m": ones(shape)}'))


def test_all_zoo_rules_have_keys_of_their_own() -> None:
    assert len({key(source) for source in ZOO.values()}) == len(ZOO)


def test_branches_on_kind_are_resolved() -> None:
    body = """
x = g if kind in ("matrix", "embedding") else sign(g)
if kind == "scalar":
    return 2 * x, {"m": x}
elif kind != "vector":
    x = x + w
return x, {"m": x}
"""
    form = lower(rule(body))
    assert [[s.op for s in block_for(form, kind).statements] for kind in KINDS] == [
        ["add"],
        ["sign"],
        ["add"],
        ["sign", "mul"],
    ]
    assert [block.name for block in form.blocks] == [
        "init",
        "update_matrix_embedding",
        "update_vector",
        "update_scalar",
    ]
    assert key(rule(body)) == key(source_of(form))


def test_equal_branches_are_no_branch() -> None:
    body = 'if kind == "vector":\n    return w * g, {"m": g}\nreturn g * w * 1, {"m": g}'
    assert key(rule(body)) == key(rule('return g * w, {"m": g}'))


def test_kinds_that_only_name_states_differently_are_alike() -> None:
    body = """
if kind == "vector":
    return g + s["n"], {"m": s["n"], "n": ema(s["n"], g, b1)}
return g + s["m"], {"m": ema(s["m"], g, b1), "n": g}
"""
    both = '{"m": zeros(shape), "n": zeros(shape)}'
    assert key(rule(body, both)) == key(rule('return g + s["m"], {"m": ema(s["m"], g, b1)}'))


def test_kinds_may_have_different_states_but_not_different_starts() -> None:
    states_of_muon = states(lower(ZOO["muon"]))
    assert list(states_of_muon) == ["m", "v"]
    source = ZOO["muon"].replace('{"m": zeros(shape)}', '{"m": ones(shape)}')
    with pytest.raises(Rejected, match="must start alike"):
        LANGUAGE.check(source)


def test_powers() -> None:
    def operations(expression: str) -> list[str]:
        return [s.op for s in lower(rule(f'return {expression}, {{"m": g}}')).block("update").statements]

    assert operations("g ** 2") == ["square"]
    assert operations("g ** 0.5") == ["sqrt"]
    assert operations("g ** 3") == ["pow"]


def test_description_names_everything_and_its_example_checks() -> None:
    text = LANGUAGE.describe()
    for name in PRIMITIVES:
        assert f"`{name}(" in text
    example = text.split("```")[1].removeprefix("python\n")
    assert key(example) == key(ZOO["adamw"])
    assert len(text) < 8_000


def test_vocabulary_is_large_and_documented() -> None:
    assert len(PRIMITIVES) >= 60
    assert all(primitive.operation.doc for primitive in PRIMITIVES.values())


def test_is_a_language_without_torch() -> None:
    assert isinstance(LANGUAGE, Language)
    code = (
        "import random, sys\n"
        "from discovery.tasks.optimizers import zoo\n"
        "from discovery.tasks.optimizers.language import OptimizerLanguage as L\n"
        "p = L().check(zoo.sources()['muon']); L().mutate(p, random.Random(0)); L().describe()\n"
        "print(sorted({'torch', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_edit_that_leaves_the_key_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    program = LANGUAGE.check(ZOO["lion"])
    same, other = lower(LION), lower(ZOO["signum"])
    drawn = iter([same, same, other])
    monkeypatch.setattr(language, "mutate", lambda *_: next(drawn))
    assert key(LANGUAGE.mutate(program, random.Random(0))) == key(ZOO["signum"])
    monkeypatch.setattr(language, "mutate", lambda *_: same)
    with pytest.raises(Rejected, match="differs from its parents"):
        LANGUAGE.mutate(program, random.Random(0))


def test_key_tells_which_kind_a_branch_is_for() -> None:
    def special(kind: str) -> str:
        return rule(f'if kind == "{kind}":\n    return sign(g), {{"m": g}}\nreturn g, {{"m": g}}')

    assert len({key(special(kind)) for kind in KINDS}) == len(KINDS)
