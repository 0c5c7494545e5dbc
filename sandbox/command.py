"""The bubblewrap command line: what is shared, what is bounded, in an order that works."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

from . import sources
from ._base import Limits, Options
from .devices import device_environment, device_nodes
from .launch import STAGE, UNPRIVILEGED
from .mounts import Bind, Hide, View, interpreter
from .seccomp import compiled_filter

__all__ = ["ENVIRONMENT", "FOLDERS", "launch_probe", "launch_zygote"]

#: Not directly under the root, where the host may keep an environment of its own (as clusters do in /scratch).
_SCRATCH, _SHM, _CODE = "/sandbox/scratch", "/dev/shm", "/sandbox/code"
#: Writable folders of the sandbox and their modes.
FOLDERS = {_SCRATCH: 0o700, _SHM: 0o700}

#: All that a candidate's environment holds.
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": _SCRATCH,
    "TMPDIR": _SCRATCH,
    "USER": "sandbox",
    "LANG": "C.UTF-8",
    "PYTHONPATH": _CODE,
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    **{f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB")},
}
_CODE_BYTES = 64 << 20


def launch_zygote(
    control: socket.socket,
    log: int,
    limits: Limits,
    files: Mapping[str, bytes],
    view: View,
    options: Options,
) -> subprocess.Popen[bytes]:
    """Start a sandbox whose pid 1 is a zygote that reads `control`; what it says while it boots goes to `log`."""
    command = [interpreter(), "-s", "-P", "-B", "-m", f"{sources.RUNTIME_PACKAGE}.zygote"]
    return _launch(command, control.fileno(), log, limits, files, view, options)


def launch_probe(log: int, view: View) -> subprocess.Popen[bytes]:
    """Start a sandbox of the same kind whose interpreter does nothing and ends with exit code 0."""
    return _launch([interpreter(), "-I", "-S", "-c", ""], subprocess.DEVNULL, log, Limits(), {}, view, Options())


def _launch(
    command: list[str],
    stdin: int,
    log: int,
    limits: Limits,
    files: Mapping[str, bytes],
    view: View,
    options: Options,
) -> subprocess.Popen[bytes]:
    with contextlib.ExitStack() as stack:
        passed: list[int] = []

        def handed_over(content: bytes) -> str:
            """Number of a descriptor that the child inherits, with `content` to be read from it; no file anywhere."""
            descriptor = os.memfd_create("sandbox")
            stack.callback(os.close, descriptor)
            with os.fdopen(os.dup(descriptor), "wb") as file:
                file.write(content)
            os.lseek(descriptor, 0, os.SEEK_SET)
            passed.append(descriptor)
            return str(descriptor)

        arguments = [*_isolation(), *_visible(view, staged=os.geteuid() == 0), *_own_mounts(limits, view, options)]
        for path, content in sorted(files.items()):
            arguments += ["--perms", "0444", "--file", handed_over(content), f"{_CODE}/{path}"]
        arguments += ["--seccomp", handed_over(compiled_filter())]
        for folder in (_CODE, "/dev/pts", "/dev", "/"):  # last: nothing can be mounted on a read-only root
            arguments += ["--remount-ro", folder]
        plan = handed_over(b"".join(os.fsencode(argument) + b"\0" for argument in arguments))
        bubblewrap = [shutil.which("bwrap") or "bwrap", "--args", plan, "--", *command]
        launcher = [interpreter(), "-I", "-S", str(Path(__file__).with_name("launch.py")), str(os.getpid())]
        return subprocess.Popen(
            [*launcher, json.dumps(view.sources), *bubblewrap],
            stdin=stdin,
            stdout=log,
            stderr=log,
            env={},  # --clearenv would leave the owner's environment readable in /proc/1/environ
            pass_fds=passed,
            cwd="/",
            start_new_session=True,  # Ctrl-C on a terminal is the owner's to handle, and must not cost the call
        )


def _isolation() -> list[str]:
    identity = ["--uid", str(UNPRIVILEGED), "--gid", str(UNPRIVILEGED), "--hostname", "sandbox"]
    environment = [part for name, value in ENVIRONMENT.items() for part in ("--setenv", name, value)]
    return [
        *("--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session", "--as-pid-1"),
        *("--cap-drop", "ALL"),
        *identity,
        *environment,
    ]


def _visible(view: View, *, staged: bool) -> list[str]:
    """Mounts of `view`; `staged`: the launcher will have put its sources under `STAGE`, by number."""
    places = iter(f"{STAGE}/{index}" if staged else source for index, source in enumerate(view.sources))
    arguments: list[str] = []
    for entry in view.entries:
        if isinstance(entry, Bind):
            arguments += ["--ro-bind", next(places), entry.target]
        elif isinstance(entry, Hide):
            arguments += ["--size", "4096", "--tmpfs", entry.target, "--remount-ro", entry.target]
        else:
            arguments += ["--symlink", entry.points_to, entry.target]
    return arguments


def _own_mounts(limits: Limits, view: View, options: Options) -> list[str]:
    arguments = ["--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys", "--dev", "/dev"]
    for node in device_nodes(options):
        arguments += ["--dev-bind", node, node]
    for name, value in device_environment(options).items():
        arguments += ["--setenv", name, value]
    for folder, mode, size in (
        (_SHM, FOLDERS[_SHM], limits.scratch_bytes),
        (_SCRATCH, FOLDERS[_SCRATCH], limits.scratch_bytes),
        (_CODE, 0o755, _CODE_BYTES),
    ):
        arguments += ["--perms", f"{mode:o}", "--size", str(size), "--tmpfs", folder]
    if not any(Path(entry.target).is_relative_to("/tmp") for entry in view.entries):  # an environment may lie there
        arguments += ["--symlink", _SCRATCH, "/tmp"]
    return [*arguments, "--chdir", _SCRATCH]
