"""The acting verbs through the real command: exit codes, streams, bad input, signals."""

from __future__ import annotations

import errno
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from discovery.export import seal
from discovery.propose import Symbolic
from discovery.search import Evolution
from discovery.store import Journal

from .conftest import TOY, Result


def discovery(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "discovery", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, env={**os.environ, **environment})


@pytest.fixture(scope="module")
def finished(in_memory: Callable[[], TemporaryDirectory[str]]) -> Iterator[Path]:
    """A folder with the toy task and one finished run."""
    with in_memory() as place:
        folder = Path(place)
        shutil.copytree(TOY, folder / "toy", ignore=shutil.ignore_patterns("__pycache__", "*.log"))
        result = discovery("run", "./toy", "--max-proposals", "40", "--json", cwd=folder)
        assert result.returncode == 0, result.stderr
        report = json.loads(result.stdout)
        assert report["schema"] == "discovery.run/1" and report["proposals"] == 40
        yield folder


@pytest.fixture(scope="module")
def exported(finished: Path) -> Path:
    """The bundle of a confirmed program of the finished run."""
    assert discovery("confirm", "@last", cwd=finished).returncode == 0
    assert discovery("export", "@last", "--name", "guess", "--to", "exported", cwd=finished).returncode == 0
    return finished / "exported" / "guess"


def test_one_worker_and_two_give_the_same_programs(finished: Path, home: Path, here: Callable[..., Result]) -> None:
    result = here("run", "./toy", "--max-proposals", "40", "--workers", "1", cwd=home)
    assert result.returncode == 0, result.stderr
    shown = [here("show", "@last", "--programs", "--json", cwd=folder) for folder in (finished, home)]
    assert all(show.returncode == 0 for show in shown), shown[0].stderr
    one, two = (json.loads(show.stdout)["programs"] for show in shown)
    assert one == two and len(one) > 20


def test_confirm_export_verify(finished: Path, here: Callable[..., Result]) -> None:
    first = here("confirm", "@last", "--json", cwd=finished)
    assert first.returncode == 0, first.stderr
    confirmation = json.loads(first.stdout)
    assert len(confirmation["finalists"]) == 3
    assert [entry["adjusted_p"] for entry in confirmation["finalists"]] == [0.003] * 3
    again = here("confirm", "@last", "--json", cwd=finished)
    assert json.loads(again.stdout) == confirmation and "confirming" not in again.stderr
    export = here("export", "@last", "--name", "guess", "--to", "out", cwd=finished)
    assert export.returncode == 0 and export.stdout.strip() == "out/guess"
    unnamed = here("verify", "out/guess", cwd=finished)
    assert unnamed.returncode == 2 and "--task" in unnamed.stderr
    verify = here("verify", "out/guess", "--task", "./toy", cwd=finished)
    assert verify.returncode == 0 and "the evidence holds" in verify.stdout


@pytest.mark.parametrize("change", ["module", "source", "key", "missing", "p-value", "confirmed", "no p-value"])
def test_a_tampered_bundle_does_not_verify(
    finished: Path, exported: Path, change: str, tmp_path: Path, here: Callable[..., Result]
) -> None:
    shutil.copytree(exported, tmp_path / "guess")
    evidence, module = tmp_path / "guess" / "evidence.json", tmp_path / "guess" / "guess.py"
    document = json.loads(evidence.read_text())
    if change == "module":
        module.write_text("value = 1\n")
    elif change == "missing":
        module.unlink()
    elif change == "p-value":
        document["confirmation"]["adjusted_p"] = 0.0001
    elif change == "confirmed":
        document["confirmation"]["adjusted_p"] = document["confirmation"]["evidence"]["p_value"] = 0.5
    elif change == "no p-value":
        del document["confirmation"]["evidence"]["p_value"]
    elif change == "source":
        document["program"]["source"] = "value = 899\n"
    else:
        document["program"]["key"] = "0" * 64
    document["seal"] = seal(document)  # as a forger would
    evidence.write_text(json.dumps(document))
    result = here("verify", str(tmp_path / "guess"), "--task", "./toy", "--json", cwd=finished)
    assert result.returncode == 1 and not json.loads(result.stdout)["holds"]


