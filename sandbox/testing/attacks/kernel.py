"""Programs that ask the kernel for what they may not have. Numbers of system calls are those of x86-64."""

from __future__ import annotations

from ._base import Attack, attack, outcomes

__all__ = ["KERNEL"]

KERNEL: tuple[Attack, ...] = (
    attack(
        "netlink, packet, vsock and crypto sockets",
        "syscall_filter",
        "ok",
        """
        import socket
        def run():
            return {str(f): attempt(socket.socket, f, socket.SOCK_RAW) for f in (16, 17, 40, 38)}
        """,
        outcomes("EAFNOSUPPORT"),
    ),
    attack(
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
    attack(
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
        outcomes("EPERM"),
    ),
    attack(
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
        outcomes("EPERM"),
    ),
    attack(
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
        outcomes("EPERM"),
    ),
    attack(
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
        outcomes("EPERM"),
    ),
    attack(
        "clocks, names and logs of the machine",
        "syscall_filter",
        "ok",
        """
        import socket
        def run():
            return {
                "settimeofday": syscall(164, 0, 0),
                "clock_settime": syscall(227, 0, 0),
                "clock_adjtime": syscall(305, 0, 0),
                "adjtimex": syscall(159, 0),
                "sethostname": attempt(socket.sethostname, "x"),
                "syslog": syscall(103, 3, 0, 0),
                "acct": syscall(163, 0),
                "quotactl": syscall(179, 0, 0, 0, 0),
                "personality": syscall(135, 0x0040000),
            }
        """,
        outcomes("EPERM"),
    ),
    attack(
        "memory of the warm process by its number",
        "syscall_filter",
        "ok",
        """
        import os
        def run():
            warm = os.getppid()
            return {
                "advice": syscall(440, os.pidfd_open(warm), 0, 0, 0, 0),
                "release": syscall(448, os.pidfd_open(warm), 0),
                "migrate": syscall(256, warm, 1, 0, 0),
                "move": syscall(279, warm, 0, 0, 0, 0, 0),
                "its descriptors": syscall(438, os.pidfd_open(warm), 0, 0),
                "secret memory": syscall(447, 0),
            }
        """,
        outcomes("EPERM"),
    ),
    attack(
        "system calls of the future",
        "syscall_filter",
        "ok",
        """
        def run():
            return {str(number): syscall(number, 0, 0, 0, 0, 0) for number in (463, 467, 468, 500, 599)}
        """,
        outcomes("ENOSYS"),
    ),
    attack(
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
        outcomes("EPERM", "EINVAL"),
    ),
    attack(
        "calls of other architectures",
        "syscall_filter",
        "ok",
        """
        import ctypes, mmap, os
        def ends(action):
            child = os.fork()
            if child == 0:
                action()
                os._exit(0)
            status = os.waitpid(child, 0)[1]
            return "SIGSYS" if os.WIFSIGNALED(status) and os.WTERMSIG(status) == 31 else str(status)
        def old():
            page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
            page.write(bytes.fromhex("b814000000" "cd80" "c3"))
            ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
        def run():
            return {"x32": ends(lambda: ctypes.CDLL(None).syscall(0x40000000 + 39)), "i386": ends(old)}
        """,
        outcomes("SIGSYS"),
    ),
    attack(
        "namespaces by the newer call",
        "syscall_filter",
        "ok",
        """
        import ctypes
        def run():
            arguments = (ctypes.c_uint64 * 11)(0x10000000)
            return {"clone3": syscall(435, ctypes.addressof(arguments), 88)}
        """,
        outcomes("ENOSYS"),
    ),
    attack(
        "typing into the terminal",
        "syscall_filter",
        "ok",
        """
        import fcntl, os
        def push(number): fcntl.ioctl(number, 0x5412, b"x")
        def run():
            outcomes = {str(n): attempt(push, n) for n in (0, 1, 2)}
            outcomes["high bits"] = syscall(16, 0, 0x5412 + (1 << 32), 0)
            return outcomes | {"tty": attempt(os.open, "/dev/tty", os.O_RDWR)}
        """,
        outcomes("EPERM", "ENXIO", "ENOENT", "EACCES"),
    ),
)
