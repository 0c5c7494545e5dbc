"""Finding tasks, and proposing for them."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from pathlib import Path

import pytest

from discovery.errors import TaskError
from discovery.model import Proposal, Rejected
from discovery.propose import Context, Parent, Symbolic
from discovery.task import load_task


def test_a_folder_is_loaded_as_it_stands_now(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also after an edit of equal length within the same second, which cached bytecode does not notice."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    file = toy / "task.py"
    before = file.stat()
    assert load_task(str(toy)).version == "1"
    file.write_text(file.read_text().replace('version = "1"', 'version = "2"'))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert load_task(str(toy)).version == "2"


def test_a_task_may_import_what_lies_beside_it(toy: Path) -> None:
    (toy / "numbers.py").write_text("VERSION = '7'\n")
    file = toy / "task.py"
    plain = file.read_text()
    file.write_text(
        plain.replace('version = "1"', "version = VERSION").replace(
            "\nclass", "\nfrom .numbers import VERSION\nclass", 1
        )
    )
    assert load_task(str(toy)).version == "7"
    (toy / "numbers.py").write_text("VERSION = 'another'\n")
    assert load_task(str(toy)).version == "another", "not what was loaded before"


@pytest.mark.parametrize(
    ("added", "message", "hint"),
    [
        ("from units import X", "No module named 'units'", "write `from .units import ...`"),
        ("from nowhere_at_all import X", "No module named 'nowhere_at_all'", ""),
        ("task = None", "got NoneType", "end the file with `task = ...()`"),
        ("task = type(task)", "got ABCMeta", "end the file with `task = ...()`"),
        ("task.stages = ()", "must have stages", "super().__init__()"),
    ],
)
def test_what_is_wrong_with_a_task_says_what_to_do(toy: Path, added: str, message: str, hint: str) -> None:
    (toy / "units.py").write_text("X = 1\n")
    file = toy / "task.py"
    file.write_text(f"{file.read_text()}\n{added}\n")
    with pytest.raises(TaskError) as caught:
        load_task(str(toy))
    assert message in caught.value.message and hint in caught.value.hint and (hint or not caught.value.hint)


@pytest.mark.parametrize("refusal", [Rejected("too alike"), NotImplementedError()])
def test_of_parents_that_cannot_be_crossed_the_first_is_mutated(
    toy: Path, refusal: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = load_task(str(toy))

    def cross(*_: object) -> str:
        raise refusal

    monkeypatch.setattr(type(task.language), "cross", cross)
    first, second = (task.language.check(f"value = {value}") for value in (700, 900))
    proposal = Proposal(5, "cross", (first.key, second.key))
    context = Context(random.Random(1), (Parent(first, None), Parent(second, None)))
    text = asyncio.run(Symbolic(task).propose(proposal, context)).source
    assert text == task.language.mutate(first, random.Random(1))


def test_without_a_parent_a_seed_is_mutated(toy: Path) -> None:
    task = load_task(str(toy))
    texts = {
        asyncio.run(Symbolic(task).propose(Proposal(5, "init"), Context(random.Random(n)))).source for n in range(20)
    }
    assert len(texts) > 5 and not texts & {seed.source for seed in task.seeds()}
