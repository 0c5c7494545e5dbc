"""The recorded runs under `examples/`: real replies of a language model, replayed to the same programs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from discovery.store import Journal

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize(
    ("name", "task", "proposals"),
    [
        ("optimizers", "optimizers", 40),
        ("bin-packing", str(EXAMPLES / "bin-packing"), 40),
        ("nash", "nash", 36),
    ],
)
def test_a_recorded_run_replays(tmp_path: Path, name: str, task: str, proposals: int) -> None:
    """By the recorded verdicts, each prompt the same to the letter. Who changes prompts or choices records anew."""
    run = tmp_path / name
    shutil.copytree(EXAMPLES / name / "run", run)
    command = [sys.executable, "-m", "discovery", "replay", str(run), "--task", task, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    result = json.loads(done.stdout)
    assert result["equal"] and result["proposals"] == proposals and result["unwritten"] == 0
    with Journal.open(run) as journal:
        assert result["replies"] == journal.spending().calls >= 30
        assert {call.model for call in journal.model_calls()} == {"queue"}
        best, verdict = journal.best(1)[0]
        assert result["best"] == {"id": best[:12], "key": best, "score": verdict.score}
        first = journal.program_row(journal.proposal(0).key or "").verdict
        assert first is not None and first.score is not None and verdict.score is not None
        assert verdict.score > first.score, "the model found something better than the first seed"
