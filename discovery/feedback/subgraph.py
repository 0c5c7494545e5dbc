"""The minimal subgraph behind a result. Standard library only.

Walk back from the output; keep the nodes on a path from a variable to it, and their other immediate parents as inputs
(Cheng, Nie, Swaminathan 2024, section 3). For an exception the output is the node that raised.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from discovery.feedback.record import ROLES

__all__ = ["minimal"]


def minimal(record: Mapping[str, Any], outputs: Collection[str] | None = None) -> dict[str, Any]:
    """`record` with only the nodes that lie behind `outputs`.

    Args:
        record: A sound record.
        outputs: Names of nodes; by default those where errors arose, else the record's outputs. When the record has
            none of them, nothing is left out; when no variable lies behind them, all that does is kept.

    Returns:
        A record: kept nodes that no variable reaches are its inputs.
    """
    parents = {node["id"]: node["parents"] for node in record["code"]}
    wanted = set(outputs if outputs is not None else _results(record)) & parents.keys()
    if not wanted:
        return dict(record)
    behind = _ancestors(parents, wanted)
    reached = _descendants(parents, {entry["id"] for entry in record["variables"]})
    core = behind & reached or behind
    kept = core | {parent for node in core for parent in parents[node]}
    role = {entry["id"]: (section, entry) for section in ROLES.values() for entry in record[section]}
    sections: dict[str, list[Any]] = {section: [] for section in ROLES.values()}
    for name in parents:
        if name in kept and name in role:
            section, entry = role[name]
            if name in wanted and outputs is None:
                section = "outputs"
            elif name not in core:
                section = "inputs"
            sections[section].append(entry)
    code = [
        {**node, "parents": [each for each in node["parents"] if each in kept] if node["id"] in core else []}
        for node in record["code"]
        if node["id"] in kept
    ]
    operations = {node["op"] for node in code}
    documentation = {op: line for op, line in record["documentation"].items() if op in operations}
    return {**record, "code": code, "documentation": documentation, **sections}


def _results(record: Mapping[str, Any]) -> set[str]:
    raised = {error["node"] for error in record["feedback"]["errors"] if "node" in error}
    return raised or {entry["id"] for entry in record["outputs"]}


def _ancestors(parents: Mapping[str, list[str]], start: set[str]) -> set[str]:
    found: set[str] = set()
    stack = list(start)
    while stack:
        node = stack.pop()
        if node not in found:
            found.add(node)
            stack += parents[node]
    return found


def _descendants(parents: Mapping[str, list[str]], start: set[str]) -> set[str]:
    """Nodes that one of `start` reaches; `parents` has parents first."""
    found = set(start) & parents.keys()
    for node, above in parents.items():
        if any(parent in found for parent in above):
            found.add(node)
    return found
