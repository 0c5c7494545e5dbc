"""The grammar serves every family and knows none of them."""

from __future__ import annotations

import re
from pathlib import Path

import discovery.grammar

FAMILY_WORDS = re.compile(
    r"\b(states?|stateful|kinds?|players?|swaps?|swapped|swapping|optimi[sz]ers?|loss(es)?|gradients?|momentum|"
    r"weight decay|learning rates?|tensors?|matri(x|ces)|strateg(y|ies)|payoffs?|regrets?|cuts?|games?|torch|numpy)\b",
    re.IGNORECASE,
)


def test_no_word_of_a_family_stands_in_the_grammar() -> None:
    files = sorted(Path(discovery.grammar.__file__).parent.glob("*.py"))
    assert len(files) > 10
    found = [
        f"{path.name}:{number}: {match.group()}"
        for path in files
        for number, line in enumerate(path.read_text().splitlines(), 1)
        for match in [FAMILY_WORDS.search(re.sub(r"cut short", "", line))]
        if match
    ]
    assert not found


def test_the_public_names_exist() -> None:
    assert all(hasattr(discovery.grammar, name) for name in discovery.grammar.__all__)
    assert list(discovery.grammar.__all__) == sorted(discovery.grammar.__all__)
