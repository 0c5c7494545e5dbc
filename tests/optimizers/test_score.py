"""The ruler, the sweep and the stages: what a score means, and what can spoil it."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.errors import EvaluatorFailed, TaskError
from discovery.sandbox import Answer, Array, Limits, Slot
from discovery.tasks.optimizers import baseline, fingerprint, sweep, zoo
from discovery.tasks.optimizers.baseline import CLIP, InProcess, speedup
from discovery.tasks.optimizers.proxies import HELD_OUT, SEARCH, proxy
from discovery.tasks.optimizers.stages import PROBE_TASK, Judge, probe_score
from discovery.tasks.optimizers.sweep import CandidateFailed, Trainer, locate, tune

ALL = SEARCH + HELD_OUT
ADAMW = zoo.sources()["adamw"]


def rule(direction: str, state: str = "") -> str:
    """A rule with one momentum buffer `m` and the given direction."""
    return (
        'def init(shape, kind):\n    return {"m": zeros(shape)}\n\n\ndef update(w, g, s, t, kind):\n'
        f'    m = ema(s["m"], g, 0.9)\n    return {direction}, {{"m": m}}\n'
    )


class TestRuler:
    def test_the_shipped_table_fits_the_definitions(self) -> None:
        assert baseline.load_table()["version"] == baseline.definition()

    def test_the_shipped_table_fits_what_the_code_does(self) -> None:
        recorded = baseline.load_table()["behaviour"]
        now = baseline.behaviour()
        assert set(now) == set(recorded)
        for name, values in now.items():
            np.testing.assert_allclose(values, recorded[name], rtol=1e-6, err_msg=f"{name}: make the table anew")

    def test_a_stale_table_is_a_loud_error(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        stale = {**baseline.load_table(), "version": "0" * 64}
        (tmp_path / "adamw.json").write_text(json.dumps(stale))
        monkeypatch.setattr(baseline, "_PATH", tmp_path / "adamw.json")
        with pytest.raises(TaskError, match="stale"):
            baseline.load_table.__wrapped__()

    @pytest.mark.parametrize("change", ["steps", "batch", "gain"])
    def test_changing_a_task_changes_the_version(self, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
        before = baseline.definition()
        changed = (replace(SEARCH[0], **{change: getattr(SEARCH[0], change) * 2}), *SEARCH[1:])
        monkeypatch.setattr(baseline, "SEARCH", changed)
        assert baseline.definition.__wrapped__() != before

    @pytest.mark.parametrize("task", ALL, ids=lambda task: task.name)
    def test_adamw_at_half_the_horizon_needs_half_the_steps(self, task: Any) -> None:
        marks = baseline.load_table()["tasks"][task.name]["log_loss"]
        found = [speedup(task.name, mark) for mark in marks]
        assert found == pytest.approx([-CLIP, -CLIP / 2, 0.0, CLIP / 2, CLIP])
        assert all(before - after > 0.03 for before, after in pairwise(marks))

    @given(st.sampled_from([t.name for t in ALL]), st.floats(-50, 50), st.floats(0, 50))
    def test_less_loss_never_scores_less(self, name: str, loss: float, less: float) -> None:
        assert -CLIP <= speedup(name, loss) <= speedup(name, loss - less) <= CLIP

    def test_a_plateau_in_the_table_does_not_break_the_order(self, monkeypatch: pytest.MonkeyPatch) -> None:
        table = {"tasks": {"digits": {"log_loss": [0.0, -0.5, -0.4, -0.9, -1.0]}}}
        monkeypatch.setattr(baseline, "load_table", lambda: table)
        found = [speedup("digits", loss) for loss in np.linspace(0.5, -1.5, 81)]
        assert found == sorted(found)


class Curve(Trainer):
    """A trainer whose log loss is a known function of log2 of the learning rate."""

    def __init__(self, valley: Sequence[float], scale: float = 1.0) -> None:
        super().__init__(InProcess(), Limits(), "")
        self.valley, self.natural, self.asked = valley, scale, 0

    def scale(self, task: Any, seed: int) -> float:
        return self.natural

    def log_losses(self, task: Any, lanes: Any, seeds: Any, steps: Any = None) -> Any:
        self.asked += len(lanes)
        low, high = self.valley
        x = np.array([math.log2(lane.rate) for lane in lanes])
        return np.maximum(low - x, 0) + np.maximum(x - high, 0) + 0.1 * np.array([lane.decay for lane in lanes])


class TestSweep:
    @pytest.mark.parametrize("best", [-20.0, -17.0, -10.0, -5.0, -1.0, 3.0, 10.0])
    def test_the_best_rate_is_found_also_beyond_the_first_grid(self, best: float) -> None:
        rate, _ = locate(Curve((best, best)), proxy("digits"), 0)
        assert rate == 2.0**best
        tuned = tune(Curve((best + 0.5, best + 0.5)), proxy("digits"), rate, [1, 2], (0.0, 0.1))
        assert tuned.rate == 2.0 ** (best + 0.5) and tuned.decay == 0.0

    @pytest.mark.parametrize("best", [-60.0, 60.0])
    def test_a_best_rate_that_stays_on_the_edge_is_void(self, best: float) -> None:
        curve = Curve((best, best))
        with pytest.raises(CandidateFailed, match=r"(smallest|largest) rate is still the best") as failure:
            locate(curve, proxy("digits"), 0)
        assert failure.value.status == "invalid"
        assert curve.asked <= 9 + 3 * 4
        with pytest.raises(CandidateFailed, match=r"(smallest|largest) rate is still the best"):
            tune(curve, proxy("digits"), 1.0, [1])

    def test_the_grid_follows_the_rule_s_own_scale(self) -> None:
        rate, _ = locate(Curve((-45.0, -45.0), scale=2.0**40), proxy("digits"), 0)
        assert rate == 2.0**-45

    def test_a_run_off_undoes_luck_with_few_seeds(self) -> None:
        class Lucky(Curve):
            def log_losses(self, task: Any, lanes: Any, seeds: Any, steps: Any = None) -> Any:
                lucky = np.array([lane.rate == 2.0 and seeds[lane.seed] < 3 for lane in lanes])
                return super().log_losses(task, lanes, seeds, steps) - 5.0 * lucky

        curve = Lucky((0.5, 0.5))
        assert tune(curve, proxy("digits"), 1.0, [0, 1, 2]).rate == 2.0
        tuned = tune(curve, proxy("digits"), 1.0, [0, 1, 2], runoff=range(3, 40))
        assert tuned.rate == 2.0**0.5
        assert len(tuned.log_losses) == 40

    def test_scaling_a_rule_by_a_power_of_two_changes_nothing(self) -> None:
        found = []
        for direction in ("m", "1024 * m", "m * 0.0009765625"):
            trainer = Trainer(InProcess(), Limits(), rule(direction))
            centre, loss = locate(trainer, proxy("softmax"), 3, 20)
            found.append((centre * {"m": 1.0, "1024 * m": 1024.0}.get(direction, 1 / 1024), loss))
        assert found[0] == found[1] == found[2]


class Answers(Slot):
    """A slot that gives fixed answers."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def call(
        self, payload: Mapping[str, Any], arrays: Mapping[str, Array] | None = None, limits: Limits | None = None
    ) -> Answer:
        if payload["mode"] == "scale":
            return Answer("ok", {"rms": 1.0})
        return self.answer

    def close(self) -> None: ...


