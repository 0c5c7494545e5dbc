"""A user's way: a new task, a run of the example, its confirmation, its export, its verification."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples/bin-packing"


def discovery(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "discovery", *arguments]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_a_new_task_is_complete_and_checks(tmp_path: Path) -> None:
    made = discovery(tmp_path, "task", "new", "my-problem", "--out", "somewhere else")
    assert made.returncode == 0 and "somewhere else/my-problem" in made.stdout
    folder = tmp_path / "somewhere else/my-problem"
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files == {"task.py", "README.md", "seeds/greedy.py"}
    assert 'name = "my-problem"' in (folder / "task.py").read_text()
    assert not [path for path in files if "NAME" in (folder / path).read_text()]
    checked = discovery(tmp_path, "check", str(folder), str(folder / "seeds/greedy.py"), "--json")
    report = json.loads(checked.stdout)
    assert (report["task"], report["status"]) == ("my-problem", "scored") and 0.5 < report["score"] < 1


@pytest.mark.parametrize("name", ["9lives", "a/b", "", "a b", "-x", "x" * 65])
def test_bad_names_are_refused(tmp_path: Path, name: str) -> None:
    assert discovery(tmp_path, "task", "new", "--", name).returncode == 2
    assert not list(tmp_path.iterdir())


def test_an_existing_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    done = discovery(tmp_path, "task", "new", "mine")
    assert done.returncode == 2 and "exists already" in done.stderr and not list((tmp_path / "mine").iterdir())


def test_the_tasks_are_listed(tmp_path: Path) -> None:
    done = discovery(tmp_path, "task", "list", "--json")
    listed = json.loads(done.stdout)
    assert listed["schema"] == "discovery.task-list/1"
    assert {"optimizers"} <= {entry["name"] for entry in listed["tasks"]}


def test_from_worst_fit_to_a_verified_module(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE, tmp_path / "bin-packing", ignore=shutil.ignore_patterns("__pycache__"))
    ran = discovery(tmp_path, "run", "./bin-packing", "--max-proposals", "30", "--seed", "0")
    assert ran.returncode == 0, ran.stderr
    confirmed = discovery(tmp_path, "confirm", "@last", "--finalists", "1", "--json")
    (finalist,) = json.loads(confirmed.stdout)["finalists"]
    assert finalist["confirmed"] and finalist["evidence"]["effect"] > 0.03
    exported = Path(tmp_path / discovery(tmp_path, "export", "@last", "--name", "packer").stdout.strip())
    tested = subprocess.run([sys.executable, exported / "packer.py"], capture_output=True, text=True, check=False)
    assert tested.returncode == 0 and "ok" in tested.stdout
    verified = discovery(tmp_path, "verify", str(exported), "--task", "./bin-packing", "--json")
    assert verified.returncode == 0 and json.loads(verified.stdout)["holds"]
    text = (exported / "packer.py").read_text()
    (exported / "packer.py").write_text(text.replace("rooms.append(100)", "rooms.append(101)"))
    assert discovery(tmp_path, "verify", str(exported), "--task", "./bin-packing").returncode == 1
