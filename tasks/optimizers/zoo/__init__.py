"""Known update rules, written in the rule language: seeds, novelty references, regression tests.

Each file `NAME.py` beside this one is the text of a rule, never imported; its docstring names the source. Constants
are the defaults of the implementations that the tests compare with. Weight decay is the engine's.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from discovery.task import Seed

__all__ = ["seeds", "sources"]


@cache
def _read() -> dict[str, str]:
    files = sorted(path for path in Path(__file__).parent.glob("*.py") if path.stem != "__init__")
    return {path.stem: path.read_text(encoding="utf-8") for path in files}


def sources() -> dict[str, str]:
    """Name of every rule to its text, by name."""
    return dict(_read())


def seeds() -> tuple[Seed, ...]:
    """What a search starts from: the baseline, and plain momentum, which has little structure to undo."""
    return tuple(Seed(name, _read()[name]) for name in ("adamw", "sgd_momentum"))
