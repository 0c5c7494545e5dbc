"""The minimal subgraph against its definition: paths, enumerated."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from discovery.feedback import Recorder, minimal, validated


@st.composite
def graphs(draw: st.DrawFn) -> Recorder:
    trace = Recorder()
    count = draw(st.integers(1, 8))
    for number in range(count):
        above = [str(each) for each in range(number) if draw(st.booleans())]
        role = draw(st.sampled_from(["variable", "input", "other", "output"]))
        trace.node(
            str(number), number, parents=above, role="other" if above and role in ("variable", "input") else role
        )
    return trace


def paths(parents: dict[str, list[str]], node: str) -> list[list[str]]:
    """All paths that end in `node`, from any node on."""
    return [[node]] + [[*path, node] for parent in parents[node] for path in paths(parents, parent)]


@settings(deadline=None)
@given(graphs())
def test_kept_are_the_nodes_on_paths_from_a_variable_to_an_output_and_their_parents(trace: Recorder) -> None:
    record = trace.to_json()
    parents = {node["id"]: node["parents"] for node in record["code"]}
    variables = {entry["id"] for entry in record["variables"]}
    outputs = {entry["id"] for entry in record["outputs"]}
    on_path = {n for out in outputs for path in paths(parents, out) if path[0] in variables for n in path}
    found = validated(minimal(record))
    kept = {node["id"] for node in found["code"]}
    if on_path:
        beside = {parent for node in on_path for parent in parents[node]} - on_path
        assert kept == on_path | beside
        assert beside == {entry["id"] for entry in found["inputs"]} | (beside & _held(found, "outputs"))
        assert all(node["parents"] == parents[node["id"]] for node in found["code"] if node["id"] in on_path)
    elif outputs:
        assert kept == {n for out in outputs for path in paths(parents, out) for n in path}
    else:
        assert kept == set(parents)


def _held(record: dict[str, Any], section: str) -> set[str]:
    return {entry["id"] for entry in record[section]}


def test_for_an_exception_the_output_is_the_node_that_raised() -> None:
    trace = Recorder()
    trace.variable("program", "text")
    trace.node("case a", 1, role="input")
    trace.node("case b", 2, role="input")
    trace.output("score a", 0.5, parents=["program", "case a"])
    trace.node("call b", "raised", parents=["program", "case b"])
    trace.error("run", "ValueError", "no", node="call b")
    found = minimal(trace.to_json())
    assert {node["id"] for node in found["code"]} == {"program", "case b", "call b"}
    assert _held(found, "outputs") == {"call b"} and _held(found, "inputs") == {"case b"}


def test_outputs_can_be_asked_for() -> None:
    trace = Recorder()
    trace.variable("p", 1)
    trace.output("a", 1, parents=["p"])
    trace.output("b", 1, parents=["p"])
    assert {node["id"] for node in minimal(trace.to_json(), ["b"])["code"]} == {"p", "b"}