class TestUntrustedAnswers:
    @pytest.mark.parametrize(
        "weights",
        [
            None,
            np.zeros((1, 3), dtype=np.float32),
            np.zeros((9, 1028), dtype=np.float64),
            np.zeros((8, 1028), dtype=np.float32),
            np.zeros(9 * 1028, dtype=np.float32),
        ],
    )
    def test_weights_of_another_shape_or_type_are_invalid(self, weights: Any) -> None:
        arrays = {} if weights is None else {"weights": Array.of(weights)}
        with pytest.raises(CandidateFailed, match="weights must be") as failure:
            locate(Trainer(Answers(Answer("ok", {}, arrays)), Limits(), ""), proxy("softmax"), 0)
        assert failure.value.status == "invalid"

    @pytest.mark.parametrize("shape", [None, (3, 16), (3, 16, 76), (2, 16, 77)])
    def test_updates_of_another_shape_are_invalid(self, shape: Any) -> None:
        arrays = {} if shape is None else {"u0": Array.of(np.ones(shape))}
        verdict = Judge(Answers(Answer("ok", {}, arrays))).judge("", "screen", 0, 0, Limits())
        assert (verdict.status, verdict.score) == ("invalid", None)
        assert "updates must be" in verdict.message

    @pytest.mark.parametrize("status", ["error", "timeout", "memory", "crash", "invalid"])
    def test_a_failed_call_is_a_verdict_of_that_status(self, status: Any) -> None:
        answer = Answer(status, message="it went wrong", clock_limited=status == "timeout")
        for stage in ("screen", "probe", "full"):
            verdict = Judge(Answers(answer)).judge("", stage, 0, 0, Limits())
            assert (verdict.status, verdict.score, verdict.message) == (status, None, "it went wrong")
            assert verdict.clock_limited == (status == "timeout") and not verdict.advance

    def test_weights_that_are_nan_everywhere_are_void_not_scored(self) -> None:
        class Dead(Answers):
            def call(self, payload: Any, arrays: Any = None, limits: Any = None) -> Answer:
                if payload["mode"] == "scale":
                    return super().call(payload)
                shape = (len(payload["lanes"]), 1028)
                return Answer("ok", {}, {"weights": Array.of(np.full(shape, np.nan, dtype=np.float32))})

        with pytest.raises(CandidateFailed, match="no best learning rate") as failure:
            locate(Trainer(Dead(Answer("ok")), Limits(), ""), proxy("softmax"), 0)
        assert failure.value.status == "invalid"

    @pytest.mark.parametrize("rms", [float("nan"), 0.0, -1.0, 1e300, "1", None, [1.0]])
    def test_a_nonsensical_scale_is_ignored(self, rms: Any) -> None:
        class Said(Answers):
            def call(self, payload: Any, arrays: Any = None, limits: Any = None) -> Answer:
                return Answer("ok", {"rms": rms})

        assert Trainer(Said(Answer("ok")), Limits(), "").scale(proxy("softmax"), 1) == 1.0


