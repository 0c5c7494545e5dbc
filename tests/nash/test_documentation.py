"""What docs/nash.md shows works as it says, the block of one's own included."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import discovery
from discovery.model import Rejected, Verdict
from discovery.tasks.nash import blocks, export_module, numerics, vocabulary
from discovery.tasks.nash.execute import execute
from discovery.tasks.nash.games import suite
from discovery.tasks.nash.language import NashLanguage
from discovery.tasks.nash.stages import Judge
from discovery.tasks.nash.task import NashTask

PAGE = (Path(discovery.__file__).resolve().parents[1] / "docs" / "nash.md").read_text(encoding="utf-8")
CODE = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
FIRST, SECOND, _, FUNCTION, BLOCK, THIRD = CODE


def final(language: NashLanguage, source: str) -> Verdict:
    judge = Judge(language)
    try:
        for stage in NashTask().stages:
            verdict = judge.judge(source, stage.name)
            if not verdict.advance:
                break
        return verdict
    finally:
        judge.solver.close()


@pytest.mark.parametrize(("source", "bound"), [(FIRST, "1/2"), (SECOND, "381967/1000000")])
def test_the_first_algorithms_are_proved_as_told(source: str, bound: str) -> None:
    verdict = final(NashLanguage(2), source)
    assert verdict.status == "proved" and Fraction(verdict.evidence["bound"]) == Fraction(bound)
    assert f"proved: no game forces more than {bound}" in verdict.message and bound in PAGE


def test_what_is_wrong_is_said_as_told() -> None:
    with pytest.raises(Rejected) as caught:
        NashLanguage(2).check("x: P1 = Random()\ny: P2 = BestResponse(z)\n")
    assert str(caught.value) in PAGE


@pytest.fixture
def punish(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The block of the page, put in its places."""
    from discovery.tasks.nash.blocks import _base
    from discovery.tasks.nash.numerics import zero_sum

    scope: dict[str, Any] = {**vars(zero_sum)}
    exec(compile(FUNCTION, "punish.py", "exec"), scope)
    monkeypatch.setattr(numerics, "punishment", scope["punishment"], raising=False)
    names: dict[str, Any] = {**vars(_base)}
    exec(compile(f"from __future__ import annotations\n{BLOCK}", "punish.py", "exec"), names)
    monkeypatch.setattr(vocabulary, "BLOCKS", (*blocks.BLOCKS, names["Punish"]()))
    vocabulary.words.cache_clear()
    definitions, imports = export_module._definitions()
    added = export_module._Definition(FUNCTION.rstrip(), frozenset({"guaranteed", "Payoffs", "Vector"}))
    monkeypatch.setattr(export_module, "_definitions", lambda: ({**definitions, "punishment": added}, imports))
    yield
    vocabulary.words.cache_clear()


@pytest.mark.usefixtures("punish")
def test_a_block_of_ones_own_is_proved_run_and_exported() -> None:
    language = NashLanguage(2)
    verdict = final(language, THIRD)
    assert verdict.status == "proved" and verdict.evidence["bound"] == "381967/1000000"
    program = language.algorithm(THIRD)
    scope: dict[str, Any] = {"__name__": "mine"}
    exec(compile(export_module.nash_module(program, "mine", "", None), "mine.py", "exec"), scope)
    for _, (first, second) in suite(2, seed=3):
        outcome = execute(program, (first, second))
        y = outcome.values["y"]
        for column in range(outcome.payoffs[0].shape[1]):
            assert max(outcome.payoffs[0] @ y) <= max(outcome.payoffs[0][:, column]) + 1e-9
        assert outcome.regrets.max() <= 0.381967 + 1e-7
        assert scope["solve"](first, second).regrets == pytest.approx(outcome.regrets, abs=1e-9)
    assert "Punish" in language.describe()
