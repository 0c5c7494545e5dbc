"""The sandbox contract: how an untrusted program is called, and what comes back.

A `Sandbox` is a backend. `open` starts a *slot*: one isolated environment, owned by one evaluator process, in which a
warm process (the zygote) has imported what the task named and forks once per call. A slot serves one call at a time.

Who decides what. A call that *fails because of the candidate* (it raised, ran too long, used too much, died, answered
out of protocol) returns an `Answer` with that status. A failure of the *system* (backend missing, a required
capability absent, the environment cannot be started) raises `SandboxError`. There is never a silent fallback to less
isolation.

What a crash leaves behind: nothing. When the owner of a slot dies, by whatever signal, every process of the slot dies
with it, and its files live in mounts that vanish.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "Answer",
    "AnswerStatus",
    "Array",
    "Capability",
    "Harness",
    "Level",
    "Limits",
    "Options",
    "Sandbox",
    "SandboxError",
    "Slot",
]

AnswerStatus: TypeAlias = Literal["ok", "error", "timeout", "memory", "crash", "invalid"]
Level: TypeAlias = Literal["enforced", "best_effort", "none"]


class SandboxError(Exception):
    """The sandbox itself is unavailable or broken; never the candidate's fault. `hint` says what to do."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True)
class Limits:
    """Bounds of one call. Seconds are seconds, sizes are bytes.

    Attributes:
        wall_seconds: Backstop on the clock, measured outside; the whole tree is dead within one second of it.
        cpu_seconds: CPU time of the candidate's process.
        memory_bytes: Memory that the call may add on top of the warm process, in total over its processes.
        processes: Processes and threads the call may have.
        answer_bytes: Size of the answer, arrays included; larger is `"invalid"`.
        scratch_bytes: Size of the only writable place, emptied after each call.
        log_bytes: What is kept of stdout and of stderr, each; the rest is drained and `truncated` is set.
        open_files: File descriptors.
    """

    wall_seconds: float = 60.0
    cpu_seconds: float = 60.0
    memory_bytes: int = 1 << 30
    processes: int = 64
    answer_bytes: int = 16 << 20
    scratch_bytes: int = 64 << 20
    log_bytes: int = 64 << 10
    open_files: int = 256


@dataclass(frozen=True)
class Harness:
    """What runs inside the sandbox, named by the task.

    Attributes:
        entry: Dotted module that defines `call(payload: dict, arrays: dict[str, numpy.ndarray]) -> tuple[dict,
            dict[str, numpy.ndarray]]` (plain data, named arrays). It is imported once, in the zygote, before any
            candidate: import only, no computation.
        modules: Dotted modules and packages (a package brings its whole tree of `.py` files) of this project that the
            entry imports; they are copied read-only into the sandbox. Nothing else of the project is visible there.
        preload: Third-party packages to import in the zygote, e.g. `("numpy", "torch")`.
        hidden: Folders of this machine that no candidate may see, though they lie among what it does: with the
            interpreter's packages, for example, a task's own code and its expected answers.
    """

    entry: str
    modules: tuple[str, ...]
    preload: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()


@dataclass(frozen=True)
class Options:
    """What a backend is asked for besides its name.

    Attributes:
        device: `"cpu"`, or a device that candidates compute on: `"cuda"` or `"cuda:N"`, one and no other.
        image: Docker only: the image that holds the interpreter and the packages; "" uses this machine's.
        runtime: Docker only: the engine's runtime, e.g. `"runsc"` (gVisor); "" is the engine's default.
    """

    device: str = "cpu"
    image: str = ""
    runtime: str = ""


