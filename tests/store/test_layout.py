"""Runs get readable names of their own, and are found by what a person would type."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

from discovery.errors import ConfigError, EnvironmentMissing, NotFound
from discovery.store import Journal, RunMeta
from discovery.store.files import write_file
from discovery.store.layout import all_runs, find_run, new_run_folder, runs_folder, split_program


def _run(out: Path, name: str, meta: RunMeta, created: str = "2026-01-02T00:00:00+00:00") -> Path:
    Journal.create(out / name, dataclasses.replace(meta, name=name, created=created)).close()
    return out / name


@pytest.mark.parametrize(
    ("task", "word"),
    [("optimizers", "optimizers"), ("cuts:tsp", "cuts-tsp"), ("./my/Own Task/", "own-task"), (".", "run")],
)
def test_names_are_readable(tmp_path: Path, task: str, word: str) -> None:
    folder = new_run_folder(task, tmp_path)
    assert folder.is_dir()
    stem, day, time = folder.name.rsplit("-", 2)
    assert stem == word and len(day) == 8 and len(time) == 6 and (day + time).isdigit()


def test_starting_at_once_does_not_collide(tmp_path: Path) -> None:
    code = "import sys; from discovery.store.layout import *; from pathlib import Path\n"
    code += "for _ in range(20): print(new_run_folder('toy', Path(sys.argv[1])))"
    command = [sys.executable, "-c", code, str(tmp_path)]
    racers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    names = [line for racer in racers for line in racer.communicate()[0].splitlines()]
    assert len(names) == len(set(names)) == 60


def test_runs_folder_defaults_to_runs(tmp_path: Path) -> None:
    assert runs_folder() == Path("runs")
    assert runs_folder(tmp_path) == tmp_path


def test_a_parent_that_is_a_file_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("x")
    for parent in (tmp_path / "out", tmp_path / "out" / "deeper", Path("/proc/nowhere")):
        with pytest.raises(EnvironmentMissing, match=parent.name) as caught:
            new_run_folder("toy", parent)
        assert "--out" in caught.value.hint


def test_a_parent_that_cannot_be_written_is_environment_missing(tmp_path: Path) -> None:
    code = (
        "import sys; from discovery.store.layout import *; from pathlib import Path; from discovery.errors import *\n"
    )
    code += "try: new_run_folder('toy', Path(sys.argv[1]))\nexcept EnvironmentMissing as e: print(e.message)"
    sealed = ["bwrap", "--dev-bind", "/", "/", "--ro-bind", str(tmp_path), str(tmp_path)]
    answer = subprocess.run([*sealed, sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert "cannot be opened as needed" in answer.stdout, answer.stderr
    assert EnvironmentMissing.exit_code == 5


def test_finding_a_run(tmp_path: Path, meta: RunMeta) -> None:
    first = _run(tmp_path, "toy-20260102-000000", meta)
    second = _run(tmp_path, "toy-20260103-000000", meta, created="2026-01-03T00:00:00+00:00")
    _run(tmp_path, "a-copied-later", meta, created="2025-01-01T00:00:00+00:00")
    (tmp_path / "zzz-no-run").mkdir()
    assert find_run(str(first)) == first
    assert find_run(first.name, tmp_path) == first
    assert find_run("toy-20260103", tmp_path) == second
    assert find_run("@last", tmp_path) == second == all_runs(tmp_path)[-1]
    with pytest.raises(ConfigError, match="fits several"):
        find_run("toy", tmp_path)
    with pytest.raises(NotFound) as caught:
        find_run("tyo-20260102-000000", tmp_path)
    assert first.name in caught.value.hint
    with pytest.raises(NotFound):
        find_run("zzz-no-run", tmp_path)


def test_a_forbidden_place_and_an_endless_word_are_clear_errors(tmp_path: Path, meta: RunMeta) -> None:
    run = _run(tmp_path, "toy-1", meta)
    tmp_path.chmod(0o700)
    code = "import sys; from pathlib import Path; from discovery.store import *; from discovery.errors import *\n"
    code += "for reach in (lambda p: find_run(p), lambda p: split_program(p), lambda p: Journal.open(Path(p))):\n"
    code += "    try: reach(sys.argv[1])\n    except EnvironmentMissing as e: print(e.message)"
    outsider = ["bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--perms", "0000", "--tmpfs", str(run)]
    outsider += ["--unshare-user", "--uid", "12345", "--gid", "12345", "--chmod", "0000", str(run)]
    answer = subprocess.run([*outsider, sys.executable, "-c", code, str(run / "deep")], capture_output=True, text=True)
    assert answer.stdout.count("Permission denied") == 3, answer.stdout + answer.stderr
    with pytest.raises(NotFound):
        find_run("x" * 5000, tmp_path)
    assert split_program("x" * 5000) == ("x" * 5000, None)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no runs"):
        find_run("@last", tmp_path)
    with pytest.raises(NotFound):
        find_run("x", tmp_path / "nowhere")


def test_a_folder_of_runs_is_no_run_and_says_what_it_holds(tmp_path: Path, meta: RunMeta) -> None:
    run = _run(tmp_path / "elsewhere", "toy-1", meta)
    with pytest.raises(NotFound) as caught:
        find_run(str(tmp_path / "elsewhere"), tmp_path / "nowhere")
    assert str(run) in caught.value.hint


def test_a_damaged_run_does_not_hide_the_others(tmp_path: Path, meta: RunMeta) -> None:
    good = _run(tmp_path, "good", meta)
    bad = _run(tmp_path, "bad", meta, created="2027-01-01T00:00:00+00:00")
    (bad / "run.db").write_bytes(b"not a database" * 1000)
    assert find_run("@last", tmp_path) == good


@pytest.mark.parametrize(
    ("spec", "parts"),
    [
        ("toy-1", ("toy-1", None)),
        ("toy-1:3fa", ("toy-1", "3fa")),
        ("@last", ("@last", None)),
        ("@last:3fa", ("@last", "3fa")),
        ("@last@best", ("@last", "best")),
        ("runs/toy-1@best", ("runs/toy-1", "best")),
        ("/a:b/toy", ("/a:b/toy", None)),
        ("/a:b/toy:3fa", ("/a:b/toy", "3fa")),
    ],
)
def test_splitting_a_program_off(spec: str, parts: tuple[str, str | None]) -> None:
    assert split_program(spec) == parts


def test_an_existing_run_wins_over_a_split(tmp_path: Path, meta: RunMeta) -> None:
    folder = _run(tmp_path, "odd:name", meta)
    assert split_program(str(folder)) == (str(folder), None)
    assert split_program(f"{folder}:3fa") == (str(folder), "3fa")


def test_files_are_replaced_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "new" / "file.json"
    write_file(path, "old")
    write_file(path, b"\x00new")
    assert path.read_bytes() == b"\x00new"

    def fail(descriptor: int) -> None:
        raise OSError("disk gone")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk gone"):
        write_file(path, "torn")
    assert path.read_bytes() == b"\x00new"
    assert [item.name for item in path.parent.iterdir()] == ["file.json"]
