"""The recorder: how an evaluator, or a harness in the sandbox, writes down what a run did. Standard library only."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeGuard, TypeVar

from discovery.feedback.record import MAX_BYTES, MAX_NODES, ROLES, SCHEMA, InvalidRecord, validated
from discovery.feedback.text import MAX_VALUE, clean, clip, label

__all__ = ["Recorder"]

_T = TypeVar("_T")
_LONG = 2000


class Recorder:
    """Collects nodes, spans, cases and errors, and gives them as a record (see `record`).

        with trace.span("round", k=3):
            cuts = trace.node("cuts", cuts, parents=["model"])
            bound = trace.node("bound", lp_bound(cuts), parents=["cuts"], doc="Relaxation with the cuts.")
        trace.output("gap", gap, parents=["bound"])

    Nodes are coarse: an epoch, an instance, never an iteration. A name that comes again folds into one node with its
    first and last value, its count, and for numbers the least and the greatest. Past 50 nodes the record says that it
    was cut. Nothing here raises for what is recorded.

    Args:
        on: When False, everything is passed over and `node` only returns its value.
    """

    def __init__(self, *, on: bool = True) -> None:
        self._on = on
        self._nodes: dict[str, dict[str, Any]] = {}
        self._values: dict[str, tuple[str, dict[str, Any]]] = {}
        self._documentation: dict[str, str] = {}
        self._spans: dict[str, dict[str, Any]] = {}
        self._open: list[str] = []
        self._feedback: dict[str, Any] = {"text": "", "cases": [], "errors": [], "counterexamples": []}
        self._truncated = False

    # The graph

    def node(
        self, name: str, value: _T, *, parents: Sequence[str] = (), role: str = "other", op: str = "", doc: str = ""
    ) -> _T:
        """Record `value` under `name` and return it unchanged.

        Args:
            name: What prompts call it, verbatim.
            value: Kept as clipped text.
            parents: Names of nodes recorded before; unknown ones are passed over.
            role: `"variable"` (what may change), `"input"`, `"other"` or `"output"`.
            op: Operation that made it; by default the name.
            doc: One line about the operation.
        """
        if not self._on:
            return value
        key = label(str(name))
        if key in self._nodes:
            self._fold(key, value)
        elif len(self._nodes) >= MAX_NODES:
            self._truncated = True
        else:
            known = [each for each in (label(str(parent)) for parent in parents) if each in self._nodes]
            operation = label(op or key)
            self._nodes[key] = {"id": key, "op": operation, "parents": list(dict.fromkeys(known))}
            self._values[key] = (ROLES.get(role, "others"), {"id": key, "type": _type(value), "value": clip(value)})
            if _plain(value):
                self._values[key][1].update(min=float(value), max=float(value))
            if doc:
                self._documentation.setdefault(operation, clean(doc, MAX_VALUE))
        return value

    def variable(self, name: str, value: _T, doc: str = "") -> _T:
        """A node that proposals may change."""
        return self.node(name, value, role="variable", doc=doc)

    def output(self, name: str, value: _T, *, parents: Sequence[str] = (), op: str = "", doc: str = "") -> _T:
        """A node that is a result."""
        return self.node(name, value, parents=parents, role="output", op=op, doc=doc)

    def _fold(self, key: str, value: object) -> None:
        entry = self._values[key][1]
        entry.setdefault("first", entry["value"])
        entry["n"] = entry.get("n", 1) + 1
        entry["value"], entry["type"] = clip(value), _type(value)
        if _plain(value) and "min" in entry:
            number = float(value)
            entry["min"], entry["max"] = min(entry["min"], number), max(entry["max"], number)
        else:
            entry.pop("min", None), entry.pop("max", None)

    @contextmanager
    def span(self, name: str, **labels: Any) -> Iterator[None]:
        """Around a part of the work: times it, and notes an exception that leaves it."""
        if not self._on:
            yield
            return
        shown = ", ".join(f"{key}={clip(value, 40)}" for key, value in labels.items())
        key = label(f"{name}({shown})" if shown else str(name))
        if key not in self._spans and len(self._spans) >= MAX_NODES:
            self._truncated, key = True, next(reversed(self._spans))
        entry = self._spans.setdefault(key, {"name": key, "n": 0, "seconds": 0.0})
        entry["n"] += 1
        started = time.monotonic()
        self._open.append(key)
        try:
            yield
        except BaseException as error:
            entry["error"] = clean(type(error).__name__, MAX_VALUE)
            raise
        finally:
            self._open.pop()
            entry["seconds"] = float(f"{entry['seconds'] + time.monotonic() - started:.2g}")

    @property
    def where(self) -> str:
        """The innermost open span, or ""."""
        return self._open[-1] if self._open else ""

    # The feedback

    def say(self, line: str) -> None:
        """Add a line of the evaluator's own words. It is not fenced in prompts: it must not quote the candidate."""
        if self._on:
            text = self._feedback["text"]
            self._feedback["text"] = clean(f"{text}\n{line}" if text else line, _LONG)

    def case(self, name: str, score: float, *, status: str = "scored", note: str = "") -> None:
        """A row of the evaluator about one case; `note` in its own words. Every case has one, a failed one its worst
        score."""
        if self._on:
            row = {"id": label(name), "score": float(score), "status": status}
            self._feedback["cases"].append(row | ({"note": clean(note, MAX_VALUE)} if note else {}))

    def error(
        self,
        stage: str,
        kind: str,
        message: str,
        *,
        line: int | None = None,
        excerpt: str = "",
        frames: Sequence[str] = (),
        inputs: str = "",
        log: str = "",
        case: str = "",
        node: str = "",
    ) -> None:
        """A failure.

        Args:
            stage: Where in the program's way: parse, import, run, validate, score ...
            kind, message: Class of the exception or of the failure, and its text.
            line: Line of the candidate's source, from 1.
            excerpt: That line marked in its context (see `marked`).
            frames: The candidate's own frames, outermost first.
            inputs: What the failing call was given, clipped.
            log: What the program printed, clipped.
            case: The case that it failed on.
            node: The node that it came from: what a minimal subgraph is traced back from.
        """
        if not self._on:
            return
        entry: dict[str, Any] = {"stage": label(stage), "type": label(kind)}
        entry["message"] = clean(message, _LONG)
        if line is not None:
            entry["line"] = line
        if frames:
            entry["frames"] = [clean(frame, MAX_VALUE) for frame in frames[-20:]]
        texts = {"excerpt": clean(excerpt, _LONG), "inputs": clean(inputs, _LONG), "log": clean(log, _LONG)}
        texts |= {"case": label(case), "node": label(node)}
        self._feedback["errors"].append(entry | {key: text for key, text in texts.items() if text})

    def counterexample(self, case: str, what: str, amount: float | None = None) -> None:
        """An instance on which a promise was broken: what was broken there, and by how much."""
        if self._on:
            entry: dict[str, Any] = {"case": label(case), "what": clean(what, _LONG)}
            found = {} if amount is None or not math.isfinite(amount) else {"amount": float(amount)}
            self._feedback["counterexamples"].append(entry | found)

    # In and out

    def absorb(self, untrusted: Any) -> bool:
        """Take in nodes and spans of a record that comes from the candidate's side; False when it is no sound record.

        Cases, text, errors and counterexamples of it are passed over: those are the evaluator's to say. Nodes whose
        names are taken here already are passed over too.
        """
        try:
            record = validated(untrusted)
        except InvalidRecord:
            return False
        values = {entry["id"]: (section, entry) for section in ROLES.values() for entry in record[section]}
        for node in record["code"]:
            name = node["id"]
            if name in self._nodes or name not in values:
                continue
            if len(self._nodes) >= MAX_NODES:
                self._truncated = True
                break
            self._nodes[name] = {**node, "parents": [each for each in node["parents"] if each in self._nodes]}
            section, entry = values[name]
            self._values[name] = ("others" if section == "outputs" else section, entry)
            if node["op"] in record["documentation"]:
                self._documentation.setdefault(node["op"], record["documentation"][node["op"]])
        for span in record["spans"]:
            if len(self._spans) < MAX_NODES:
                self._spans.setdefault(span["name"], span)
        self._truncated |= record["truncated"]
        return True

    def to_json(self, limit: int = MAX_BYTES) -> dict[str, Any]:
        """The record, of at most `limit` bytes as compact JSON: other values go first, errors last."""
        record: dict[str, Any] = {
            "schema": SCHEMA,
            "truncated": self._truncated,
            "code": [dict(node) for node in self._nodes.values()],
            "documentation": dict(self._documentation),
            **{
                section: [_finished(entry) for role, entry in self._values.values() if role == section]
                for section in ROLES.values()
            },
            "spans": [dict(span) for span in self._spans.values()],
            "feedback": {
                **self._feedback,
                "cases": self._feedback["cases"][:1000],
                "errors": self._feedback["errors"][:20],
                "counterexamples": self._feedback["counterexamples"][:20],
            },
        }
        for drop in (_drop_others, _drop_graph, _drop_notes, _drop_cases, _drop_counterexamples, _drop_errors):
            if _size(record) <= limit:
                break
            record["truncated"] = True
            drop(record, limit)
        return record


