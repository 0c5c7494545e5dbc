"""Programs that reach for what is not theirs. Numbers of system calls are those of x86-64."""

from __future__ import annotations

from ._base import Attack, attack, outcomes, refused

__all__ = ["REACH"]

REACH: tuple[Attack, ...] = (
    attack(
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
        outcomes("EAFNOSUPPORT", "ENETUNREACH", "EPERM", "EACCES"),
    ),
    attack(
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
    attack(
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
        outcomes("ENOENT", "EACCES", "EAFNOSUPPORT"),
    ),
    attack(
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
        refused,
    ),
    attack(
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
        refused,
    ),
    attack(
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
        refused,
    ),
    attack(
        "remounting what is read-only",
        "fs_isolated",
        "ok",
        """
        def run():
            import ctypes
            root = ctypes.create_string_buffer(b"/")
            return {"remount": syscall(165, 0, ctypes.addressof(root), 0, 0x20 | 0x1000, 0)}
        """,
        refused,
    ),
    attack(
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
    attack(
        "the canary, keys and homes",
        "fs_isolated",
        "ok",
        """
        import os
        def run():
            paths = [payload["canary"], "/etc/shadow", "/root/.ssh/id_rsa", "/proc/1/root/etc/shadow"]
            outcomes = {path: attempt(lambda: open(path).read()) for path in paths}
            outcomes["folder"] = attempt(os.listdir, os.path.dirname(payload["canary"]))
            outcomes["write"] = attempt(lambda: open(payload["canary"], "a"))
            outcomes["remove"] = attempt(os.unlink, payload["canary"])
            return outcomes
        """,
        refused,
    ),
    attack(
        "secrets in memory",
        "",
        "ok",
        """
        import gc, os, sys
        def run():
            frame, seen = sys._getframe(), []
            while frame is not None:
                seen.append(repr(frame.f_locals))
                frame = frame.f_back
            seen += [repr(o) for o in gc.get_objects() if type(o) in (str, bytes, dict) and len(o) < 1000]
            word = "planted" + "-key"
            return {"environment": word in repr(dict(os.environ)), "memory": any(word in text for text in seen)}
        """,
        lambda answer: not any(answer.value.values()),
    ),
    attack(
        "switches of the warm process",
        "fs_isolated",
        "ok",
        """
        import os
        def run():
            warm = os.getppid()
            names = ("oom_score_adj", "comm", "coredump_filter", "timerslack_ns", "clear_refs", "attr/current", "mem")
            def write(name): open(f"/proc/{warm}/{name}", "wb", buffering=0).write(b"1")
            return {name: attempt(write, name) for name in names}
        """,
        refused,
    ),
    attack(
        "signals by every other way",
        "pid_tree_kill",
        "ok",
        """
        import ctypes, fcntl, os, signal
        def run():
            first, info = os.getppid(), ctypes.create_string_buffer(128)
            address = ctypes.addressof(info)
            outcomes = {
                "tgkill": syscall(234, first, first, 9), "tkill": syscall(200, first, 9),
                "queue": syscall(129, first, 9, address), "queue to thread": syscall(297, first, first, 9, address),
            }
            descriptor = os.pidfd_open(first)
            outcomes["descriptor"] = syscall(424, descriptor, 9, 0, 0)
            read, write = os.pipe()
            fcntl.fcntl(read, fcntl.F_SETOWN, first)
            fcntl.fcntl(read, 10, signal.SIGKILL)
            fcntl.fcntl(read, fcntl.F_SETFL, os.O_ASYNC)
            os.write(write, b"x")
            return outcomes
        """,
        lambda answer: len(answer.value) == 5,
    ),
    attack(
        "becoming a reaper of its own",
        "pid_tree_kill",
        "ok",
        """
        import os, time
        def run():
            libc = __import__("ctypes").CDLL(None)
            libc.prctl(36, 1, 0, 0, 0)
            libc.prctl(1, 0, 0, 0, 0)
            if os.fork() == 0:
                if os.fork() == 0:
                    os.setsid()
                    time.sleep(600)
                os._exit(0)
            return {"n": 1}
        """,
        lambda answer: answer.value == {"n": 1},
    ),
    attack(
        "identity maps and other files of itself",
        "fs_isolated",
        "ok",
        """
        import os
        def write(path, data):
            with open(path, "wb", buffering=0) as file: file.write(data)
        def run():
            return {
                "uid_map": attempt(write, "/proc/self/uid_map", b"0 0 1"),
                "setgroups": attempt(write, "/proc/self/setgroups", b"deny"),
                "last pid": attempt(write, "/proc/sys/kernel/ns_last_pid", b"1"),
                "cgroup": attempt(os.mkdir, "/sys/fs/cgroup/x"),
                "cgroup memory": attempt(write, "/sys/fs/cgroup/memory/memory.limit_in_bytes", b"-1"),
                "cgroup max": attempt(write, "/sys/fs/cgroup/memory.max", b"max"),
            }
        """,
        refused,
    ),
    attack(
        "devices, graphics cards among them",
        "gpu_masking",
        "ok",
        """
        import os
        def run():
            names = ("nvidia0", "nvidiactl", "nvidia-uvm", "dri/card0", "dri/renderD128", "kfd", "kvm", "fuse", "mem",
                     "kmsg", "net/tun", "vda", "sda", "nvme0n1", "loop0", "loop-control", "userfaultfd", "input/event0")
            return {name: attempt(os.open, "/dev/" + name, os.O_RDONLY) for name in names}
        """,
        refused,
    ),
    attack(
        "a setuid program of its own",
        "fs_isolated",
        "ok",
        """
        import os, shutil, subprocess, sys
        def run():
            open("tool", "wb").write(b"#!/bin/sh\\nid -u\\n")
            mode = attempt(os.chmod, "tool", 0o6777)
            before = os.getresuid()
            attempt(subprocess.run, ["./tool"])
            for tool in ("su", "sudo", "mount", "passwd", "pkexec", "newuidmap"):
                path = shutil.which(tool)
                if path: attempt(lambda: subprocess.run([path, "-h"], stdin=subprocess.DEVNULL, timeout=2))
            return {"same": os.getresuid() == before}
        """,
        lambda answer: answer.value == {"same": True},
    ),
    attack(
        "a library of its own",
        "fs_isolated",
        "ok",
        """
        import ctypes, os, shutil, sys
        def run():
            folder = next(path for path in sys.path if path.endswith("lib-dynload"))
            library = next(name for name in sorted(os.listdir(folder)) if name.endswith(".so"))
            shutil.copyfile(f"{folder}/{library}", "own.so")
            return {"load": attempt(ctypes.CDLL, "./own.so")}
        """,
        outcomes("done", "OSError", "EACCES", "EPERM"),
    ),
    attack(
        "installing packages",
        "net_isolated",
        "ok",
        """
        import subprocess, sys
        def run():
            command = [sys.executable, "-m", "pip", "--no-input", "--retries", "0", "install", "no-such-package-at-all"]
            try: code = subprocess.run(command, capture_output=True, timeout=15).returncode
            except OSError: code = 1
            return {"failed": code != 0, "missing": attempt(__import__, "no_such_package_at_all")}
        """,
        lambda answer: answer.value == {"failed": True, "missing": "ModuleNotFoundError"},
    ),
    attack(
        "every descriptor there is",
        "",
        ("ok", "invalid"),
        """
        import array, os, socket
        def run():
            for number in range(3, 1024):
                attempt(os.set_blocking, number, False)
                for action in (
                    lambda: os.write(number, b"{}"), lambda: os.read(number, 1),
                    lambda: os.ftruncate(number, 0), lambda: os.lseek(number, 0, 0),
                ): attempt(action)
                def send():
                    with socket.socket(fileno=os.dup(number)) as own:
                        own.sendmsg([b'{"stop": 1}'], [(1, 1, array.array("i", [0]))])
                attempt(send)
            return {"n": 1}
        """,
    ),
    attack(
        "more layers of Landlock than there may be",
        "",
        "ok",
        """
        import ctypes
        def run():
            attributes = (ctypes.c_uint64 * 3)(0, 0, 2)
            last = ""
            for _ in range(20):
                number = ctypes.CDLL(None).syscall(444, ctypes.byref(attributes), 24, 0)
                last = syscall(446, number, 0) if number >= 0 else "ENOSYS"
            return {"last": last}
        """,
        lambda answer: bool(answer.value),
    ),
)
