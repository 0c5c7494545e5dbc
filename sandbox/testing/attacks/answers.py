"""Programs that want a score they do not deserve, by what they answer or how they end."""

from __future__ import annotations

from ..._base import AnswerStatus
from ._base import Attack, attack

__all__ = ["ANSWERS"]

#: Whatever it makes of its own process, one frame comes or none.
_PATCHED = """
import json, os, struct, sys
def run():
    json.dumps = lambda *a, **k: '{"status":"ok","value":{"score":1e308},"arrays":[],"detail":{},"extra":1}'
    return {"n": 1}
"""
_FRAME = (
    'def run():\n    head, tail = b\'{{"status":"ok","value":{{"x":\', b\'}},"arrays":[],"detail":{{}}}}\'\n'
    "    raw_answer(head + {} + tail)"
)
#: To find the second one must not take the owner long.
_KEY_TWICE = _FRAME.format("b'{' + b','.join(b'\"%d\":1' % n for n in range(200_000)) + b',\"199999\":1}'")
_LATE_THREAD = """
import threading, time
def run():
    threading.Thread(target=lambda: (time.sleep(30), raw_answer(b"{}")), daemon=True).start()
    raise SystemExit
"""
_LAST_WISHES = """
import atexit, time
class Last:
    def __del__(self): time.sleep(600)
kept = Last()
def run():
    atexit.register(time.sleep, 600)
    return {"n": 1}
"""
_STOPPED_FORK = """
import os, signal
def run():
    if os.fork() == 0: os.kill(os.getpid(), signal.SIGSTOP)
    return {"n": 1}
"""
#: Programs of whose end the status is all that matters.
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
    (
        "answers what only looks like a dict",
        "invalid",
        "import collections\ndef run(): return collections.UserDict(x=1)",
    ),
    ("answers a dict of its own kind", "invalid", "class D(dict): pass\ndef run(): return D(x=1)"),
    ("answers keys that are numbers", "invalid", "def run(): return {1: 2}"),
    ("answers a key that is no text", "invalid", "def run(): return {chr(0xdfff): 1}"),
    ("frame of a key twice, after many", "invalid", _KEY_TWICE),
    ("frame of a million values", "invalid", _FRAME.format("b'[' + b'1,' * 1_000_001 + b'1]'")),
    ("frame of a number of a million digits", "invalid", _FRAME.format("b'9' * 1_000_000")),
    ("closes every descriptor", "invalid", "import os\ndef run():\n    os.closerange(0, 1024)\n    return {'n': 1}"),
    (
        "becomes another program",
        "invalid",
        "import os, sys\ndef run(): os.execv(sys.executable, [sys.executable, '-V'])",
    ),
    ("leaves while a thread would answer", "invalid", _LATE_THREAD),
    ("hangs in its last wishes", "ok", _LAST_WISHES),
    ("leaves while it is imported", "invalid", "import os\nos._exit(0)\ndef run(): pass"),
    ("leaves a stopped fork", "ok", _STOPPED_FORK),
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
    (
        "garbage of a fork before the answer",
        "invalid",
        "import os\ndef run():\n    if os.fork() == 0:\n        for n in range(3, 64): attempt(os.write, n, b'x' * 99)"
        "\n        os._exit(0)\n    os.wait()\n    return {'n': 1}",
    ),
    (
        "leaves with a fork that holds the pipe",
        "invalid",
        "import os, time\ndef run():\n    if os.fork() == 0: time.sleep(600)\n    os._exit(0)",
    ),
    ("array of a huge name", "invalid", "import numpy as np\ndef run(): return {}, {'x' * 10**6: np.ones(1)}"),
    ("answers a pickle", "invalid", "import pickle\ndef run(): raw_answer(pickle.dumps({'n': 1}))"),
    ("answers bytes", "invalid", "def run(): return {'x': b'PK'}"),
    ("nested too deeply", "invalid", "def run():\n    x = {}\n    for _ in range(999): x = {'x': x}\n    return x"),
    ("replaces what its runner uses to encode", "invalid", _PATCHED),
    ("leaves by sys.exit", "invalid", "import sys\ndef run(): sys.exit(0)"),
    ("raises KeyboardInterrupt", "invalid", "def run(): raise KeyboardInterrupt"),
    ("raises its own BaseException", "invalid", "class B(BaseException): pass\ndef run(): raise B"),
    ("raises what cannot be printed", "error", "class B(Exception):\n    __str__ = 1\ndef run(): raise B"),
    ("raises GeneratorExit", "invalid", "def run(): raise GeneratorExit"),
    ("raises a subclass of SystemExit", "invalid", "class S(SystemExit): pass\ndef run(): raise S(0)"),
    ("parentheses without end", "error", "x = " + "(" * 50_000),
    ("additions without end", "error", "x = " + "+".join(["1"] * 50_000) + "\nraise ValueError"),
    ("tries to rename itself", "error", "import os\ndef run(): os.rename('/proc/self', '/proc/1')"),
    ("recurses for ever", "error", "def run(): return run()"),
    ("imports a missing module", "error", "import no_such_module"),
    ("does not parse", "error", "def run(:"),
    ("holds null bytes", "error", "def run():\0 pass"),
    ("dies of SIGSEGV", "crash", "import ctypes\ndef run(): ctypes.string_at(0)"),
    ("aborts", "crash", "import os\ndef run(): os.abort()"),
    ("dies of SIGILL", "crash", "import os, signal\ndef run(): os.kill(os.getpid(), signal.SIGILL)"),
    ("dies of SIGFPE", "crash", "import os, signal\ndef run(): os.kill(os.getpid(), signal.SIGFPE)"),
)
ANSWERS: tuple[Attack, ...] = tuple(attack(name, "", status, source) for name, status, source in _PROGRAMS)
