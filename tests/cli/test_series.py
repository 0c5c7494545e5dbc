"""Several seeds of a run and of its control: how they are made, named, confirmed and compared."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from discovery.events import RunStarted
from discovery.model import Evidence, Program, Proposal, Verdict, content_key
from discovery.store import Journal, RunMeta, series

from .conftest import Result

Command = Callable[..., Result]


def names(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "runs").iterdir())


def config_of(home: Path, name: str) -> Any:
    with Journal.open(home / "runs" / name) as journal:
        return journal.meta.config


def test_a_series_runs_every_seed_beside_its_control_and_is_compared_seed_by_seed(home: Path, here: Command) -> None:
    arguments = ("--max-proposals", "20", "--seed", "5", "--repeat", "2", "--control", "--display", "none")
    result = here("run", "./toy", *arguments, cwd=home)
    assert result.returncode == 0
    first = Path(result.stdout.strip()).name
    assert names(home) == sorted([first, f"{first}-control", f"{first}-r2", f"{first}-r2-control"])
    for name, seed in ((first, 5), (f"{first}-control", 5), (f"{first}-r2", 6), (f"{first}-r2-control", 6)):
        assert config_of(home, name)["seed"] == seed
        assert config_of(home, name)["search"]["strategy"] == ("best_of_n" if "control" in name else "evolution")
    assert f"discovery compare runs/{first}" in result.stderr
    unconfirmed = json.loads(here("compare", first, "--json", cwd=home).stdout)
    assert unconfirmed["by_seed"][0]["mean"] is None and f"{first}-r2-control" in unconfirmed["by_seed"][0]["reason"]
    confirmed = here("confirm", *names(home), "--finalists", "1", "--json", cwd=home)
    assert [Path(run["run"]).name for run in json.loads(confirmed.stdout)["runs"]] == names(home)
    (found,) = json.loads(here("compare", f"{first}-r2", "--json", cwd=home).stdout)["by_seed"]
    assert found["first"] == [first, f"{first}-r2"] and found["seeds"] == [5, 6]
    assert found["mean"] == sum(found["differences"]) / 2 and found["coverage"] == 0.5
    text = here("compare", first, cwd=home).stdout
    assert "over 2 seeds" in text and "too few for a 95 % interval" in " ".join(text.split())


def test_the_control_has_as_many_proposals_as_the_run_used_and_can_be_resumed(home: Path, here: Command) -> None:
    arguments = ("--stagnation", "15", "--max-proposals", "200", "--control", "--display", "none", "--seed", "1")
    result = here("run", "./toy", *arguments, cwd=home)
    first = Path(result.stdout.strip()).name
    shown, control = (json.loads(here("show", name, "--json", cwd=home).stdout) for name in (first, f"{first}-control"))
    assert shown["proposals"] < 200 and shown["state"] == "finished"
    assert control["proposals"] == control["max_proposals"] == shown["proposals"]
    assert here("resume", f"{first}-control", "--max-proposals", "210", cwd=home).returncode == 0
    assert json.loads(here("show", f"{first}-control", "--json", cwd=home).stdout)["proposals"] == 210


def test_a_target_ends_a_run_and_a_new_one_goes_on(home: Path, here: Command) -> None:
    arguments = ("--target", "-850", "--max-proposals", "150", "--display", "none")
    first = Path(here("run", "./toy", *arguments, cwd=home).stdout.strip()).name
    shown = json.loads(here("show", first, "--json", cwd=home).stdout)
    assert shown["proposals"] < 150 and shown["best"]["score"] >= -850 and shown["state"] == "finished"
    assert here("resume", first, cwd=home).returncode == 0
    assert json.loads(here("show", first, "--json", cwd=home).stdout)["proposals"] == shown["proposals"]
    assert here("resume", first, "--target", "-100", cwd=home).returncode == 0
    further = json.loads(here("show", first, "--json", cwd=home).stdout)["proposals"]
    assert here("resume", first, cwd=home).returncode == 0, "the new target stays in force"
    assert json.loads(here("show", first, "--json", cwd=home).stdout)["proposals"] == further > shown["proposals"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--search", "islands"], "declares none"),
        (["--search", "best_of_n", "--control"], "is the control itself"),
        (["--search", "pareto", "--set", "search.population=9"], "population has no effect with strategy 'pareto'"),
        (["--repeat", "0"], "repeat"),
        (["--search", "annealing"], "annealing"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_made(
    home: Path, here: Command, arguments: list[str], words: str
) -> None:
    result = here("run", "./toy", *arguments, cwd=home)
    assert result.returncode == 2 and words in result.stderr and "Traceback" not in result.stderr
    assert not (home / "runs").exists()


def test_a_series_is_found_from_any_of_its_runs_and_from_no_other(tmp_path: Path) -> None:
    made = ["a", "a-r2", "a-r10", "a-control", "a-r2-control", "a-2", "a-2-control", "ab", "a-r2x"]
    for name in made:
        Journal.create(tmp_path / name, RunMeta(name, "toy", {}, {}, {}, "2026-01-02T00:00:00+00:00")).close()
    expected = ["a", "a-r2", "a-r10", "a-control", "a-r2-control"]
    for name in expected:
        assert [path.name for path in series(tmp_path / name)] == expected
    assert [path.name for path in series(tmp_path / "a-2")] == ["a-2", "a-2-control"]


def _confirmed(folder: Path, seed: int, strategy: str, effect: float, proposals: int) -> None:
    config = {"seed": seed, "max_proposals": proposals, "search": {"strategy": strategy}}
    meta = RunMeta(folder.name, "toy", config, {"task": "1"}, {"backend": "bubblewrap"}, "2026-01-02T00:00:00+00:00")
    with Journal.create(folder, meta) as journal:
        journal.add_event(RunStarted(folder.name, "toy", "closeness", 9, 2, "bubblewrap", False, 0, 0, None, None))
        program = Program("x", content_key("x"))
        journal.add_proposal(Proposal(0, "seed", seed=0), "x", program)
        journal.add_verdict(program.key, Verdict("scored", 1.0, stage="only"), concludes=0)
        evidence = Evidence(True, "it is so", 0.001, effect, (effect - 1, effect + 1)).to_json()
        entry = {"key": program.key, "search_score": 1.0, "evidence": evidence, "adjusted_p": 0.001, "confirmed": True}
        journal.add_note("confirmation", {"alpha": 0.01, "finalists": [entry]})


def test_seven_seeds_give_an_interval_and_a_p_value_over_seeds(tmp_path: Path, here: Command) -> None:
    gains = [0.5, 0.7, 0.2, 0.9, 0.4, 0.6, 0.3]
    for number, gain in enumerate(gains):
        folder = tmp_path / "runs" / ("s" if number == 0 else f"s-r{number + 1}")
        _confirmed(folder, number, "genetic", 10.0 * number + gain, 100)
        _confirmed(folder.with_name(f"{folder.name}-control"), number, "best_of_n", 10.0 * number, 90 + number)
    found = json.loads(here("compare", "s", "--json", cwd=tmp_path).stdout)
    (paired,) = found["by_seed"]
    assert paired["differences"] == pytest.approx(gains) and paired["mean"] == pytest.approx(sum(gains) / 7)
    low, high = paired["interval"]
    assert 0.2 < low < paired["mean"] < high < 0.9, "the pairing takes out what seeds have in common"
    assert paired["coverage"] >= 0.95 and paired["p_value"] == 2**-7
    text = " ".join(here("compare", "s", cwd=tmp_path).stdout.split())
    assert "over 7 seeds" in text and "the interval excludes zero" in text