@dataclass(frozen=True)
class Array:
    """A raw little-endian C-order array as it crosses the boundary: declared type and shape, checked length.

    Attributes:
        dtype: One of `"<f4" "<f8" "<i4" "<i8" "|u1" "|b1"`.
        shape: Non-negative sizes.
        data: Exactly `prod(shape) * itemsize` bytes.
    """

    dtype: str
    shape: tuple[int, ...]
    data: bytes = field(repr=False)

    @classmethod
    def of(cls, values: np.ndarray[Any, Any]) -> Array:
        """Wrap a numpy array of a supported dtype; TypeError otherwise."""
        import numpy as np

        data = np.ascontiguousarray(values)
        if data.dtype.str not in ("<f4", "<f8", "<i4", "<i8", "|u1", "|b1"):
            raise TypeError(f"array dtype must be one of f4 f8 i4 i8 u1 b1 (little-endian); got {values.dtype}")
        return cls(data.dtype.str, tuple(values.shape), data.tobytes())

    def numpy(self) -> np.ndarray[Any, Any]:
        """The same values as a read-only numpy array of `shape`."""
        import numpy as np

        return np.frombuffer(self.data, dtype=self.dtype).reshape(self.shape)


@dataclass(frozen=True)
class Answer:
    """What came back from one call.

    Attributes:
        status: `"ok"` (an answer in protocol; its content is still untrusted), `"error"` (the harness or the candidate
            raised), `"timeout"`, `"memory"`, `"crash"` (the process died), `"invalid"` (no answer, or out of protocol).
        value: Plain data from the harness, strictly parsed: exact types, finite numbers, distinct keys; {} unless ok.
        arrays: Named arrays; {} unless ok.
        message: One line for people and proposers about what went wrong; "" when ok. Untrusted text, bounded.
        error_type: For `"error"`: the exception's class name.
        error_line: For `"error"`: line in the candidate's source (1-based), if known.
        stdout, stderr: Logs, bounded by `log_bytes`, control characters escaped. Never results.
        truncated: Whether stdout or stderr was cut.
        clock_limited: Whether the wall clock (not a work or CPU limit) ended it.
        wall_seconds, cpu_seconds: Measured on the host's side.
    """

    status: AnswerStatus
    value: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, Array] = field(default_factory=dict)
    message: str = ""
    error_type: str = ""
    error_line: int | None = None
    stdout: str = ""
    stderr: str = ""
    truncated: bool = False
    clock_limited: bool = False
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0


@dataclass(frozen=True)
class Capability:
    """One property of a backend on this machine: how far it is bounded, and by what mechanism."""

    level: Level
    mechanism: str


class Slot(ABC):
    """One isolated environment. Not thread-safe; use it from the thread that opened it. A context manager."""

    @abstractmethod
    def call(
        self,
        payload: Mapping[str, Any],
        arrays: Mapping[str, Array] | None = None,
        limits: Limits | None = None,
    ) -> Answer:
        """Run the harness once, in a fresh process, on `payload` and `arrays`.

        `limits` may only be tighter than, or equal to, those the slot was opened with. A slot whose warm process was
        lost restarts it before the next call.

        Raises:
            SandboxError: the environment could not be kept or restarted.
        """

    @abstractmethod
    def close(self) -> None:
        """Kill everything in the slot and free it. Idempotent."""

    def __enter__(self) -> Slot:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Sandbox(ABC):
    """A backend. Stateless and cheap to construct.

    Args:
        options: What is asked for besides the name; what a backend cannot give makes it unavailable.
    """

    #: Name on the command line.
    name: str

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()

    @abstractmethod
    def capabilities(self) -> Mapping[str, Capability]:
        """Probe this machine and report every property: fs_isolated, net_isolated, pid_tree_kill, total_memory,
        per_process_memory, pids, cpu_rate, cpu_seconds, disk, inodes, syscall_filter, signal_scope, gpu_masking."""

    @abstractmethod
    def unavailable(self) -> SandboxError | None:
        """Why this backend cannot be used here (a required property is missing), or None when it can."""

    @abstractmethod
    def open(self, harness: Harness, limits: Limits) -> Slot:
        """Start a slot: the zygote is warm when this returns.

        Raises:
            SandboxError: a required property is missing or the environment did not start.
        """
