"""The task as the engine sees it: contract, light imports, the real sandbox, bundles and their verification."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from bundles import CONTEXT, TASK, bundle, verdicts

from discovery.errors import NotFound
from discovery.model import Program
from discovery.sandbox import Slot, open_sandbox
from discovery.task import Context, load_task
from discovery.tasks.optimizers import OptimizersTask, zoo

SCREENED = verdicts("lion", ["screen"])


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
        assert TASK.evaluate(program("adamw"), probe, 0, Context(slot, 5, probe.limits)).advance  # traces the zoo, too
        verdict = TASK.evaluate(program("adamw"), probe, 0, Context(slot, 5, tight))
        assert (verdict.status, verdict.score, verdict.clock_limited) == ("timeout", None, True)
        assert TASK.evaluate(program("adamw"), probe, 0, Context(slot, 5, probe.limits)).advance

    def test_a_bundle_that_claims_nothing_verifies(self, slot: Slot) -> None:
        document, files = bundle("lion", SCREENED)
        result = TASK.verify(files, document, Context(slot, 9, TASK.slot_limits))
        assert result.holds, result.checks
        assert [name for name, _, _ in result.checks] == ["rule", "files", "training", "search", "confirmation"]


CHAOTIC = """
def init(shape, kind):
    return {"m": zeros(shape)}


def update(w, g, s, t, kind):
    m = ema(s["m"], g, 0.9)
    v = ema(s["m"], square(g), 0.999)
    return bias_correct(m, 0.9) / (sqrt(bias_correct(v, 0.999)) + 1e-8), {"m": m}
"""


class TestBundles:
    def test_a_chaotic_rule_is_compared_while_a_comparison_means_something(self) -> None:
        document, _ = bundle("lion", SCREENED)
        program = TASK.language.check(CHAOTIC)
        document["program"] |= {"source": CHAOTIC, "key": program.key, "id": program.id}
        files = dict(TASK.export(program, "found_rule", document))
        checks = {name: (holds, told) for name, holds, told in TASK.verify(files, document, CONTEXT).checks}
        assert checks["training"][0] and "blows up rounding errors" in checks["training"][1], checks

    def test_the_module_says_where_it_comes_from_and_what_was_not_confirmed(self) -> None:
        _, files = bundle("lion", SCREENED)
        assert set(files) == {"found_rule.py", "found_rule.rule.txt"}
        assert files["found_rule.rule.txt"] == zoo.sources()["lion"]
        header = files["found_rule.py"].split('"""')[1]
        assert "run-1" in header and "Not confirmed" in header and "not measured in full" in header

    def test_a_module_changed_by_hand_is_found_out_and_never_run(self, capsys: pytest.CaptureFixture[str]) -> None:
        document, files = bundle("lion", SCREENED)
        files["found_rule.py"] += "\nprint('executed')\nraise SystemExit(3)\n"
        result = TASK.verify(files, document, CONTEXT)
        assert not result.holds
        assert {name: holds for name, holds, _ in result.checks}["files"] is False
        assert "executed" not in capsys.readouterr().out

    def test_a_missing_module_is_found_out(self) -> None:
        document, files = bundle("lion", SCREENED)
        del files["found_rule.py"]
        result = TASK.verify(files, document, CONTEXT)
        assert not result.holds and ("files", False, "found_rule.py is missing from the bundle") in result.checks

    @pytest.mark.parametrize("source", ["import os", "", zoo.sources()["adamw"]])
    def test_another_rule_under_the_same_key_is_found_out(self, source: str) -> None:
        document, files = bundle("lion", SCREENED)
        document["program"]["source"] = source
        result = TASK.verify(files, document, CONTEXT)
        assert not result.holds and result.checks[0][:2] == ("rule", False)

    def test_an_exported_class_that_trains_otherwise_is_found_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        document, _ = bundle("lion", SCREENED)
        other = dict(TASK.export(program("adamw"), "found_rule", document))
        monkeypatch.setattr(TASK, "export", lambda *_: other)
        result = TASK.verify(other, document, CONTEXT)
        assert {name: holds for name, holds, _ in result.checks}["training"] is False
