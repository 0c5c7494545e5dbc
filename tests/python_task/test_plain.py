from __future__ import annotations

import json
import math
from collections import Counter, OrderedDict, defaultdict, deque
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from discovery.tasks.python.plain import NotPlain, decode, encode, widened

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
)
arrays = hnp.arrays(
    st.sampled_from(["<f4", "<f8", "<i8", "|u1", "|b1", "<i2", ">f8", "<f2"]),
    hnp.array_shapes(min_dims=0, max_dims=3, max_side=4),
    elements={"allow_nan": False, "allow_infinity": False},
)


def through(value: Any) -> Any:
    sent: dict[str, Any] = {}
    return decode(json.loads(json.dumps(encode(value, sent))), sent)


@given(values)
def test_plain_data_comes_back_as_it_went(value: Any) -> None:
    assert repr(through(value)) == repr(value)


@given(arrays)
def test_arrays_come_back_with_their_values(array: Any) -> None:
    found = through({"x": [array]})["x"][0]
    assert found.shape == array.shape and np.array_equal(found, array)


def test_numpy_scalars_and_tuples_become_plain() -> None:
    value = through((np.float64(1.5), np.int32(2), np.bool_(True)))
    assert value == [1.5, 2, True] and [type(item) for item in value] == [float, int, bool]


class Packed(NamedTuple):
    bins: list[int]
    waste: float


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Packed([1], 0.5), [[1], 0.5]),
        (range(3), [0, 1, 2]),
        (deque([1, 2]), [1, 2]),
        (Counter("aab"), {"a": 2, "b": 1}),
        (defaultdict(list, {"a": [1]}), {"a": [1]}),
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
    ],
)
def test_kinds_of_lists_and_dicts_become_plain(value: Any, plain: Any) -> None:
    found = through(value)
    assert found == plain and type(found) is type(plain)


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (math.nan, "answer is nan"),
        ([1, [math.inf]], r"answer\[1\]\[0\] is inf"),
        ({"a": np.float64("nan")}, r"answer\['a'\] is nan"),
        (np.array([1.0, np.nan]), "nan"),
        (2**63, "64 bits"),
        (["\ud800"], r"answer\[0\] is no text"),
        ({"\udfff": 1}, "a key of answer is no text"),
        (-(2**63) - 1, "64 bits"),
        ({1: 2}, "strings"),
        ({1, 2}, "type set"),
        (1j, "type complex"),
        (b"bytes", "type bytes"),
        (np.array(["a"]), "array of"),
        (np.array([object()]), "array of"),
        (np.array([2**63], dtype="u8"), "array of uint64"),
    ],
)
def test_what_is_not_plain_or_not_finite_is_named(value: Any, place: str) -> None:
    with pytest.raises(NotPlain, match=place):
        encode(value, {})


@pytest.mark.parametrize(
    ("given", "dtype"), [("<f4", "<f8"), ("<f8", "<f8"), ("|u1", "<i8"), ("<i4", "<i8"), ("<i8", "<i8"), ("|b1", "|b1")]
)
def test_a_scorer_gets_arrays_that_neither_round_nor_wrap(given: str, dtype: str) -> None:
    array = np.array([[0, 1], [1, 0]], dtype=given)
    found = widened(array)
    assert found.dtype.str == dtype and np.array_equal(found, array)
    assert widened(np.array([255, 1], "|u1")).sum() == 256


@pytest.mark.parametrize("number", [2**53 + 1, -(2**53) - 1, -(2**63), 2**63 - 1])
def test_whole_numbers_whose_sums_wrap_are_refused_in_arrays(number: int) -> None:
    with pytest.raises(NotPlain, match="beyond 2"):
        widened(np.array([[0, number]]))
    assert widened(np.array([2**53, -(2**53)])).tolist() == [2**53, -(2**53)]


def test_deep_nesting_is_refused() -> None:
    value: list[Any] = []
    for _ in range(10_000):
        value = [value]
    with pytest.raises(NotPlain, match="nested"):
        encode(value, {})


class Disguised(float):
    """A subclass may lie about itself."""


def test_subclasses_are_refused() -> None:
    with pytest.raises(NotPlain, match="Disguised"):
        encode(Disguised(1.0), {})


@pytest.mark.parametrize(
    "coded",
    [{}, {"a": 1}, {"dict": 1}, {"dict": {}, "array": "x"}, {"array": "missing"}, {"array": 1}, {"dict": {"a": {}}}],
)
def test_decoding_trusts_nothing(coded: Any) -> None:
    with pytest.raises(NotPlain):
        decode(coded, {})


def test_decoding_refuses_arrays_that_are_not_finite() -> None:
    with pytest.raises(NotPlain, match="finite"):
        decode({"array": "x"}, {"x": np.array([np.inf])})