class TestScreen:
    def test_a_zoo_that_cannot_be_traced_is_a_failure_of_the_system(self) -> None:
        class Flaky(InProcess):
            def call(self, payload: Any, arrays: Any = None, limits: Any = None) -> Answer:
                if len(payload["sources"]) > 1:
                    return Answer("timeout", message="too slow")
                return super().call(payload, arrays, limits)

        with pytest.raises(EvaluatorFailed, match="zoo"):
            Judge(Flaky()).judge(ADAMW, "screen", 0, 0, Limits())

    def judge(self, source: str) -> Any:
        return Judge(InProcess()).judge(source, "screen", 0, 0, Limits())

    @pytest.mark.parametrize("name", sorted(zoo.sources()))
    def test_every_rule_of_the_zoo_is_recognised_by_its_behaviour(self, name: str) -> None:
        verdict = self.judge(zoo.sources()[name])
        assert verdict.evidence["rediscovers"] == name and verdict.advance
        assert name in verdict.message

    def test_a_rewritten_and_rescaled_rule_is_recognised(self) -> None:
        text = ADAMW.replace("u = bias_correct(m, b1) / (", "u = 3.7 * bias_correct(m, b1) / (")
        assert text != ADAMW
        assert self.judge(text).evidence["rediscovers"] == "adamw"

    def test_another_constant_is_another_rule(self) -> None:
        assert self.judge(ADAMW.replace("0.999", "0.998")).evidence["rediscovers"] is None

    @pytest.mark.parametrize("direction", ["m - m", "0.0 * g"])
    def test_a_rule_that_does_nothing_is_invalid(self, direction: str) -> None:
        verdict = self.judge(rule(direction))
        assert verdict.status == "invalid" and "always zero" in verdict.message and not verdict.advance

    def test_a_rule_that_is_not_finite_is_invalid_and_says_where(self) -> None:
        verdict = self.judge(rule("pow(g, -40.0)"))
        assert verdict.status == "invalid" and "not finite at step" in verdict.message

    def test_the_digest_does_not_depend_on_scale_but_on_sign(self) -> None:
        updates = np.random.default_rng(0).standard_normal((3, 16, 7))
        same = fingerprint.digest(updates)
        assert fingerprint.digest(updates * np.array([7.0, 1e-150, 1e150])[:, None, None]) == same
        assert fingerprint.digest(-updates) != same


class TestStages:
    def test_the_bands_do_not_overlap_and_keep_their_order(self) -> None:
        culled = [probe_score(-CLIP, shortfall) for shortfall in (60.0, 3.0, 1.0, 1e-9)]
        passed = [probe_score(found, 0.0) for found in (-CLIP, -0.3, 0.0, 0.4, CLIP)]
        assert culled + passed == sorted(culled + passed)
        assert culled[0] >= -CLIP - 2.0 and passed[-1] <= -CLIP - 1.0
        screened = Judge(InProcess()).judge(ADAMW, "screen", 0, 0, Limits())
        assert screened.score is not None and screened.score < culled[0]

    def test_adamw_passes_the_probe_and_a_useless_rule_is_culled_with_a_reason(self) -> None:
        judge = Judge(InProcess())
        good = judge.judge(ADAMW, "probe", 0, 7, Limits())
        bad = judge.judge(rule("abs(m)"), "probe", 0, 7, Limits())
        assert good.advance and good.status == "scored" and abs(good.cases[PROBE_TASK]) < 0.3
        assert not bad.advance and bad.status == "scored" and "culled" in bad.message
        assert bad.score is not None and good.score is not None and bad.score < good.score

    def test_equal_seed_stage_and_replicate_give_equal_verdicts_and_others_do_not(self) -> None:
        first, again, other, replicate = (
            Judge(InProcess()).judge(ADAMW, "probe", r, seed, Limits()) for r, seed in ((0, 7), (0, 7), (0, 8), (1, 7))
        )
        assert first.to_json() == again.to_json()
        assert len({first.score, other.score, replicate.score}) == 3

    def test_a_full_verdict_measures_every_search_task(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sweep, "HALF_OCTAVES", 1)
        short = tuple(replace(task, steps=task.steps // 5) for task in SEARCH)
        monkeypatch.setattr("discovery.tasks.optimizers.stages.SEARCH", short)
        verdict = Judge(InProcess()).judge(ADAMW, "full", 0, random.Random(1).getrandbits(60), Limits())
        assert verdict.status == "scored" and set(verdict.cases) == {task.name for task in SEARCH}
        assert verdict.score == pytest.approx(np.mean(list(verdict.cases.values())))
        assert verdict.score < -0.5  # a fifth of the steps is worth a fifth of the horizon
        assert verdict.evidence["rediscovers"] == "adamw"
        json.dumps(verdict.to_json(), allow_nan=False)
