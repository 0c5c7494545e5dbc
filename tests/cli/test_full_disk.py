"""A disk that is really full in mid-run: one clear error, exit code 5, nothing scored by it, and the run goes on later.

The disks are small file systems in memory, mounted where only the test's own processes see them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Result

_SCRIPT = """
import json, os, subprocess, sys

place, spare = sys.argv[1], int(sys.argv[2])
run = ["run", "./toy", "--seed", "3", "--max-proposals", "40", "--display", "none"]

def mount(*options):
    subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(options), "none", place], check=True)

def discovery(*arguments):
    done = subprocess.run([sys.executable, "-m", "discovery", *arguments], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr

def programs():
    return json.loads(discovery("show", "@last", "--programs", "--json")[1])["programs"]

moved = {name: open(f"{place}/{name}").read() for name in os.listdir(place)}
mount("size=64m")
for name, text in moved.items():
    with open(f"{place}/{name}", "w") as file:
        file.write(text)
space = os.statvfs(place)
mount("remount", f"size={(space.f_blocks - space.f_bfree) * space.f_frsize + spare}")
full = discovery(*run)
before = json.loads(discovery("show", "@last", "--json")[1])
mount("remount", "size=64m")
after = discovery("resume", "@last", "--display", "none")
print(json.dumps({"full": full, "after": after, "before": before, "programs": programs()}))
"""


@pytest.mark.parametrize(("place", "spare"), [("runs", 600 << 10), ("toy", 0)], ids=["journal", "evaluator"])
def test_a_run_on_a_full_disk_stops_and_goes_on_when_there_is_room(
    home: Path, here: Callable[..., Result], place: str, spare: int
) -> None:
    undisturbed = home / "undisturbed"
    flags = ("--seed", "3", "--max-proposals", "40", "--out", str(undisturbed), "--display", "none")
    assert here("run", "./toy", *flags, cwd=home).returncode == 0
    shown = here("show", "@last", "--programs", "--json", "--out", str(undisturbed), cwd=home)
    expected = json.loads(shown.stdout)["programs"]
    (home / "toy" / "evaluations.log").unlink()
    (home / "runs").mkdir()
    command = ["unshare", "--mount", sys.executable, "-c", _SCRIPT, home / place, str(spare)]
    done = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    code, _, said = found["full"]
    assert code == 5, said
    assert "o space left on" in said and "Traceback" not in said and "discovery resume" in said
    assert len([line for line in said.splitlines() if line.startswith("error: ")]) == 1
    assert 0 < found["before"]["proposals"] < 40, "it came in mid-run"
    assert found["after"][0] == 0, found["after"][2]
    assert found["programs"] == expected, "the same run as on a disk with room"
