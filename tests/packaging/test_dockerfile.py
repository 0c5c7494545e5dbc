"""The Dockerfile of the sandbox image: what has to hold of it, without building it (`scripts/check-image.sh` does)."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

PROJECT = Path(__file__).parents[2]
FILE = PROJECT / "sandbox" / "Dockerfile"
KNOWN = {"ARG", "FROM", "COPY", "RUN", "USER", "ENTRYPOINT"}


def instructions() -> list[tuple[str, str]]:
    lines = [line for line in FILE.read_text().split("\n") if line and not line.startswith("#")]
    return [(line.split()[0], line.partition(" ")[2]) for line in lines]


def test_it_holds_known_instructions_and_a_base_that_can_be_chosen() -> None:
    found = instructions()
    assert {name for name, _ in found} <= KNOWN
    assert found[0][0] == "ARG" and found[0][1].startswith("BASE=") and found[1] == ("FROM", "${BASE}")


def test_packages_are_pinned_by_the_files_that_pin_everything_else() -> None:
    (install,) = [text for name, text in instructions() if name == "RUN"]
    for name in ("lock.txt", "constraints.txt"):
        assert f"--constraint /tmp/{name}" in install and (PROJECT / "requirements" / name).is_file()
        assert any(kind == "COPY" and name in text for kind, text in instructions())


def test_it_ends_as_nobody_and_starts_nothing() -> None:
    assert instructions()[-2:] == [("USER", "65534:65534"), ("ENTRYPOINT", "[]")]
    assert not re.search(r"https?://", FILE.read_text())


def test_the_scripts_parse() -> None:
    for script in ("scripts/engine.sh", "scripts/check-image.sh", ".ci/run"):
        subprocess.run(["bash", "-n", PROJECT / script], check=True)
