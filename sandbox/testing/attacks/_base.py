"""What an attack is, and how its outcome is judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from textwrap import dedent

from ..._base import Answer, AnswerStatus, Limits

__all__ = ["KIT_LIMITS", "REFUSED", "Attack", "attack", "outcomes", "refused"]

#: Limits of the kit's slots: small, so that reaching them is quick; but for the clock, which a busy machine must not.
KIT_LIMITS = Limits(
    wall_seconds=60.0,
    cpu_seconds=20.0,
    memory_bytes=256 << 20,
    processes=24,
    answer_bytes=4 << 20,
    scratch_bytes=8 << 20,
    log_bytes=4096,
    open_files=64,
)

#: The ways in which a system may refuse what it must refuse.
REFUSED = frozenset({"EPERM", "EACCES", "EROFS", "ENOENT", "ENOSYS", "ESRCH", "EAFNOSUPPORT", "ENODEV", "ENXIO"})


@dataclass(frozen=True)
class Attack:
    """One misbehaving program.

    Attributes:
        name: What it does.
        needs: The capability that stops it; a backend without it reports so instead of being attacked.
        statuses: Statuses of which the call must have one.
        source: The program.
        holds: Further condition on the answer.
        wall_seconds: Limit of the call.
        cpu_seconds: Likewise.
    """

    name: str
    needs: str
    statuses: tuple[AnswerStatus, ...]
    source: str
    holds: Callable[[Answer], bool] = lambda answer: True
    wall_seconds: float = KIT_LIMITS.wall_seconds
    cpu_seconds: float = KIT_LIMITS.cpu_seconds


def refused(answer: Answer) -> bool:
    """Every outcome is a refusal, and there is one."""
    return bool(answer.value) and all(outcome in REFUSED for outcome in answer.value.values())


def outcomes(*allowed: str) -> Callable[[Answer], bool]:
    """Every outcome is one of `allowed`, and there is one."""
    return lambda answer: bool(answer.value) and set(answer.value.values()) <= set(allowed)


def attack(
    name: str,
    needs: str,
    statuses: AnswerStatus | tuple[AnswerStatus, ...],
    source: str,
    holds: Callable[[Answer], bool] = lambda answer: True,
    *,
    wall_seconds: float = KIT_LIMITS.wall_seconds,
    cpu_seconds: float = KIT_LIMITS.cpu_seconds,
) -> Attack:
    """See `Attack`; one status or several, the source indented as it stands in the table."""
    kinds = (statuses,) if isinstance(statuses, str) else statuses
    return Attack(name, needs, kinds, dedent(source), holds, wall_seconds, cpu_seconds)
