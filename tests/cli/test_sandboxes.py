"""Which sandbox a run uses, goes on in, and is checked in."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from discovery.store import Journal

from .conftest import Result

Command = Callable[..., Result]


def test_a_run_says_which_sandbox_and_why_and_records_it(home: Path, here: Command) -> None:
    result = here("run", "./toy", "--max-proposals", "4", cwd=home)
    assert result.returncode == 0 and "in sandbox bubblewrap (the first choice, and it works here)" in result.stderr
    with Journal.open(Path(result.stdout.strip())) as journal:
        recorded = journal.meta.sandbox
    assert recorded["backend"] == "bubblewrap"
    assert recorded["options"] == {"device": "cpu", "image": "", "runtime": ""}
    assert recorded["capabilities"]["fs_isolated"]["level"] == "enforced"


def test_a_run_is_not_resumed_in_a_weaker_sandbox_without_a_flag(home: Path, here: Command) -> None:
    assert here("run", "./toy", "--max-proposals", "4", cwd=home).returncode == 0
    refused = here("resume", "@last", "--max-proposals", "6", "--sandbox", "unsafe", cwd=home)
    assert refused.returncode == 2 and "is weaker" in refused.stderr and "fs_isolated" in refused.stderr
    assert "--allow-weaker-sandbox" in refused.stderr
    shown = json.loads(here("show", "@last", "--json", cwd=home).stdout)
    assert shown["proposals"] == 4
    flags = ("--max-proposals", "6", "--sandbox", "unsafe", "--allow-weaker-sandbox")
    allowed = here("resume", "@last", *flags, cwd=home)
    assert allowed.returncode == 0 and "goes on in unsafe, weaker in" in allowed.stderr
    assert json.loads(here("show", "@last", "--json", cwd=home).stdout)["proposals"] == 6


def test_a_run_in_a_sandbox_that_is_gone_is_not_resumed_in_another(
    home: Path, here: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert here("run", "./toy", "--max-proposals", "4", cwd=home).returncode == 0
    with monkeypatch.context() as without:
        without.setenv("PATH", str(home))
        from discovery.sandbox.capabilities import bubblewrap_report

        bubblewrap_report.cache_clear()
        result = here("resume", "@last", "--max-proposals", "6", cwd=home)
    bubblewrap_report.cache_clear()
    assert result.returncode == 5 and "bubblewrap is not installed" in result.stderr
    assert here("resume", "@last", "--max-proposals", "6", cwd=home).returncode == 0


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        (["--device", "cuda:77"], 5, "no /dev/nvidia77"),
        (["--device", "tpu"], 2, "device"),
        (["--sandbox", "bubblewrap", "--image", "x"], 5, "only the docker backend"),
        (["--sandbox", "bubblewrap", "--runtime", "runsc"], 5, "only the docker backend"),
        (["--sandbox", "nothing"], 2, "bubblewrap"),
    ],
)
def test_what_cannot_be_had_is_refused_before_anything_is_made(
    home: Path, here: Command, monkeypatch: pytest.MonkeyPatch, flags: list[str], code: int, said: str
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    result = here("run", "./toy", *flags, cwd=home)
    assert result.returncode == code and said in result.stderr
    assert not (home / "runs").exists()


def test_a_run_is_judged_again_on_the_device_that_it_had(home: Path, here: Command) -> None:
    assert here("run", "./toy", "--max-proposals", "4", cwd=home).returncode == 0
    (run,) = (home / "runs").iterdir()
    with contextlib.closing(sqlite3.connect(run / "run.db")) as db, db:
        db.execute("DROP TRIGGER run_update")
        db.execute("UPDATE run SET sandbox = json_set(sandbox, '$.options.device', 'cuda:77')")
    result = here("replay", "@last", "--re-evaluate", cwd=home)
    assert result.returncode == 5 and "no /dev/nvidia77" in result.stderr


def test_confirming_scores_champions_again_in_a_new_sandbox(home: Path, here: Command) -> None:
    assert here("run", "./toy", "--max-proposals", "30", cwd=home).returncode == 0
    result = here("confirm", "@last", "--finalists", "1", "--json", cwd=home)
    (entry,) = json.loads(result.stdout)["finalists"]
    again = entry["rescore"]
    assert again["alarms"] == [] and again["search"] == again["same"]
    assert again["fresh"]["status"] == "scored" and again["fresh"] != again["same"]
    assert f"in a new sandbox, {again['sandbox']}" in result.stderr
    assert "ALARM" not in here("show", f"@last:{entry['key'][:12]}", cwd=home).stdout


def test_a_score_that_does_not_reproduce_raises_an_alarm_that_stays_visible(home: Path, here: Command) -> None:
    """A task whose scores depend on what was evaluated before."""
    file = home / "toy" / "task.py"
    text = file.read_text()
    noise = "noise = stream(ctx.seed, stage.name, replicate).random()"
    assert noise in text
    drift = "noise = float(len((FOLDER / 'evaluations.log').read_text().split(chr(10))))"
    file.write_text(text.replace(noise, drift))
    assert here("run", "./toy", "--max-proposals", "30", "--workers", "1", cwd=home).returncode == 0
    confirmed = here("confirm", "@last", "--finalists", "1", cwd=home)
    assert confirmed.returncode == 0 and "ALARM: its score does not reproduce" in confirmed.stdout
    shown = json.loads(here("show", "@last", "--json", cwd=home).stdout)
    (alarm,) = [message for message in shown["alarms"] if "does not reproduce" in message]
    key = shown["confirmation"]["finalists"][0]["key"]
    assert key[:12] in alarm
    program = here("show", f"@last:{key[:12]}", cwd=home).stdout
    assert "ALARM" in program and "does not reproduce" in program
    again = here("confirm", "@last", "--finalists", "1", "--json", cwd=home)
    assert json.loads(again.stdout)["finalists"][0]["rescore"]["alarms"], "known without measuring again"
    assert "scoring them again" not in again.stderr
    assert "CONFIRMED, but with an ALARM" in confirmed.stdout and "confirmed without an alarm" in confirmed.stdout
    assert "confirmed, but with an ALARM" in here("show", "@last", cwd=home).stdout
    assert "confirmed, but with an ALARM" in program
    assert "scored, ALARM" in here("show", "@last", "--programs", cwd=home).stdout
    rows = json.loads(here("show", "@last", "--programs", "--json", cwd=home).stdout)["programs"]
    assert [row["key"] for row in rows if row["alarms"]] == [key]
    exported = here("export", f"@last:{key[:12]}", cwd=home)
    assert "ALARM" in exported.stderr
    document = json.loads((Path(exported.stdout.strip()) / "evidence.json").read_text())
    assert document["confirmation"]["confirmed"] and any("does not reproduce" in told for told in document["alarms"])
    verified = here("verify", exported.stdout.strip(), "--task", "./toy", cwd=home)
    assert "ALARM   recorded by the run" in verified.stdout
    assert json.loads(here("export", f"@last:{key[:12]}", "--json", cwd=home).stdout)["alarms"]
    listed = json.loads(here("list", "--json", cwd=home).stdout)["runs"][0]["best"]
    assert bool(listed["alarms"]) == (listed["key"] == key)
