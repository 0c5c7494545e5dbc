"""A disk that is really full: a small file system in memory, mounted where only this test sees it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_SCRIPT = """
import subprocess, sys
from pathlib import Path
from discovery.errors import EnvironmentMissing
from discovery.model import Program, Proposal, Verdict, content_key
from discovery.store import Journal, RunMeta

place, ends = Path(sys.argv[1]), []
meta = RunMeta("run", "toy", {}, {"task": "1"}, {"backend": "none"}, "2026-01-02")

def mount(*options):
    subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(options), "none", place], check=True)

for size in range(8, 264, 32):
    mount(f"size={size}k")
    try:
        Journal.create(place / "run", meta).close()
        ends.append("made")
    except EnvironmentMissing as error:
        assert "no space left" in error.message, error.message
        assert {path.name for path in (place / "run").iterdir()} <= {"run.lock"}, "nothing half made stays"
        assert "resume" not in error.hint, "there is nothing to resume"
        ends.append("full")
        mount("remount", "size=4m")
        Journal.create(place / "run", meta).close()
    mount("remount", "size=4m")
    with Journal.open(place / "run", write=True) as journal:
        assert journal.proposal_count() == 0
    subprocess.run(["umount", place], check=True)
assert ends[0] == "full" and ends[-1] == "made", ends

mount("size=1m")
committed = 0
with Journal.create(place / "run", meta) as journal:
    try:
        for index in range(10_000):
            source = f"program {index}" * 100
            program = Program(source, content_key(source))
            journal.add_proposal(Proposal(index, "mutate"), source, program)
            journal.add_verdict(program.key, Verdict("scored", float(index), stage="full"), concludes=index)
            committed += 1
    except EnvironmentMissing as error:
        assert "no space left" in error.message and "discovery resume" in error.hint
assert 10 < committed < 10_000, committed
mount("remount", "size=8m")
with Journal.open(place / "run", write=True) as journal:
    assert [outcome.verdict.score for outcome in journal.outcomes()] == [float(index) for index in range(committed)]
print("done")
"""


def test_a_full_disk_leaves_a_whole_journal_or_none(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    done = subprocess.run(
        ["unshare", "--mount", sys.executable, "-c", _SCRIPT, place], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
