"""Containers: for machines without user namespaces, and for other runtimes such as gVisor.

One warm, hardened container per slot runs the zygote as pid 1: no network, a read-only root, no capability, no way to
gain any, our system-call filter on top of the engine's, bounded processes, memory and processor. In *host mode* the
image is empty and the interpreter, the environment's packages and the system's libraries are bound read-only from this
machine; in *image mode* they are the image's (see `sandbox/Dockerfile`).

The engine's socket is as good as root on this machine: this process holds it, a candidate never sees it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import mounts, sources
from ._base import Capability, Harness, Limits, Options, Sandbox, SandboxError, Slot
from .capabilities import WITH_CARD, missing, nothing_bounded
from .command import ENVIRONMENT, FOLDERS
from .container import Container
from .devices import card_of, device_environment
from .engine import EMPTY_IMAGE, LABEL, connect, engine_errors, make_empty_image, remove_leftovers
from .exchange import Exchange
from .launch import UNPRIVILEGED
from .limits import require_sane
from .owner import owner_name
from .seccomp import compiled_filter
from .slot import CALLS_PER_START, WarmSlot
from .watch import MAX_FILES

__all__ = ["Docker"]

_USER = f"{UNPRIVILEGED}:{UNPRIVILEGED}"
#: For the warm process, until its size is known; for good with a runtime that cannot change limits, such as gVisor's.
_WARM_BYTES = 2 << 30
_INODES = 2 * MAX_FILES
#: Short, so that a candidate that burns the container's share does not keep the warm process waiting.
_PERIOD_MICROSECONDS = 20_000
#: What of the engine's own would show: hidden, with all that it hides by default.
_MASKED = (
    *("/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list"),
    *("/proc/timer_stats", "/proc/sched_debug", "/proc/scsi"),
    *(f"/sys/{name}" for name in ("block", "bus", "class", "dev", "devices", "firmware", "hypervisor", "kernel")),
    *("/sys/module", "/sys/power"),  # which leaves the container's own cgroup: it counts kills for lack of memory
    *("/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/.dockerenv", "/dev/mqueue"),
)
_READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
#: Image mode: where the image's interpreter is looked for.
_IMAGE_PYTHON = "python3"


class Docker(Sandbox):
    """A container engine that the docker SDK reaches. See `Options` for image, runtime and device."""

    name = "docker"

    def __init__(self, options: Options | None = None) -> None:
        super().__init__(options)
        self._probed: tuple[Mapping[str, Capability], SandboxError | None] | None = None

    def capabilities(self) -> Mapping[str, Capability]:
        """See `Sandbox`."""
        return self._probe()[0]

    def unavailable(self) -> SandboxError | None:
        """See `Sandbox`."""
        report, problem = self._probe()
        return problem or missing(report, ("fs_isolated", "net_isolated", "pid_tree_kill", "syscall_filter"))

    def _probe(self) -> tuple[Mapping[str, Capability], SandboxError | None]:
        if self._probed is None:
            try:
                self._probed = _report(self.options), None
            except SandboxError as error:
                self._probed = nothing_bounded(f"unavailable: {error.message}"), error
        return self._probed

    def open(self, harness: Harness, limits: Limits) -> Slot:
        """See `Sandbox`."""
        problem = self.unavailable()
        if problem is not None:
            raise problem
        remove_leftovers()
        with contextlib.closing(connect()) as client:
            if not self.options.image:
                make_empty_image(client)
            with engine_errors("the engine's report"):
                by_cdi = bool(_cdi_cards(client.info()))
        files = {**sources.harness_files(harness), **sources.runtime_files()}
        card = card_of(self.options) is not None
        create = _creation(self.options, require_sane(limits), sources.project_folders(harness), by_cdi)

        def start() -> Container:
            return Container(create, harness, FOLDERS, files, limits, card=card, tighten=not self.options.runtime)

        return WarmSlot(start, Exchange, limits, calls_per_start=1 if card else CALLS_PER_START)


def _report(options: Options) -> dict[str, Capability]:
    """What the engine bounds, by its own account. Raises SandboxError where there is none."""
    compiled_filter()
    client = connect()
    try:
        with engine_errors("the engine's report"):
            info = client.info()
            if options.image:
                client.inspect_image(options.image)
    finally:
        client.close()
    if info.get("OSType") != "linux":
        raise SandboxError("the container engine must run Linux containers", hint="switch it to Linux containers")
    if options.runtime and options.runtime not in info.get("Runtimes", {}):
        known = ", ".join(sorted(info.get("Runtimes", {})))
        raise SandboxError(
            f"the engine knows no runtime {options.runtime!r}; it has {known}",
            hint="register it in /etc/docker/daemon.json and restart the engine",
        )
    runtime = options.runtime or info.get("DefaultRuntime", "runc")

    def cgroup(flag: str, mechanism: str) -> Capability:
        version = info.get("CgroupVersion", "1")
        if info.get(flag):
            return Capability("enforced", f"{mechanism}, cgroup v{version}")
        return Capability("none", f"the engine cannot: no {flag}")

    if card_of(options) is not None and not _gives_cards(info):
        raise SandboxError(
            f"the container engine cannot give {options.device}: it has neither the NVIDIA runtime nor a device of CDI",
            hint="install the NVIDIA Container Toolkit 1.17.8 or later and restart the engine; or use --device cpu",
        )
    spare = f", {_WARM_BYTES >> 30} GiB of it for the warm process" if options.runtime else ""
    memory = cgroup("MemoryLimit", f"the container's memory{spare}; a call's share is sampled")
    report = {
        "fs_isolated": Capability("enforced", f"container ({runtime}), read-only root and binds"),
        "net_isolated": Capability("enforced", "no network, seccomp"),
        "pid_tree_kill": Capability("enforced", "pid namespace, killed by the engine"),
        "total_memory": memory,
        "per_process_memory": Capability("enforced", "RLIMIT_AS"),
        "pids": cgroup("PidsLimit", "the container's processes and threads, at the slot's limit"),
        "cpu_rate": cgroup("CpuCfsQuota", "one core"),
        "cpu_seconds": Capability("enforced", "RLIMIT_CPU for each process; the sum is sampled"),
        "disk": Capability("enforced", "tmpfs of fixed size, all else read-only"),
        "inodes": Capability("enforced", f"tmpfs with {_INODES} inodes"),
        "syscall_filter": Capability("enforced", "our seccomp filter in each call, on top of the engine's"),
        "signal_scope": Capability("best_effort", "pid namespace; Landlock where the engine's kernel has it"),
        "gpu_masking": Capability("enforced", "no device files"),
    }
    return report if card_of(options) is None else report | WITH_CARD


def _gives_cards(info: Mapping[str, Any]) -> bool:
    """Whether an engine, by its own account, knows how to hand a card to a container."""
    return "nvidia" in info.get("Runtimes", {}) or bool(_cdi_cards(info))


def _cdi_cards(info: Mapping[str, Any]) -> list[str]:
    """Cards that the engine knows by the Container Device Interface."""
    found = [device.get("ID", "") for device in info.get("DiscoveredDevices") or ()]
    return [name for name in found if name.startswith("nvidia.com/gpu=")]


def _device_request(card: int, by_cdi: bool) -> dict[str, Any]:
    if by_cdi:
        return {"Driver": "cdi", "DeviceIDs": [f"nvidia.com/gpu={card}"]}
    return {"Driver": "nvidia", "DeviceIDs": [str(card)], "Capabilities": [["gpu"]]}


def _creation(options: Options, limits: Limits, hidden: set[Path], by_cdi: bool) -> dict[str, Any]:
    """Request for a container, in the words of the engine's interface."""
    view = mounts.View(()) if options.image else mounts.narrow_view(hidden)
    interpreter = _IMAGE_PYTHON if options.image else mounts.interpreter()
    bootstrap = Path(__file__).with_name("bootstrap.py").read_text()
    environment = {**ENVIRONMENT, **device_environment(options)}
    if options.image:
        environment["PATH"] = "/usr/local/bin:/usr/bin:/bin"
    return {
        "Image": options.image or EMPTY_IMAGE,
        "Entrypoint": [interpreter, "-s", "-P", "-B", "-c", bootstrap],
        "Cmd": [],
        "Env": [f"{name}={value}" for name, value in environment.items() if name != "PYTHONPATH"],
        "User": _USER,
        "WorkingDir": "/",
        "Hostname": "sandbox",
        "Labels": {LABEL: owner_name()},
        "NetworkDisabled": True,
        **{name: True for name in ("OpenStdin", "StdinOnce", "AttachStdin", "AttachStdout", "AttachStderr")},
        "HostConfig": _host_config(options, limits, view, by_cdi),
    }


