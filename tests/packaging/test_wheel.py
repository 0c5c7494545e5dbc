"""The wheel: what it holds, and that nothing of ours collides with a user's own folders."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def build(kind: str, source: Path, target: Path) -> Path:
    """Build with the back-end itself: no network, no isolation."""
    script = f"import sys; from hatchling.build import build_{kind} as build; print(build(sys.argv[1]))"
    command = [sys.executable, "-c", script, str(target)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=True)
    return target / done.stdout.split()[-1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel unpacked, as an installer does it."""
    folder = tmp_path_factory.mktemp("site")
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


def tracked(*folders: str) -> set[str]:
    listed = subprocess.run(["git", "ls-files", *folders], cwd=ROOT, capture_output=True, text=True, check=True)
    return {line for line in listed.stdout.splitlines() if (ROOT / line).is_file()}


def test_it_holds_every_file_of_every_package(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = {name for name in tracked("discovery") if not (ROOT / name).is_symlink()}
    expected |= {f"discovery/{name}" for name in tracked("sandbox", "tasks", "prompts")}
    assert len(expected) > 60 and expected <= names, expected - names
    assert not [name for name in names if name.split("/")[0] not in ("discovery",) and ".dist-info" not in name]
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_source_archive_gives_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(build("sdist", ROOT, tmp_path)) as archive:
        assert not [member.name for member in archive.getmembers() if member.issym()]
        archive.extractall(tmp_path / "source")
    (source,) = (tmp_path / "source").iterdir()
    again = build("wheel", source, tmp_path)

    def content(path: Path) -> dict[str, int]:
        return {entry.filename: entry.CRC for entry in zipfile.ZipFile(path).infolist()}

    assert content(again) == content(wheel)


def run(site: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(site)}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def crowded(tmp_path: Path) -> Path:
    """A user's folder with packages of the same names as some of ours."""
    for name in ("tasks", "sandbox", "prompts"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"raise SystemExit('the wrong {name}')\n")
    return tmp_path


def test_a_users_own_folders_are_in_nobodys_way(site: Path, crowded: Path) -> None:
    script = (
        "import sys; sys.path.insert(0, '')\n"
        "import discovery.cli, discovery.sandbox, discovery.tasks.python as own, discovery.task\n"
        "from discovery.sandbox import open_sandbox\n"
        "from discovery.tasks.python import PythonTask\n"
        "print(discovery.__file__, open_sandbox('auto').name, PythonTask.__name__)\n"
    )
    done = run(site, crowded, "-c", script)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(site / "discovery/__init__.py"), "bubblewrap", "PythonTask"]


def test_an_installed_copy_judges_a_new_task_in_the_sandbox(site: Path, crowded: Path) -> None:
    made = run(site, crowded, "-m", "discovery", "task", "new", "mine")
    assert made.returncode == 0, made.stderr
    judged = run(site, crowded, "-m", "discovery", "check", "./mine", "mine/seeds/greedy.py", "--json")
    assert judged.returncode == 0, judged.stderr
    assert json.loads(judged.stdout)["status"] == "scored"


def test_the_registered_tasks_load() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    done = run(ROOT, ROOT, "-m", "discovery", "task", "list", "--json")
    listed = {entry["name"]: entry for entry in json.loads(done.stdout)["tasks"]}
    assert set(project["entry-points"]["discovery.tasks"]) <= set(listed)
    assert all(entry["score"] and not entry["problem"] for entry in listed.values())


def test_the_lock_covers_what_the_project_needs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lock = (ROOT / "requirements/lock.txt").read_text()
    pinned = {line.split("==")[0] for line in lock.splitlines() if "==" in line and not line.startswith((" ", "#"))}
    wanted = {_name(text) for text in [*project["dependencies"], *project["optional-dependencies"]["dev"]]}
    assert wanted <= pinned, wanted - pinned
    assert lock.count("--hash=sha256:") >= len(pinned) and "://" not in lock
    assert "torch" not in pinned, "torch has a version for every platform and no hash; see requirements/constraints.txt"
    assert (ROOT / "requirements/constraints.txt").read_text() == "torch==2.13.0\n"


def _name(requirement: str) -> str:
    for mark in "<>=![;":
        requirement = requirement.partition(mark)[0]
    return requirement.strip().lower()
