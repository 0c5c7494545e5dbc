"""The task as the engine sees it: contract, light imports, the real sandbox, bundles and their verification."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from discovery.errors import NotFound
from discovery.model import Evidence, Program, Verdict
from discovery.sandbox import Limits, Slot, open_sandbox
from discovery.task import Context, load_task
from discovery.tasks.optimizers import OptimizersTask, baseline, confirmation, verification, zoo
from discovery.tasks.optimizers.baseline import InProcess
from discovery.tasks.optimizers.proxies import proxy

TASK = OptimizersTask(None)
CONTEXT = Context(InProcess(), 5, Limits())


@pytest.fixture(scope="module")
def slot() -> Iterator[Slot]:
    with open_sandbox("auto").open(TASK.harness, TASK.slot_limits) as opened:
        yield opened


def program(name: str) -> Program:
    return TASK.language.check(zoo.sources()[name])


def fresh(code: str) -> Any:
    """What `code` prints as JSON, run in a new interpreter."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


class TestContract:
    def test_it_is_registered_and_has_no_variants(self) -> None:
        assert isinstance(load_task("optimizers"), OptimizersTask)
        with pytest.raises(NotFound, match="no variant 'big'"):
            load_task("optimizers:big")

    def test_every_seed_checks_and_one_is_adamw(self) -> None:
        seeds = {seed.name: TASK.language.check(seed.source).key for seed in TASK.seeds()}
        assert seeds["adamw"] == program("adamw").key

    def test_the_controller_s_part_imports_neither_torch_nor_numpy(self) -> None:
        code = (
            "import sys, json; from discovery.task import load_task; t = load_task('optimizers')\n"
            "for s in t.seeds(): t.language.check(s.source)\n"
            "print(json.dumps([m for m in ('torch', 'numpy') if m in sys.modules]))"
        )
        assert fresh(code) == []

    def test_the_sandbox_holds_what_the_harness_imports_and_nothing_of_the_evaluator(self) -> None:
        code = (
            "import sys, json, discovery.tasks.optimizers.harness\n"
            "print(json.dumps([m for m in sys.modules if m.startswith('discovery.')]))"
        )
        needed = {name for name in fresh(code) if not name.startswith("discovery.grammar.")}
        packages = {"discovery.tasks", "discovery.tasks.optimizers"}
        assert needed - packages == {TASK.harness.entry, *TASK.harness.modules}
        evaluator = ("proxies", "baseline", "sweep", "stages", "zoo", "data", "task")
        assert not {f"discovery.tasks.optimizers.{name}" for name in evaluator} & needed

    def test_stage_limits_are_within_those_of_the_slot(self) -> None:
        for stage in TASK.stages:
            for field in ("wall_seconds", "cpu_seconds", "memory_bytes", "processes", "answer_bytes"):
                assert getattr(stage.limits, field) <= getattr(TASK.slot_limits, field)


class TestRealSandbox:
    @pytest.mark.parametrize("name", ["adamw", "muon"])
    @pytest.mark.parametrize("stage", TASK.stages[:2], ids=lambda stage: stage.name)
    def test_a_verdict_is_the_same_inside_the_sandbox(self, slot: Slot, name: str, stage: Any) -> None:
        inside = TASK.evaluate(program(name), stage, 0, Context(slot, 5, stage.limits))
        assert inside.status == "scored" and inside.advance
        here = TASK.evaluate(program(name), stage, 0, CONTEXT)
        assert replace(inside, cpu_seconds=0.0).to_json() == replace(here, cpu_seconds=0.0).to_json()

    def test_the_backstop_on_the_clock_is_flagged_and_the_next_call_is_unharmed(self, slot: Slot) -> None:
        probe = TASK.stages[1]
        tight = replace(probe.limits, wall_seconds=0.02)
        verdict = TASK.evaluate(program("adamw"), probe, 0, Context(slot, 5, tight))
        assert (verdict.status, verdict.score, verdict.clock_limited) == ("timeout", None, True)
        assert TASK.evaluate(program("adamw"), probe, 0, Context(slot, 5, probe.limits)).advance

    def test_a_bundle_that_claims_nothing_verifies(self, slot: Slot) -> None:
        document, files = bundle("lion")
        result = TASK.verify(files, document, Context(slot, 9, TASK.slot_limits))
        assert result.holds, result.checks
        assert [name for name, _, _ in result.checks] == ["rule", "files", "training", "confirmation"]


def bundle(name: str, confirmed: Mapping[str, Any] | None = None) -> tuple[dict[str, Any], dict[str, str]]:
    found = program(name)
    verdict = Verdict("scored", 0.1, {"digits": 0.1}, "log speed-up +0.1", {"rediscovers": name}, "full")
    document: dict[str, Any] = {
        "name": "found_rule",
        "run": {"name": "run-1", "task": "optimizers", "created": "2026-01-02T03:04:05Z", "proposals": 7},
        "program": {"id": found.id, "key": found.key, "source": found.source, "proposal": 3},
        "search": {"verdicts": [verdict.to_json()]},
        "confirmation": confirmed,
    }
    return document, dict(TASK.export(found, "found_rule", document))


