"""Confirmation: seeds that search never used, and correction over the finalists."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.evaluate import Pool
from discovery.evaluate.confirm import corrected, finalists, holm, measure
from discovery.model import Evidence, Program, Proposal, Verdict, content_key
from discovery.store import Journal, RunMeta
from discovery.task import Task


class _Pool:
    """Remembers the seeds it was asked to confirm with."""

    def __init__(self) -> None:
        self.seeds: list[int] = []

    async def confirm(self, program: Program, seed: int) -> Evidence:
        self.seeds.append(seed)
        return Evidence(True, "", 0.001, 1.0, (0.0, 2.0))


def _seeds_of(run_seed: int) -> list[int]:
    pool, kept = _Pool(), []
    programs = [Program("a", "a" * 64), Program("b", "b" * 64)]
    asyncio.run(measure(cast(Pool, pool), run_seed, programs, lambda program, _: kept.append(program)))
    assert kept == programs
    return pool.seeds


def test_the_seed_is_fresh_the_same_for_all_and_no_second_try() -> None:
    first, again, other = _seeds_of(3), _seeds_of(3), _seeds_of(4)
    assert first == again and len(set(first)) == 1
    assert set(first).isdisjoint({3, *other})


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_rejects_what_the_step_down_procedure_rejects(p_values: list[float]) -> None:
    """Against the procedure as first stated: test the least against alpha / m, the next against alpha / (m - 1), ..."""
    for alpha in (0.01, 0.05, 0.3):
        rejected = set()
        for step, index in enumerate(sorted(range(len(p_values)), key=lambda number: p_values[number])):
            if (len(p_values) - step) * p_values[index] > alpha:
                break
            rejected.add(index)
        assert {index for index, value in enumerate(holm(p_values)) if value <= alpha} == rejected


def test_a_finalist_is_confirmed_only_after_correction_and_only_if_it_was_before() -> None:
    task = cast(Task, type("T", (), {"alpha": 0.01}))

    def evidence(holds: bool, p_value: float | None) -> Evidence:
        return Evidence(holds, "", p_value, 1.0, (0.0, 2.0))

    found = [evidence(True, 0.006), evidence(True, 0.004), evidence(False, 0.0001), evidence(True, None)]
    chosen = [(letter * 64, 1.0) for letter in "abcd"]
    entries = corrected(task, chosen, found)
    assert entries[3].adjusted_p is None
    assert [entry.adjusted_p for entry in entries[:3]] == pytest.approx([0.008, 0.008, 0.0003])
    assert [entry.confirmed for entry in entries] == [True, True, False, True]
    more = corrected(task, [*chosen, ("e" * 64, 1.0)], [*found, evidence(False, 1.0)])
    assert [entry.confirmed for entry in more] == [False, False, False, True, False], "one more try, one more price"


def test_finalists_behave_unlike_the_seeds_and_each_other(tmp_path: Path) -> None:
    meta = RunMeta("run", "toy", {}, {"task": "1"}, {"backend": "none"}, "2026-01-02T00:00:00+00:00")
    shown = [
        ("seed", 5.0, "a"),
        ("copy of the seed", 5.0, "a"),
        ("new", 4.0, "b"),
        ("again", 3.9, "b"),
        ("other", 3.0, "c"),
    ]
    with Journal.create(tmp_path / "run", meta) as journal:
        for index, (name, score, fingerprint) in enumerate(shown):
            program = Program(name, content_key(name))
            journal.add_proposal(Proposal(index, "mutate"), name, program)
            verdict = Verdict("scored", score=score, evidence={"fingerprint": fingerprint}, stage="only")
            journal.add_verdict(program.key, verdict, concludes=index)
        chosen = finalists(journal, [content_key("seed")], 3)
    assert chosen == [(content_key("new"), 4.0), (content_key("other"), 3.0)]
