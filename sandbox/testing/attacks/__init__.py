"""Programs that misbehave, and what has to become of each: one table for every backend.

A program is the source of `run()`. Inside it `attempt` and `syscall` (see `inside/run_program.py`) turn what the system
answered into the name of an errno, so that the expectation can be stated outside, on data.
"""

from __future__ import annotations

from ._base import KIT_LIMITS, Attack
from .answers import ANSWERS
from .kernel import KERNEL
from .leftovers import LEFTOVERS, Leftover
from .reach import REACH
from .resources import RESOURCES

__all__ = ["ATTACKS", "KIT_LIMITS", "LEFTOVERS", "Attack", "Leftover"]

#: Every attack of the kit.
ATTACKS: tuple[Attack, ...] = (*RESOURCES, *REACH, *KERNEL, *ANSWERS)
