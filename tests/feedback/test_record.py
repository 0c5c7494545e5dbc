"""The recorder and the strict check: what is recorded is sound, bounded, and cannot be forged past the check."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discovery.feedback import MAX_BYTES, InvalidRecord, Recorder, minimal, validated


def size(record: Any) -> int:
    return len(json.dumps(record, separators=(",", ":")).encode())


def sample() -> Recorder:
    trace = Recorder()
    trace.variable("program", "def cuts(m): ...", doc="What is proposed.")
    trace.node("instance", "n=20", role="input")
    for k in range(3):
        with trace.span("round"):
            trace.node("rows", 10 * k, parents=["program", "instance"], op="separate", doc="Cuts of a round.")
    trace.output("gap", 0.25, parents=["rows"])
    trace.case("i4", 0.25, note="got worse")
    trace.say("the mean gap fell")
    return trace


def test_what_is_recorded_stands_in_its_section() -> None:
    record = sample().to_json()
    assert validated(record) == record
    assert record["code"][2] == {"id": "rows", "op": "separate", "parents": ["program", "instance"]}
    assert record["variables"][0]["id"] == "program" and record["inputs"][0]["value"] == "'n=20'"
    folded = {"id": "rows", "type": "int", "value": "20", "n": 3, "first": "0", "min": 0.0, "max": 20.0}
    assert record["others"] == [folded]
    assert record["outputs"] == [{"id": "gap", "type": "float", "value": "0.25"}]
    assert record["spans"][0]["n"] == 3 and record["documentation"]["separate"] == "Cuts of a round."
    assert record["feedback"]["cases"] == [{"id": "i4", "score": 0.25, "status": "scored", "note": "got worse"}]


def test_node_returns_its_value_and_switched_off_keeps_nothing() -> None:
    value = object()
    trace = Recorder(on=False)
    assert trace.node("x", value) is value
    with trace.span("y"):
        trace.error("run", "E", "m")
    trace.case("a", 1.0)
    assert trace.to_json() == Recorder().to_json()


def test_a_span_notes_what_leaves_it_and_knows_where_it_is() -> None:
    trace = Recorder()
    with pytest.raises(KeyError), trace.span("outer"), trace.span("inner", k=3):
        assert trace.where == "inner(k=3)"
        raise KeyError
    assert trace.where == ""
    assert {span["name"]: span["error"] for span in trace.to_json()["spans"]} == {
        "outer": "KeyError",
        "inner(k=3)": "KeyError",
    }


NAMES = st.text(max_size=120)
ACTIONS = st.lists(
    st.one_of(
        st.tuples(
            st.just("node"),
            NAMES,
            st.lists(NAMES, max_size=3),
            st.sampled_from(["variable", "input", "other", "output"]),
        ),
        st.tuples(st.just("error"), st.text(max_size=4000), NAMES),
        st.tuples(st.just("case"), NAMES, st.floats(allow_nan=False, allow_infinity=False)),
        st.tuples(st.just("example"), NAMES, st.text(max_size=4000)),
        st.tuples(st.just("span"), NAMES),
        st.tuples(st.just("say"), st.text(max_size=300)),
    ),
    max_size=80,
)


def played(actions: list[Any]) -> Recorder:
    trace = Recorder()
    for kind, *rest in actions:
        if kind == "node":
            trace.node(rest[0], rest[0] * 50, parents=rest[1], role=rest[2], doc=rest[0])
        elif kind == "error":
            trace.error("run", rest[1], rest[0], line=3, excerpt=rest[0], inputs=rest[0], log=rest[0], node=rest[1])
        elif kind == "case":
            trace.case(rest[0], rest[1], note=rest[0])
        elif kind == "example":
            trace.counterexample(*rest, 1.5)
        elif kind == "say":
            trace.say(rest[0])
        else:
            with trace.span(rest[0]):
                pass
    return trace


@settings(deadline=None, max_examples=60)
@given(ACTIONS)
def test_every_record_is_sound_and_within_its_bytes(actions: list[Any]) -> None:
    record = played(actions).to_json()
    assert size(record) <= MAX_BYTES
    assert validated(json.loads(json.dumps(record))) == record
    assert validated(minimal(record)) is not None


def test_others_go_first_and_errors_last() -> None:
    trace = Recorder()
    for number in range(60):
        trace.node(f"node {number}", "x" * 390)
    for number in range(300):
        trace.case(f"case {number}", float(number), note="n" * 200)
    trace.error("run", "ValueError", "m" * 1500, excerpt="> 1 | x")
    record = trace.to_json()
    assert record["truncated"] and record["feedback"]["errors"][0]["message"] == "m" * 1500
    assert record["others"] == []
    assert min(row["score"] for row in record["feedback"]["cases"]) == 0.0, "the worst cases are the last to go"


def test_at_most_fifty_nodes() -> None:
    trace = Recorder()
    for number in range(70):
        trace.node(str(number), number)
    record = trace.to_json()
    assert len(record["code"]) == 50 and record["truncated"]


def broken(path: list[Any], value: Any) -> Any:
    record: Any = json.loads(json.dumps(sample().to_json()))
    place = record
    for step in path[:-1]:
        place = place[step]
    if value is KeyError:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return record


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["schema"], "feedback/2"),
        (["extra"], 1),
        (["spans"], KeyError),
        (["truncated"], 1),
        (["code", 0, "parents"], ["gap"]),
        (["code", 0, "id"], "gap"),
        (["code", 0, "id"], "x" * 81),
        (["code", 0, "id"], None),
        (["code"], {}),
        (["outputs", 0, "id"], "nowhere"),
        (["outputs", 0, "value"], "v" * 401),
        (["outputs", 0, "value"], 3),
        (["outputs", 0, "code"], "x"),
        (["feedback", "cases", 0, "score"], float("nan")),
        (["feedback", "cases", 0, "score"], True),
        (["feedback", "cases", 0, "score"], "1"),
        (["feedback", "text"], "x" * 2001),
        (["feedback", "errors"], [{}]),
        (["documentation"], {"a": 1}),
        (["spans", 0, "n"], -1),
        (["spans", 0, "n"], 1.0),
        (["spans", 0, "seconds"], float("inf")),
    ],
)
def test_what_does_not_hold_to_the_schema_is_refused(path: list[Any], value: Any) -> None:
    with pytest.raises(InvalidRecord):
        validated(broken(path, value))
    assert not Recorder().absorb(broken(path, value))


@pytest.mark.parametrize("data", [None, [], "x", 3, {}, {"schema": "feedback/1"}, type("D", (dict,), {})()])
def test_other_things_are_no_records(data: Any) -> None:
    with pytest.raises(InvalidRecord):
        validated(data)


def test_a_record_over_the_bytes_is_refused() -> None:
    record = sample().to_json()
    record["feedback"]["errors"] = [{"stage": "s", "type": "t", "message": "m" * 2000}] * 9
    with pytest.raises(InvalidRecord, match="bytes"):
        validated(record)


def test_absorbing_takes_nodes_but_no_scores_and_no_words() -> None:
    forged = sample()
    forged.error("run", "E", "m")
    forged.counterexample("c", "w")
    trace = Recorder()
    trace.output("gap", 0.9)
    assert trace.absorb(json.loads(json.dumps(forged.to_json())))
    record = trace.to_json()
    assert [node["id"] for node in record["code"]] == ["gap", "program", "instance", "rows"]
    assert record["outputs"] == [{"id": "gap", "type": "float", "value": "0.9"}]
    assert record["feedback"] == Recorder().to_json()["feedback"]
    validated(record)


def test_absorbed_outputs_are_results_of_nobody() -> None:
    trace = Recorder()
    assert trace.absorb(sample().to_json())
    assert trace.to_json()["outputs"] == []


def test_control_characters_of_names_and_values_are_gone() -> None:
    trace = Recorder()
    trace.node("na\x1b[2Jme\nb", "v\x00\u202e")
    trace.error("run", "E\x07", "a\x1bb")
    text = json.dumps(trace.to_json(), ensure_ascii=False)
    assert not any(c in text for c in "\x1b\x00\u202e\x07")
    assert trace.to_json()["code"][0]["id"] == "na?[2Jme b"


def test_the_package_needs_the_standard_library_only() -> None:
    code = (
        "import sys; before = set(sys.modules); import discovery.feedback\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "extra = new - set(sys.stdlib_module_names) - {'discovery'}\n"
        "ours = {name for name in sys.modules if name.startswith('discovery.')}\n"
        "ours = {name for name in ours if not name.startswith('discovery.feedback')}\n"
        "assert not extra and not ours, (extra, ours)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
