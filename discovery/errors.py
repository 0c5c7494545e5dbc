"""The errors a *system* failure raises. A failing candidate is never one of these: it is a `Verdict`.

Every message says what was expected, what came and what to do. Errors that a user can fix are printed by the command
line without a traceback; `exit_code` is the process's exit status then.
"""

from __future__ import annotations

import shlex
from typing import ClassVar

__all__ = [
    "ConfigError",
    "DiscoveryError",
    "EnvironmentMissing",
    "EvaluatorFailed",
    "EvaluatorLost",
    "JournalError",
    "NotFound",
    "TaskError",
    "command_line",
]


def command_line(*words: object) -> str:
    """The command with these words, quoted for a shell, as a message shows it.

    >>> command_line("resume", "my runs/first")
    "`discovery resume 'my runs/first'`"
    """
    return f"`discovery {shlex.join(map(str, words))}`"


class DiscoveryError(Exception):
    """Root of the engine's errors.

    Args:
        message: One line: what was expected, what came.
        hint: What to do about it, one line, or nothing.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(DiscoveryError):
    """A flag, a configuration key or a request that cannot be carried out as asked."""

    exit_code = 2


class NotFound(DiscoveryError):
    """A run, program, task or file that was named does not exist."""

    exit_code = 3


class EnvironmentMissing(DiscoveryError):
    """The machine lacks something the run needs: a binary, a package, a kernel feature, disk space."""

    exit_code = 5


class JournalError(DiscoveryError):
    """The journal is locked by another controller, damaged, or of another schema version."""


class EvaluatorFailed(DiscoveryError):
    """An evaluator worker died or answered out of protocol, and so did its replacements. Never a score."""


class EvaluatorLost(EvaluatorFailed):
    """One request ended every evaluator that it was sent to."""


class TaskError(DiscoveryError):
    """A task definition is wrong: its seeds do not check, or its own code raised."""

    exit_code = 2
