"""Frames between the host and a candidate, read as if the other side were hostile.

One frame each way and call. A frame is a fixed header, a strict JSON document, and raw little-endian arrays whose
names, types and shapes the document declares::

    magic 4s | nonce 16s | document length u32 | data length u64 | document | padding | array | padding | array ...

Arrays start at multiples of 64 bytes from the frame's start. Nothing is read before its declared size was compared with
the limit, nothing is parsed before it was read whole, and nothing is ever unpickled or opened by path. Both sides run
this module, so it imports the standard library only.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

__all__ = [
    "HEADER",
    "ITEM_SIZES",
    "NONCE_BYTES",
    "REPORT_BYTES",
    "Declared",
    "Frame",
    "Header",
    "ProtocolError",
    "check_plain",
    "decode_frame",
    "decode_header",
    "encode_frame",
    "parse_json",
]

HEADER = struct.Struct("<4s16sIQ")
NONCE_BYTES = 16
#: What an error report may need, however small the answer is to be.
REPORT_BYTES = 1 << 16
#: Bytes per element of each dtype that may cross.
ITEM_SIZES = {"<f4": 4, "<f8": 8, "<i4": 4, "<i8": 8, "|u1": 1, "|b1": 1}

_MAGIC = b"DSF1"
_ALIGN = 64
_MAX_DEPTH = 64
_MAX_VALUES = 1_000_000
_MAX_ARRAYS = 4096
_MAX_DIMENSIONS = 32
_MAX_NAME = 256
#: Product of the sizes, with zeros counted as ones: what numpy can address without overflow.
_MAX_ELEMENTS = 1 << 40


class ProtocolError(ValueError):
    """Data that is not in protocol; the message says what was expected and what came."""


class Declared(NamedTuple):
    """One array as a document declares it; `data` is a buffer of exactly the declared length."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    data: bytes | memoryview


class Header(NamedTuple):
    """Sizes in bytes of a frame still to be read; `total` includes the header."""

    nonce: bytes
    document: int
    total: int


@dataclass(frozen=True)
class Frame:
    """A decoded frame: the document's status and value, further fields of the document, and the arrays."""

    nonce: bytes
    status: str
    value: dict[str, Any]
    detail: dict[str, Any]
    arrays: tuple[Declared, ...]


def encode_frame(
    nonce: bytes,
    status: str,
    value: Mapping[str, Any],
    arrays: Sequence[Declared] = (),
    detail: Mapping[str, Any] | None = None,
) -> list[bytes | memoryview]:
    """Encode a frame as buffers to be written in order, without copying the arrays.

    Raises:
        ProtocolError: `value` is not plain data, or an array is not as declared.
    """
    check_plain(value)
    declarations = []
    for array in arrays:
        size = _declared_bytes(array.name, array.dtype, array.shape)
        if len(array.data) != size:
            raise ProtocolError(f"array {array.name!r} must have {size} bytes for its shape; got {len(array.data)}")
        declarations.append({"name": array.name, "dtype": array.dtype, "shape": list(array.shape)})
    document = {"status": status, "value": dict(value), "arrays": declarations, "detail": dict(detail or {})}
    text = json.dumps(document, allow_nan=False, separators=(",", ":")).encode("ascii")
    body: list[bytes | memoryview] = []
    position = start = HEADER.size + len(text)
    for array in arrays:
        body += [bytes(-position % _ALIGN), array.data]
        position += -position % _ALIGN + len(array.data)
    return [HEADER.pack(_MAGIC, nonce, len(text), position - start), text, *body]


def decode_header(data: bytes, limit: int) -> Header:
    """Read the header of a frame of at most `limit` bytes after it.

    Raises:
        ProtocolError: no header of this protocol, or a frame beyond `limit`.
    """
    if len(data) != HEADER.size:
        raise ProtocolError(f"a frame header has {HEADER.size} bytes; got {len(data)}")
    magic, nonce, document, rest = HEADER.unpack(data)
    if magic != _MAGIC:
        raise ProtocolError("the data do not begin with a frame header")
    if document + rest > limit:
        raise ProtocolError(f"the answer may have {limit} bytes; it declares {document + rest}")
    return Header(nonce, document, HEADER.size + document + rest)


def decode_frame(data: memoryview, header: Header) -> Frame:
    """Decode a whole frame (`data` starts at its header); the arrays are views into `data`.

    Raises:
        ProtocolError: anything but one strict document followed by exactly the arrays it declares.
    """
    if len(data) != header.total:
        raise ProtocolError(f"the frame declares {header.total} bytes; {len(data)} came")
    end = HEADER.size + header.document
    document = parse_json(bytes(data[HEADER.size : end]))
    if set(document) != {"status", "value", "arrays", "detail"}:
        raise ProtocolError(f"a document has status, value, arrays and detail; got {sorted(document)[:8]}")
    status, value, declared, detail = (document[name] for name in ("status", "value", "arrays", "detail"))
    if type(status) is not str or type(value) is not dict or type(detail) is not dict or type(declared) is not list:
        raise ProtocolError("status must be a string, value and detail objects, arrays a list")
    return Frame(header.nonce, status, value, detail, _decode_arrays(declared, data, end))


