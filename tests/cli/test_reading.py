"""The reading verbs on journals made by hand: data on stdout, messages on stderr, the documented exit codes."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from discovery.cli import main
from discovery.events import Alarm, Improved, RunStarted, RunStopped
from discovery.model import Evidence, Program, Proposal, Verdict, content_key
from discovery.store import Journal, RunMeta

SOURCES = {word: f"# {word}\nx = 1\ny = {place}\nz = 3\n" for place, word in enumerate("abcdef")}
KEYS = {word: content_key(source) for word, source in SOURCES.items()}
IDS = {word: key[:12] for word, key in KEYS.items()}


def _meta(name: str, **config: Any) -> RunMeta:
    settings = {"seed": 0, "max_proposals": 9, "search": {"strategy": "evolution", "population": 20}, **config}
    return RunMeta(
        name, "toy", settings, {"discovery": "0.1.0"}, {"backend": "bubblewrap"}, "2026-01-02T15:04:05+00:00"
    )


def _propose(journal: Journal, index: int, word: str, *parents: str) -> None:
    operator = ("seed", "mutate", "cross")[len(parents)]
    source = SOURCES[word]
    proposal = Proposal(index, operator, tuple(KEYS[parent] for parent in parents), seed=None if parents else index)
    journal.add_proposal(proposal, source, Program(source, KEYS[word]))


def _score(journal: Journal, index: int, word: str, score: float) -> None:
    journal.add_verdict(KEYS[word], Verdict("scored", score - 1, stage="probe", advance=True))
    cases = {"digits": score + 0.5, "softmax": score - 0.5}
    evidence = {"rediscovers": "lion"} if word == "d" else {}
    final = Verdict("scored", score, cases, f"{word} is fine", evidence, stage="full", wall_seconds=1.25)
    journal.add_verdict(KEYS[word], final, concludes=index)


def _fill(journal: Journal) -> None:
    journal.add_event(RunStarted("alpha", "toy", "closeness", 9, 2, "bubblewrap", False, 0, 0, None, None))
    for index, (word, parents, score) in enumerate([("a", "", 1.0), ("b", "", 2.0), ("c", "a", 1.5), ("d", "cb", 3.0)]):
        _propose(journal, index, word, *parents)
        _score(journal, index, word, score)
    journal.add_event(Improved(1, KEYS["b"], 2.0, 1.0, {}, 1.0))
    journal.add_event(Improved(3, KEYS["d"], 3.0, 2.0, {}, 2.0))
    for index, line in ((4, 3), (5, 7)):
        refused = Verdict("rejected", message=f"line {line}: 'q{line}' is not an operation\x1b[2J")
        journal.add_rejection(Proposal(index, "mutate", (KEYS["d"],)), "nonsense", refused)
    _propose(journal, 6, "e", "d")
    journal.add_verdict(KEYS["e"], Verdict("error", message="ValueError: no", stage="probe"), concludes=6)
    _propose(journal, 7, "c", "d")
    journal.conclude(7)
    _propose(journal, 8, "f", "d")
    journal.add_event(Alarm("a wall-clock limit decided"))


def _confirm(journal: Journal, word: str, effect: float, half: float, confirmed: bool = True) -> None:
    claim = "better than tuned AdamW" if confirmed else "no difference from tuned AdamW was found"
    evidence = Evidence(confirmed, claim, 0.001, effect, (effect - half, effect + half))
    entry = {"key": KEYS[word], "evidence": evidence.to_json(), "adjusted_p": 0.002, "confirmed": confirmed}
    journal.add_note("confirmation", {"alpha": 0.01, "finalists": [entry]})


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose `runs/` holds the run `alpha`, stopped; the working folder from here on."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    with Journal.create(tmp_path / "runs" / "alpha", _meta("alpha")) as journal:
        _fill(journal)
    return tmp_path


class Cli:
    """Runs the command in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._patch, self._capture = monkeypatch, capsys

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        self._patch.setattr(sys, "argv", ["discovery", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = self._capture.readouterr()
        code = ended.value.code
        return (code if isinstance(code, int) else 0), out, err

    def json(self, *arguments: str) -> Any:
        code, out, err = self(*arguments, "--json")
        assert (code, err) == (0, "")
        return json.loads(out)


@pytest.fixture
def cli(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(monkeypatch, capsys)


def test_list(home: Path, cli: Cli) -> None:
    later = replace(_meta("beta"), created="2026-02-02T00:00:00+00:00")
    with Journal.create(home / "runs" / "beta", later) as journal:
        journal.add_event(RunStopped("limit", "", 0, 0, None, None))
        running = cli.json("list")["runs"]
    assert [(run["name"], run["state"]) for run in running] == [("beta", "running"), ("alpha", "stopped")]
    found = cli.json("list")
    assert found["schema"] == "discovery.list/1"
    assert [(run["name"], run["state"], run["proposals"]) for run in found["runs"]] == [
        ("beta", "finished", 0),
        ("alpha", "stopped", 9),
    ]
    assert found["runs"][1]["best"]["score"] == 3.0
    code, out, _ = cli("list")
    assert code == 0 and "9/9" in out and "3.0000" in out


def test_a_narrow_terminal_cuts_no_name_and_no_number(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = [cli(*verb)[1].split() for verb in (("list",), ("show", "alpha", "--programs"))]
    monkeypatch.setenv("COLUMNS", "40")
    assert [cli(*verb)[1].split() for verb in (("list",), ("show", "alpha", "--programs"))] == whole


def test_a_long_message_cuts_no_class_and_no_operator(home: Path, cli: Cli) -> None:
    with Journal.open(home / "runs" / "alpha", write=True) as journal:
        refused = Verdict("invalid", message="too long a message " * 20)
        journal.add_rejection(Proposal(9, "mutate", (KEYS["d"],)), "nonsense", refused)
    head, *rows = cli("show", "alpha", "--failures")[1].splitlines()
    assert head.split()[:6] == ["class", "stage", "cross", "mutate", "seed", "all"]
    assert {row.split()[0] for row in rows if not row.startswith(" ")} == {"rejected", "error", "invalid", "judged"}


def test_list_of_nothing_and_of_damage(home: Path, cli: Cli) -> None:
    code, out, err = cli("list", "--out", "nowhere")
    assert (code, out) == (0, "") and "no runs in nowhere" in err
    (home / "runs" / "alpha" / "run.db").write_bytes(b"not a database" * 500)
    code, out, err = cli("list")
    assert code == 0 and "unreadable" in out and "is not a database" in err


def test_show_a_run(cli: Cli) -> None:
    found = cli.json("show", "alpha")
    assert found["schema"] == "discovery.show/1"
    assert found["proposals"] == 9 and found["judged"] == 8 and found["repeats"] == 1
    assert found["verdicts"] == 2 * 4 + 2 + 1
    assert (found["best"]["id"], found["best"]["key"], found["best"]["score"]) == (IDS["d"], KEYS["d"], 3.0)
    assert found["statuses"] == {"scored": 5, "rejected": 2, "error": 1}
    code, out, err = cli("show", "@last")
    assert (code, err) == (0, "")
    for expected in ("9 of 9, 1 of them repeats", IDS["d"], "closeness", "wall-clock", "discovery confirm runs/alpha"):
        assert expected in out


def test_show_says_what_is_confirmed_and_what_is_not(home: Path, cli: Cli) -> None:
    with Journal.open(home / "runs" / "alpha", write=True) as journal:
        _confirm(journal, "d", 0.5, 0.9, confirmed=False)
    assert "not confirmed: no difference from tuned AdamW" in cli("show", "alpha")[1]
    assert "not confirmed: no difference from tuned AdamW" in cli("show", "alpha@best")[1]


def test_show_programs(cli: Cli) -> None:
    rows = cli.json("show", "alpha", "--programs")["programs"]
    assert [(row["id"], row["key"], row["status"], row["score"], row["parents"]) for row in rows] == [
        (IDS["a"], KEYS["a"], "scored", 1.0, []),
        (IDS["b"], KEYS["b"], "scored", 2.0, []),
        (IDS["c"], KEYS["c"], "scored", 1.5, [KEYS["a"]]),
        (IDS["d"], KEYS["d"], "scored", 3.0, [KEYS["c"], KEYS["b"]]),
        (IDS["e"], KEYS["e"], "error", None, [KEYS["d"]]),
        (IDS["f"], KEYS["f"], None, None, [KEYS["d"]]),
    ]
    lines = cli("show", "alpha", "--programs")[1].splitlines()[1:]
    assert [line.split()[0] for line in lines] == [IDS[word] for word in "dbcaef"]


def test_show_lineage(cli: Cli) -> None:
    steps = cli.json("show", f"alpha:{KEYS['d'][:6]}", "--lineage")["lineage"]
    assert [(step["id"], step["operator"], step["delta"]) for step in steps] == [
        (IDS["a"], "seed", None),
        (IDS["c"], "mutate", 0.5),
        (IDS["d"], "cross", 1.5),
    ]
    assert steps[2]["others"] == [KEYS["b"]]
    assert cli.json("show", "alpha", "--lineage")["lineage"] == steps
    assert "+1.5000" in cli("show", "alpha", "--lineage")[1]


def test_show_failures(cli: Cli) -> None:
    found = cli.json("show", "alpha", "--failures")["failures"]
    assert found["operators"] == {"cross": 1, "mutate": 5, "seed": 2}
    assert [(entry["status"], entry["stage"], entry["count"], entry["operators"]) for entry in found["classes"]] == [
        ("rejected", "", 2, {"mutate": 2}),
        ("error", "probe", 1, {"mutate": 1}),
    ]
    out = cli("show", "alpha", "--failures")[1]
    assert "2 (40%)" in out and "is not an operation\\x1b[2J" in out and "\x1b" not in out


def test_show_a_program_whole(cli: Cli) -> None:
    found = cli.json("show", "alpha@best")
    program = found["program"]
    assert found["run"] == "alpha" and program["source"] == SOURCES["d"] and program["operator"] == "cross"
    assert program["cases"] == {"digits": 3.5, "softmax": 2.5} and program["evidence"] == {"rediscovers": "lion"}
    assert [(verdict["stage"], verdict["score"]) for verdict in program["verdicts"]] == [("probe", 2.0), ("full", 3.0)]
    assert cli.json("show", f"alpha:{IDS['d']}") == found
    out = cli("show", "alpha@best")[1]
    for expected in (
        "y = 3",
        f"{IDS['c']} and {IDS['b']}",
        "+3.5000  digits",
        "rediscovers: lion",
        "d is fine",
        "1.25",
    ):
        assert expected in out


def test_a_hostile_source_cannot_steer_the_terminal(home: Path, cli: Cli) -> None:
    source = "x = '\x1b]0;owned\x07\u202e'\n"
    with Journal.open(home / "runs" / "alpha", write=True) as journal:
        journal.add_proposal(Proposal(9, "mutate\x1b[2J"), source, Program(source, "f" * 64))
        bad = Verdict("scored", 9.0, {"case\x1b[2J": 9.0}, "m\x1b[2J", {"e\x1b[2J": "v\x1b[2J"}, stage="full")
        journal.add_verdict("f" * 64, bad, concludes=9)
        journal.add_event(Alarm("alarm\x1b[2J"))
    for arguments in (
        ["alpha"],
        ["alpha@best"],
        ["alpha", "--programs"],
        ["alpha", "--lineage"],
        ["alpha", "--failures"],
    ):
        code, out, err = cli("show", *arguments)
        assert code == 0 and not {"\x1b", "\x07", "\u202e"} & set(out + err)
    code, out, err = cli("diff", "alpha:ffffff", f"alpha:{IDS['a']}")
    assert code == 0 and not {"\x1b", "\x07", "\u202e"} & set(out + err)


def test_diff(cli: Cli) -> None:
    found = cli.json("diff", "alpha@best")
    assert (found["a"]["id"], found["b"]["id"]) == (IDS["c"], IDS["d"])
    changed = [line for line in found["diff"].splitlines() if line[0] in "+-" and line[:3] not in ("+++", "---")]
    assert changed == ["-# c", "+# d", "-y = 2", "+y = 3"]
    code, out, _ = cli("diff", f"alpha:{IDS['a']}", f"alpha:{IDS['b']}")
    assert code == 0 and out.splitlines()[0] == f"--- alpha:{IDS['a']}" and "+y = 1" in out
    code, out, err = cli("diff", "alpha@best", "alpha@best")
    assert (code, out) == (0, "") and "equal" in err
    code, out, err = cli("diff", f"alpha:{IDS['a']}")
    assert code == 2 and "has no parent" in err


def test_compare_confirmed_runs(home: Path, cli: Cli) -> None:
    with Journal.open(home / "runs" / "alpha", write=True) as journal:
        _confirm(journal, "d", 0.5, 0.3)
    search = {"strategy": "best_of_n", "population": 20}
    with Journal.create(home / "runs" / "alpha-control", _meta("alpha-control", search=search)) as journal:
        _fill(journal)
        _confirm(journal, "d", 0.0, 0.4, confirmed=False)
    found = cli.json("compare", "alpha", "alpha-control")
    assert found["config"] == {"search.strategy": ["evolution", "best_of_n"]}
    (difference,) = found["differences"]
    assert difference["difference"] == 0.5
    assert difference["interval"] == pytest.approx([0.0, 1.0])
    out = cli("compare", "alpha", "alpha-control")[1]
    assert "search.strategy" in out and "population" not in out
    assert "NOT CONFIRMED: no difference from tuned AdamW" in out
    assert "alpha minus alpha-control: +0.5000" in out


def test_compare_refuses_search_scores_and_other_tasks(home: Path, cli: Cli) -> None:
    with Journal.create(home / "runs" / "beta", _meta("beta")) as journal:
        _fill(journal)
    with Journal.create(home / "runs" / "gamma", replace(_meta("gamma"), task="other")) as journal:
        _confirm(journal, "d", 0.5, 0.3)
    with Journal.open(home / "runs" / "alpha", write=True) as journal:
        _confirm(journal, "d", 0.5, 0.3)
    unconfirmed, foreign = cli.json("compare", "alpha", "beta", "gamma")["differences"]
    assert unconfirmed["difference"] is None and "beta is not confirmed" in unconfirmed["reason"]
    assert foreign["difference"] is None and "different tasks" in foreign["reason"]
    code, out, _ = cli("compare", "alpha", "beta")
    assert (
        code == 0
        and "no difference can be stated; beta is not confirmed: `discovery confirm runs/beta`" in " ".join(out.split())
    )
    assert cli("compare", "alpha")[0] == 2


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["show", "alpah"], 3, "alpha"),
        (["show", "alpha:zzz"], 3, "--programs"),
        (["show", "alpha", "--programs", "--failures"], 2, "one at a time"),
        (["show", "alpha@best", "--failures"], 2, "whole run"),
        (["diff", "nothing@best"], 3, "alpha"),
        (["compare", "alpha", "nothing"], 3, "alpha"),
    ],
)
def test_bad_input_is_one_clear_error(cli: Cli, arguments: list[str], code: int, words: str) -> None:
    got, out, err = cli(*arguments)
    assert (got, out) == (code, "") and words in err and "Traceback" not in err
    got, out, err = cli(*arguments, "--json")
    assert (got, out) == (code, "") and json.loads(err)["code"] == code


def test_a_run_without_a_scored_program(home: Path, cli: Cli) -> None:
    Journal.create(home / "runs" / "empty", _meta("empty")).close()
    assert cli.json("show", "empty")["best"] is None
    assert "no program scored yet" in cli("show", "empty")[1]
    assert cli.json("show", "empty", "--programs")["programs"] == []
    assert cli("show", "empty@best")[0] == 3
    assert cli("show", "empty", "--lineage")[0] == 3
    assert cli("show", "empty", "--failures")[0] == 0


def test_reading_goes_on_while_a_controller_writes(home: Path, cli: Cli) -> None:
    with Journal.open(home / "runs" / "alpha", write=True) as journal:
        assert cli.json("show", "alpha")["state"] == "running"
        journal.add_verdict(KEYS["f"], Verdict("scored", 4.0, stage="full"), concludes=8)
        assert cli.json("show", "alpha")["best"]["score"] == 4.0
