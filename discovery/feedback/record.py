"""The execution record as JSON, and its strict check. Standard library only.

Sections, after OPTO (Cheng, Nie, Swaminathan, "Trace is the Next AutoDiff", NeurIPS 2024): `code` (nodes with operation
and parents, parents first), `documentation` (a line per operation), `variables`, `inputs`, `others`, `outputs` (the
nodes' values by role), `spans`, and `feedback` (the evaluator's own `text`, `cases`; `errors` and `counterexamples`,
which may quote the candidate). Values are clipped text, never objects.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from discovery.feedback.text import MAX_NAME, MAX_VALUE, clean, label

__all__ = ["MAX_BYTES", "MAX_NODES", "ROLES", "SCHEMA", "InvalidRecord", "validated"]

SCHEMA = "feedback/1"
#: Bytes of a record as compact JSON.
MAX_BYTES = 16 << 10
#: Nodes of a record: its grain is coarse, an epoch or an instance, never an iteration.
MAX_NODES = 50
#: Sections that hold the values of nodes, by the node's role.
ROLES = {"variable": "variables", "input": "inputs", "other": "others", "output": "outputs"}
_MAX_LIST, _MAX_LONG = 1000, 2000


class InvalidRecord(ValueError):
    """A record that does not hold to the schema; the message names the place."""


def validated(data: Any) -> dict[str, Any]:
    """`data` as a record: a fresh structure with every text cleaned, exactly the known keys, and within all bounds.

    Trusts nothing: what comes from a sandbox may be forged.

    Raises:
        InvalidRecord: otherwise.
    """
    record = _object(data, "record", _RECORD, optional=())
    if record["schema"] != SCHEMA:
        raise InvalidRecord(f"record.schema must be {SCHEMA!r}; got {record['schema']!r}")
    known: set[str] = set()
    for node in record["code"]:
        if node["id"] in known or not set(node["parents"]) <= known:
            raise InvalidRecord(f"record.code: node {node['id']!r} is there twice, or comes before its parents")
        known.add(node["id"])
    held = [value["id"] for section in ROLES.values() for value in record[section]]
    if len(set(held)) < len(held) or not set(held) <= known:
        raise InvalidRecord("record: each value must belong to a node of its own in record.code")
    size = len(json.dumps(record, separators=(",", ":")).encode())
    if size > MAX_BYTES:
        raise InvalidRecord(f"a record may have {MAX_BYTES} bytes; got {size}")
    return record


_Check = Callable[[Any, str], Any]


def _object(data: Any, where: str, fields: Mapping[str, _Check], optional: tuple[str, ...]) -> dict[str, Any]:
    if type(data) is not dict:
        raise InvalidRecord(f"{where} must be an object; got {type(data).__name__}")
    for key in data:
        if key not in fields:
            raise InvalidRecord(f"{where} has the unknown key {str(key)[:40]!r}; known: {', '.join(fields)}")
    for key in fields:
        if key not in data and key not in optional:
            raise InvalidRecord(f"{where} lacks {key!r}")
    return {key: check(data[key], f"{where}.{key}") for key, check in fields.items() if key in data}


def _text(length: int, cleaned: Callable[[str], str] = clean) -> _Check:
    def check(data: Any, where: str) -> str:
        if type(data) is not str or len(data) > length:
            raise InvalidRecord(f"{where} must be text of at most {length} characters")
        return cleaned(data)

    return check


def _number(data: Any, where: str) -> float:
    if type(data) not in (int, float) or not math.isfinite(data):
        raise InvalidRecord(f"{where} must be a finite number")
    return float(data)


def _count(data: Any, where: str) -> int:
    if type(data) is not int or not 0 <= data < 2**53:
        raise InvalidRecord(f"{where} must be a whole number from 0")
    return int(data)


def _flag(data: Any, where: str) -> bool:
    if type(data) is not bool:
        raise InvalidRecord(f"{where} must be true or false")
    return data


def _list(check: _Check, length: int = _MAX_LIST) -> _Check:
    def inner(data: Any, where: str) -> list[Any]:
        if type(data) is not list or len(data) > length:
            raise InvalidRecord(f"{where} must be a list of at most {length}")
        return [check(item, f"{where}[{index}]") for index, item in enumerate(data)]

    return inner


def _named(data: Any, where: str) -> dict[str, str]:
    if type(data) is not dict or len(data) > MAX_NODES:
        raise InvalidRecord(f"{where} must be an object of at most {MAX_NODES} entries")
    return {_NAME(key, where): _text(MAX_VALUE)(value, f"{where}.{key}") for key, value in data.items()}


def _or_none(check: _Check) -> _Check:
    return lambda data, where: None if data is None else check(data, where)


def _entry(optional: tuple[str, ...] = (), **fields: _Check) -> _Check:
    return lambda data, where: _object(data, where, fields, optional)


_NAME, _VALUE, _LONG = _text(MAX_NAME, label), _text(MAX_VALUE), _text(_MAX_LONG)
_VALUES = _list(
    _entry(
        ("n", "first", "min", "max"),
        id=_NAME,
        type=_NAME,
        value=_VALUE,
        n=_count,
        first=_VALUE,
        min=_number,
        max=_number,
    ),
    MAX_NODES,
)
_ERROR = _entry(
    ("line", "excerpt", "frames", "inputs", "log", "case", "node"),
    stage=_NAME,
    type=_NAME,
    message=_LONG,
    line=_or_none(_count),
    excerpt=_LONG,
    frames=_list(_VALUE, 20),
    inputs=_LONG,
    log=_LONG,
    case=_NAME,
    node=_NAME,
)
_FEEDBACK = {
    "text": _LONG,
    "cases": _list(_entry(("note",), id=_NAME, score=_number, status=_NAME, note=_VALUE)),
    "errors": _list(_ERROR, 20),
    "counterexamples": _list(_entry(("amount",), case=_NAME, what=_LONG, amount=_number), 20),
}
_RECORD: dict[str, _Check] = {
    "schema": _NAME,
    "truncated": _flag,
    "code": _list(_entry(id=_NAME, op=_NAME, parents=_list(_NAME, MAX_NODES)), MAX_NODES),
    "documentation": _named,
    **dict.fromkeys(ROLES.values(), _VALUES),
    "spans": _list(_entry(("error",), name=_NAME, n=_count, seconds=_number, error=_VALUE), MAX_NODES),
    "feedback": lambda data, where: _object(data, where, _FEEDBACK, ()),
}
