"""A task's own folder, where its expected answers may lie, is closed to candidates wherever it is."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from discovery.evaluate import Pool
from discovery.model import Program, content_key
from discovery.task import Stage

from .conftest import TOY

_SOURCE = """
import os
def f(folder):
    return [name for name in ("task.py", "answers.txt") if os.path.exists(os.path.join(folder, name))]
"""
_EVALUATE = f"""
        from discovery.tasks.python.plain import encode
        inputs = encode({{"folder": str(FOLDER)}}, {{}})
        answer = ctx.slot.call({{"source": {_SOURCE!r}, "entry": "f", "inputs": inputs}})
        return Verdict("scored", 1.0, message=repr(answer.value["answer"]))
"""


@pytest.fixture
def installed() -> Iterator[Path]:
    """The toy task in a folder that candidates see otherwise: beside the interpreter's packages."""
    folder = Path(sys.prefix) / "share" / f"discovery-test-{os.getpid()}"
    shutil.copytree(TOY, folder, ignore=shutil.ignore_patterns("__pycache__", "*.log"))
    (folder / "answers.txt").write_text("42")
    text = (folder / "task.py").read_text()
    there = "        value = value_of(program)\n        if value % 13"
    assert there in text
    (folder / "task.py").write_text(text.replace(there, _EVALUATE + there))
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("sandbox", ["bubblewrap", "unsafe"])
def test_candidates_do_not_see_the_folder_of_the_task(installed: Path, sandbox: str) -> None:
    async def judged() -> str:
        async with Pool(str(installed), sandbox=sandbox, workers=1, seed=0) as pool:
            program = Program("value = 5", content_key("value = 5"))
            return (await pool.evaluate(program, Stage("coarse", backstop=60))).message

    seen = {"bubblewrap": [], "unsafe": ["task.py", "answers.txt"]}
    assert asyncio.run(judged()) == repr(seen[sandbox])
