"""What the record of a rule says: numbers that are the verdict's, where curves break, which rule it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest

from discovery.feedback import render, validated
from discovery.model import Verdict
from discovery.sandbox import Answer, Limits
from discovery.tasks.optimizers import zoo
from discovery.tasks.optimizers.baseline import InProcess
from discovery.tasks.optimizers.proxies import WORST_LOSS, proxy
from discovery.tasks.optimizers.stages import PROBE_TASK, Judge
from discovery.tasks.optimizers.sweep import CandidateFailed, Run, marks
from discovery.tasks.optimizers.trace import failed, record

DEAD = math.log(WORST_LOSS)
STEPS = marks(proxy("softmax").steps)
NAN = math.nan


def said(verdict: Verdict) -> str:
    return render(validated(verdict.record), verdict, "cases", marker="0" * 12)


def judged(source: str, stage: str) -> Verdict:
    return Judge(InProcess()).judge(source, stage, 0, 7, Limits())


def momentum(direction: str) -> str:
    return (
        'def init(shape, kind):\n    return {"m": zeros(shape)}\n\n\ndef update(w, g, s, t, kind):\n'
        f'    m = ema(s["m"], g, 0.9)\n    return {direction}, {{"m": m}}\n'
    )


def test_a_probed_rule_tells_rates_curve_and_adamw() -> None:
    verdict = judged(zoo.sources()["adamw"], "probe")
    text = said(verdict)
    assert "rediscovery" in text and "adamw" in text
    assert f"best rate {verdict.evidence['rate']:.3g}" in text and "than tuned AdamW" in text
    assert "training loss 1." in text and "at steps 1, 50, 100," in text
    (case,) = verdict.record["feedback"]["cases"]  # type: ignore[index]
    assert (case["id"], case["score"]) == (PROBE_TASK, verdict.cases[PROBE_TASK])
    assert verdict.record["outputs"][0]["value"] == format(verdict.score, ".6g")  # type: ignore[index]


def test_a_culled_rule_says_so() -> None:
    verdict = judged(momentum("abs(m)"), "probe")
    assert not verdict.advance and "culled" in said(verdict)


@pytest.mark.parametrize(
    ("direction", "stage", "words"),
    [
        ("pow(g, -40.0)", "screen", "the update is not finite at step"),
        ("m - m", "screen", "always zero"),
        ("neg(m)", "probe", "no best learning rate found on task softmax"),
    ],
)
def test_a_failure_is_told_with_what_its_runs_looked_like(direction: str, stage: str, words: str) -> None:
    verdict = judged(momentum(direction), stage)
    text = said(verdict)
    assert verdict.status == "invalid" and words in text
    assert ("log loss by rate" in text) == (stage == "probe")


def run(rate: float, log_loss: float, curve: Sequence[float]) -> Run:
    return Run("softmax", rate, log_loss, tuple(curve))


def told(runs: Sequence[Run], rate: float) -> str:
    evidence = {"rediscovers": None, "rate": rate, "log_loss": -0.3}
    return str(record("probe", Verdict("scored", 0.0, evidence=evidence, advance=True), runs).to_json()["feedback"])


def test_where_a_curve_breaks() -> None:
    good = run(0.1, -0.3, [1.4, 1.2, 1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    broken = run(0.2, DEAD, [1.4, 1.2, 5e9, NAN, NAN, NAN, NAN, NAN, NAN])
    at_once = run(0.4, DEAD, [NAN] * 9)
    text = told([good, broken, at_once], 0.1)
    assert f"0.2 breaks down between steps {STEPS[2]} and {STEPS[3]}" in text
    assert "0.4 breaks down at step 1" in text and "0.1 gives -0.30" in text
    some = told([good, broken, run(0.2, -0.1, good.curve)], 0.1)
    assert "0.2 breaks down between" in some and "(1/2)" in some


def test_what_stands_out_in_the_curve_of_the_best_rate() -> None:
    rises = run(0.1, -0.3, [1.4, 1.0, 0.5, 0.6, 3.0, 1.0, 0.8, 0.7, 0.6])
    assert f"it rises again, to 3 at step {STEPS[4]}" in told([rises], 0.1)
    stalls = run(0.1, -0.3, [1.4, 1.0, 0.7, 0.6, 0.5, 0.5, 0.5, 0.5, 0.49])
    assert "it hardly falls in the second half" in told([stalls], 0.1)
    falls = run(0.1, -0.3, [1.4, 1.2, 1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    assert not any(word in told([falls], 0.1) for word in ("rises", "hardly", "breaks"))


def test_runs_without_a_curve_are_told_without_one() -> None:
    assert "no curve" in told([run(0.1, -0.3, [])], 0.1)
    assert "breaks down" in str(failed(CandidateFailed("invalid", "m"), [run(0.1, DEAD, [])]).to_json())


def test_only_the_rates_around_the_best_are_told() -> None:
    runs = [run(2.0**exponent, abs(exponent + 5.0), []) for exponent in range(-12, 1)]
    text = told(runs, 2.0**-5)
    assert "of 13 tried" in text and text.count(" gives ") == 7


def test_a_curve_of_the_wrong_shape_is_passed_over() -> None:
    class Odd(InProcess):
        def call(self, payload: Any, arrays: Any = None, limits: Any = None) -> Answer:
            answer = super().call(payload, arrays, limits)
            kept = {name: array for name, array in answer.arrays.items() if name != "curve"}
            return Answer(
                "ok", answer.value, kept | {"curve": answer.arrays["weights"]} if "curve" in answer.arrays else kept
            )

    verdict = Judge(Odd()).judge(zoo.sources()["adamw"], "probe", 0, 7, Limits())
    assert verdict.status == "scored" and "no curve" in said(verdict)


def test_features_do_not_depend_on_scale_and_tell_signs_from_means() -> None:
    found = {name: judged(momentum(text), "screen").evidence["features"] for name, text in RULES.items()}
    assert found["momentum"] == found["scaled"]
    assert found["sign"]["evenness"] == 1.0 > found["momentum"]["evenness"] > 0.7
    assert found["momentum"]["memory"] > 0.6 > found["plain"]["memory"]


RULES = {"momentum": "m", "scaled": "7.0 * m", "sign": "sign(g)", "plain": "g"}
