"""Runs that are stopped, broken off and taken up again through the command; tasks whose own code fails."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from discovery.cli._sandbox import sandbox_report
from discovery.store import Journal

from .conftest import Result

Command = Callable[..., Result]


def _edit(home: Path, there: str, instead: str) -> None:
    file = home / "toy" / "task.py"
    text = file.read_text()
    assert there in text
    file.write_text(text.replace(there, instead))


@contextmanager
def _running(home: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The command in a process of its own. At the end it must have ended, and all that it started with it."""
    command = [sys.executable, "-m", "discovery", *arguments]
    with subprocess.Popen(command, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
            _, alive = psutil.wait_procs(_started(home), timeout=60)
            assert not alive, "processes were left behind"
        finally:
            process.kill()


def _started(home: Path) -> list[psutil.Process]:
    found = []
    for marker in home.glob("toy/pid-*"):
        with suppress(psutil.NoSuchProcess, FileNotFoundError):
            process = psutil.Process(int(marker.name.removeprefix("pid-")))
            if process.create_time() < marker.stat().st_mtime + 2:  # else the number has gone to another since
                found.append(process)
    return found


def _wait_for(folder: Path, pattern: str) -> None:
    _wait_until(lambda: bool(list(folder.glob(pattern))), f"nothing like {pattern} appeared")


def _wait_until(condition: Callable[[], bool], complaint: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, complaint
        time.sleep(0.01)


def _proposals(home: Path) -> int:
    (folder,) = (home / "runs").iterdir()
    with Journal.open(folder) as journal:
        return journal.proposal_count()


_MARK = "import os, sys, time; (FOLDER / f'pid-{os.getpid()}').touch()"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_the_evaluators_start_stops_at_once(
    home: Path, here: Command, number: signal.Signals, code: int
) -> None:
    hang = f'\nif "discovery.evaluate.worker" in sys.orig_argv:\n    {_MARK}\n    time.sleep(3600)\ntask = Toy()'
    _edit(home, "\ntask = Toy()", "\nimport sys" + hang)
    with _running(home, "run", "./toy", "--max-proposals", "6") as process:
        _wait_for(home, "toy/pid-*")
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == code and "discovery resume" in errors and "Traceback" not in errors
    _edit(home, "time.sleep(3600)", "pass")
    assert here("resume", "@last", cwd=home).returncode == 0


def test_a_second_signal_stops_now_and_resume_judges_what_was_in_flight(home: Path, here: Command) -> None:
    _edit(
        home, "        value = value_of(program)\n        if", f"        {_MARK}\n        time.sleep(3600)\n        if"
    )
    with _running(home, "run", "./toy", "--max-proposals", "6", "--seed", "2") as process:
        assert process.stderr is not None
        _wait_for(home, "toy/pid-*")
        _wait_until(lambda: _proposals(home) == 6, "the window was not filled")
        process.send_signal(signal.SIGINT)
        assert any("once more stops now" in line for line in process.stderr)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and "discovery resume" in errors and "Traceback" not in errors
    shown = json.loads(here("show", "@last", "--json", cwd=home).stdout)
    assert shown["proposals"] == 6 and shown["judged"] == 0 and shown["state"] == "stopped"
    _edit(home, "time.sleep(3600)", "value = value_of(program)")
    assert here("resume", "@last", cwd=home).returncode == 0
    shown = json.loads(here("show", "@last", "--json", cwd=home).stdout)
    assert shown["proposals"] == shown["judged"] == 6 and shown["state"] == "finished"


def test_busy_evaluators_die_with_a_killed_controller(home: Path, here: Command) -> None:
    _edit(
        home, "        value = value_of(program)\n        if", f"        {_MARK}\n        time.sleep(3600)\n        if"
    )
    with _running(home, "run", "./toy", "--max-proposals", "6") as process:
        _wait_for(home, "toy/pid-*")
        process.kill()
        process.communicate()
    _edit(home, "time.sleep(3600)", "value = value_of(program)")
    assert here("resume", "@last", cwd=home).returncode == 0


def test_limits_given_to_resume_stay_in_force(home: Path, here: Command) -> None:
    assert here("run", "./toy", "--max-proposals", "4", cwd=home).returncode == 0
    _edit(home, "value = value_of(program)\n        if", "raise OSError('broken off')\n        if")
    assert here("resume", "@last", "--max-proposals", "9", "--workers", "1", cwd=home).returncode == 1
    _edit(home, "raise OSError('broken off')", "value = value_of(program)")
    assert here("resume", "@last", cwd=home).returncode == 0
    shown = json.loads(here("show", "@last", "--json", cwd=home).stdout)
    assert shown["judged"] == shown["proposals"] == shown["max_proposals"] == 9
    for wrong in ("--max-proposals", "--workers"):
        assert here("resume", "@last", wrong, "0", cwd=home).returncode == 2


def test_a_confirmation_that_was_broken_off_measures_nothing_twice(home: Path, here: Command) -> None:
    assert here("run", "./toy", "--max-proposals", "30", cwd=home).returncode == 0
    log = "(FOLDER / 'confirmed').open('a').write(f'{program.id}\\n')"
    stop = "if len((FOLDER / 'confirmed').read_text().split()) == 2: raise OSError('broken off')"
    _edit(home, "effect = float(value - 2)", f"{log}\n        {stop}\n        effect = float(value - 2)")
    broken = here("confirm", "@last", cwd=home)
    assert broken.returncode == 1 and "broken off" in broken.stderr
    (first, second) = (home / "toy" / "confirmed").read_text().split()
    assert here("confirm", "@last", "--json", cwd=home).returncode == 0
    wider = here("confirm", "@last", "--finalists", "4", "--json", cwd=home)
    measured = (home / "toy" / "confirmed").read_text().split()
    assert [measured.count(program) for program in measured] == [1, 2, 2, 1, 1], "only what had failed, and what is new"
    assert [entry["key"][:12] for entry in json.loads(wider.stdout)["finalists"]] == [first, second, *measured[3:]]
    assert [entry["adjusted_p"] for entry in json.loads(wider.stdout)["finalists"]] == [0.004] * 4


@pytest.mark.parametrize(
    ("there", "instead", "message"),
    [
        ("if value % 17 == 0:", "raise KeyError('lost')\n        if value % 17 == 0:", "language.check"),
        ('Verdict("scored", score=score', 'Verdict("scored", score=float("nan")', "finite number; got nan"),
        ('Stage("fine"', 'Stage("coarse"', "each of its own name"),
    ],
)
@pytest.mark.parametrize("verb", ["run", "check"])
def test_a_fault_of_the_tasks_own_code_is_one_clear_line(
    home: Path, here: Command, verb: str, there: str, instead: str, message: str
) -> None:
    _edit(home, there, instead)
    (home / "program.py").write_text("value = 5\n")
    arguments = ["--max-proposals", "4"] if verb == "run" else ["program.py"]
    result = here(verb, "./toy", *arguments, cwd=home)
    assert result.returncode == 2 and message in result.stderr and "Traceback" not in result.stderr
    if (home / "runs").exists():
        assert json.loads(here("show", "@last", "--json", cwd=home).stdout)["best"] is None


def test_a_candidates_message_cannot_steer_the_terminal(home: Path, here: Command) -> None:
    _edit(home, 'f"{value} is a multiple of 13"', '"\\x1b[2J\\udc80"')
    (home / "program.py").write_text("value = 26\n")
    result = here("check", "./toy", "program.py", cwd=home)
    assert result.returncode == 0 and "\\x1b[2J\\udc80" in result.stdout and "\x1b" not in result.stdout


def test_without_a_sandbox_nothing_runs(home: Path) -> None:
    command = [sys.executable, "-m", "discovery", "run", "./toy"]
    nothing = {"PATH": str(home), "DOCKER_HOST": "unix:///nonexistent/docker.sock"}
    result = subprocess.run(command, cwd=home, env=nothing, capture_output=True, text=True)
    assert result.returncode == 5 and "bubblewrap is not installed" in result.stderr
    assert not (home / "runs").exists() and not (home / "toy" / "evaluations.log").exists()


def test_a_missing_package_is_named_with_the_line_to_type(
    home: Path, here: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for verb in ("run", "check"):
        arguments = ["optimizers"] if verb == "run" else ["optimizers", "program.py"]
        (home / "program.py").write_text("value = 5\n")
        with monkeypatch.context() as without:
            without.setattr("importlib.util.find_spec", lambda name: None if name == "torch" else object())
            result = here(verb, *arguments, cwd=home)
        assert result.returncode == 5 and "needs the package torch" in result.stderr
        assert 'hint: pip install "discovery-agent[optimizers]"' in result.stderr
    assert not (home / "runs").exists()
    assert here("run", "./toy", "--max-proposals", "4", cwd=home).returncode == 0
    _edit(home, "Harness(", 'Harness(preload=("nothing_of_that_name",), ')
    result = here("run", "./toy", cwd=home)
    assert result.returncode == 5 and "hint: pip install nothing_of_that_name" in result.stderr


def test_a_run_is_not_resumed_in_a_weaker_sandbox(home: Path, here: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    assert here("run", "./toy", "--max-proposals", "4", cwd=home).returncode == 0
    report = sandbox_report("auto")
    weaker = {**report["capabilities"]["pids"], "level": "best_effort"}
    capabilities = {**report["capabilities"], "pids": weaker}
    monkeypatch.setattr("discovery.cli._sandbox.sandbox_report", lambda *_: {**report, "capabilities": capabilities})
    result = here("resume", "@last", "--max-proposals", "6", cwd=home)
    assert result.returncode == 2 and "is weaker" in result.stderr and "pids" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["run", "optimizers", "--dry-run"], ["run", "./toy", "--max-proposals", "4"], ["show", "--help"]],
    ids=" ".join,
)
def test_the_controller_imports_nothing_heavy(home: Path, arguments: list[str]) -> None:
    code = (
        "import sys; from discovery.cli import main\n"
        "try: main()\n"
        "finally: print(*{'torch', 'numpy', 'openai', 'litellm', 'langgraph', 'matplotlib'} & set(sys.modules), 'end')"
    )
    command = [sys.executable, "-c", code, *arguments]
    result = subprocess.run(command, cwd=home, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "end"
