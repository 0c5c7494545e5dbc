"""Completions as servers give them, large and small."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.llm import Message, Transient
from discovery.llm.answers import read_completion
from discovery.llm.tokens import estimate_text, prompt_bound
from discovery.testing.chat import request


def body(message: object, **fields: Any) -> dict[str, Any]:
    usage = {"prompt_tokens": 10, "completion_tokens": 5}
    return {"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage, "model": "m", **fields}


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": "yes"}, "yes"),
        ({"content": [{"type": "text", "text": "one "}, {"type": "text", "text": "two"}]}, "one two"),
        ({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "yes"}]}, "yes"),  # noqa: E501
        ({"content": ["one ", "two"]}, "one two"),
        ({"content": "yes", "reasoning_content": "let me think"}, "yes"),
        ({"content": "", "reasoning_content": "```\nx = 1\n```"}, "```\nx = 1\n```"),
        ({"content": None, "reasoning": "all in here"}, "all in here"),
        ({"content": None, "refusal": "I cannot help with that."}, "I cannot help with that."),
        ({"content": None, "tool_calls": [{"function": {"name": "run", "arguments": "x = 1"}}]}, "x = 1"),
        ({"content": "", "tool_calls": [5, {"function": "run"}, {"function": {"arguments": {"x": 1}}}]}, ""),
        ({"content": None}, ""),
        ({"content": 5}, ""),
        ({}, ""),
    ],
)  # fmt: skip
def test_texts(message: object, text: str) -> None:
    assert read_completion(body(message), request()).text == text


def test_a_completion_of_the_old_kind() -> None:
    assert read_completion({"choices": [{"text": "yes"}]}, request()).text == "yes"


@pytest.mark.parametrize(
    ("finish", "read"), [("stop", "stop"), ("length", "length"), ("content_filter", "filter"), (None, ""), (3, "")]
)
def test_finish_reasons(finish: object, read: str) -> None:
    answer = {"choices": [{"message": {"content": "x"}, "finish_reason": finish}]}
    assert read_completion(answer, request()).finish == read


@pytest.mark.parametrize(
    ("usage", "given"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 5}, (10, 5, False)),
        ({"prompt_tokens": 10.0, "completion_tokens": 5.0}, (10, 5, False)),
        ({"prompt_tokens": 10}, (10, 100, True)),
        ({"prompt_tokens": 10, "completion_tokens": 0}, (10, 100, True)),
        ({"prompt_tokens": 10, "completion_tokens": -4}, (10, 100, True)),
        ({"prompt_tokens": 10, "completion_tokens": "5"}, (10, 100, True)),
        ({"prompt_tokens": 10, "completion_tokens": float("nan")}, (10, 100, True)),
        ({"prompt_tokens": 10, "completion_tokens": True}, (10, 100, True)),
    ],
)
def test_usage(usage: object, given: tuple[int, int, bool]) -> None:
    found = read_completion(body({"content": "x" * 400}, usage=usage), request()).usage
    assert (found.input_tokens, found.output_tokens, found.estimated) == given


@pytest.mark.parametrize("usage", [None, {}, [], "none", {"prompt_tokens": None}])
def test_missing_usage_is_estimated_whole(usage: object) -> None:
    found = read_completion(body({"content": "x" * 400}, usage=usage), request("p" * 4000)).usage
    assert found.estimated and 1000 <= found.input_tokens <= 1020 and found.output_tokens == 100


def test_hidden_reasoning_is_part_of_an_estimate() -> None:
    found = read_completion(body({"content": "x" * 400, "reasoning": "y" * 4000}, usage=None), request()).usage
    assert found.output_tokens == 1100


def test_an_empty_reply_costs_its_prompt() -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 0}
    found = read_completion(body({"content": ""}, usage=usage), request()).usage
    assert (found.input_tokens, found.output_tokens, found.estimated) == (10, 0, False)


def test_cached_tokens() -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 99}}
    assert read_completion(body({"content": "x"}, usage=usage), request()).usage.cached_tokens == 10


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "message", "content", "usage", "error", "text"]), inner, max_size=4
        )
    ),
)


@given(JSON)
def test_whatever_comes_is_read_or_refused(answer: Any) -> None:
    try:
        reply = read_completion(answer, request())
    except Transient as error:
        assert len(error.message) < 600
    else:
        assert isinstance(reply.text, str) and reply.usage.input_tokens > 0 and reply.usage.output_tokens >= 0


@given(st.text())
def test_a_prompt_has_no_more_tokens_than_its_bound(text: str) -> None:
    """A byte is the least that a token stands for; an estimate lies below."""
    assert estimate_text(text) <= len(text.encode("utf-8", "surrogatepass")) < prompt_bound([Message("user", text)])
