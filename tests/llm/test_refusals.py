"""What servers' errors mean, in the words that servers use."""

# ruff: noqa: E501 - their words stand as they are

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from discovery.llm import (
    CallFailed,
    ChatError,
    ContextTooLong,
    ParameterRefused,
    Refused,
    Transient,
    Unauthorised,
    UnknownModel,
)
from discovery.llm.refusals import SYSTEM_ROLE, Failure, read_failure, retry_after

SENT = {"temperature": 0.7, "max_tokens": 8192.0, SYSTEM_ROLE: 1.0}


def read(status: int, body: object, sent: dict[str, float] | None = None) -> ChatError:
    text = body if isinstance(body, str) else json.dumps(body)
    return read_failure(Failure(status, text, {}, SENT if sent is None else sent), "m at here")


def openai(message: str, code: str | None = None, param: str | None = None) -> object:
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


def vllm(message: str) -> object:
    return {"object": "error", "message": message, "type": "BadRequestError", "param": None, "code": 400}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, openai("Incorrect API key provided: sk-***. You can find your API key at ...", "invalid_api_key"), Unauthorised),
        (403, openai("Country, region, or territory not supported"), Unauthorised),
        (402, {"error": {"message": "Insufficient credits", "code": 402}}, Unauthorised),
        (429, openai("You exceeded your current quota, please check your plan and billing details.", "insufficient_quota"), Unauthorised),
        (400, [{"error": {"code": 400, "message": "API key not valid. Please pass a valid API key."}}], Unauthorised),
        (403, {"error": {"message": "Your input was flagged by moderation", "code": 403}}, Refused),
        (400, openai("The response was filtered due to the prompt triggering Azure OpenAI's content management policy.", "content_filter"), Refused),
        (404, {"error": {"message": 'model "qwen" not found, try pulling it first', "type": "api_error"}}, UnknownModel),
        (404, openai("The model `gpt-9` does not exist or you do not have access to it.", "model_not_found"), UnknownModel),
        (400, openai("invalid model ID"), UnknownModel),
        (400, openai("foo/bar is not a valid model ID"), UnknownModel),
        (400, openai("Model Not Exist"), UnknownModel),
        (400, openai("The model `mixtral-8x7b-32768` has been decommissioned and is no longer supported.", "model_decommissioned"), UnknownModel),
        (404, "404 page not found", UnknownModel),
        (405, "", UnknownModel),
        (429, openai("Rate limit reached for requests. Please try again in 20s."), Transient),
        (500, "<html><body><h1>Internal Server Error</h1></body></html>", Transient),
        (502, "", Transient),
        (503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}, Transient),
        (529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, Transient),
        (408, "", Transient),
        (400, openai("I am a teapot"), CallFailed),
        (422, {"detail": [{"loc": ["body", "messages"], "msg": "field required"}]}, CallFailed),
        (400, '"bad request"', CallFailed),
        (400, "{" * 100_000, CallFailed),
    ],
)  # fmt: skip
def test_kinds(status: int, body: object, kind: type[ChatError]) -> None:
    error = read(status, body)
    assert type(error) is kind
    assert "m at here" in error.message and str(status) in error.message and len(error.message) < 600


@pytest.mark.parametrize(
    ("status", "body", "limit"),
    [
        (400, openai("This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.", "context_length_exceeded", "messages"), 8192),
        (400, vllm("This model's maximum context length is 4096 tokens. However, you requested 9000 tokens (8000 in the messages, 1000 in the completion). Please reduce the length of the messages or completion."), 4096),
        (400, vllm("'max_tokens' or 'max_completion_tokens' is too large: 8192. This model's maximum context length is 4096 tokens and your request has 4090 input tokens (8192 > 4096 - 4090)."), 4096),
        (400, {"error": {"code": 400, "message": "the request exceeds the available context size. try increasing it", "type": "exceed_context_size_error", "n_prompt_tokens": 5000, "n_ctx": 4096}}, 4096),
        (500, {"error": {"code": 500, "message": "context size exceeded", "type": "server_error"}}, None),
        (400, {"error": {"type": "invalid_request_error", "message": "prompt is too long: 210000 tokens > 200000 maximum"}}, 200_000),
        (413, "Payload Too Large", None),
        (413, openai("Request too large on tokens per minute (TPM): Limit 6000, Requested 14100, please reduce your message size", "rate_limit_exceeded"), 6000),
        (422, openai("Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4097. Given: 4000 `inputs` tokens and 8192 `max_new_tokens`", None, "max_tokens"), 4097),
    ],
)  # fmt: skip
def test_prompts_too_long(status: int, body: object, limit: int | None) -> None:
    error = read(status, body)
    assert isinstance(error, ContextTooLong) and error.limit == limit


