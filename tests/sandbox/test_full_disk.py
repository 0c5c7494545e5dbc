"""Where scratch is on a disk that others can fill: too little room is the machine's fault, not the candidate's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_SCRIPT = """
import os, subprocess, sys, tempfile
from discovery.sandbox import SandboxError, open_sandbox
from discovery.sandbox.testing import KIT_LIMITS, kit_harness, run_program

def mount(place, size):
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", place], check=True)

def refusal(action):
    try:
        found = action()
    except SandboxError as error:
        return error.message
    raise AssertionError(f"it should not have worked: {found}")

room, disk = KIT_LIMITS.scratch_bytes, sys.argv[1]
tempfile.tempdir = disk
mount("/dev/shm", room // 2)
mount(disk, room // 2)
inner = open_sandbox("inner")
assert "a candidate may use 8 MiB" in refusal(lambda: inner.open(kit_harness(), KIT_LIMITS))
mount(disk, 2 * room)
with inner.open(kit_harness(), KIT_LIMITS) as slot:
    assert os.listdir("/dev/shm") == [] and len(os.listdir(disk)) == 1, "where there is room"
    with open(f"{disk}/others", "wb") as file:
        file.write(bytes(room + (1 << 20)))
    assert "free" in refusal(lambda: run_program(slot, "def run(): return {'n': 1}"))
    os.unlink(f"{disk}/others")
    assert run_program(slot, "def run(): return {'n': 1}").value == {"n": 1}
    answer = run_program(slot, "def run():\\n    open('x', 'wb').write(bytes(100 << 20))")
    assert answer.status != "ok", "its own limit is its own fault"
print("done")
"""


def test_a_disk_without_the_room_that_a_candidate_is_promised_is_no_answer_of_it(tmp_path: Path) -> None:
    command = ["unshare", "--mount", sys.executable, "-c", _SCRIPT, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
