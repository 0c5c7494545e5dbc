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

__all__ = [
    "BudgetReached",
    "CallFailed",
    "CallKey",
    "Chat",
    "ChatError",
    "Completes",
    "ContextTooLong",
    "Message",
    "NotRecorded",
    "OutOfService",
    "ParameterRefused",
    "PromptChanged",
    "Refused",
    "Reply",
    "Request",
    "Role",
    "Transient",
    "Unauthorised",
    "UnknownModel",
    "Usage",
]
