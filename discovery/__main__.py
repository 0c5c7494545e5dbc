"""The command: `discovery`, and `python -m discovery`."""

from __future__ import annotations

import os
import signal
from types import FrameType

__all__ = ["main"]


def main() -> None:
    """Run the command. While it is still being loaded, Ctrl-C ends it in one line."""
    loading = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # else it is ignored, as under nohup
    if loading:
        signal.signal(signal.SIGINT, _interrupted)
    from discovery.cli import main as command

    if loading:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    command()


def _interrupted(number: int, frame: FrameType | None) -> None:
    """End at once: an exception in the middle of an import may end up anywhere."""
    os.write(2, b"interrupted\n")
    os._exit(130)


if __name__ == "__main__":
    main()
