"""The model gateway: chat models behind one contract, every reply journaled before use, every cent counted."""

from __future__ import annotations

from discovery.llm._base import (
    BudgetReached,
    CallFailed,
    CallKey,
    Chat,
    ChatError,
    Completes,
    ContextTooLong,
    Drained,
    Message,
    NotRecorded,
    OutOfService,
    ParameterRefused,
    PromptChanged,
    Refused,
    Reply,
    Request,
    Role,
    Transient,
    Unauthorised,
    UnknownModel,
    Usage,
)
from discovery.llm.budget import Limits
from discovery.llm.gateway import Gateway
from discovery.llm.prices import price_of
from discovery.llm.providers import check_models, load_clients, open_gateway
from discovery.llm.queue import Waiting, answer, waiting
from discovery.llm.redact import Redactor
from discovery.llm.replay import Recorded
from discovery.llm.tokens import estimate_prompt, estimate_text

__all__ = [
    "BudgetReached",
    "CallFailed",
    "CallKey",
    "Chat",
    "ChatError",
    "Completes",
    "ContextTooLong",
    "Drained",
    "Gateway",
    "Limits",
    "Message",
    "NotRecorded",
    "OutOfService",
    "ParameterRefused",
    "PromptChanged",
    "Recorded",
    "Redactor",
    "Refused",
    "Reply",
    "Request",
    "Role",
    "Transient",
    "Unauthorised",
    "UnknownModel",
    "Usage",
    "Waiting",
    "answer",
    "check_models",
    "estimate_prompt",
    "estimate_text",
    "load_clients",
    "open_gateway",
    "price_of",
    "waiting",
]
