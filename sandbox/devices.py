"""Graphics cards: which are here, and what a sandbox needs to show one of them and no other."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from ._base import Options, SandboxError

__all__ = ["card_of", "cards", "device_environment", "device_nodes", "missing_card"]

_SHARED = ("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools")


def card_of(options: Options) -> int | None:
    """Number of the card that is asked for; None for the processor.

    Raises:
        SandboxError: no device that there could be.
    """
    if options.device == "cpu":
        return None
    match = re.fullmatch(r"cuda(?::(\d+))?", options.device)
    if match is None:
        raise SandboxError(f"no device {options.device!r}", hint="cpu, cuda or cuda:N")
    return int(match[1] or 0)


def cards() -> list[int]:
    """Numbers of the cards whose device files are here."""
    found = (re.fullmatch(r"nvidia(\d+)", path.name) for path in Path("/dev").glob("nvidia*"))
    return sorted(int(match[1]) for match in found if match)


def missing_card(options: Options) -> SandboxError | None:
    """Why the card that is asked for cannot be used from this machine's device files, if so."""
    card = card_of(options)
    if card is None or card in cards():
        return None
    here = ", ".join(f"cuda:{number}" for number in cards()) or "none"
    return SandboxError(
        f"there is no device cuda:{card}: no /dev/nvidia{card} here (found: {here})",
        hint="install the card's driver, name another device, or use --device cpu",
    )


def device_nodes(options: Options) -> list[str]:
    """Device files of the card and of its driver; none for the processor."""
    card = card_of(options)
    return [] if card is None else [path for path in (f"/dev/nvidia{card}", *_SHARED) if os.path.exists(path)]


def device_environment(options: Options) -> Mapping[str, str]:
    """What tells a candidate's libraries of its one card, which is number 0 to them; and that there is none."""
    return {"CUDA_VISIBLE_DEVICES": "" if card_of(options) is None else "0"}
