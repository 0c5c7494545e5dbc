"""The command in this process, and a folder to use it in; folders lie in memory."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest

from discovery.cli import main

TOY = Path(__file__).parents[1] / "engine" / "toy"


class Result(NamedTuple):
    """How a command ended and what it said."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def tmp_path(in_memory: Callable[[], TemporaryDirectory[str]]) -> Iterator[Path]:
    """A folder of the test's own, in memory."""
    with in_memory() as folder:
        yield Path(folder)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """The command in this process, for what needs no process of its own."""

    def command(*arguments: str, cwd: Path) -> Result:
        monkeypatch.chdir(cwd)
        monkeypatch.setattr(sys, "argv", ["discovery", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        return Result(code if isinstance(code, int) else 0, *capsys.readouterr())

    return command


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with the toy task, to work in."""
    shutil.copytree(TOY, tmp_path / "toy", ignore=shutil.ignore_patterns("__pycache__", "*.log"))
    return tmp_path