def _host_config(options: Options, limits: Limits, view: mounts.View, by_cdi: bool) -> dict[str, Any]:
    config: dict[str, Any] = {
        "AutoRemove": True,
        "NetworkMode": "none",
        "IpcMode": "none",
        "ReadonlyRootfs": True,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "PidsLimit": limits.processes + 1,
        **{name: _WARM_BYTES + limits.memory_bytes + 2 * limits.scratch_bytes for name in ("Memory", "MemorySwap")},
        **{name: _PERIOD_MICROSECONDS for name in ("CpuPeriod", "CpuQuota")},
        "OomScoreAdj": 500,
        "LogConfig": {"Type": "none"},
        "Ulimits": [{"Name": "core", "Soft": 1, "Hard": 1}, {"Name": "nofile", "Soft": 1024, "Hard": 1024}],
        "MaskedPaths": list(_MASKED),
        "ReadonlyPaths": list(_READ_ONLY),
        "Mounts": [_bound(entry) for entry in view.entries if isinstance(entry, mounts.Bind)],
        "Tmpfs": {entry.target: "ro,size=4096" for entry in view.entries if isinstance(entry, mounts.Hide)},
    }
    owned = f"uid={UNPRIVILEGED},gid={UNPRIVILEGED},nr_inodes={_INODES}"
    for folder, mode in FOLDERS.items():
        config["Tmpfs"][folder] = f"rw,nosuid,nodev,size={limits.scratch_bytes},mode={mode:o},{owned}"
    if options.runtime:
        config["Runtime"] = options.runtime
    card = card_of(options)
    if card is not None:
        config["DeviceRequests"] = [_device_request(card, by_cdi)]
    return config


def _bound(entry: mounts.Bind) -> dict[str, Any]:
    return {
        "Type": "bind",
        "Source": entry.source,
        "Target": entry.target,
        "ReadOnly": True,
        "BindOptions": {"NonRecursive": True},
    }
