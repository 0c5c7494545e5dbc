"""Ctrl-C before a verb has taken over: one line, and exit code 130."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

STARTED = """
import os, signal, sys

class Interrupts:
    def find_spec(self, name, *_):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupts())
sys.argv = ["discovery", *{arguments!r}]
from discovery.__main__ import main
main()
"""


@pytest.mark.parametrize("arguments", [["run", "optimizers"], ["task", "list", "--json"]])
@pytest.mark.parametrize("module", ["discovery.cli", "typer", "discovery.task"])
def test_an_interrupt_while_modules_are_loaded_is_one_line(module: str, arguments: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STARTED.format(module=module, arguments=arguments)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")
    assert not list(tmp_path.iterdir())
