"""A bundle is checked against what can be computed and measured anew: no number and no sentence of it is believed."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from bundles import CONTEXT, RUN_SEED, TASK, bundle, verdicts

from discovery.model import Evidence
from discovery.randomness import derive
from discovery.task import Verification
from discovery.tasks.optimizers import baseline, confirmation, export, stages, verification, zoo
from discovery.tasks.optimizers.proxies import proxy
from discovery.tasks.optimizers.stages import Judge

#: Leaves of the evidence that carry no claim of their own: they say which machine made it, and so whether raw values
#: have to be equal or only to agree. Elsewhere is tested below.
UNCLAIMED = ("data.environment.",)
#: And of verdicts: what they cost, and where they were made.
COSTS = ("wall_seconds", "cpu_seconds", "record", "evidence.environment.")


@pytest.fixture(scope="module", autouse=True)
def short() -> Iterator[None]:
    """Two short tasks, and a ruler that fits them."""
    search, held_out = (replace(proxy("softmax"), steps=40),), (replace(proxy("factors"), steps=60),)
    marks = {"softmax": [0.6, 0.35, 0.1, -0.15, -0.4], "factors": [-1.4, -1.7, -2.0, -2.3, -2.6]}
    table = {"version": "short", "tasks": {name: {"log_loss": losses} for name, losses in marks.items()}}
    with pytest.MonkeyPatch.context() as patch:
        for module in (confirmation, verification):
            patch.setattr(module, "SEARCH", search)
            patch.setattr(module, "HELD_OUT", held_out)
        patch.setattr(stages, "SEARCH", search)
        for module in (baseline, confirmation, verification, stages):
            patch.setattr(module, "load_table", lambda: table)
        patch.setattr(confirmation, "RUNOFF_SEEDS", 1)
        yield


def finalist(name: str) -> dict[str, Any]:
    """Search and confirmation of the zoo's rule `name`, as a bundle records them."""
    program, context = TASK.language.check(zoo.sources()[name]), replace(CONTEXT, seed=derive(RUN_SEED, "confirm"))
    evidence: Evidence = TASK.confirm(program, context)
    search = verdicts(name, ["screen", "probe", "full"])
    entry = {
        "key": program.key,
        "search_score": search[-1]["score"],
        "evidence": json.loads(json.dumps(evidence.to_json())),
        "adjusted_p": evidence.p_value,
        "confirmed": evidence.confirmed,
        "finalists": 1,
    }
    return {"search": search, "confirmation": entry}


@pytest.fixture(scope="module")
def better() -> dict[str, Any]:
    return finalist("nadamw")


def verified(name: str, record: Mapping[str, Any]) -> Verification:
    document, files = bundle(name, record["search"], record["confirmation"])
    return TASK.verify(files, document, CONTEXT)


def failing(result: Verification) -> dict[str, str]:
    return {name: detail for name, holds, detail in result.checks if not holds}


def test_what_was_recorded_is_found_again(better: dict[str, Any]) -> None:
    """End to end: everything is measured anew."""
    assert better["confirmation"]["confirmed"]
    result = verified("nadamw", better)
    assert result.holds, result.checks
    assert [name for name, _, _ in result.checks] == [
        "rule", "files", "training", "search", "finalist", "statistics", "confirmation", "fresh seeds",
    ]  # fmt: skip
    details = {name: detail for name, _, detail in result.checks}
    assert "every number is the same" in details["confirmation"] and "the effect holds" in details["fresh seeds"]


def test_the_header_repeats_search_and_claim(better: dict[str, Any]) -> None:
    _, files = bundle("nadamw", better["search"], better["confirmation"])
    header = " ".join(files["found_rule.py"].split('"""')[1].split())
    assert better["search"][-1]["message"] in header and "the updates of nadamw on all traces: a redisc" in header
    assert "Confirmed. " + better["confirmation"]["evidence"]["claim"] in header


@pytest.fixture(scope="class")
def remembered() -> Iterator[None]:
    """Measurements are made once, for real, and then repeated from memory: they do not depend on the bundle.

    Of the module, only the header is written: the one part that repeats the record.
    """

    @cache
    def compare(source: str, ours: int, theirs: int) -> Evidence:
        trainers = (trainer(source), trainer(zoo.sources()["adamw"]))
        return confirmation.compare(*trainers, confirmation.SEARCH + confirmation.HELD_OUT, ours, theirs)

    @cache
    def judge(source: str, stage: str, replicate: int, seed: int) -> Any:
        return Judge(CONTEXT.slot).judge(source, stage, replicate, seed, CONTEXT.limits)

    class Remembering:
        def __init__(self, slot: Any) -> None: ...

        def judge(self, source: str, stage: str, replicate: int, seed: int, limits: Any) -> Any:
            return judge(source, stage, replicate, seed)

    def trainer(source: str) -> Any:
        return verification.Trainer(CONTEXT.slot, CONTEXT.limits, source)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verification, "compare", lambda ours, theirs, tasks, a, b: compare(ours.source, a, b))
        patch.setattr(verification, "confirm", lambda ours, seed: compare(ours.source, seed, seed))
        patch.setattr(verification, "Judge", Remembering)
        patch.setattr(export, "optimizer_module", lambda form, name, header: header)
        patch.setattr(verification, "_training", lambda *_: ("training", True, ""))
        yield


