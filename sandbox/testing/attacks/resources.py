"""Programs that take more than they may: time, memory, processes, descriptors, disk, logs."""

from __future__ import annotations

from ._base import KIT_LIMITS, Attack, attack, outcomes, refused

__all__ = ["RESOURCES"]

_TIME_AND_PLACE: tuple[Attack, ...] = (
    attack(
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
    attack(
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
    attack(
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
    attack(
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
    attack(
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
    attack(
        "memory bomb",
        "per_process_memory",
        "memory",
        """
        def run():
            kept = []
            while True: kept.append(bytearray(1 << 24))
        """,
    ),
    attack(
        "memory reserved and not used",
        "per_process_memory",
        "ok",
        """
        import mmap
        def run():
            return {"outcome": attempt(mmap.mmap, -1, 1 << 30)}
        """,
        outcomes("ENOMEM"),
    ),
    attack(
        "one huge allocation",
        "per_process_memory",
        "memory",
        """
        def run():
            return {"size": len(bytearray(1 << 60))}
        """,
    ),
    attack(
        "memory bomb of many processes",
        "pid_tree_kill",
        "memory",
        """
        import os, time
        def run():
            for _ in range(3): os.fork()
            kept = bytearray(b"x") * (40 << 20)
            time.sleep(60)
        """,
    ),
    attack(
        "memory in shared anonymous mappings",
        "pid_tree_kill",
        "memory",
        """
        import mmap, os, time
        def run():
            for _ in range(3): os.fork()
            kept = mmap.mmap(-1, 40 << 20)
            kept[::4096] = bytes(len(kept) // 4096)
            time.sleep(60)
        """,
    ),
    attack(
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
        refused,
    ),
    attack(
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
            time.sleep(15)  # all are there: whoever only looks now and then has time to
            return {"count": 200}
        """,
        lambda answer: answer.status == "crash" or answer.value["count"] < KIT_LIMITS.processes,
    ),
    attack(
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
            time.sleep(15)  # all are there: whoever only looks now and then has time to
            return {"count": 200}
        """,
        lambda answer: answer.status == "crash" or answer.value["count"] < KIT_LIMITS.processes,
    ),
    attack(
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
    attack(
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
    attack(
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
    attack(
        "C loop without a signal check",
        "",
        "timeout",
        """
        def run():
            return {"x": 7 ** (7 ** 12) % 3}
        """,
        wall_seconds=0.2,
    ),
    attack(
        "sparse file",
        "disk",
        "ok",
        """
        import os
        def run():
            file = os.open("sparse", os.O_CREAT | os.O_RDWR)
            import signal
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            return {"truncate": attempt(os.ftruncate, file, 1 << 40), "write": attempt(os.pwrite, file, b"x", 1 << 40)}
        """,
        outcomes("EFBIG", "EINVAL", "ENOSPC"),
    ),
    attack(
        "raising its own limits",
        "per_process_memory",
        "ok",
        """
        import resource
        def run():
            names = ("AS", "CPU", "NOFILE", "FSIZE", "CORE", "MEMLOCK", "MSGQUEUE", "NPROC", "NICE", "RTPRIO")
            outcomes = {}
            for name in names:
                which = getattr(resource, "RLIMIT_" + name)
                hard = resource.getrlimit(which)[1]
                if hard != resource.RLIM_INFINITY:
                    outcomes[name] = attempt(resource.setrlimit, which, (hard + 1, hard + 1))
            return outcomes
        """,
        lambda answer: (
            set(answer.value.values()) <= {"ValueError", "EPERM"} and {"AS", "CPU", "FSIZE"} <= set(answer.value)
        ),
    ),
    attack(
        "memory that cannot be swapped, huge pages",
        "syscall_filter",
        "ok",
        """
        import mmap
        def run():
            return {
                "mlockall": syscall(151, 7),
                "huge": attempt(mmap.mmap, -1, 1 << 30, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40000),
            }
        """,
        outcomes("EPERM", "ENOMEM"),
    ),
    attack(
        "the whole processor for itself",
        "cpu_rate",
        "ok",
        """
        import os, time
        def run():
            for _ in range(3):
                if os.fork() == 0:
                    while True: pass
            time.sleep(1)
            return {"done": True}
        """,
        lambda answer: answer.cpu_seconds <= 1.25 * answer.wall_seconds + 0.2,
    ),
    attack(
        "priority over others",
        "syscall_filter",
        "ok",
        """
        import os
        def run():
            return {
                "nice": attempt(os.setpriority, os.PRIO_PROCESS, 0, -20),
                "real time": attempt(os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(1)),
                "disk": syscall(251, 1, 0, 1 << 13),
            }
        """,
        outcomes("EPERM"),
    ),
    attack(
        "logs that go on after the answer",
        "pid_tree_kill",
        "ok",
        """
        import os
        def run():
            if os.fork() == 0:
                os.setsid()
                while True: os.write(1, b"late" * 4096)
            return {"n": 1}
        """,
        lambda answer: answer.value == {"n": 1},
    ),
    attack(
        "an answer in drops",
        "",
        "timeout",
        """
        import os, stat, time
        def run():
            pipes = [n for n in range(3, 64) if os.path.exists(f"/proc/self/fd/{n}")]
            while True:
                for number in pipes: attempt(os.write, number, b"D")
                time.sleep(0.05)
        """,
        lambda answer: answer.clock_limited,
        wall_seconds=0.3,
    ),
    attack(
        "sleep while it is imported",
        "",
        "timeout",
        """
        import time
        time.sleep(600)
        def run(): pass
        """,
        lambda answer: answer.clock_limited,
        wall_seconds=0.3,
    ),
    attack(
        "memory in pipes",
        "per_process_memory",
        "ok",
        """
        import fcntl, os
        def run():
            ends, size = [], 0
            def fill():
                nonlocal size
                while True:
                    ends.append(os.pipe())
                    os.set_blocking(ends[-1][1], False)
                    attempt(fcntl.fcntl, ends[-1][1], 1031, 1 << 30)
                    try:
                        while True: size += os.write(ends[-1][1], bytes(1 << 16))
                    except BlockingIOError: pass
            outcome = attempt(fill)
            for end in (end for pair in ends for end in pair): os.close(end)
            return {"outcome": outcome, "size": size}
        """,
        lambda answer: answer.value["outcome"] == "EMFILE" and answer.value["size"] <= KIT_LIMITS.open_files << 20,
    ),
    attack(
        "its own alarm",
        "",
        "crash",
        """
        import signal, time
        def run():
            signal.setitimer(signal.ITIMER_REAL, 0.01)
            while True: time.sleep(1)
        """,
    ),
)

_LOGS = tuple(
    attack(
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
        ("lines", r"b'spam\n'", 960),
        ("escapes, NUL and bytes of no text", r"b'\x1b[2J\0\xff\xe2\x80\xae'", 2),
    )
)

RESOURCES = (*_TIME_AND_PLACE, *_LOGS)
