from __future__ import annotations

import ast
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.model import Rejected
from discovery.sandbox import Limits
from discovery.task import Language
from discovery.tasks.python import PythonLanguage
from discovery.tasks.python.source import without_docstrings
from discovery.testing import LanguageConformance

GREEDY = '''
"""Takes what looks best."""
import math

LIMIT = 3


def weight(item, scale=1.5):
    """Weight of an item."""
    return item * scale - LIMIT


def solve(items):
    # heaviest first
    total = 0
    for item in sorted(items, key=weight):
        if total < 100 and item != 7:
            total += math.sqrt(item)
    return total
'''
OTHER = """
from math import log

def weight(item):
    return log(1 + item)

def solve(items):
    return max(items, key=weight)
"""


def language() -> PythonLanguage:
    return PythonLanguage("solve")


class TestConformance(LanguageConformance):
    @pytest.fixture
    def language(self) -> Language:
        return language()

    @pytest.fixture
    def sources(self) -> list[str]:
        return [GREEDY, OTHER, "def solve(items):\n    return []\n"]


@pytest.mark.parametrize(
    "variant",
    [
        GREEDY.replace("# heaviest first", "# anything else"),
        GREEDY.replace("Weight of an item.", "Another docstring."),
        GREEDY.replace("total = 0", "total   =  (0)"),
        GREEDY.replace("\n\n\n", "\n\n\n\n"),
        GREEDY.replace("100", "1_00"),
    ],
)
def test_comments_docstrings_and_layout_do_not_count(variant: str) -> None:
    assert variant != GREEDY
    assert language().check(variant).key == language().check(GREEDY).key


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("total", "amount"),
        ("100", "101"),
        ("100", "100.0"),
        ("1.5", "True"),
        ("<", "<="),
        ("import math", "import math as m"),
    ],
)
def test_names_numbers_and_operators_count(old: str, new: str) -> None:
    assert language().check(GREEDY.replace(old, new)).key != language().check(GREEDY).key


def test_the_skeleton_leaves_numbers_out() -> None:
    first, second = language().check(GREEDY), language().check(GREEDY.replace("100", "99"))
    assert first.skeleton == second.skeleton and first.key != second.key
    assert language().check(GREEDY.replace("<", ">")).skeleton != first.skeleton


@given(seeds=st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), edits=st.integers(1, 4))
def test_equal_keys_compile_to_equal_code(seeds: tuple[int, int], edits: int) -> None:
    program = language().check("def solve(a):\n    b = a + 1\n    return b * 2\n")
    sources = [language().mutate(program, random.Random(seed), edits) for seed in seeds]
    sources[1] = f'"""Docstring."""\n# comment\n{sources[1]}'
    first, second = (language().check(source) for source in sources)
    same_code = _code(sources[0]) == _code(sources[1])
    assert same_code or first.key != second.key


def _code(source: str) -> object:
    def strip(code: object) -> object:
        if not hasattr(code, "co_code"):
            return (type(code), repr(code))
        return (code.co_code, code.co_names, code.co_varnames, tuple(map(strip, code.co_consts)))

    return strip(compile(without_docstrings(ast.parse(source)), "x", "exec"))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def other(items):\n    return 1\n", "def solve"),
        ("async def solve(items):\n    return 1\n", r"`def solve\(...\)`; it defines async def solve"),
        ("if True:\n    def solve(items):\n        return 1\n", "def solve"),
        ("solve = lambda items: 1\n", "def solve"),
        ("def solve(items)\n    return 1\n", "line 1"),
        ("def solve(items):\n    return 1\nreturn 2\n", "outside function"),
        ("def solve(items):\n    nonlocal x\n", "nonlocal"),
        ("def solve(a, a):\n    pass\n", "duplicate argument"),
    ],
)
def test_what_is_no_program_is_rejected_with_the_reason(source: str, message: str) -> None:
    with pytest.raises(Rejected, match=message):
        language().check(source)


def test_every_kind_of_edit_occurs() -> None:
    program = language().check(GREEDY)
    children = [language().mutate(program, random.Random(seed)) for seed in range(300)]
    for mark in ("not 7", "amount"):  # controls: what no edit makes
        assert not any(mark in child for child in children)
    texts = "\n".join(children)
    for mark in ("total <= 100", "item == 7", "LIMIT - item * scale", "item / scale", "pass", "item * item"):
        assert mark in texts, mark


def test_crossing_takes_from_both_parents() -> None:
    first, second = language().check(GREEDY), language().check(OTHER)
    children = {language().cross(first, second, random.Random(seed)) for seed in range(60)}
    whole = "def weight(item):\n    return log(1 + item)"
    grafted = [child for child in children if whole in child and "math.sqrt" in child]
    assert grafted and all("from math import log" in child for child in grafted)
    assert {language().check(child).key for child in children}.isdisjoint({first.key, second.key})


def test_the_description_tells_what_a_program_may_use_and_how_it_is_called() -> None:
    limits = Limits(cpu_seconds=2.5, wall_seconds=20, memory_bytes=768 << 20, processes=3, answer_bytes=64 << 10)
    told = PythonLanguage(
        "solve", limits=limits, packages=("numpy", "scipy"), example=lambda: "def solve(items, *, k: int = 3): ...\n"
    ).describe()
    for said in (
        "`def solve(items, *, k: int=3)`",
        "the standard library and numpy, scipy",
        "2.5 s of CPU time",
        "20 s by the clock",
        "768 MiB of memory",
        "3 processes",
        "at most 64 KiB",
    ):
        assert said in told


@pytest.mark.parametrize("example", ["", "def solve(:", "solve = 3\n", "\0"])
def test_a_description_without_a_usable_example_says_nothing_of_arguments(example: str) -> None:
    told = PythonLanguage("solve", packages=(), example=lambda: example).describe()
    assert "keyword arguments" not in told and "may import the standard library." in told