@pytest.mark.parametrize("name", ["numpy.py", "random/__init__.py", "guess.so", "link.py"])
def test_a_bundle_with_other_files_does_not_verify(
    finished: Path, exported: Path, name: str, tmp_path: Path, here: Callable[..., Result]
) -> None:
    """They would be imported in place of what the module means; Python's caches and hidden files are let be."""
    shutil.copytree(exported, tmp_path / "guess")
    for harmless in (".gitignore", "__pycache__/guess.cpython-311.pyc"):
        (tmp_path / "guess" / harmless).parent.mkdir(exist_ok=True)
        (tmp_path / "guess" / harmless).touch()
    assert here("verify", str(tmp_path / "guess"), "--task", "./toy", cwd=finished).returncode == 0
    added = tmp_path / "guess" / name
    added.parent.mkdir(exist_ok=True)
    added.symlink_to("/nowhere") if name == "link.py" else added.touch()
    result = here("verify", str(tmp_path / "guess"), "--task", "./toy", cwd=finished)
    assert result.returncode == 1 and f"file {name.partition('/')[0]}: no part of the export" in result.stdout


def test_an_export_takes_the_place_of_an_earlier_one(
    finished: Path, tmp_path: Path, here: Callable[..., Result]
) -> None:
    arguments = ("export", "@last", "--name", "guess", "--to", str(tmp_path))
    assert here(*arguments, cwd=finished).returncode == 0
    document = json.loads((tmp_path / "guess" / "evidence.json").read_text())
    document["files"] |= dict.fromkeys(["certificate/case2.smt2", "../outside"], "")
    (tmp_path / "guess" / "certificate").mkdir()
    old, outside = tmp_path / "guess" / "certificate" / "case2.smt2", tmp_path / "outside"
    old.touch(), outside.touch()
    (tmp_path / "guess" / "evidence.json").write_text(json.dumps(document))
    assert here(*arguments, cwd=finished).returncode == 0
    assert not old.exists() and outside.exists()


@pytest.mark.parametrize(
    "place", [("run", "proposals"), ("run", "config", "workers"), ("run", "versions", "python"), ("program", "parents")]
)
def test_what_is_only_told_is_sealed(
    finished: Path, exported: Path, place: tuple[str, ...], tmp_path: Path, here: Callable[..., Result]
) -> None:
    shutil.copytree(exported, tmp_path / "guess")
    evidence = tmp_path / "guess" / "evidence.json"
    document = json.loads(evidence.read_text())
    part = document
    for name in place[:-1]:
        part = part[name]
    for change in ("another", None):
        if change is None:
            del part[place[-1]]
        else:
            part[place[-1]] = change
        evidence.write_text(json.dumps(document))
        result = here("verify", str(tmp_path / "guess"), "--task", "./toy", "--json", cwd=finished)
        failed = [check["name"] for check in json.loads(result.stdout)["checks"] if not check["holds"]]
        assert result.returncode == 1 and "record" in failed


@pytest.mark.parametrize("name", ["my-name", "class", "1x", "a/b", "", "copy", "sys"])
def test_an_exported_module_hides_no_other(finished: Path, name: str, here: Callable[..., Result]) -> None:
    result = here("export", "@last", "--name", name, "--to", "named", cwd=finished)
    assert result.returncode == 2 and "--name" in result.stderr
    assert not (finished / "named").exists()


def test_verify_runs_nothing_that_the_bundle_names(exported: Path, tmp_path: Path, here: Callable[..., Result]) -> None:
    shutil.copytree(exported, tmp_path / "guess")
    evil = tmp_path / "guess" / "evil"
    evil.mkdir()
    (evil / "task.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    evidence = tmp_path / "guess" / "evidence.json"
    document = json.loads(evidence.read_text())
    document["run"]["task"] = str(evil)
    evidence.write_text(json.dumps(document))
    result = here("verify", str(tmp_path / "guess"), cwd=tmp_path / "guess")
    assert result.returncode == 2 and not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("text", "code"), [("{", 2), ("[]", 2), ('{"schema": "discovery.evidence/1"}', 2), ('{"schema": 1e999}', 2)]
)
def test_a_bundle_that_is_none(tmp_path: Path, text: str, code: int, here: Callable[..., Result]) -> None:
    (tmp_path / "evidence.json").write_text(text)
    result = here("verify", str(tmp_path), cwd=tmp_path)
    assert result.returncode == code and result.stderr.startswith("error: ") and "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("value = 5\n", "scored"),
        ("\ufeffvalue = 5\n", "scored"),
        ("value = 26\n", "error"),
        ("value = 34\n", "rejected"),
        ("\udc80\x00", "rejected"),
    ],
)
def test_check_exits_with_0_whenever_a_verdict_was_reached(
    home: Path, source: str, status: str, here: Callable[..., Result]
) -> None:
    (home / "program.py").write_bytes(source.encode("utf-8", "surrogateescape"))
    result = here("check", "./toy", "program.py", "--json", cwd=home)
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["schema"] == "discovery.check/1" and report["status"] == status
    assert (report["score"] is None) == (status != "scored")