@pytest.mark.usefixtures("remembered")
class TestTampering:
    @pytest.mark.parametrize("part", ["confirmation", "search"])
    def test_no_leaf_can_be_changed(self, better: dict[str, Any], part: str) -> None:
        assert verified("nadamw", better).holds
        roots = [("confirmation", "evidence")] if part == "confirmation" else [("search", i) for i in range(3)]
        unclaimed = UNCLAIMED if part == "confirmation" else COSTS
        seen, believed = 0, []
        for root in roots:
            for path, change in changes(better[root[0]][root[1]]):  # type: ignore[literal-required]
                forged = copy.deepcopy(better)
                change(forged[root[0]][root[1]])  # type: ignore[literal-required]
                seen += 1
                if verified("nadamw", forged).holds:
                    believed.append(path)
        assert seen > (250 if part == "confirmation" else 40)
        assert [path for path in believed if not path.startswith(unclaimed)] == []

    @pytest.mark.parametrize(
        "change", [{"key": "0" * 64}, {"search_score": 1.0}, {"search_score": None}, {"evidence": {}}, {"evidence": 3}]
    )
    def test_nor_can_the_entry_around_it(self, better: dict[str, Any], change: dict[str, Any]) -> None:
        forged = {**better, "confirmation": {**better["confirmation"], **change}}
        try:
            result = verified("nadamw", forged)
        except (KeyError, TypeError):
            return  # no export writes a module for such a record
        assert not result.holds

    def test_a_rule_that_was_measured_again_was_ranked_by_a_mean(self, better: dict[str, Any]) -> None:
        (again,) = verdicts("nadamw", ["full"], replicate=1)
        record = copy.deepcopy(better)
        record["search"].append(again)
        assert verified("nadamw", record).holds  # confirmed before it was measured again
        first = better["search"][-1]["score"]
        assert first != again["score"]
        record["confirmation"]["search_score"] = (first + again["score"]) / 2
        assert verified("nadamw", record).holds
        record["confirmation"]["search_score"] = again["score"]
        assert "the recorded verdicts give" in failing(verified("nadamw", record))["finalist"]

    def test_the_difference_is_shown(self, better: dict[str, Any]) -> None:
        forged = copy.deepcopy(better)
        claim = forged["confirmation"]["evidence"]["claim"]
        forged["confirmation"]["evidence"]["claim"] = claim.replace("12 fresh seeds", "99 fresh seeds")
        assert "99 fresh seeds" in failing(verified("nadamw", forged))["statistics"]

    def test_another_run_s_seeds_do_not_do(self, better: dict[str, Any]) -> None:
        document, _ = bundle("nadamw", better["search"], better["confirmation"])
        document["run"]["config"]["seed"] = RUN_SEED + 1
        program = TASK.language.check(zoo.sources()["nadamw"])
        result = TASK.verify(TASK.export(program, "found_rule", document), document, CONTEXT)
        assert {"search", "confirmation"} <= failing(result).keys()

    def test_a_verdict_that_is_left_out_is_missed(self, better: dict[str, Any]) -> None:
        assert "finalist" in failing(verified("nadamw", {**better, "search": better["search"][:2]}))

    def test_a_stage_counts_once(self, better: dict[str, Any]) -> None:
        forged = {**better, "search": [*better["search"], better["search"][-1]]}
        assert "twice" in failing(verified("nadamw", forged))["search"]

    def test_a_clock_is_no_excuse_for_a_score(self, better: dict[str, Any]) -> None:
        forged = copy.deepcopy(better)
        forged["search"][-1] |= {"clock_limited": True, "score": 1.0}
        assert "search" in failing(verified("nadamw", forged))

    def test_a_file_more_is_found_out(self, better: dict[str, Any]) -> None:
        document, files = bundle("nadamw", better["search"], better["confirmation"])
        assert "files" in failing(TASK.verify({**files, "torch.py": ""}, document, CONTEXT))

    @pytest.mark.parametrize("change", [{"table": "older"}, {"seeds": {}}, {"environment": None}])
    def test_incomplete_evidence_is_a_failed_check(self, better: dict[str, Any], change: dict[str, Any]) -> None:
        forged = copy.deepcopy(better)
        forged["confirmation"]["evidence"]["data"] |= change
        (detail,) = failing(verified("nadamw", forged)).values()
        assert "another version" in detail or "malformed" in detail

    @pytest.mark.parametrize("missing", ["run", "search", "name"])
    def test_an_incomplete_bundle_is_a_failed_check(self, better: dict[str, Any], missing: str) -> None:
        document, files = bundle("nadamw", better["search"], better["confirmation"])
        document[missing] = {} if missing != "name" else "../up"
        assert failing(TASK.verify(files, document, CONTEXT))

    def test_elsewhere_small_drift_is_borne(self, better: dict[str, Any]) -> None:
        result = verified("nadamw", elsewhere(better, lambda loss, seed: loss + 1e-3 * (-1) ** seed))
        assert result.holds, result.checks
        assert (
            "it was made with processor another"
            in dict((name, told) for name, _, told in result.checks)["confirmation"]
        )

    @pytest.mark.parametrize(
        "drift",
        [lambda loss, seed: loss - 0.5, lambda loss, seed: loss + (-2.0 if seed % 2 else 1.5)],
        ids=["better", "intervals so wide that anything lies inside"],
    )
    def test_elsewhere_is_no_excuse_for_other_effects(
        self, better: dict[str, Any], drift: Callable[[float, int], float]
    ) -> None:
        assert "confirmation" in failing(verified("nadamw", elsewhere(better, drift)))

    def test_elsewhere_is_no_excuse_for_another_search_score(self, better: dict[str, Any]) -> None:
        forged = elsewhere(better, lambda loss, seed: loss)
        evidence = forged["search"][-1]["evidence"]
        evidence["environment"] = {"processor": "another"}
        evidence["tasks"]["softmax"]["log_losses"] = [x - 0.5 for x in evidence["tasks"]["softmax"]["log_losses"]]
        told = json.loads(json.dumps(stages.concluded("full", evidence).to_json()))
        forged["search"][-1] |= {name: told[name] for name in ("score", "cases", "message")}
        forged["confirmation"]["search_score"] = told["score"]
        assert "is allowed in another environment" in failing(verified("nadamw", forged))["search"]


