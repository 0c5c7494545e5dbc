"""The process of the `unsafe` backend: imports the harness, waits for one call on its stdin, answers it, ends."""

from __future__ import annotations

import json
import os
import socket
import time
from typing import NoReturn

from . import inner, watch
from .candidate import Channels, answer_call
from .limits import from_plain
from .line import MESSAGE_BYTES
from .zygote import import_entry


def main() -> NoReturn:
    """Boot as the zygote does, then run the one call in this very process."""
    inner.die_with_parent()
    control = socket.socket(fileno=0)
    boot = json.loads(control.recv(MESSAGE_BYTES))
    try:
        call = import_entry(boot["entry"], boot["preload"])
    except BaseException as error:
        control.send(json.dumps({"failed": f"{type(error).__name__}: {error}"[:2000]}).encode())
        os._exit(1)
    control.send(json.dumps({"ready": True, "cpu": time.process_time()}).encode())
    data, descriptors, _, _ = socket.recv_fds(control, MESSAGE_BYTES, len(Channels._fields))
    if not data:
        os._exit(0)
    limits = from_plain(json.loads(data)["limits"])
    control.close()
    mapped = watch.mapped_bytes()
    answer_call(
        call, Channels(*descriptors), lambda: inner.limit_resources(limits, mapped_bytes=mapped, processes=None)
    )


if __name__ == "__main__":
    main()
