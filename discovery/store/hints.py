"""Hints for a run, as files: whoever steers puts one there, the controller takes it into the journal.

A run's journal has one writer, its controller; so a hint waits in `hints/` of the run's folder until the next proposal
is asked, or until the run is resumed.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path

from discovery.errors import ConfigError
from discovery.store.files import write_file

__all__ = ["MAX_HINT", "drop_hint", "give_hint", "waiting_hints"]

#: Characters of one hint.
MAX_HINT = 600
_FOLDER = "hints"


def give_hint(run: Path, text: str) -> str:
    """Put a hint there for the run in folder `run`; its name.

    Raises:
        ConfigError: it is empty or too long.
    """
    line = " ".join(text.split())
    if not line or len(line) > MAX_HINT:
        raise ConfigError(f"a hint has 1 to {MAX_HINT} characters; got {len(line)}")
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{secrets.token_hex(3)}"
    write_file(run / _FOLDER / f"{name}.md", line + "\n")
    return name


def waiting_hints(run: Path) -> list[tuple[str, str]]:
    """Name and text of the hints that wait, the earliest first. Files that are no hints of ours are read like them."""
    found = []
    for path in sorted((run / _FOLDER).glob("*.md")):
        try:
            text = " ".join(path.read_bytes().decode("utf-8", "replace").split())[:MAX_HINT]
        except OSError:
            continue
        if text:
            found.append((path.stem, text))
    return found


def drop_hint(run: Path, name: str) -> None:
    """The hint is in the journal: its file may go."""
    (run / _FOLDER / f"{name}.md").unlink(missing_ok=True)
