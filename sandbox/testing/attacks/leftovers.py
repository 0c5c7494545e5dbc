"""Pairs of programs: what the first leaves behind, the second must not find, and no cleaning up must be led astray."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent

__all__ = ["LEFTOVERS", "Leftover"]


@dataclass(frozen=True)
class Leftover:
    """A pair of programs in one slot, one after the other.

    Attributes:
        name: What is left.
        needs: The capability that keeps it from the second; a backend without it reports so.
        leave: The first program; it may end in any way.
        look: The second, which returns {"found": [...]}; every entry is something that was carried over.
    """

    name: str
    needs: str
    leave: str
    look: str


def _leftover(name: str, needs: str, leave: str, look: str = "") -> Leftover:
    return Leftover(name, needs, dedent(leave), dedent(look) or _SCRATCH)


#: Whatever a listing of the writable places shows.
_SCRATCH = """
import os
def run():
    folders = [f for f in (os.environ["TMPDIR"], "/dev/shm") if attempt(os.listdir, f) == "done"]
    odd = [f for f in folders if os.stat(f).st_mode & 0o7777 != 0o700 or os.listxattr(f)]
    return {"found": odd + [repr(name) for f in folders for name in os.listdir(os.fsencode(f))]}
"""

#: Every pair of the kit.
LEFTOVERS: tuple[Leftover, ...] = (
    _leftover(
        "names of odd bytes",
        "fs_isolated",
        """
        import os
        def run():
            for name in (b"\\xff\\n\\x1b[2J", b"-rf", b" ", b"~", b"*", b"x" * 255, "\\u202e".encode()):
                os.close(os.open(name, os.O_CREAT))
                os.mkdir(name[:200] + b".d")
        """,
    ),
    _leftover(
        "folders without any rights",
        "fs_isolated",
        """
        import os
        def run():
            os.makedirs("a/b/c")
            open("a/b/c/file", "w").close()
            for path in ("a/b/c/file", "a/b/c", "a/b", "a", "."): attempt(os.chmod, path, 0)
        """,
    ),
    _leftover(
        "links to the outside",
        "fs_isolated",
        """
        import os
        def run():
            canary = payload["canary"]
            os.mkdir("d")
            for number, target in enumerate((canary, os.path.dirname(canary), "/", "..", "/proc/1/root", "loop4")):
                os.symlink(target, f"loop{number}")
                os.symlink(target, f"d/loop{number}")
            attempt(os.link, canary, "hard")
        """,
    ),
    _leftover(
        "pipes, sockets and devices",
        "fs_isolated",
        """
        import os, socket, stat
        def run():
            os.mkfifo("fifo")
            attempt(lambda: socket.socket(socket.AF_UNIX).bind("socket"))
            attempt(os.mknod, "device", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
        """,
    ),
    _leftover(
        "attributes and modes of the folder itself",
        "fs_isolated",
        """
        import os
        def run():
            for folder in (os.environ["TMPDIR"], "/dev/shm"):
                attempt(os.setxattr, folder, "user.kept", b"1")
                attempt(os.chmod, folder, 0o1777)
        """,
    ),
    _leftover(
        "flags of the folder itself",
        "fs_isolated",
        """
        import fcntl, os, struct
        def run():
            for folder in (os.environ["TMPDIR"], "/dev/shm"):
                for flags in (0x40, 0x80, 0xC0):  # not to be dumped, no times of access
                    attempt(lambda: fcntl.ioctl(os.open(folder, os.O_RDONLY), 0x40086602, struct.pack("l", flags)))
        """,
        """
        import fcntl, os, struct
        def run():
            found = []
            for folder in (os.environ["TMPDIR"], "/dev/shm"):
                def look():
                    here = os.open(folder, os.O_RDONLY)
                    if struct.unpack("l", fcntl.ioctl(here, 0x80086601, bytes(8)))[0] & 0xC0: found.append(folder)
                attempt(look)
            return {"found": found}
        """,
    ),
    _leftover(
        "rights that a folder hands on",
        "fs_isolated",
        """
        import os, struct
        def run():
            entries = ((1, 7, -1), (2, 7, 65534), (4, 7, -1), (16, 7, -1), (32, 7, -1))
            acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in entries)
            for folder in (os.environ["TMPDIR"], "/dev/shm"):
                for kind in ("default", "access"): attempt(os.setxattr, folder, f"system.posix_acl_{kind}", acl)
        """,
    ),
    _leftover(
        "its source, its answer and its logs in memory",
        "",
        """
        import os
        def run():
            text = "it-was-%s-here-0815" % "KILROY"  # KILROY-WAS-HERE-0815
            os.write(1, text.encode() * 20)
            os.write(2, text.encode() * 20)
            return {"answer": text * 20}
        """,
        """
        import re
        def run():
            found = []
            for line in open("/proc/self/maps"):
                begin, end = (int(part, 16) for part in line.split()[0].split("-"))
                with open("/proc/self/mem", "rb", buffering=0) as memory:
                    try:
                        memory.seek(begin)
                        content = memory.read(end - begin)
                    except (OSError, OverflowError, ValueError):
                        continue
                if re.search(b"KILRO[Y]-WAS-HERE|it-was-KILRO[Y]-here", content): found.append(line.split()[-1])
            return {"found": found}
        """,
    ),
    _leftover(
        "descriptors in flight, timers and watches",
        "pid_tree_kill",
        """
        import array, os, signal, socket
        def run():
            here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
            for _ in range(20):
                attempt(here.sendmsg, [b"x"], [(1, 1, array.array("i", [there.fileno(), here.fileno()]))])
            syscall(283, 1, 0)
            attempt(lambda: syscall(294, 0))
            signal.setitimer(signal.ITIMER_VIRTUAL, 0.001)
            signal.signal(signal.SIGVTALRM, signal.SIG_IGN)
        """,
        """
        import os, signal
        def run():
            more = [name for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")]
            timers = [signal.getitimer(which)[0] for which in (0, 1, 2)]
            return {"found": (more if len(more) > 4 else []) + [t for t in timers if t]}
        """,
    ),
    _leftover(
        "storage of the code, the interpreter and devices",
        "fs_isolated",
        """
        import json, os, sys
        def run():
            folders = ("/", "/sandbox", "/sandbox/code", "/dev", "/dev/pts", "/proc", os.path.dirname(json.__file__))
            for folder in folders:
                attempt(os.setxattr, folder, "user.left", b"1")
                attempt(os.utime, folder, (7, 7))
                attempt(os.chmod, folder, 0o711)
                attempt(lambda: open(folder + "/left-behind", "w"))
                attempt(os.mkdir, folder + "/left-behind.d")
        """,
        """
        import json, os
        def run():
            folders = ("/", "/sandbox", "/sandbox/code", "/dev", "/dev/pts", os.path.dirname(json.__file__))
            found = []
            for folder in filter(os.path.isdir, folders):
                def look():
                    found.extend(name for name in os.listdir(folder) if name.startswith("left-behind"))
                attempt(look)
                attempt(lambda: found.append(os.getxattr(folder, "user.left").decode()))
                if os.stat(folder).st_mtime == 7: found.append(folder)
            return {"found": found}
        """,
    ),
    _leftover(
        "deep folders",
        "fs_isolated",
        """
        import os
        def run():
            for _ in range(1000):
                os.mkdir("d")
                os.chdir("d")
        """,
    ),
    _leftover(
        "many files and hard links",
        "fs_isolated",
        """
        import os
        def run():
            open("0", "w").close()
            for number in range(1, 1500): attempt(os.link, "0", str(number))
        """,
    ),
    _leftover(
        "files that are mapped and open in processes that stay",
        "pid_tree_kill",
        """
        import mmap, os, time
        def run():
            file = open("mapped", "w+b")
            file.truncate(1 << 20)
            mapped = mmap.mmap(file.fileno(), 0)
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    while True:
                        mapped[0] = 1
                        attempt(open, "again", "w")
                os._exit(0)
        """,
    ),
    _leftover(
        "processes that ignore everything",
        "pid_tree_kill",
        """
        import os, signal, time
        def run():
            for number in set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}:
                signal.signal(number, signal.SIG_IGN)
            for _ in range(4):
                if os.fork() == 0:
                    os.setsid()
                    while True: time.sleep(1)
        """,
        """
        import os
        def run():
            if os.getppid() == 1:
                return {"found": [p for p in os.listdir("/proc") if p.isdigit() and int(p) not in (1, os.getpid())]}
            return {"found": []}
        """,
    ),
    _leftover(
        "stopped processes",
        "pid_tree_kill",
        """
        import os, signal
        def run():
            if os.fork() == 0: os.kill(os.getpid(), signal.SIGSTOP)
            import time
            time.sleep(0.05)
        """,
        """
        import os
        def run():
            if os.getppid() == 1:
                return {"found": [p for p in os.listdir("/proc") if p.isdigit() and int(p) not in (1, os.getpid())]}
            return {"found": []}
        """,
    ),
    _leftover(
        "locks on files that all share",
        "pid_tree_kill",
        """
        import fcntl, json, os, time
        def run():
            if os.fork() == 0:
                os.setsid()
                fcntl.flock(open(json.__file__), fcntl.LOCK_EX)
                time.sleep(600)
            time.sleep(0.05)
        """,
        """
        import fcntl, json
        def run():
            outcome = attempt(fcntl.flock, open(json.__file__), fcntl.LOCK_EX | fcntl.LOCK_NB)
            return {"found": [] if outcome == "done" else [outcome]}
        """,
    ),
    _leftover(
        "abstract sockets",
        "net_isolated",
        """
        import os, socket, time
        def run():
            if os.fork() == 0:
                os.setsid()
                server = socket.socket(socket.AF_UNIX)
                server.bind("\\0left")
                server.listen()
                time.sleep(600)
            time.sleep(0.05)
        """,
        """
        import socket
        def run():
            outcome = attempt(lambda: socket.socket(socket.AF_UNIX).connect("\\0left"))
            return {"found": ["socket"] if outcome == "done" else []}
        """,
    ),
    _leftover(
        "message queues and shared memory",
        "syscall_filter",
        """
        import os
        def run():
            for call in ((29, 77, 4096, 0o1666), (68, 77, 0o1666), (64, 77, 1, 0o1666)): syscall(*call)
            attempt(lambda: os.close(os.open("/dev/mqueue/left", os.O_CREAT | os.O_RDWR)))
            attempt(lambda: open("/dev/shm/left", "w").close())
        """,
        """
        import os
        def run():
            calls = {"shm": (29, 77, 4096, 0), "queue": (68, 77, 0), "semaphore": (64, 77, 1, 0)}
            found = [name for name, call in calls.items() if syscall(*call) == "done"]
            paths = ("/dev/mqueue/left", "/dev/shm/left")
            return {"found": found + [path for path in paths if os.path.exists(path)]}
        """,
    ),
    _leftover(
        "what a process hands down",
        "",
        """
        import builtins, json, locale, os, random, resource, signal, sys
        def run():
            builtins.kept = json.kept = sys.kept = 1
            sys.path.insert(0, "/kept")
            os.environ["KEPT"] = "1"
            os.umask(0)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
            signal.setitimer(signal.ITIMER_REAL, 30)
            sys.setrecursionlimit(77)
            json.loads = lambda text: {}
            os.chdir("/")
        """,
        """
        import builtins, json, os, signal, sys
        def run():
            checks = {
                "globals": hasattr(builtins, "kept") or hasattr(json, "kept") or hasattr(sys, "kept"),
                "path": "/kept" in sys.path,
                "environment": "KEPT" in os.environ,
                "umask": os.umask(0) == 0,
                "handler": signal.getsignal(signal.SIGTERM) == signal.SIG_IGN,
                "mask": bool(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
                "timer": signal.getitimer(signal.ITIMER_REAL)[0] > 0,
                "recursion": sys.getrecursionlimit() == 77,
                "json": json.loads("[1]") != [1],
                "folder": os.getcwd() == "/",
            }
            return {"found": [name for name, kept in checks.items() if kept]}
        """,
    ),
)
