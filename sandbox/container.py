"""One warm container: how it is made, and the owner's end of the stream to its warm process.

From outside in: the owner, attached to the container's standard input and output; the engine; the zygote, pid 1 of the
container. When the owner dies its connection closes, the engine closes the container's input, the zygote ends, and the
engine removes the container.

What comes over the stream is no more trusted than a candidate's pipe: every length is bounded here.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ._base import Answer, Harness, Limits, SandboxError
from .engine import connect, engine_errors
from .exchange import Channel, Exchange, one_line
from .inner import Layer
from .limits import to_plain
from .line import INWARD, MESSAGE_BYTES, OUTWARD
from .pipes import readable
from .seccomp import compiled_filter
from .warm import not_loaded, require_account, time_out, verdict

if TYPE_CHECKING:
    from docker import APIClient

__all__ = ["Container"]

_START_SECONDS = 120.0
#: From "stop" to the report of the end; beyond it the container is killed.
_STOP_SECONDS = 0.5
_SEND_SECONDS = 60.0
#: The engine removes by itself a container that ended; so long that is waited for.
_REMOVAL_SECONDS = 30.0
_READ_BYTES = 1 << 16
#: A header of the engine's multiplexed stream: which stream, three zeros, length.
_MULTIPLEX = struct.Struct(">BxxxI")
_CHANNELS: dict[bytes, Channel] = {b"a": "answer", b"o": "stdout", b"e": "stderr"}
_LOG_BYTES = 1 << 14
#: What the kernel keeps for a container besides its processes' pages.
_OVERHEAD_BYTES = 32 << 20


class Container:
    """A running container whose zygote is warm.

    Args:
        create: Request for the container, as for the SDK's `create_container_from_config`.
        harness, folders: As for `Warm`.
        files: Sources of every module that the zygote imports besides installed packages, by path.
        limits: Bounds of every call.
        card: Whether it has a graphics card.
        tighten: Whether its memory is bounded anew once the size of the warm process is known.

    Raises:
        SandboxError: it did not start, or started without its protections.
    """

    def __init__(
        self,
        create: Mapping[str, Any],
        harness: Harness,
        folders: Mapping[str, int],
        files: Mapping[str, bytes],
        limits: Limits,
        *,
        card: bool,
        tighten: bool,
    ) -> None:
        self.usable = False
        self._card = card
        self._client = connect()
        self._stream: _Stream | None = None
        self._id = ""
        try:
            self._boot(create, harness, folders, files)
            if tighten:
                self._bound_memory(limits)
        except BaseException:
            self.kill()
            raise
        self.usable = True

    def _boot(
        self,
        create: Mapping[str, Any],
        harness: Harness,
        folders: Mapping[str, int],
        files: Mapping[str, bytes],
    ) -> None:
        with engine_errors("the sandbox container cannot be made"):
            self._id = self._client.create_container_from_config(create)["Id"]
        with engine_errors("the sandbox container cannot be started"):
            self._stream = _Stream(_attached(self._client, self._id))
            self._client.start(self._id)
        sources = json.dumps({path: content.decode() for path, content in files.items()}).encode()
        boot = {
            "entry": harness.entry,
            "preload": list(harness.preload),
            "folders": dict(folders),
            "layer": Layer(compiled_filter().hex(), None, own_users=False, bounded_address_space=not self._card),
        }
        self._stream.send([INWARD.pack(len(sources), 0), sources])
        self._stream.send(_message(boot))
        message = self._stream.message(time.monotonic() + _START_SECONDS)
        if message is None:
            said = one_line(self._stream.log.decode("utf-8", "replace")[-1500:])
            late = f"nothing within {_START_SECONDS:.0f} s" if not self._stream.ended else "no reason was given"
            raise SandboxError(
                f"the sandbox did not start: {said or late}", hint="`discovery doctor` tells what is missing"
            )
        if "failed" in message:
            raise not_loaded(message)
        require_account(message["confined"])
        self._resident = int(message["resident"])

    def _bound_memory(self, limits: Limits) -> None:
        """Now that its size is known: what the warm process has, what a call may add, what the mounts may hold."""
        total = self._resident + limits.memory_bytes + 2 * limits.scratch_bytes + _OVERHEAD_BYTES
        with engine_errors("the sandbox container's memory cannot be bounded"):
            self._client.update_container(self._id, mem_limit=total, memswap_limit=total)

    def alive(self) -> bool:
        """Whether the container's stream is open."""
        return self._stream is not None and not self._stream.ended and not self._stream.waiting()

    def run(self, number: int, exchange: Exchange, limits: Limits) -> Answer:
        """One call; `usable` tells afterwards whether there can be another.

        Raises:
            SandboxError: the engine is gone, or does not say what became of the container.
        """
        assert self._stream is not None
        begin = time.monotonic()
        request = _message({"call": number, "limits": to_plain(limits)}, exchange.request)
        self._stream.send(request)
        deadline = begin + limits.wall_seconds
        done = self._stream.message(deadline, exchange, until_answer=True)
        timed_out = done is None and not self._stream.ended and not exchange.answered
        if done is None and not self._stream.ended:
            self._stream.send(_message({"stop": number}))
            done = self._stream.message(time.monotonic() + _STOP_SECONDS, exchange)
        if done is None or done.get("done") != number:
            lost = self._stream.ended
            self.kill()
            if lost:
                self._require_engine()
            done = None
        wall = time.monotonic() - begin
        self.usable = done is not None and done["clean"]
        cpu = 0.0 if done is None else float(done["cpu"])
        fallback = time_out(limits) if timed_out else verdict(done, cpu, limits)
        clock = timed_out and not exchange.answered
        return exchange.answer(fallback, clock_limited=clock, wall_seconds=wall, cpu_seconds=cpu)

    def _require_engine(self) -> None:
        """Tell a container that died from an engine that did: only the first is a candidate's doing."""
        with engine_errors("the container engine was lost during a call"):
            connect().close()

    def kill(self) -> None:
        """Kill everything in the container and wait until it is dead and removed. Idempotent."""
        self.usable = False
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        if self._id:
            container, self._id = self._id, ""
            _remove(self._client, container)
        self._client.close()


