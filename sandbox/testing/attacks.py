"""Programs that misbehave, and what has to become of each: one table for every backend.

A program is the source of `run()`. Inside it `attempt` and `syscall` (see `inside/run_program.py`) turn what the system
answered into the name of an errno, so that the expectation can be stated outside, on data. Numbers of system calls are
those of x86-64. The module is long because the table belongs in one place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from textwrap import dedent

from .._base import Answer, AnswerStatus, Limits

__all__ = ["ATTACKS", "KIT_LIMITS", "Attack"]

#: Limits of the kit's slots: small, so that reaching them is quick.
KIT_LIMITS = Limits(
    wall_seconds=20.0,
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


def _refused(answer: Answer) -> bool:
    return bool(answer.value) and all(outcome in REFUSED for outcome in answer.value.values())


def _outcomes(*allowed: str) -> Callable[[Answer], bool]:
    return lambda answer: bool(answer.value) and set(answer.value.values()) <= set(allowed)


def _attack(
    name: str,
    needs: str,
    statuses: AnswerStatus | tuple[AnswerStatus, ...],
    source: str,
    holds: Callable[[Answer], bool] = lambda answer: True,
    *,
    wall_seconds: float = KIT_LIMITS.wall_seconds,
    cpu_seconds: float = KIT_LIMITS.cpu_seconds,
) -> Attack:
    kinds = (statuses,) if isinstance(statuses, str) else statuses
    return Attack(name, needs, kinds, dedent(source), holds, wall_seconds, cpu_seconds)


_TIME_AND_RESOURCES = (
    _attack(
        "endless loop",
        "",
        "timeout",
        """
        def run():
            while True: pass
        """,
        lambda answer: answer.clock_limited,
        wall_seconds=0.2,
    ),
    _attack(
        "sleep that ignores every signal",
        "",
        "timeout",
        """
        import signal, time
        def run():
            for number in set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}:
                signal.signal(number, signal.SIG_IGN)
            while True: time.sleep(10)
        """,
        wall_seconds=0.2,
    ),
    _attack(
        "C loop that holds the interpreter lock",
        "",
        "timeout",
        """
        import re
        def run():
            re.match("(a+)+$", "a" * 64 + "b")
        """,
        wall_seconds=0.2,
    ),
    _attack(
        "CPU time beyond its limit",
        "cpu_seconds",
        "timeout",
        """
        def run():
            while True: pass
        """,
        lambda answer: not answer.clock_limited,
        cpu_seconds=1.0,
    ),
    _attack(
        "CPU time spread over processes",
        "pid_tree_kill",
        "timeout",
        """
        import os
        def run():
            for _ in range(3):
                if os.fork() == 0:
                    while True: pass
            for _ in range(3): os.wait()
            return {}
        """,
        lambda answer: not answer.clock_limited,
        cpu_seconds=0.3,
    ),
    _attack(
        "memory bomb",
        "per_process_memory",
        "memory",
        """
        def run():
            kept = []
            while True: kept.append(bytearray(1 << 24))
        """,
    ),
    _attack(
        "memory reserved and not used",
        "per_process_memory",
        "ok",
        """
        import mmap
        def run():
            return {"outcome": attempt(mmap.mmap, -1, 1 << 30)}
        """,
        _outcomes("ENOMEM"),
    ),
    _attack(
        "one huge allocation",
        "per_process_memory",
        "memory",
        """
        def run():
            return {"size": len(bytearray(1 << 60))}
        """,
    ),
    _attack(
        "memory bomb of many processes",
        "pid_tree_kill",
        "memory",
        """
        import os, time
        def run():
            for _ in range(3): os.fork()
            kept = bytearray(b"x") * (100 << 20)
            time.sleep(60)
        """,
    ),
    _attack(
        "memory in shared anonymous mappings",
        "pid_tree_kill",
        "memory",
        """
        import mmap, os, time
        def run():
            for _ in range(3): os.fork()
            kept = mmap.mmap(-1, 100 << 20)
            for offset in range(0, len(kept), 4096): kept[offset] = 1
            time.sleep(60)
        """,
    ),
    _attack(
        "memory that no limit counts",
        "syscall_filter",
        "ok",
        """
        import os
        def run():
            return {
                "memfd": attempt(os.memfd_create, "x"),
                "shmget": syscall(29, 0, 1 << 30, 0o1600),
                "msgget": syscall(68, 0, 0o1600),
                "mq_open": syscall(240, 0, 0, 0, 0),
            }
        """,
        _refused,
    ),
    _attack(
        "fork bomb",
        "pids",
        ("ok", "crash"),
        """
        import os, time
        def run():
            for count in range(200):
                try:
                    if os.fork() == 0: time.sleep(60)
                except BlockingIOError:
                    return {"count": count}
            return {"count": 200}
        """,
        lambda answer: answer.status == "crash" or answer.value["count"] < KIT_LIMITS.processes,
    ),
    _attack(
        "thread bomb",
        "pids",
        ("ok", "crash"),
        """
        import threading, time
        def run():
            for count in range(200):
                try:
                    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
                except RuntimeError:
                    return {"count": count}
            return {"count": 200}
        """,
        lambda answer: answer.status == "crash" or answer.value["count"] < KIT_LIMITS.processes,
    ),
    _attack(
        "descriptor exhaustion",
        "per_process_memory",
        "ok",
        """
        import os
        def run():
            kept = []
            def exhaust():
                while True: kept.append(os.open("/dev/null", os.O_RDONLY))
            outcome = attempt(exhaust)
            for descriptor in kept: os.close(descriptor)
            return {"outcome": outcome, "count": len(kept)}
        """,
        lambda answer: answer.value["outcome"] == "EMFILE" and answer.value["count"] < KIT_LIMITS.open_files,
    ),
    _attack(
        "full disks",
        "disk",
        ("ok", "memory"),
        """
        import itertools, os
        def fill(folder):
            for name in itertools.count():
                with open(f"{folder}/{name}", "wb", buffering=0) as file:
                    for _ in range(4): file.write(bytes(1 << 20))
        def run():
            outcomes = {}
            for folder in (os.environ["TMPDIR"], "/dev/shm", "/dev", "/", "/proc", "/etc"):
                outcomes[folder] = attempt(fill, folder)
            return outcomes
        """,
        lambda answer: (
            answer.status == "memory" or set(answer.value.values()) <= {"ENOSPC", "EROFS", "EACCES", "EPERM", "ENOENT"}
        ),
    ),
    _attack(
        "thousands of files",
        "pid_tree_kill",
        ("memory", "ok"),
        """
        import itertools, os
        def make():
            for number in itertools.count():
                os.close(os.open(f"{os.environ['TMPDIR']}/{number}", os.O_CREAT))
        def run():
            return {"outcome": attempt(make)}
        """,
        lambda answer: answer.status == "memory" or answer.value["outcome"] == "ENOSPC",
    ),
)

_LOGS = tuple(
    _attack(
        f"flood of {kind} on {stream}",
        "",
        "ok",
        f"""
        import os
        def run():
            block = {block} * (1 << 16)
            for _ in range({count}): os.write({number}, block)
            return {{"wrote": True}}
        """,
        lambda answer: (
            answer.truncated
            and len(answer.stdout) <= KIT_LIMITS.log_bytes
            and len(answer.stderr) <= KIT_LIMITS.log_bytes
            and not set(answer.stdout + answer.stderr) & {"\0", "\x1b", "\u202e"}
        ),
    )
    for number, stream in ((1, "stdout"), (2, "stderr"))
    for kind, block, count in (
        ("lines", r"b'spam\n'", 400),
        ("escapes, NUL and bytes of no text", r"b'\x1b[2J\0\xff\xe2\x80\xae'", 2),
    )
)

_REACH = (
    _attack(
        "the network",
        "net_isolated",
        "ok",
        """
        import socket
        def reach(family, kind, address):
            with socket.socket(family, kind) as client:
                client.settimeout(1)
                client.connect(address)
        def run():
            hosts = ("1.1.1.1", "127.0.0.1", "169.254.169.254")
            kinds = (socket.SOCK_STREAM, socket.SOCK_DGRAM)
            outcomes = {f"{h} {k}": attempt(reach, socket.AF_INET, k, (h, 80)) for h in hosts for k in kinds}
            outcomes["::1"] = attempt(reach, socket.AF_INET6, socket.SOCK_STREAM, ("::1", 80))
            return outcomes
        """,
        _outcomes("EAFNOSUPPORT", "ENETUNREACH", "EPERM", "EACCES"),
    ),
    _attack(
        "name resolution",
        "net_isolated",
        "ok",
        """
        import socket
        def run():
            return {"outcome": attempt(socket.getaddrinfo, "example.org", 80)}
        """,
        lambda answer: answer.value["outcome"] != "done",
    ),
    _attack(
        "netlink, packet, vsock and crypto sockets",
        "syscall_filter",
        "ok",
        """
        import socket
        def run():
            return {str(f): attempt(socket.socket, f, socket.SOCK_RAW) for f in (16, 17, 40, 38)}
        """,
        _outcomes("EAFNOSUPPORT"),
    ),
    _attack(
        "engine sockets",
        "fs_isolated",
        "ok",
        """
        import os, socket
        def connect(path):
            with socket.socket(socket.AF_UNIX) as client: client.connect(path)
        def run():
            outcomes = {path: attempt(connect, path) for path in payload["sockets"]}
            return outcomes | {path: attempt(os.listdir, path) for path in ("/run", "/var/run", "/home")}
        """,
        _outcomes("ENOENT", "EACCES", "EAFNOSUPPORT"),
    ),
    _attack(
        "the warm process's memory and environment",
        "fs_isolated",
        "ok",
        """
        import os
        def run():
            parts = ("environ", "mem", "maps", "root/etc", "fd/0", "cwd")
            return {part: attempt(lambda: os.listdir(f"/proc/1/{part}") if part.count("/root")
                    else open(f"/proc/1/{part}", "rb").read(1)) for part in parts}
        """,
        _refused,
    ),
    _attack(
        "writing to the system and to the interpreter",
        "fs_isolated",
        "ok",
        """
        import json, os, sys
        def run():
            harness = sys.modules["run_program"].__file__
            targets = ("/usr/x", sys.prefix + "/lib/x", json.__file__, "/etc/passwd", harness, harness + "x")
            return {t: attempt(lambda: open(t, "r+" if os.path.exists(t) else "w")) for t in targets}
        """,
        _refused,
    ),
    _attack(
        "kernel switches",
        "fs_isolated",
        "ok",
        """
        import os
        def run():
            names = ("sys/kernel/core_pattern", "sysrq-trigger", "sys/vm/overcommit_memory", "sys/kernel/hostname")
            outcomes = {name: attempt(lambda: open("/proc/" + name, "w")) for name in names}
            if os.getppid() == 1 and not os.statvfs("/proc/sys").f_flag & os.ST_RDONLY:
                outcomes["mount"] = "writable"
            return outcomes
        """,
        _refused,
    ),
    _attack(
        "remounting what is read-only",
        "fs_isolated",
        "ok",
        """
        def run():
            import ctypes
            root = ctypes.create_string_buffer(b"/")
            return {"remount": syscall(165, 0, ctypes.addressof(root), 0, 0x20 | 0x1000, 0)}
        """,
        _refused,
    ),
    _attack(
        "signals to others",
        "pid_tree_kill",
        "ok",
        """
        import os, signal
        def run():
            outcomes = {}
            for target in (1, os.getppid()):
                for number in (signal.SIGTERM, signal.SIGINT, signal.SIGSTOP, signal.SIGKILL):
                    outcomes[f"{target} {number}"] = attempt(os.kill, target, number)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            attempt(os.kill, -1, signal.SIGTERM)
            attempt(os.killpg, 0, signal.SIGTERM)
            return outcomes
        """,
        lambda answer: len(answer.value) >= 4,
    ),
    _attack(
        "core files",
        "syscall_filter",
        "ok",
        """
        import os, resource, signal
        def run():
            child = os.fork()
            if child == 0:
                os.kill(os.getpid(), signal.SIGSEGV)
            os.waitpid(child, 0)
            return {"limit": resource.getrlimit(resource.RLIMIT_CORE)[1], "files": os.listdir(".")}
        """,
        lambda answer: answer.value["limit"] in (0, 1) and answer.value["files"] == [],
    ),
    _attack(
        "limits and priority of the warm process",
        "syscall_filter",
        "ok",
        """
        import ctypes, os, resource
        def run():
            nothing = (ctypes.c_ulong * 2)()
            return {
                "files": attempt(resource.prlimit, 1, resource.RLIMIT_NOFILE, (3, 3)),
                "core": syscall(302, 0, 4, ctypes.addressof(nothing), 0),
                "core, high bits set": syscall(302, 0, 4 + (1 << 32), ctypes.addressof(nothing), 0),
                "core, old call": syscall(160, 4, ctypes.addressof(nothing)),
                "nice": attempt(os.setpriority, os.PRIO_PROCESS, 1, 19),
                "user": attempt(os.setpriority, os.PRIO_USER, 0, 19),
                "cores": attempt(os.sched_setaffinity, 1, {0}),
                "idle": attempt(os.sched_setscheduler, 1, os.SCHED_IDLE, os.sched_param(0)),
            }
        """,
        _outcomes("EPERM"),
    ),
    _attack(
        "inspection of processes, even of itself",
        "syscall_filter",
        "ok",
        """
        import os
        def run():
            own = os.getpid()
            return {
                "ptrace": syscall(101, 0, 0, 0, 0),
                "ptrace the first": syscall(101, 16, 1, 0, 0),
                "process_vm_readv": syscall(310, own, 0, 0, 0, 0, 0),
                "process_vm_writev": syscall(311, own, 0, 0, 0, 0, 0),
                "pidfd_getfd": syscall(438, os.pidfd_open(own), 1, 0),
                "kcmp": syscall(312, own, own, 1, 0, 0),
            }
        """,
        _outcomes("EPERM"),
    ),
    _attack(
        "namespaces and mounts",
        "syscall_filter",
        "ok",
        """
        def run():
            return {
                "unshare": syscall(272, 0x10000000),
                "clone": syscall(56, 0x10000000 | 17, 0, 0, 0, 0),
                "setns": syscall(308, 0, 0),
                "mount": syscall(165, 0, 0, 0, 0, 0),
                "umount": syscall(166, 0, 0),
                "chroot": syscall(161, 0),
                "pivot_root": syscall(155, 0, 0),
                "open_tree": syscall(428, 0, 0, 0),
                "move_mount": syscall(429, 0, 0, 0, 0, 0),
                "fsopen": syscall(430, 0, 0),
            }
        """,
        _outcomes("EPERM"),
    ),
    _attack(
        "kernel interfaces with a history",
        "syscall_filter",
        "ok",
        """
        def run():
            return {
                "bpf": syscall(321, 0, 0, 0),
                "perf_event_open": syscall(298, 0, 0, 0, 0, 0),
                "keyctl": syscall(250, 0, 0, 0, 0, 0),
                "add_key": syscall(248, 0, 0, 0, 0, 0),
                "io_uring_setup": syscall(425, 1, 0),
                "userfaultfd": syscall(323, 0),
                "kexec_load": syscall(246, 0, 0, 0, 0),
                "finit_module": syscall(313, 0, 0, 0),
            }
        """,
        _outcomes("EPERM"),
    ),
    _attack(
        "system calls of the future",
        "syscall_filter",
        "ok",
        """
        def run():
            return {str(number): syscall(number, 0, 0, 0, 0, 0) for number in (463, 467, 468, 500, 599)}
        """,
        _outcomes("ENOSYS"),
    ),
    _attack(
        "gaining privilege",
        "syscall_filter",
        "ok",
        """
        import os
        def run():
            status = dict(line.split(":\\t") for line in open("/proc/self/status").read().split("\\n") if line)
            own = os.getppid() == 1  # has users of its own
            return {
                "setuid": attempt(os.setuid, 0) if own else "EPERM",
                "root": "done" if own and "0" in status["Uid"].split() else "EPERM",
                "capabilities": "EPERM" if int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0 else "done",
                "bounding set": "done" if own and int(status["CapBnd"], 16) else "EPERM",
                "new": "EPERM" if status["NoNewPrivs"] == "1" else "done",
            }
        """,
        _outcomes("EPERM", "EINVAL"),
    ),
)

_PROGRAMS: tuple[tuple[str, AnswerStatus, str], ...] = (
    (
        "prints a result and leaves",
        "invalid",
        "import os\ndef run():\n    print('{}', flush=True)\n    os._exit(0)",
    ),
    ("answers nothing", "invalid", "def run(): pass"),
    ("answers a list", "invalid", "def run(): return [1]"),
    ("answers NaN", "invalid", "def run(): return {'x': float('nan')}"),
    ("answers infinity", "invalid", "def run(): return {'x': 1e999}"),
    ("answers a set", "invalid", "def run(): return {'x': {1}}"),
    ("answers a huge integer", "invalid", "def run(): return {'x': 10 ** 10_000}"),
    ("answers a lone surrogate", "invalid", "def run(): return {'x': chr(0xd800)}"),
    ("answers a number that is none", "invalid", "class F(float): pass\ndef run(): return {'x': F(1)}"),
    (
        "answers an object that equals everything",
        "invalid",
        "class E:\n    __eq__ = lambda *a: True\n    __float__ = lambda s: 1.0\ndef run(): return {'x': E()}",
    ),
    ("answers more than it may", "invalid", "def run(): return {'x': 'a' * (5 << 20)}"),
    ("answers itself", "invalid", "def run():\n    x = {}\n    x['x'] = x\n    return x"),
    (
        "frame of another call",
        "invalid",
        'def run(): raw_answer(b\'{"status":"ok","value":{},"arrays":[],"detail":{}}\', nonce=bytes(16))',
    ),
    ("frame that declares a gigabyte", "invalid", "def run(): raw_answer(b'{}', size=1 << 30)"),
    ("frame that breaks off", "invalid", "import os\ndef run():\n    raw_answer(b'{}', size=9)\n    os._exit(0)"),
    (
        "bytes of no frame",
        "invalid",
        "import os\ndef run():\n    for n in range(3, 64): attempt(os.write, n, b'x' * 999)",
    ),
    ("leaves by sys.exit", "invalid", "import sys\ndef run(): sys.exit(0)"),
    ("raises KeyboardInterrupt", "invalid", "def run(): raise KeyboardInterrupt"),
    ("raises its own BaseException", "invalid", "class B(BaseException): pass\ndef run(): raise B"),
    ("raises what cannot be printed", "error", "class B(Exception):\n    __str__ = 1\ndef run(): raise B"),
    ("recurses for ever", "error", "def run(): return run()"),
    ("imports a missing module", "error", "import no_such_module"),
    ("does not parse", "error", "def run(:"),
    ("holds null bytes", "error", "def run():\0 pass"),
    ("dies of SIGSEGV", "crash", "import ctypes\ndef run(): ctypes.string_at(0)"),
    ("aborts", "crash", "import os\ndef run(): os.abort()"),
    ("dies of SIGILL", "crash", "import os, signal\ndef run(): os.kill(os.getpid(), signal.SIGILL)"),
    ("dies of SIGFPE", "crash", "import os, signal\ndef run(): os.kill(os.getpid(), signal.SIGFPE)"),
)
_SCORE = tuple(_attack(name, "", status, source) for name, status, source in _PROGRAMS)

#: Every attack of the kit.
ATTACKS: tuple[Attack, ...] = (*_TIME_AND_RESOURCES, *_LOGS, *_REACH, *_SCORE)
