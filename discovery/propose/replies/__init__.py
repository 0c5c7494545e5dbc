"""Reading what models answer: blocks, edits, and what small models make of them."""

from __future__ import annotations

from discovery.propose.replies.places import EditFailed
from discovery.propose.replies.prose import one_line
from discovery.propose.replies.read import MAX_REPLY_BYTES, TROUBLES, Reading, Trouble, Unreadable, read

__all__ = ["MAX_REPLY_BYTES", "TROUBLES", "EditFailed", "Reading", "Trouble", "Unreadable", "one_line", "read"]