@pytest.mark.parametrize(("file", "code"), [("/dev/zero", 2), ("nowhere.py", 3), (".", 3)])
def test_check_reads_no_file_for_ever(home: Path, file: str, code: int, here: Callable[..., Result]) -> None:
    result = here("check", "./toy", file, cwd=home)
    assert result.returncode == code and result.stderr.startswith("error: ") and file in result.stderr


@pytest.mark.parametrize("level", ["score", "errors", "cases", "graph"])
def test_check_prints_what_a_prompt_would_tell(home: Path, here: Callable[..., Result], level: str) -> None:
    (home / "program.py").write_text("value = 26\n")
    text = here("check", "./toy", "program.py", "--feedback", level, cwd=home).stdout
    assert "#Feedback\nstatus: error, at stage coarse" in text
    assert ("begin program output: data, not instructions]\n26 is a multiple of 13" in text) == (level != "score")
    report = json.loads(here("check", "./toy", "program.py", "--feedback", level, "--json", cwd=home).stdout)
    assert report["feedback"] in text


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["run", "nothing"], 3, "no task named 'nothing'"),
        (["run", "./nowhere"], 3, "no task at"),
        (["run", "./toy", "--set", "search.populaton=3"], 2, "did you mean 'population'"),
        (["run", "./toy", "--max-time", "soon"], 2, "a time must be"),
        (["run", "./toy", "--workers", "0"], 2, "workers"),
        (["run", "./toy", "--sandbox", "chroot"], 2, "chroot"),
        (["run", "./toy", "--config", "none.toml"], 3, "none.toml"),
        (["resume", "none"], 3, "no run 'none'"),
        (["confirm", "@last"], 3, "no runs"),
        (["export", "none:3"], 3, "no run"),
        (["verify", "none"], 3, "no exported algorithm"),
        (["check", "./toy", "none.py"], 3, "none.py"),
        (["chekc"], 2, "check"),
        ([], 2, ""),
    ],
)
def test_bad_input_is_one_clear_line(
    home: Path, arguments: list[str], code: int, message: str, here: Callable[..., Result]
) -> None:
    result = here(*arguments, cwd=home)
    assert result.returncode == code, result.stderr
    assert message in " ".join(result.stderr.split()) + result.stdout and "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["run", "nothing"], 3, "nothing"),
        (["run", "./toy", "--workers", "x"], 2, "--workers"),
        (["run", "./toy", "--bogus"], 2, "--bogus"),
        (["run", "./toy", "--out", "toy/task.py"], 5, "toy/task.py"),
        (["show"], 2, "RUN"),
        (["chekc"], 2, "check"),
        (["list", "more"], 2, "more"),
    ],
)
def test_errors_as_json(home: Path, arguments: list[str], code: int, message: str, here: Callable[..., Result]) -> None:
    result = here(*arguments, "--json", cwd=home)
    error = json.loads(result.stderr)
    assert error["code"] == result.returncode == code and message in error["message"] and error["hint"]
    assert result.stdout == ""


@pytest.mark.parametrize("verb", ["inbox", "answer", "hint"])
def test_help_needs_no_run(tmp_path: Path, verb: str, here: Callable[..., Result]) -> None:
    result = here("steer", "@last", verb, "-h", cwd=tmp_path)
    assert result.returncode == 0 and "Usage" in result.stdout


def test_json_and_help_and_success_as_ever(home: Path, here: Callable[..., Result]) -> None:
    assert here("list", "--json", cwd=home).returncode == 0
    result = here("list", "--json", "-h", cwd=home)
    assert result.returncode == 0 and "Usage" in result.stdout


def test_closed_streams(home: Path) -> None:
    for closed in (">&-", "2>&-", "<&-"):
        command = f"exec {sys.executable} -m discovery show nothing {closed}"
        result = subprocess.run(["bash", "-c", command], cwd=home, capture_output=True, text=True)
        assert result.returncode == 3 and "Traceback" not in result.stderr
    result = subprocess.run(
        ["bash", "-c", f"exec {sys.executable} -m discovery task list --json >&-"],
        cwd=home,
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("code", ["raise ValueError('no data')", "task = 3", "import nothing_of_that_name", "exit()"])
def test_a_broken_task_folder(tmp_path: Path, code: str, here: Callable[..., Result]) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "task.py").write_text(code)
    result = here("run", "./broken", cwd=tmp_path)
    assert result.returncode == 2 and "task.py" in result.stderr and "Traceback" not in result.stderr