def _finished(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A value without what says nothing: least and greatest of a single one."""
    return dict(entry) if "n" in entry else {key: entry[key] for key in ("id", "type", "value")}


def _type(value: object) -> str:
    return label(type(value).__name__)


def _plain(value: object) -> TypeGuard[float]:
    return (type(value) is int or type(value) is float) and abs(value) < 1e300


def _size(record: Mapping[str, Any]) -> int:
    return len(json.dumps(record, separators=(",", ":")).encode())


def _without(record: dict[str, Any], dropped: set[str]) -> None:
    """Take nodes out; what was below them hangs on what was above them no more."""
    record["code"] = [
        {**node, "parents": [each for each in node["parents"] if each not in dropped]}
        for node in record["code"]
        if node["id"] not in dropped
    ]
    for section in ROLES.values():
        record[section] = [entry for entry in record[section] if entry["id"] not in dropped]


def _drop_others(record: dict[str, Any], limit: int) -> None:
    while record["others"] and _size(record) > limit:
        _without(record, {record["others"][-1]["id"]})


def _drop_graph(record: dict[str, Any], limit: int) -> None:
    record["spans"], record["documentation"] = [], {}
    _without(record, {entry["id"] for section in ("inputs", "variables") for entry in record[section]})


def _drop_notes(record: dict[str, Any], limit: int) -> None:
    rows = record["feedback"]["cases"]
    record["feedback"]["cases"] = [{key: row[key] for key in ("id", "score", "status")} for row in rows]


def _drop_cases(record: dict[str, Any], limit: int) -> None:
    """Drop the best of the scored ones first."""
    rows = record["feedback"]["cases"]
    while rows and _size(record) > limit:
        keep = max(len(rows) * 3 // 4, 0)
        worst = sorted(range(len(rows)), key=lambda index: (rows[index]["status"] == "scored", rows[index]["score"]))
        rows = [rows[index] for index in sorted(worst[:keep])]
        record["feedback"]["cases"] = rows


def _drop_counterexamples(record: dict[str, Any], limit: int) -> None:
    while record["feedback"]["counterexamples"] and _size(record) > limit:
        record["feedback"]["counterexamples"].pop()


def _drop_errors(record: dict[str, Any], limit: int) -> None:
    _without(record, {node["id"] for node in record["code"]})
    errors = record["feedback"]["errors"]
    while len(errors) > 1 and _size(record) > limit:
        errors.pop()
    for key in ("log", "frames", "inputs", "excerpt"):
        if errors and _size(record) > limit:
            errors[0].pop(key, None)
    if _size(record) > limit:
        record["feedback"]["text"] = ""