class TestBundles:
    def test_the_module_says_where_it_comes_from_and_what_was_not_confirmed(self) -> None:
        _, files = bundle("lion")
        assert set(files) == {"found_rule.py", "found_rule.rule.txt"}
        assert files["found_rule.rule.txt"] == zoo.sources()["lion"]
        header = files["found_rule.py"].split('"""')[1]
        assert "run-1" in header and "Not confirmed" in header and "rediscovery" in header

    def test_a_module_changed_by_hand_is_found_out_and_never_run(self, capsys: pytest.CaptureFixture[str]) -> None:
        document, files = bundle("lion")
        files["found_rule.py"] += "\nprint('executed')\nraise SystemExit(3)\n"
        result = TASK.verify(files, document, CONTEXT)
        assert not result.holds
        assert {name: holds for name, holds, _ in result.checks}["files"] is False
        assert "executed" not in capsys.readouterr().out

    def test_a_missing_module_is_found_out(self) -> None:
        document, files = bundle("lion")
        del files["found_rule.py"]
        result = TASK.verify(files, document, CONTEXT)
        assert not result.holds and ("files", False, "found_rule.py is missing from the bundle") in result.checks

    @pytest.mark.parametrize("source", ["import os", "", zoo.sources()["adamw"]])
    def test_another_rule_under_the_same_key_is_found_out(self, source: str) -> None:
        document, files = bundle("lion")
        document["program"]["source"] = source
        result = TASK.verify(files, document, CONTEXT)
        assert not result.holds and result.checks[0][:2] == ("rule", False)

    def test_an_exported_class_that_trains_otherwise_is_found_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        document, _ = bundle("lion")
        other = dict(TASK.export(program("adamw"), "found_rule", document))
        monkeypatch.setattr(TASK, "export", lambda *_: other)
        result = TASK.verify(other, document, CONTEXT)
        assert {name: holds for name, holds, _ in result.checks}["training"] is False


class TestVerifiedConfirmation:
    """Re-running a confirmation, on two short tasks and a ruler that fits them."""

    @pytest.fixture(autouse=True)
    def short(self, monkeypatch: pytest.MonkeyPatch) -> None:
        search, held_out = (replace(proxy("softmax"), steps=40),), (replace(proxy("factors"), steps=60),)
        marks = {"log_loss": [2.0, 1.0, 0.0, -1.0, -2.0]}
        table = {"version": "short", "tasks": {"softmax": marks, "factors": marks}}
        for module in (confirmation, verification):
            monkeypatch.setattr(module, "SEARCH", search)
            monkeypatch.setattr(module, "HELD_OUT", held_out)
            monkeypatch.setattr(module, "load_table", lambda: table)
        monkeypatch.setattr(baseline, "load_table", lambda: table)
        monkeypatch.setattr(confirmation, "RUNOFF_SEEDS", 1)

    def recorded(self, name: str) -> dict[str, Any]:
        evidence: Evidence = TASK.confirm(program(name), CONTEXT)
        data = json.loads(json.dumps(evidence.to_json()))
        return {"evidence": data, "confirmed": evidence.confirmed, "adjusted_p": 0.0002, "finalists": 2}

    def test_recorded_values_are_found_again_and_tampering_is_found_out(self) -> None:
        entry = self.recorded("nadamw")
        document, files = bundle("nadamw", entry)
        checks = {n: (holds, detail) for n, holds, detail in TASK.verify(files, document, CONTEXT).checks}
        assert checks["confirmation"][0] and "identical raw values" in checks["confirmation"][1]
        entry["evidence"]["data"]["pooled"]["search"]["interval"] = [5.0, 6.0]
        document, files = bundle("nadamw", entry)
        checks = {n: (holds, detail) for n, holds, detail in TASK.verify(files, document, CONTEXT).checks}
        assert not checks["confirmation"][0]

    def test_a_claim_that_the_evidence_does_not_carry_is_found_out(self) -> None:
        entry = {**self.recorded("sgd_momentum"), "confirmed": True}
        assert not entry["evidence"]["confirmed"]
        document, files = bundle("sgd_momentum", entry)
        result = TASK.verify(files, document, CONTEXT)
        assert not result.holds and result.checks[-1][:2] == ("confirmation", False)
        entry["evidence"]["confirmed"] = True
        document, files = bundle("sgd_momentum", entry)
        checks = {name: holds for name, holds, _ in TASK.verify(files, document, CONTEXT).checks}
        assert checks["fresh seeds"] is False

    def test_incomplete_evidence_and_another_table_are_told(self) -> None:
        entry = self.recorded("adamw")
        entry["evidence"]["data"]["table"] = "older"
        document, files = bundle("adamw", entry)
        result = TASK.verify(files, document, CONTEXT)
        assert not result.holds and "another version" in result.checks[-1][2]
        del entry["evidence"]["data"]["seeds"]
        document, files = bundle("adamw", entry)
        assert "incomplete" in TASK.verify(files, document, CONTEXT).checks[-1][2]
