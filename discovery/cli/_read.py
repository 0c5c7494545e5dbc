"""Texts that verbs are handed: programs and replies."""

from __future__ import annotations

import sys

from discovery.errors import ConfigError, NotFound

__all__ = ["read_bytes"]

#: More than any program or reply has; a device that never ends is not read for ever.
_MOST = 8 << 20


def read_bytes(file: str) -> bytes:
    """What `file` holds; `-` is standard input, which may be a pipe.

    Raises:
        NotFound: it cannot be read.
        ConfigError: more than 8 MiB.
    """
    try:
        if file == "-":
            data = sys.stdin.buffer.read(_MOST + 1)
        else:
            with open(file, "rb") as stream:
                data = stream.read(_MOST + 1)
    except OSError as error:
        raise NotFound(f"cannot read {file}: {error.strerror}") from error
    if len(data) > _MOST:
        raise ConfigError(f"{file} is longer than {_MOST >> 20} MiB; a program or a reply is not")
    return data
