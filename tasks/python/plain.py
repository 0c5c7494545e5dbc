"""Plain data across the sandbox's boundary, with arrays at any place in it. Runs on both sides; no engine.

Coded, a value is None, bool, int, float or str as it is, a list of coded values, `{"dict": {name: coded}}`, or
`{"array": name}` for an entry of the arrays that travel beside it. Tuples become lists.
"""

from __future__ import annotations

import math
import sys
from collections import deque
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np

__all__ = ["NotPlain", "decode", "encode", "widened"]

#: Any array that numpy holds.
NumpyArray: TypeAlias = "np.ndarray[Any, Any]"

_MAX_DEPTH = 40
_MAX_ITEMS = 2_000_000
_INTEGERS = range(-(2**63), 2**63)
_EXACT = 2**53
_WIDER = {"b": "|b1", "u1": "|u1", "i": "<i8", "u": "<i8", "f2": "<f4", "f4": "<f4", "f8": "<f8"}


class NotPlain(ValueError):
    """A value that cannot cross: not plain, not finite, or too deep. The message names the place."""


def encode(value: Any, arrays: dict[str, NumpyArray], where: str = "answer") -> Any:
    """Code `value`; its numpy arrays go into `arrays` under new names.

    Args:
        value: None, bool, int, float, str, list, tuple, range, deque, dict with str keys, kinds of these such as named
            tuples and counters, numpy scalars and arrays, nested.
        arrays: Receives the arrays.
        where: What messages call the value.

    Raises:
        NotPlain: anything else, a number that is not finite, whole numbers beyond 64 bits, or nesting beyond 40.
    """
    return _Encoder(arrays).code(value, where, 0)


class _Encoder:
    def __init__(self, arrays: dict[str, NumpyArray]) -> None:
        self._arrays = arrays
        self._items = 0
        # Without numpy loaded there is no numpy value, so nothing needs to load it.
        self._numpy = sys.modules.get("numpy")

    def code(self, value: Any, where: str, depth: int) -> Any:
        self._items += 1
        if depth > _MAX_DEPTH or self._items > _MAX_ITEMS:
            raise NotPlain(f"{where}: nested too deep or too long (at most {_MAX_DEPTH} levels, {_MAX_ITEMS} items)")
        if self._numpy is not None and isinstance(value, self._numpy.generic):
            value = value.item()
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind is str:
            return self._text(value, where)
        if kind is int:
            if value not in _INTEGERS:
                raise NotPlain(f"{where} is a whole number beyond 64 bits")
            return value
        if kind is float:
            if not math.isfinite(value):
                raise NotPlain(f"{where} is {value}; every number must be finite")
            return value
        if isinstance(value, list | tuple | range | deque):
            return [self.code(item, f"{where}[{index}]", depth + 1) for index, item in enumerate(value)]
        if isinstance(value, dict):
            return {
                "dict": {
                    self._key(key, where): self.code(item, f"{where}[{key!r}]", depth + 1)
                    for key, item in value.items()
                }
            }
        if self._numpy is not None and isinstance(value, self._numpy.ndarray):
            return {"array": self._array(value, where)}
        raise NotPlain(f"{where} is of type {kind.__name__}; give numbers, strings, lists, dicts or numpy arrays")

    @staticmethod
    def _text(value: str, where: str) -> str:
        if not value.isascii():
            try:
                value.encode("utf-8")
            except UnicodeEncodeError:
                raise NotPlain(f"{where} is no text that UTF-8 holds: it has half of a surrogate pair") from None
        return value

    def _key(self, key: Any, where: str) -> str:
        if type(key) is not str:
            raise NotPlain(f"{where} has the key {key!r}; the keys of a dict must be strings")
        return self._text(key, f"a key of {where}")

    def _array(self, value: NumpyArray, where: str) -> str:
        assert self._numpy is not None
        kind, size = value.dtype.kind, value.dtype.itemsize
        target = None if (kind, size) == ("u", 8) else _WIDER.get(f"{kind}{size}") or _WIDER.get(kind)
        if target is None:
            raise NotPlain(f"{where} is an array of {value.dtype}; give one of floats, whole numbers or booleans")
        if kind == "f" and not self._numpy.isfinite(value).all():
            raise NotPlain(f"{where} is an array with nan or infinite entries; every number must be finite")
        name = f"a{len(self._arrays)}"
        self._arrays[name] = self._numpy.ascontiguousarray(value, dtype=target).reshape(value.shape)
        return name


def decode(coded: Any, arrays: dict[str, NumpyArray], where: str = "answer", depth: int = 0) -> Any:
    """The value that `coded` stands for. Trusts nothing of it.

    Raises:
        NotPlain: not what `encode` gives, or an array in it is not finite.
    """
    if depth > _MAX_DEPTH:
        raise NotPlain(f"{where}: nested too deep")
    kind = type(coded)
    if coded is None or kind in (bool, int, str) or (kind is float and math.isfinite(coded)):
        return coded
    if kind is list:
        return [decode(item, arrays, f"{where}[{index}]", depth + 1) for index, item in enumerate(coded)]
    if kind is dict and len(coded) == 1:
        ((tag, content),) = coded.items()
        if tag == "dict" and type(content) is dict:
            return {key: decode(item, arrays, f"{where}[{key!r}]", depth + 1) for key, item in content.items()}
        if tag == "array" and type(content) is str and content in arrays:
            return _finite(arrays[content], where)
    raise NotPlain(f"{where} is not coded plain data")


def widened(array: NumpyArray, where: str = "answer") -> NumpyArray:
    """An array of an answer as a scorer gets it: float64, int64 or bool.

    Otherwise the candidate would choose how the scorer's own sums round, and at what size they wrap: of two bytes, 255
    and 1 add up to 0.

    Raises:
        NotPlain: whole numbers beyond 2^53, whose sums may wrap.
    """
    import numpy as np

    kind = array.dtype.kind
    if kind == "b":
        return array
    wide = array.astype(np.float64 if kind == "f" else np.int64)
    if kind != "f" and wide.size and max(-int(wide.min()), int(wide.max())) > _EXACT:
        raise NotPlain(f"{where} is an array with whole numbers beyond 2^53; give such numbers in a list")
    return wide


def _finite(array: NumpyArray, where: str) -> NumpyArray:
    import numpy as np

    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise NotPlain(f"{where} is an array with nan or infinite entries; every number must be finite")
    return array
