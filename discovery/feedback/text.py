"""Values and foreign text as short, harmless text. Standard library only."""

from __future__ import annotations

import sys
import unicodedata
from typing import Any

__all__ = ["MAX_NAME", "MAX_VALUE", "clean", "clip", "cut", "label"]

#: Characters of one value in a record.
MAX_VALUE = 400
#: Characters of a name in a record.
MAX_NAME = 80
_MAX_ITEMS, _MAX_DEPTH, _MAX_TEXT = 8, 3, 120
_MAX_BITS = 256
_BITS = (8, 16, 32, 64)


def cut(text: str, length: int) -> str:
    """`text`, or its beginning with a mark when it is longer than `length` (at least 4)."""
    return text if len(text) <= length else text[: length - 4] + " ..."


def clean(text: str, length: int | None = None) -> str:
    """`text` fit to be shown: control, format and private characters and lone surrogates become `?`; lines end in a
    newline, whatever ended them, the last in none; tabs become spaces. Cut to `length` when given. Clean text stays as
    it is.

    >>> clean("a\\x1b[31mb\\r\\nc")
    'a?[31mb\\nc'
    """
    if length is not None:
        text = text[: 2 * length + 4]  # what comes behind cannot matter, and cleaning costs
    lines = text.expandtabs(4).splitlines()
    shown = "\n".join(line if line.isprintable() else _struck(line) for line in lines).rstrip("\n")
    return shown if length is None else cut(shown, length)


def _struck(line: str) -> str:
    return "".join("?" if unicodedata.category(c)[0] == "C" else c for c in line)


def label(text: str, length: int = MAX_NAME) -> str:
    """`text` cleaned, as one line of at most `length` characters.

    >>> label("a\\n  b")
    'a b'
    """
    return cut(" ".join(clean(text, length).split()), length)


def clip(value: Any, length: int = MAX_VALUE) -> str:
    """What `value` looks like, in at most `length` characters and without running any code of it.

    Only exact built-in types and numpy arrays are looked into; of anything else the class is named. Equal values give
    equal texts: sets are sorted, no addresses are shown.

    >>> clip({"load": [0.1234567891, 3], "who": {"b", "a"}})
    "{'load': [0.123457, 3], 'who': {'a', 'b'}}"
    """
    return clean(_shown(value, 0), length)


def _shown(value: Any, depth: int) -> str:
    kind = type(value)
    if value is None or kind is bool:
        return str(value)
    if kind is int:
        return str(value) if value.bit_length() <= _MAX_BITS else f"<int of {value.bit_length()} bits>"
    if kind is float:
        return format(value, ".6g")
    if kind is complex:
        return f"({value.real:.6g}{value.imag:+.6g}j)"
    if kind in (str, bytes):
        return repr(value if len(value) <= _MAX_TEXT else value[:_MAX_TEXT]) + (
            "" if len(value) <= _MAX_TEXT else "..."
        )
    if kind in (list, tuple, set, frozenset, dict):
        return _container(value, depth)
    numpy = sys.modules.get("numpy")
    if numpy is not None and kind is numpy.ndarray:
        return _array(value)
    if numpy is not None and kind.__module__ == "numpy" and kind.__name__ in _NUMPY_SCALARS:
        return _shown(value.item(), depth)
    return f"<{_name(kind)}>"


_NUMPY_SCALARS = frozenset(
    ("bool", "bool_", "float16", "float32", "float64", *(f"{sign}int{bits}" for sign in ("", "u") for bits in _BITS))
)


def _container(value: Any, depth: int) -> str:
    kind, count = type(value), len(value)
    if depth == _MAX_DEPTH:
        return f"<{kind.__name__} of {count}>"
    if kind is dict:
        items = [f"{_shown(k, depth + 1)}: {_shown(v, depth + 1)}" for k, v in _first(value.items())]
    elif kind in (set, frozenset):
        items = sorted(_shown(item, depth + 1) for item in value)[:_MAX_ITEMS] if count <= 1000 else []
    else:
        items = [_shown(item, depth + 1) for item in _first(value)]
    if count > len(items):
        items.append(f"... {count} in all")
    left, right = "[]" if kind is list else "()" if kind is tuple else "{}"
    return left + ", ".join(items) + right


def _first(values: Any) -> list[Any]:
    return [value for value, _ in zip(values, range(_MAX_ITEMS), strict=False)]


def _array(value: Any) -> str:
    shape = "x".join(map(str, value.shape)) or "scalar"
    if value.dtype.kind not in "fiub":
        return f"<array {shape} of {value.dtype.kind}>"
    values = value.reshape(-1)[:_MAX_ITEMS].tolist()
    more = ", ..." if value.size > _MAX_ITEMS else ""
    return f"array {value.dtype.name} {shape} [{', '.join(_shown(item, 0) for item in values)}{more}]"


def _name(kind: type) -> str:
    name = type.__dict__["__name__"].__get__(kind)  # a metaclass may answer anything
    return clean(name, 60) if type(name) is str else "?"