def elsewhere(record: dict[str, Any], drift: Callable[[float, int], float]) -> dict[str, Any]:
    """`record` as if made on another machine, the candidate's raw losses drifted, and what follows."""
    moved = copy.deepcopy(record)
    data = moved["confirmation"]["evidence"]["data"]
    data["environment"]["processor"] = "another"
    for arms in data["tasks"].values():
        losses = arms["candidate"]["log_losses"]
        arms["candidate"]["log_losses"] = [drift(loss, seed) for seed, loss in enumerate(losses)]
    derived = confirmation.concluded(data, confirmation.SEARCH + confirmation.HELD_OUT)
    moved["confirmation"] |= {
        "evidence": json.loads(json.dumps(derived.to_json())),
        "confirmed": derived.confirmed,
        "adjusted_p": derived.p_value,
    }
    return moved


def changes(value: Any, path: str = "", *keys: Any) -> Iterator[tuple[str, Callable[[Any], None]]]:
    """Every way to change one leaf of plain data, to drop one item or to add one: where, and what does it in place."""

    def at(root: Any) -> Any:
        for key in keys[:-1]:
            root = root[key]
        return root

    def put(new: Any) -> Callable[[Any], None]:
        return lambda root: at(root).__setitem__(keys[-1], new)

    if isinstance(value, dict | list):
        for key, item in list(value.items() if isinstance(value, dict) else enumerate(value)):
            yield from changes(item, f"{path}{key}.", *keys, key)
        if keys and value:
            yield path, put(value[:-1] if isinstance(value, list) else dict(list(value.items())[:-1]))
        if keys:
            yield path, put([*value, 0.0] if isinstance(value, list) else {**value, "more": 0.0})
    elif isinstance(value, bool):
        yield path, put(not value)
    elif isinstance(value, int | float):
        yield path, put(value + 1e-3 if isinstance(value, float) else value + 1)
        yield path, put(None)
    else:
        yield path, put("forged" if value is None else None if value == "" else value + " forged")


def test_a_null_result_is_checked_alike_and_claims_nothing() -> None:
    record = finalist("sgd_momentum")
    assert not record["confirmation"]["confirmed"]
    result = verified("sgd_momentum", record)
    assert result.holds and result.checks[-1][0] == "confirmation"
    record["confirmation"]["confirmed"] = True
    assert "finalist" in failing(verified("sgd_momentum", record))
