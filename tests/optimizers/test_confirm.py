"""Confirmation: what it claims, what it refuses to claim, and that its numbers can be recomputed."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from discovery.errors import TaskError
from discovery.model import Evidence
from discovery.sandbox import Answer, Limits
from discovery.statistics import p_value
from discovery.tasks.optimizers import baseline, confirmation, zoo
from discovery.tasks.optimizers.baseline import DECAYS, InProcess
from discovery.tasks.optimizers.confirmation import MARGIN, TEST_SEEDS, Arm, compare, conclude, concluded, differences
from discovery.tasks.optimizers.proxies import HELD_OUT, SEARCH, WORST_LOSS, proxy
from discovery.tasks.optimizers.sweep import Trainer

#: One search task and one held-out task: the two cheapest.
TWO = (proxy("softmax"), proxy("factors"))
ALL = SEARCH + HELD_OUT


def trainer(name: str) -> Trainer:
    return Trainer(InProcess(), Limits(), zoo.sources()[name])


@pytest.fixture(scope="module")
def nesterov() -> Evidence:
    """Adam with Nesterov momentum, which is known to be better on these tasks: a positive control."""
    return compare(trainer("nadamw"), trainer("adamw"), TWO, 3, 3)


def test_a_better_rule_is_confirmed(nesterov: Evidence) -> None:
    assert nesterov.confirmed and nesterov.data["level"] == "held-out"
    assert nesterov.p_value is not None and nesterov.p_value < 0.01 and nesterov.effect > 0.1
    assert "over the search tasks and over the held-out tasks" in nesterov.claim
    assert "By task: better on softmax, factors." in nesterov.claim


def test_the_raw_values_give_the_evidence_again(nesterov: Evidence) -> None:
    again = Evidence.from_json(json.loads(json.dumps(nesterov.to_json(), allow_nan=False)))
    for name, arms in again.data["tasks"].items():
        values = differences(arms["candidate"]["log_losses"], arms["adamw"]["log_losses"], name)
        assert len(values) == TEST_SEEDS
        assert again.cases[name]["effect"] == pytest.approx(values.mean())
        assert again.cases[name]["p_value"] == p_value([value - MARGIN for value in values])
        assert again.cases[name]["held_out"] == proxy(name).held_out
    assert again.effect == again.data["pooled"]["search"]["effect"]
    assert concluded(again.data, TWO).to_json() == again.to_json()
    assert again.interval[0] < again.effect < again.interval[1]


def test_adamw_chooses_among_more_configurations_than_the_candidate(nesterov: Evidence) -> None:
    for arms in nesterov.data["tasks"].values():
        decays = [{decay for _, decay, _ in arms[side]["grid"]} for side in ("candidate", "adamw")]
        assert decays == [{0.0}, set(DECAYS)]
        counts = [len({rate for rate, _, _ in arms[side]["grid"]}) for side in ("candidate", "adamw")]
        assert min(counts) >= 5


def test_adamw_under_another_name_is_not_confirmed_on_disjoint_seeds() -> None:
    evidence = compare(trainer("adamw"), trainer("adamw"), TWO, 11, 12)
    assert not evidence.confirmed
    assert not set(evidence.data["tasks"]["softmax"]["candidate"]["log_losses"]) & set(
        evidence.data["tasks"]["softmax"]["adamw"]["log_losses"]
    )
    assert abs(evidence.effect) < 0.1


def test_a_rule_that_fails_is_not_confirmed_and_the_reason_is_kept() -> None:
    class Broken(InProcess):
        def call(self, payload: Any, arrays: Any = None, limits: Any = None) -> Answer:
            return Answer("crash", message="the process died")

    evidence = compare(Trainer(Broken(), Limits(), ""), trainer("adamw"), TWO, 1, 1, {"softmax": 20, "factors": 20})
    assert not evidence.confirmed and evidence.p_value == 1.0
    assert evidence.cases["factors"]["failure"] == "the process died"
    assert "failed on softmax, factors (softmax: the process died)" in evidence.claim
    json.dumps(evidence.to_json(), allow_nan=False)


def test_a_reference_that_fails_is_an_error_of_the_system() -> None:
    class Broken(InProcess):
        def call(self, payload: Any, arrays: Any = None, limits: Any = None) -> Answer:
            return Answer("crash", message="the process died")

    with pytest.raises(TaskError, match="AdamW could not be tuned on factors"):
        compare(trainer("adamw"), Trainer(Broken(), Limits(), ""), TWO[1:], 1, 1, {"factors": 20})


class TestClaims:
    """The rule from paired differences to a claim, on made-up losses."""

    def conclude(self, search: list[float], held_out: list[float], monkeypatch: pytest.MonkeyPatch) -> Evidence:
        gains = {task.name: held_out if task.held_out else search for task in ALL}
        return self.concluded(gains, monkeypatch)

    def concluded(self, gains: dict[str, list[float]], monkeypatch: pytest.MonkeyPatch) -> Evidence:
        monkeypatch.setattr(confirmation, "speedup", lambda task, loss: -loss)
        best, grid = (0.1, 0.0), ((0.1, 0.0, 0.0),)
        zero = Arm(best, grid, (0.0,) * 12, "")
        arms = {name: (Arm(best, grid, tuple(-gain for gain in found), ""), zero) for name, found in gains.items()}
        return conclude(arms, ALL, (1, 1), {})

    def test_better_on_both(self, monkeypatch: pytest.MonkeyPatch) -> None:
        evidence = self.conclude([0.1] * 12, [0.1] * 12, monkeypatch)
        assert evidence.confirmed and "and over the held-out tasks" in evidence.claim
        assert evidence.p_value == 2**-12

    def test_better_on_the_search_tasks_only(self, monkeypatch: pytest.MonkeyPatch) -> None:
        evidence = self.conclude([0.1] * 12, [-0.1] * 12, monkeypatch)
        assert not evidence.confirmed and evidence.data["level"] == "search"
        assert "not shown to be so on the held-out tasks" in evidence.claim

    def test_the_held_out_tasks_are_held_to_the_same_level(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Ten of twelve seeds agree: p = 79/4096 = 0.019. The correction over finalists works on the larger p."""
        evidence = self.conclude([0.1] * 12, [MARGIN + 0.1] * 10 + [MARGIN - 0.1] * 2, monkeypatch)
        assert evidence.p_value == pytest.approx(79 / 4096)
        assert not evidence.confirmed and evidence.data["level"] == "search"

    def test_better_on_the_held_out_tasks_only_claims_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        evidence = self.conclude([-0.1] * 12, [0.1] * 12, monkeypatch)
        assert not evidence.confirmed and evidence.claim.startswith("Not better")

    def test_a_mean_does_not_hide_the_tasks_that_lose(self, monkeypatch: pytest.MonkeyPatch) -> None:
        losing = {"softmax": -0.1, "noisy-digits": 0.0}
        gains = {task.name: [losing.get(task.name, 0.3)] * 11 + [losing.get(task.name, 0.3) + 0.001] for task in ALL}
        evidence = self.concluded(gains, monkeypatch)
        assert evidence.confirmed
        want = "By task: better on digits, autoencoder, factors; worse on softmax; undecided on noisy-digits."
        assert evidence.claim.endswith(want)

    def test_a_gain_that_chance_explains_is_a_null_result(self, monkeypatch: pytest.MonkeyPatch) -> None:
        evidence = self.conclude([0.5, -0.3] * 6, [0.5, -0.3] * 6, monkeypatch)
        assert not evidence.confirmed and evidence.claim.startswith("Not shown")

    def test_a_gain_within_what_the_grid_gives_is_a_null_result(self, monkeypatch: pytest.MonkeyPatch) -> None:
        evidence = self.conclude([0.018] * 12, [0.018] * 12, monkeypatch)
        assert not evidence.confirmed and evidence.p_value == 1.0

    def test_a_single_disastrous_seed_counts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        evidence = self.conclude([0.1] * 11 + [-2.0], [0.1] * 12, monkeypatch)
        assert not evidence.confirmed


def test_a_dead_seed_scores_the_worst_and_stays_finite() -> None:
    value = differences([math.log(WORST_LOSS)], [baseline.load_table()["tasks"]["digits"]["log_loss"][2]], "digits")
    assert value == pytest.approx([-baseline.CLIP])
    assert np.isfinite(value).all()