def _remove(client: APIClient, container: str) -> None:
    """Remove a container, running or not; one that is gone, or whose engine is, cannot be removed and needs not be."""
    import docker
    import requests

    try:
        client.remove_container(container, force=True)
    except docker.errors.NotFound:
        return
    except docker.errors.APIError as error:
        if "already in progress" not in str(error):
            message = f"a container cannot be removed: {error}"
            raise SandboxError(message, hint=f"docker rm --force {container}") from error
        with contextlib.suppress(docker.errors.APIError, requests.RequestException, OSError):
            client.wait(container, condition="removed", timeout=_REMOVAL_SECONDS)
    except (requests.RequestException, OSError):
        return


def _attached(client: APIClient, container: str) -> socket.socket:
    """The attached stream, free of the SDK's objects around it, which would close it only when they are collected."""
    streams = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
    opened = client.attach_socket(container, params=streams)
    raw = getattr(opened, "_sock", None)
    if type(raw) is not socket.socket:
        raise SandboxError(
            "the engine must be reached by a local socket or plain TCP, without TLS or SSH between",
            hint="set DOCKER_HOST to unix:///... (ssh -L forwards one)",
        )
    own = raw.dup()
    opened._response.close()  # the SDK keeps it there; it closes the connection's first descriptor
    raw.close()
    return own


def _message(message: Mapping[str, Any], body: list[bytes | memoryview] | None = None) -> list[bytes | memoryview]:
    data = json.dumps(message).encode()
    return [INWARD.pack(len(data), sum(len(part) for part in body or ())), data, *(body or ())]


class _Stream:
    """Frames to and from the zygote over the engine's attached stream. `log`: what came on standard error."""

    def __init__(self, raw: socket.socket) -> None:
        self._raw = raw
        self._multiplexed = bytearray()
        self._frames = bytearray()
        self.log = bytearray()
        self.ended = False

    def send(self, parts: list[bytes | memoryview]) -> None:
        """Send; a stream that has ended shows when it is read."""
        try:
            self._raw.settimeout(_SEND_SECONDS)
            self._raw.sendall(b"".join(parts))
        except OSError:
            self.ended = True

    def waiting(self) -> bool:
        """Whether something has come, or the end, while nothing was asked for."""
        return bool(self._frames) or bool(readable([self._raw.fileno()], 0.0))

    def message(
        self, deadline: float, exchange: Exchange | None = None, *, until_answer: bool = False
    ) -> dict[str, Any] | None:
        """Read until a message comes, which is returned. None at the end of the stream, at `deadline`, or, with
        `until_answer`, when the answer has settled."""
        while True:
            found = self._next_message(exchange)
            if found is not None:
                return found
            if until_answer and exchange is not None and exchange.answered:
                return None
            left = deadline - time.monotonic()
            if self.ended or left <= 0:
                return None
            if readable([self._raw.fileno()], left):
                self._receive()

    def _receive(self) -> None:
        try:
            data = self._raw.recv(_READ_BYTES)
        except OSError:
            data = b""
        self.ended |= not data
        self._multiplexed += data
        while len(self._multiplexed) >= _MULTIPLEX.size:
            kind, size = _MULTIPLEX.unpack_from(self._multiplexed)
            end = _MULTIPLEX.size + size
            if len(self._multiplexed) < end:
                return
            content = self._multiplexed[_MULTIPLEX.size : end]
            del self._multiplexed[:end]
            if kind == 1:
                self._frames += content
            else:
                self.log += content[: max(0, _LOG_BYTES - len(self.log))]

    def _next_message(self, exchange: Exchange | None) -> dict[str, Any] | None:
        """Hand over what the frames so far carry, up to the first message."""
        while len(self._frames) >= OUTWARD.size:
            kind, size = OUTWARD.unpack_from(self._frames)
            end = OUTWARD.size + size
            if size > MESSAGE_BYTES:
                self.ended = True  # not our zygote's doing
                self._frames.clear()
                return None
            if len(self._frames) < end:
                return None
            content = bytes(self._frames[OUTWARD.size : end])
            del self._frames[:end]
            if kind == b"m":
                message: dict[str, Any] = json.loads(content)
                return message
            if exchange is not None and kind in _CHANNELS:
                exchange.feed(_CHANNELS[kind], content)
        return None

    def close(self) -> None:
        """Idempotent."""
        self._raw.close()
