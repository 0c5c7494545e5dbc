"""What every language with symbolic edits must do."""

from __future__ import annotations

import random

import pytest

from discovery.model import Rejected
from discovery.task import Language

__all__ = ["HOSTILE", "LanguageConformance"]

#: Texts that no language may crash, hang or accept on.
HOSTILE = {
    "empty": "",
    "nul": "x = 1\0",
    "lone surrogate": "x = '\udc80'",
    "not a program": "Certainly! Here is your program:",
    "unclosed": "def f(:\n",
    "deep parentheses": "(" * 50_000 + "1" + ")" * 50_000,
    "deep unary": "x = " + "-" * 100_000 + "1",
    "deep attribute": "x = a" + ".b" * 100_000,
    "deep indentation": "".join(" " * depth + "if 1:\n" for depth in range(300)),
    "huge integer": "x = " + "9" * 10_000,
    "huge": "x = 1\n" * 2_000_000,
    "one huge line": "x = " + "1 + " * 500_000 + "1",
    "byte order mark in the middle": "x = 1\n\ufeffy = 2",
}


class LanguageConformance:
    """Subclass it and define fixtures `language` and `sources` (at least two different accepted programs)."""

    @pytest.fixture
    def language(self) -> Language:
        """The language under test."""
        raise NotImplementedError

    @pytest.fixture
    def sources(self) -> list[str]:
        """Programs that it accepts."""
        raise NotImplementedError

    def test_keys(self, language: Language, sources: list[str]) -> None:
        """Checking is a function of the text, and the programs are told apart."""
        keys = [language.check(source).key for source in sources]
        assert keys == [language.check(source).key for source in sources] and len(set(keys)) == len(sources)
        assert all(len(key) == 64 and int(key, 16) >= 0 for key in keys)

    @pytest.mark.parametrize("name", HOSTILE)
    def test_hostile_text_is_rejected(self, language: Language, name: str) -> None:
        """Whatever the text: a rejection with a message of bounded size, soon."""
        with pytest.raises(Rejected) as caught:
            language.check(HOSTILE[name])
        assert 0 < len(str(caught.value)) < 2_000

    def test_edits_are_accepted_and_repeat(self, language: Language, sources: list[str]) -> None:
        """Every edit of an accepted program is accepted, and the same generator gives the same edit."""
        for source in sources:
            program = language.check(source)
            for seed in range(30):
                child = language.mutate(program, random.Random(seed), 1 + seed % 3)
                assert child == language.mutate(program, random.Random(seed), 1 + seed % 3)
                language.check(child)

    def test_edits_differ_from_the_parent(self, language: Language, sources: list[str]) -> None:
        """A single edit gives another program, nearly always."""
        program = language.check(sources[0])
        same = sum(
            language.check(language.mutate(program, random.Random(seed))).key == program.key for seed in range(40)
        )
        assert same <= 4

    def test_long_walks_stay_acceptable(self, language: Language, sources: list[str]) -> None:
        """Fifty edits in a row, each accepted."""
        program = language.check(sources[0])
        for seed in range(50):
            program = language.check(language.mutate(program, random.Random(seed)))

    def test_crossover_is_accepted(self, language: Language, sources: list[str]) -> None:
        """A child of two programs is accepted, where the language crosses at all."""
        first, second = (language.check(source) for source in sources[:2])
        for seed in range(20):
            try:
                child = language.cross(first, second, random.Random(seed))
            except NotImplementedError:
                return
            assert child == language.cross(first, second, random.Random(seed))
            language.check(child)

    def test_it_describes_itself(self, language: Language) -> None:
        """The description for prompts is there."""
        assert len(language.describe()) > 10