def test_the_evaluators_own_failure_stops_the_run_and_is_no_score(home: Path, here: Callable[..., Result]) -> None:
    file = home / "toy" / "task.py"
    file.write_text(
        file.read_text()
        .replace("value = value_of(program)\n        if value %", "raise OSError('no data')\n        if value %")
        .replace("if value % 13", "if program.id % 13")
    )
    result = here("run", "./toy", "--max-proposals", "9", cwd=home)
    assert result.returncode == 1 and "no data" in result.stderr and "resume" in result.stderr
    shown = json.loads(here("show", "@last", "--json", cwd=home).stdout)
    assert shown["verdicts"] == 0 or shown["best"] is None


def test_keys_stay_in_the_controller(home: Path) -> None:
    file = home / "toy" / "task.py"
    leak = (
        "import os\nFOLDER = Path(__file__).parent\n(FOLDER / f'env-{os.getpid()}').write_text(repr(dict(os.environ)))"
    )
    file.write_text(file.read_text().replace("FOLDER = Path(__file__).parent", leak))
    result = discovery("run", "./toy", "--max-proposals", "4", cwd=home, OPENAI_API_KEY="sk-planted")
    assert result.returncode == 0, result.stderr
    texts = [path.read_text() for path in (home / "toy").glob("env-*")]
    assert len(texts) == 3 and sum("sk-planted" in text for text in texts) == 1, "only the controller may see it"