def _decode_arrays(declarations: list[Any], data: memoryview, position: int) -> tuple[Declared, ...]:
    if len(declarations) > _MAX_ARRAYS:
        raise ProtocolError(f"at most {_MAX_ARRAYS} arrays; got {len(declarations)}")
    arrays: dict[str, Declared] = {}
    for entry in declarations:
        if type(entry) is not dict or set(entry) != {"name", "dtype", "shape"} or type(entry["shape"]) is not list:
            raise ProtocolError("an array is declared by name, dtype and shape")
        name, dtype, shape = entry["name"], entry["dtype"], tuple(entry["shape"])
        size = _declared_bytes(name, dtype, shape)
        if name in arrays:
            raise ProtocolError(f"array {name!r} is declared twice")
        position += -position % _ALIGN
        if position + size > len(data):
            raise ProtocolError(f"array {name!r} must have {size} bytes; {max(len(data) - position, 0)} are left")
        content = data[position : position + size]
        if dtype == "|b1" and bytes(content).translate(None, b"\0\1"):
            raise ProtocolError(f"array {name!r} must hold only the bytes 0 and 1")
        arrays[name] = Declared(name, dtype, shape, content)
        position += size
    if position != len(data):
        raise ProtocolError(f"{len(data) - position} bytes follow the last array")
    return tuple(arrays.values())


def _declared_bytes(name: object, dtype: object, shape: tuple[object, ...]) -> int:
    if type(name) is not str or not 0 < len(name) <= _MAX_NAME:
        raise ProtocolError(f"an array name must be a string of 1 to {_MAX_NAME} characters; got {repr(name)[:80]}")
    if type(dtype) is not str or dtype not in ITEM_SIZES:
        raise ProtocolError(
            f"array {name!r} must have one of the dtypes {' '.join(ITEM_SIZES)}; got {repr(dtype)[:40]}"
        )
    if len(shape) > _MAX_DIMENSIONS:
        raise ProtocolError(f"array {name!r} may have {_MAX_DIMENSIONS} dimensions; got {len(shape)}")
    count, bound = 1, 1
    for size in shape:
        if type(size) is not int or not 0 <= size < _MAX_ELEMENTS:
            raise ProtocolError(f"the shape of array {name!r} must hold non-negative integers; got {repr(size)[:40]}")
        count, bound = count * size, bound * max(size, 1)
    if bound > _MAX_ELEMENTS:
        raise ProtocolError(f"array {name!r} is too large: its shape is {shape}"[:200])
    return count * ITEM_SIZES[dtype]


def parse_json(data: bytes) -> dict[str, Any]:
    """Parse one JSON object strictly.

    Only finite numbers, integers within 64 bits, distinct keys, valid text without surrogates, at most 64 levels and
    1,000,000 values. The caller bounds `len(data)`.

    Raises:
        ProtocolError: anything else.
    """
    if data.count(b",") + data.count(b"[") + data.count(b"{") > _MAX_VALUES:
        raise ProtocolError(f"the document has more than {_MAX_VALUES} values")
    try:
        text = data.decode("utf-8")
        document = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_real,
            parse_constant=_constant,
        )
    except ProtocolError:
        raise
    except RecursionError:
        raise ProtocolError(f"the document is nested deeper than {_MAX_DEPTH} levels") from None
    except UnicodeDecodeError as error:
        raise ProtocolError(f"the document is not UTF-8: {error.reason} at byte {error.start}") from None
    except ValueError as error:
        raise ProtocolError(f"the document is not JSON: {error}"[:200]) from None
    check_plain(document)
    assert type(document) is dict
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in pairs:
        if name in result:
            raise ProtocolError(f"key {name[:80]!r} appears twice")
        result[name] = value
    return result


def _integer(text: str) -> int:
    if len(text) > 20:
        raise ProtocolError(f"integers must fit in 64 bits; got {len(text)} digits")
    return int(text)


def _real(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ProtocolError(f"numbers must be finite; got {text[:40]}")
    return value


def _constant(text: str) -> NoReturn:
    raise ProtocolError(f"numbers must be finite; got {text}")


def check_plain(value: object) -> None:
    """Check that `value` is a mapping of plain data: dict, list, str, int, float, bool, None, of exactly these types.

    Raises:
        ProtocolError: it is not; the message has the path of the first offender.
    """
    if not isinstance(value, Mapping):
        raise ProtocolError(f"a value must be a dict; got {type(value).__name__}")
    stack: list[tuple[object, str, int]] = [(dict(value), "value", 1)]
    while stack:
        item, path, depth = stack.pop()
        kind = type(item)
        if kind is dict or kind is list:
            if depth > _MAX_DEPTH:
                raise ProtocolError(f"{path[:80]} is nested deeper than {_MAX_DEPTH} levels")
            stack.extend(_children(item, path, depth + 1))
        else:
            _check_scalar(item, path)


def _children(item: Any, path: str, depth: int) -> list[tuple[object, str, int]]:
    if type(item) is list:
        return [(element, f"{path}[{index}]", depth) for index, element in enumerate(item)]
    for key in item:
        if type(key) is not str:
            raise ProtocolError(f"keys of {path} must be strings; got {type(key).__name__}")
        _check_scalar(key, f"a key of {path}")
    return [(element, f"{path}[{key!r}]"[:200], depth) for key, element in item.items()]


def _check_scalar(item: object, path: str) -> None:
    kind = type(item)
    if item is None or kind is bool:
        return
    if kind is int:
        if not -(1 << 63) <= item < 1 << 63:  # type: ignore[operator]
            raise ProtocolError(f"{path} must fit in 64 bits")
    elif kind is float:
        if not math.isfinite(item):  # type: ignore[arg-type]
            raise ProtocolError(f"{path} must be finite; got {item}")
    elif kind is str:
        try:
            item.encode("utf-8")  # type: ignore[attr-defined]
        except UnicodeEncodeError:
            raise ProtocolError(f"{path} must be valid text; it holds a lone surrogate") from None
    else:
        known = "dict, list, str, int, float, bool, None"
        raise ProtocolError(f"{path} must be plain data ({known}); got {kind.__name__}")
