"""Frames and strict JSON."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.sandbox.protocol import (
    HEADER,
    ITEM_SIZES,
    Declared,
    Header,
    ProtocolError,
    check_plain,
    decode_frame,
    decode_header,
    encode_frame,
    parse_json,
)

NONCE = bytes(range(16))
LIMIT = 1 << 20

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
plain = st.recursive(scalars, lambda part: st.lists(part, max_size=4) | st.dictionaries(texts, part, max_size=4))
values = st.dictionaries(texts, plain, max_size=5)


@st.composite
def declared_arrays(draw: st.DrawFn) -> list[Declared]:
    arrays = []
    for name in draw(st.lists(texts.filter(bool), unique=True, max_size=4)):
        dtype = draw(st.sampled_from(sorted(ITEM_SIZES)))
        shape = tuple(draw(st.lists(st.integers(0, 4), max_size=3)))
        count = ITEM_SIZES[dtype]
        for size in shape:
            count *= size
        data = draw(st.binary(min_size=count, max_size=count))
        arrays.append(Declared(name, dtype, shape, bytes(byte & 1 for byte in data) if dtype == "|b1" else data))
    return arrays


def frame_bytes(*arguments: object, **keywords: object) -> bytes:
    return b"".join(bytes(part) for part in encode_frame(*arguments, **keywords))  # type: ignore[arg-type]


def decode(data: bytes, limit: int = LIMIT) -> object:
    return decode_frame(memoryview(data), decode_header(data[: HEADER.size], limit))


@given(values, declared_arrays())
def test_what_is_encoded_is_decoded(value: dict[str, object], arrays: list[Declared]) -> None:
    data = frame_bytes(NONCE, "ok", value, arrays, {"line": 3})
    frame = decode_frame(memoryview(data), decode_header(data[: HEADER.size], LIMIT))
    assert (frame.nonce, frame.status, frame.value, frame.detail) == (NONCE, "ok", value, {"line": 3})
    assert json.dumps(frame.value) == json.dumps(value), "also the types, the order and the sign of zero"
    assert [array._replace(data=bytes(array.data)) for array in frame.arrays] == arrays


@given(values, declared_arrays(), st.data())
def test_a_damaged_frame_is_decoded_or_refused_but_nothing_else(
    value: dict[str, object], arrays: list[Declared], data: st.DataObject
) -> None:
    damaged = bytearray(frame_bytes(NONCE, "ok", value, arrays))
    position = data.draw(st.integers(HEADER.size, len(damaged) - 1))
    damaged[position] = data.draw(st.integers(0, 255))
    header = decode_header(bytes(damaged[: HEADER.size]), LIMIT)
    with contextlib.suppress(ProtocolError):
        decode_frame(memoryview(damaged), header)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_refused(data: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        assert type(parse_json(data)) is dict


@pytest.mark.parametrize(
    "text",
    [
        b"[]",
        b"1",
        b"",
        b"{",
        b'{"a":1}{}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":1e999}',
        b'{"a":1,"a":1}',
        b'{"b":{"a":1,"a":1}}',
        b'{"a":"\\ud800"}',
        b'{"\\udfff":1}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":"\xff"}',
        b'\xef\xbb\xbf{"a":1}',
        b'{"a":9223372036854775808}',
        b'{"a":' + b"9" * 10_000 + b"}",
        b'{"a":' + b"[" * 100 + b"]" * 100 + b"}",
        b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        b'{"a":[' + b"[]," * 1_000_000 + b"1]}",
        b"{'a':1}",
    ],
    ids=range(22),
)
def test_lenient_json_is_refused(text: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_json(text)


@pytest.mark.parametrize("total", [LIMIT + 1, 1 << 62])
def test_size_is_refused_from_the_header_alone(total: int) -> None:
    for document, rest in ((min(total, 2**32 - 1), 0), (0, total)):
        with pytest.raises(ProtocolError, match="may have"):
            decode_header(HEADER.pack(b"DSF1", NONCE, document, rest), LIMIT)


def test_other_bytes_are_no_header() -> None:
    with pytest.raises(ProtocolError):
        decode_header(bytes(HEADER.size), LIMIT)
    with pytest.raises(ProtocolError):
        decode_header(b"DSF1", LIMIT)


@pytest.mark.parametrize(
    "declaration",
    [
        {"name": "x", "dtype": "<f8", "shape": [2]},
        {"name": "x", "dtype": "<f8", "shape": []},
        {"name": "x", "dtype": "|O", "shape": [8]},
        {"name": "x", "dtype": ">f8", "shape": [1]},
        {"name": "x", "dtype": "|u1", "shape": [True, 8]},
        {"name": "x", "dtype": "|u1", "shape": [8.0]},
        {"name": "x", "dtype": "|u1", "shape": [-1, -8]},
        {"name": "x", "dtype": "|u1", "shape": "8"},
        {"name": "x", "dtype": "|u1", "shape": [0, 1 << 39, 1 << 39]},
        {"name": "x", "dtype": "|u1", "shape": [1] * 40},
        {"name": "", "dtype": "|u1", "shape": [4]},
        {"name": 1, "dtype": "|u1", "shape": [4]},
        {"name": "x", "dtype": "|u1", "shape": [4], "path": "/etc/passwd"},
        {"name": "x", "dtype": "|b1", "shape": [4]},
    ],
)
def test_an_array_has_to_be_what_it_declares(declaration: dict[str, object]) -> None:
    document = json.dumps({"status": "ok", "value": {}, "detail": {}, "arrays": [declaration]}).encode()
    padding = -(HEADER.size + len(document)) % 64
    data = HEADER.pack(b"DSF1", NONCE, len(document), padding + 4) + document + bytes(padding) + b"\2\2\2\2"
    with pytest.raises(ProtocolError):
        decode(data)


def test_a_shape_beyond_all_memory_is_refused_even_when_empty() -> None:
    with pytest.raises(ProtocolError, match="too large"):
        decode(frame_bytes(NONCE, "ok", {}, [Declared("x", "|u1", (0, 1 << 39, 1 << 39), b"")]))
    declaration = b'{"name":"x","dtype":"|u1","shape":[0,549755813888,549755813888]}'
    document = b'{"status":"ok","value":{},"detail":{},"arrays":[' + declaration + b"]}"
    padding = -(HEADER.size + len(document)) % 64
    with pytest.raises(ProtocolError, match="too large"):
        decode(HEADER.pack(b"DSF1", NONCE, len(document), padding) + document + bytes(padding))


def test_two_arrays_of_one_name_are_refused() -> None:
    with pytest.raises(ProtocolError, match="twice"):
        decode(frame_bytes(NONCE, "ok", {}, [Declared("x", "|u1", (1,), b"a")] * 2))


def test_bytes_that_are_not_declared_are_refused() -> None:
    data = frame_bytes(NONCE, "ok", {})
    with pytest.raises(ProtocolError):
        decode_frame(memoryview(data + b"x"), Header(NONCE, len(data) - HEADER.size, len(data) + 1))


@pytest.mark.parametrize("value", [[], 1, {1: 2}, {"a": (1,)}, {"a": b""}, {"a": 1j}, {"a": object()}, {"a": 1 << 64}])
def test_only_plain_data_are_encoded(value: object) -> None:
    with pytest.raises(ProtocolError):
        check_plain(value)


def test_subclasses_are_not_plain() -> None:
    class Always(int):
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = int.__hash__

    with pytest.raises(ProtocolError, match=r"value\['a'\]\[1\].*Always"):
        check_plain({"a": [0, Always(1)]})