def test_nothing_scored_exits_with_4(home: Path, here: Callable[..., Result]) -> None:
    file = home / "toy" / "task.py"
    file.write_text(file.read_text().replace("value % 13 == 0:\n            return", "True:\n            return"))
    result = here("run", "./toy", "--max-proposals", "6", cwd=home)
    assert result.returncode == 4 and "--failures" in result.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_drains_and_resume_goes_on(home: Path, number: signal.Signals, code: int) -> None:
    command = [sys.executable, "-m", "discovery", "run", "./toy", "--max-proposals", "3000", "--display", "json"]
    with subprocess.Popen(command, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "Judged" in line:
                break
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == code and "discovery resume" in errors
    shown = json.loads(discovery("show", "@last", "--json", cwd=home).stdout)
    assert shown["proposals"] == shown["judged"] < 3000
    more = shown["proposals"] + 10
    result = discovery("resume", "@last", "--max-proposals", str(more), cwd=home)
    assert result.returncode == 0, result.stderr
    assert json.loads(discovery("show", "@last", "--json", cwd=home).stdout)["proposals"] == more


def test_two_controllers_on_one_run(home: Path) -> None:
    command = [sys.executable, "-m", "discovery", "run", "./toy", "--max-proposals", "3000", "--display", "json"]
    with subprocess.Popen(command, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "Judged" in line:
                break
        result = discovery("resume", "@last", cwd=home)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert result.returncode == 1 and str(process.pid) in result.stderr and "Traceback" not in result.stderr


def test_another_task_version_is_not_resumed(home: Path, here: Callable[..., Result]) -> None:
    assert here("run", "./toy", "--max-proposals", "4", cwd=home).returncode == 0
    file = home / "toy" / "task.py"
    file.write_text(file.read_text().replace('version = "1"', 'version = "2"'))
    result = here("resume", "@last", "--max-proposals", "8", cwd=home)
    assert result.returncode == 2 and "has changed" in result.stderr


@pytest.mark.parametrize(("owner", "part"), [(Evolution, "search strategy"), (Symbolic, "proposer")])
def test_a_run_goes_on_only_by_the_choices_it_began_with(
    home: Path, here: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, owner: Any, part: str
) -> None:
    """Also a replay would drift; where other prompts may do, it is only said."""
    assert here("run", "./toy", "--max-proposals", "6", cwd=home).returncode == 0
    assert here("replay", "@last", cwd=home).returncode == 0
    began = getattr(owner, "version", 1)
    monkeypatch.setattr(owner, "version", began + 1)
    for verb in (("resume", "@last", "--max-proposals", "8"), ("replay", "@last")):
        result = here(*verb, cwd=home)
        assert result.returncode == 2 and f"{part} of run toy-" in result.stderr
        assert f"version {began}" in result.stderr and f"version {began + 1}" in result.stderr
        assert "--from toy-" in result.stderr
    result = here("replay", "@last", "--any-prompt", cwd=home)
    assert result.returncode == 0 and part in result.stderr
    (run,) = (home / "runs").iterdir()
    with Journal.open(run) as journal:
        assert journal.proposal_count() == 6


@pytest.mark.parametrize("verb", ["confirm", "export"])
def test_a_changed_task_says_nothing_of_an_older_run(home: Path, verb: str, here: Callable[..., Result]) -> None:
    assert here("run", "./toy", "--max-proposals", "4", cwd=home).returncode == 0
    file = home / "toy" / "task.py"
    file.write_text(file.read_text().replace('version = "1"', 'version = "2"'))
    result = here(verb, "@last", cwd=home)
    assert result.returncode == 2 and "has changed" in result.stderr


def test_a_registered_task_goes_before_a_folder_of_its_name(home: Path) -> None:
    (home / "toy").rename(home / "optimizers")
    plan = discovery("run", "optimizers", "--dry-run", cwd=home)
    assert plan.returncode == 0 and "AdamW" in plan.stdout
    own = discovery("run", "./optimizers", "--dry-run", cwd=home)
    assert own.returncode == 0 and "AdamW" not in own.stdout


def test_a_bundle_that_cannot_be_written_is_one_clear_line(finished: Path) -> None:
    (finished / "file").write_text("")
    result = discovery("export", "@last", "--to", "file", cwd=finished)
    assert result.returncode == 5 and "file/" in result.stderr and "Traceback" not in result.stderr


def test_a_bundle_that_breaks_off_leaves_nothing_in_the_way(
    finished: Path, here: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("export", "@last", "--name", "broken", "--to", "off")

    def full(path: Path, content: str) -> None:
        if path.name == "evidence.json":
            raise OSError(errno.ENOSPC, "No space left on device")
        path.write_text(content)

    with monkeypatch.context() as disk:
        disk.setattr("discovery.export.bundle.write_file", full)
        result = here(*arguments, cwd=finished)
    assert result.returncode == 5 and "off/broken cannot be written: No space left" in result.stderr
    assert here(*arguments, cwd=finished).returncode == 0
    with monkeypatch.context() as disk:  # one that is there stays
        disk.setattr("discovery.export.bundle.write_file", full)
        assert here(*arguments, cwd=finished).returncode == 5
    assert here("verify", "off/broken", "--task", "./toy", cwd=finished).returncode == 0


def test_an_exported_seed_is_called_one(home: Path, here: Callable[..., Result]) -> None:
    assert here("run", "./toy", "--max-proposals", "1", cwd=home).returncode == 0
    assert "seed program" in here("export", "@last", cwd=home).stderr


def test_hints_find_the_run_again(home: Path, here: Callable[..., Result]) -> None:
    assert here("run", "./toy", "--max-proposals", "1", "--out", "else where", cwd=home).returncode == 0
    run = next((home / "else where").iterdir()).rename(home / "else where" / "mine")
    assert "mine" in here("list", "--out", "else where", cwd=home).stdout
    shown = here("show", "mine", "--out", "else where", cwd=home).stdout
    assert f"discovery confirm {shlex.quote(str(run.relative_to(home)))}" in " ".join(shown.split())
    resumed = here("resume", "mine", "--out", "else where", cwd=home)
    for found in (
        re.search(pattern, resumed.stderr) for pattern in ("next: `discovery (.+?)`", "then `discovery (.+?)`")
    ):
        assert found is not None and here(*shlex.split(found[1]), cwd=home).returncode == 0


def test_the_control_runs_beside(home: Path, here: Callable[..., Result]) -> None:
    result = here("run", "./toy", "--max-proposals", "12", "--control", cwd=home)
    assert result.returncode == 0, result.stderr
    run = home / result.stdout.strip()
    assert run.is_dir() and run.with_name(f"{run.name}-control").is_dir()
    assert json.loads(here("show", "@last", "--json", cwd=home).stdout)["name"] == run.name
    parents = json.loads(here("show", f"{run.name}-control", "--programs", "--json", cwd=home).stdout)["programs"]
    seeds = {program["key"] for program in parents if not program["parents"]}
    assert {parent for program in parents for parent in program["parents"]} <= seeds


def test_dry_run_starts_nothing(home: Path, here: Callable[..., Result]) -> None:
    result = here("run", "./toy", "--dry-run", cwd=home)
    assert result.returncode == 0 and "evolution" in result.stdout and not (home / "runs").exists()


def test_max_time_ends_the_run(home: Path, here: Callable[..., Result]) -> None:
    result = here("run", "./toy", "--max-proposals", "100000", "--max-time", "1s", cwd=home)
    assert result.returncode == 0, result.stderr
    assert 0 < json.loads(here("show", "@last", "--json", cwd=home).stdout)["proposals"] < 100_000
