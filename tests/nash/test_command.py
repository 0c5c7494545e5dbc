"""From a run to a verified bundle, by command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def discovery(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "discovery", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, env={**os.environ, "NO_COLOR": "1"})


@pytest.mark.parametrize(
    ("task", "proposals", "search"), [("nash", "4", "evolution"), ("nash", "4", "islands"), ("nash:3", "2", "islands")]
)
def test_what_a_run_finds_is_exported_and_verified(task: str, proposals: str, search: str, tmp_path: Path) -> None:
    run = ("run", task, "--max-proposals", proposals, "--seed", "1", "--search", search)
    assert discovery(*run, cwd=tmp_path).returncode == 0
    exported = discovery("export", "@last", cwd=tmp_path)
    assert exported.returncode == 0, exported.stderr
    folder = tmp_path / exported.stdout.strip()
    played = subprocess.run([sys.executable, f"{folder.name}.py"], cwd=folder, capture_output=True, text=True)
    assert played.returncode == 0 and "ok" in played.stdout
    verified = discovery("verify", str(folder), "--json", cwd=tmp_path)
    report = json.loads(verified.stdout)
    assert verified.returncode == 0 and report["holds"], report
    checks = {check["name"]: check["detail"] for check in report["checks"]}
    assert "fresh games" in checks["games"]
    page = folder / f"{folder.name}.md"
    page.write_text(page.read_text() + "Better than it is.\n")
    assert discovery("verify", str(folder), cwd=tmp_path).returncode == 1


def test_a_program_is_checked_by_command(tmp_path: Path) -> None:
    (tmp_path / "dmp.txt").write_text("x: P1 = Random()\ny: P2 = BestResponse(x)\nw: P1 = BestResponse(y)\n")
    checked = json.loads(discovery("check", "nash", "dmp.txt", "--json", cwd=tmp_path).stdout)
    assert (checked["status"], checked["evidence"]["bound"]) == ("proved", "1/2")