@pytest.mark.parametrize(
    ("body", "name", "value"),
    [
        (openai("Unsupported value: 'temperature' does not support 0.7 with this model. Only the default (1) value is supported.", "unsupported_value", "temperature"), "temperature", None),
        (openai("Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.", "unsupported_parameter", "max_tokens"), "max_tokens", None),
        (openai("max_tokens is too large: 8192. This model supports at most 4096 completion tokens, whereas you provided 8192.", "invalid_value", "max_tokens"), "max_tokens", 4096),
        (openai("`max_tokens` must be less than or equal to `4096`, the maximum value for `max_tokens` is less than the `context_window` for this model", None, "max_tokens"), "max_tokens", 4096),
        (vllm("max_tokens must be at most 2048 for this context length"), "max_tokens", 2048),
        ({"detail": [{"loc": ["body", "temperature"], "msg": "extra fields not permitted"}]}, "temperature", None),
        ("litellm.UnsupportedParamsError: openai does not support parameters: ['temperature'], for model=o9", "temperature", None),
        ({"error": {"code": 500, "message": "System role not supported"}}, SYSTEM_ROLE, None),
        (vllm("Conversation roles must alternate user/assistant/user/assistant/..."), SYSTEM_ROLE, None),
    ],
)  # fmt: skip
def test_parameters(body: object, name: str, value: int | None) -> None:
    error = read(400, body)
    assert isinstance(error, ParameterRefused) and (error.name, error.value, error.lasting) == (name, value, True)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (vllm("'max_tokens' is too large: 8192. maximum context length is 4096 tokens and your request has 100 input tokens (8192 > 4096 - 100)."), 3996),
        (vllm("This model's maximum context length is 8192 tokens. However, you requested 9192 tokens (1000 in the messages, 8192 in the completion). Please reduce the length of the messages or completion."), 7192),
        (openai("This model's maximum context length is 8192 tokens. However, you requested 9292 tokens (1000 in the messages, 100 in the functions, and 8192 in the completion)."), 7092),
        (openai("This model's maximum context length is 4097 tokens, however you requested 9192 tokens (1000 in your prompt; 8192 for the completion). Please reduce your prompt; or completion length."), 3097),
        (openai("Input validation error: `inputs` tokens + `max_new_tokens` must be <= 8193. Given: 3000 `inputs` tokens and 8192 `max_new_tokens`", None, "max_tokens"), 5193),
        (openai("Request too large for model `llama` on tokens per minute (TPM): Limit 6000, Requested 9000, please reduce your message size and try again."), 5192),
    ],
)  # fmt: skip
def test_the_room_beside_a_prompt(body: object, value: int) -> None:
    error = read(400, body)
    assert isinstance(error, ParameterRefused) and (error.name, error.value, error.lasting) == (
        "max_tokens",
        value,
        False,
    )


def test_what_was_not_sent_cannot_be_left_out() -> None:
    assert type(read(400, openai("'temperature' is not supported"), {})) is CallFailed
    assert type(read(400, vllm("Conversation roles must alternate"), {})) is CallFailed


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True)}, 0.0),
        ({}, None),
    ],
)
def test_when_to_come_back(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_when_to_come_back_as_a_date() -> None:
    moment = datetime.now(UTC) + timedelta(seconds=100)
    found = retry_after({"retry-after": format_datetime(moment, usegmt=True)})
    assert found is not None and 90 < found <= 100
