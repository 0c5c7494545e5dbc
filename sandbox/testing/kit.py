"""The tests that every backend passes."""
# ruff: noqa: D102 (the name of a test says what it tests)

from __future__ import annotations

import contextlib
import dataclasses
import gc
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import psutil
import pytest

from .._base import Answer, Array, Harness, Limits, Sandbox, SandboxError, Slot
from ..capabilities import PROPERTIES
from .attacks import ATTACKS, KIT_LIMITS, LEFTOVERS, Attack, Leftover

#: A secret in the owner's environment; no output of any program may hold it.
_PLANTED = "planted" + "-key-4f1b"

__all__ = ["SandboxConformance", "kit_harness", "run_program"]

_HONEST = """
import os
def run():
    print("at work")
    folders = [f for f in (os.environ["TMPDIR"], "/dev/shm") if attempt(os.listdir, f) == "done"]
    return {
        "answer": payload["question"] * 2,
        "left": [os.path.join(folder, name) for folder in folders for name in os.listdir(folder)],
        "pids": [name for name in os.listdir("/proc") if name.isdigit()] if os.getppid() == 1 else [],
    }
"""


def kit_harness(*preload: str) -> Harness:
    """The kit's own harness, which executes `payload["source"]`; makes it importable in this process's sense."""
    folder = str(Path(__file__).with_name("inside"))
    if folder not in sys.path:
        sys.path.append(folder)
    return Harness(entry="run_program", modules=(), preload=preload)


def run_program(slot: Slot, source: str, limits: Limits | None = None, **payload: object) -> Answer:
    """Call `slot`, opened with `kit_harness()`, on a program."""
    return slot.call({"source": dedent(source), **payload}, limits=limits)


def _processes() -> set[psutil.Process]:
    """All below this process. Of what others left there some may end at any time: ask for what is new, not what is."""
    return set(psutil.Process().children(recursive=True))


def _descriptors() -> set[tuple[str, str]]:
    """This process's open descriptors, and what each leads to. Likewise."""
    gc.collect()
    found = set()
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # that of the listing
            found.add((number, os.readlink(f"/proc/self/fd/{number}")))
    return found


def _host() -> tuple[int, str, dict[str, str]]:
    """What an attack must leave as it was: how many processes we have, the mounts, the environment."""
    mounts = [line for line in Path("/proc/self/mounts").read_text().split("\n") if not _of_others(line)]
    return len(_processes()), "\n".join(mounts), dict(os.environ)


def _of_others(mount: str) -> bool:
    """Whether a mount is a container's, or below the temporary folder: of those, others may come and go meanwhile."""
    own = f" {tempfile.gettempdir()}/" in mount
    return own or any(part in mount for part in ("/overlay2/", "/containers/", "/netns/"))


def _targets(canary: Path) -> dict[str, Any]:
    """What an attack may want to know of the host."""
    engine = os.environ.get("DOCKER_HOST", "").removeprefix("unix://")
    return {
        "canary": str(canary),
        "sockets": [path for path in ("/var/run/docker.sock", "/run/docker.sock", engine) if path],
    }


class SandboxConformance:
    """Subclass it and supply the fixture `sandbox`."""

    @pytest.fixture(scope="class")
    @classmethod
    def sandbox(cls) -> Sandbox:
        """The backend under test."""
        raise NotImplementedError("a conformance class supplies the fixture `sandbox`")

    @pytest.fixture(scope="class")
    @classmethod
    def slot(cls, sandbox: Sandbox) -> Iterator[Slot]:
        """A slot that most tests share, of an owner with a secret in its environment."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PLANTED_KEY", _PLANTED)
            with sandbox.open(kit_harness("numpy"), KIT_LIMITS) as slot:
                yield slot

    @pytest.fixture(scope="class")
    @classmethod
    def numeric(cls, slot: Slot) -> Slot:
        """A slot with numpy in it."""
        return slot

    def assert_sound(self, sandbox: Sandbox, slot: Slot) -> None:
        """The next honest program is answered rightly, and finds nothing of what ran before it."""
        answer = run_program(slot, _HONEST, question=21)
        assert (answer.status, answer.message) == ("ok", "")
        assert answer.value["answer"] == 42
        assert answer.stdout == "at work\n"
        if sandbox.capabilities()["fs_isolated"].level == "enforced":
            assert answer.value["left"] == []
        if answer.value["pids"]:
            assert len(answer.value["pids"]) == 2, "only the warm process and the program itself"

    @pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
    def test_attack(self, sandbox: Sandbox, slot: Slot, attack: Attack, tmp_path: Path) -> None:
        if attack.needs and sandbox.capabilities()[attack.needs].level == "none":
            assert sandbox.capabilities()[attack.needs].mechanism, "what is not bounded has to be reported"
            return
        canary = tmp_path / "canary"
        canary.write_text("alive")
        before = _host()
        limits = dataclasses.replace(KIT_LIMITS, wall_seconds=attack.wall_seconds, cpu_seconds=attack.cpu_seconds)
        answer = run_program(slot, attack.source, limits, **_targets(canary))
        assert answer.status in attack.statuses, answer
        assert attack.holds(answer), answer
        assert answer.status == "ok" or (answer.message and not answer.value and not answer.arrays)
        assert "\n" not in answer.message
        self.assert_sound(sandbox, slot)
        after = _host()
        assert after[0] <= before[0] and after[1:] == before[1:]
        assert canary.read_text() == "alive"
        assert _PLANTED not in repr(answer)

    @pytest.mark.parametrize("pair", LEFTOVERS, ids=lambda pair: pair.name)
    def test_leftovers(self, sandbox: Sandbox, slot: Slot, pair: Leftover, tmp_path: Path) -> None:
        if pair.needs and sandbox.capabilities()[pair.needs].level == "none":
            assert sandbox.capabilities()[pair.needs].mechanism, "what is not bounded has to be reported"
            return
        canary = tmp_path / "canary"
        canary.write_text("alive")
        before = canary.stat()
        left = run_program(slot, pair.leave, **_targets(canary))
        assert left.status in ("ok", "invalid", "crash"), left
        found = run_program(slot, pair.look)
        assert (found.status, found.value) == ("ok", {"found": []}), found
        self.assert_sound(sandbox, slot)
        after = canary.stat()
        assert canary.read_text() == "alive" and list(tmp_path.iterdir()) == [canary]
        assert (after.st_mode, after.st_uid, after.st_nlink) == (before.st_mode, before.st_uid, before.st_nlink)

    def test_control_a_wrong_answer_arrives_as_given(self, slot: Slot) -> None:
        assert run_program(slot, "def run(): return {'answer': 41}").value == {"answer": 41}

    def test_plain_data_and_arrays_cross_unchanged(self, numeric: Slot) -> None:
        value: dict[str, Any] = {
            "text": 'é\0"\\\u2028😀',
            "numbers": [0, -1, 2**63 - 1, 0.1, 1e300, -0.0],
            "none": None,
            "yes": True,
            "d": {},
        }
        kinds = ("<f4", "<f8", "<i4", "<i8", "|u1", "|b1")
        shapes = ((), (0,), (3,), (2, 0, 4), (2, 3, 5))
        arrays = {}
        for kind in kinds:
            for shape in shapes:
                content = np.arange(int(np.prod(shape))).reshape(shape) % 2
                arrays[f"{kind}{shape}"] = Array.of(content.astype(kind))
        arrays["special"] = Array.of(np.array([np.nan, np.inf, -np.inf, -0.0]))
        source = "def run(): return payload['value'], arrays"
        answer = numeric.call({"source": source, "value": value}, arrays)
        assert (answer.status, answer.message) == ("ok", "")
        assert answer.value == value
        assert list(answer.arrays) == list(arrays)
        for name, array in arrays.items():
            assert answer.arrays[name] == array

    def test_ten_megabytes_cross_both_ways(self, sandbox: Sandbox) -> None:
        big = Array.of(np.arange(1_250_000, dtype="<f8"))
        limits = dataclasses.replace(KIT_LIMITS, answer_bytes=11 << 20)
        with sandbox.open(kit_harness("numpy"), limits) as slot:
            source = "def run():\n    arrays['x'] += 1\n    return {}, arrays"
            answer = slot.call({"source": source}, {"x": big})
        assert (answer.arrays["x"].numpy() == big.numpy() + 1).all()

    @pytest.mark.parametrize(
        "result",
        [
            "np.float64(1)",
            "{'x': np.float64(1)}",
            "({}, {'x': [1.0]})",
            "({}, {'x': np.matrix([1.0])})",
            "({}, {'x': np.ma.array([1.0])})",
            "({}, {'x': np.array(['a'])})",
            "({}, {'x': np.array([object()])})",
            "({}, {'x': np.ones(2, '>f8')})",
            "({}, {'x': np.ones(2, 'f2')})",
            "({}, {1: np.ones(2)})",
            "({}, {'': np.ones(2)})",
            "({}, {'x': np.zeros(5 << 20, 'u1')})",
        ],
    )
    def test_results_that_are_no_plain_arrays_are_invalid(self, numeric: Slot, result: str) -> None:
        answer = run_program(numeric, f"import numpy as np\ndef run(): return {result}")
        assert (answer.status, answer.value, answer.arrays) == ("invalid", {}, {})

    @pytest.mark.parametrize(
        "document",
        [
            b'{"status":"ok","value":{"x":NaN},"arrays":[],"detail":{}}',
            b'{"status":"ok","value":{"x":1e999},"arrays":[],"detail":{}}',
            b'{"status":"ok","value":{"x":1,"x":2},"arrays":[],"detail":{}}',
            b'{"status":"ok","value":{"x":"\\ud800"},"arrays":[],"detail":{}}',
            b'\xef\xbb\xbf{"status":"ok","value":{},"arrays":[],"detail":{}}',
            b'{"status":"ok","value":{"x":"\xff"},"arrays":[],"detail":{}}',
            b'{"status":"ok","value":' + b'{"x":' * 200_000 + b"1" + b"}" * 200_000 + b',"arrays":[],"detail":{}}',
            b'{"status":"ok","value":{"x":' + b"9" * 10_000 + b'},"arrays":[],"detail":{}}',
            b'{"status":"timeout","value":{},"arrays":[],"detail":{}}',
            b'{"status":"ok","value":{},"arrays":[],"detail":{},"wall_seconds":0}',
            b'{"status":"ok","value":{},"arrays":[{"name":"x","dtype":"|O","shape":[1]}],"detail":{}}',
            b'{"status":"ok","value":{},"arrays":[{"name":"x","dtype":"<f8","shape":[1]}],"detail":{}}',
            b'{"status":"ok","value":{},"arrays":[{"name":"x","dtype":"<f8","shape":[-1]}],"detail":{}}',
            b'{"status":"ok","value":{},"arrays":[{"name":"x","dtype":"<f8","shape":[0,1e3]}],"detail":{}}',
            b"\x80\x04.",
        ],
        ids=range(15),
    )
    def test_frames_that_a_program_forges_are_read_strictly(self, slot: Slot, document: bytes) -> None:
        answer = run_program(
            slot, "def run(): raw_answer(payload['text'].encode('latin-1'))", text=document.decode("latin-1")
        )
        assert (answer.status, answer.value, answer.arrays) == ("invalid", {}, {})

    def test_only_the_first_answer_counts(self, slot: Slot) -> None:
        frame = '{"status":"ok","value":{"n":%d},"arrays":[],"detail":{}}'
        answer = run_program(
            slot, f"def run():\n    for n in (1, 2): raw_answer(({frame!r} % n).encode())\n    return {{'n': 3}}"
        )
        assert answer.value == {"n": 1}

    def test_nothing_written_at_exit_counts(self, slot: Slot) -> None:
        source = """
        import atexit, threading, time
        def late():
            raw_answer(b'{"status":"ok","value":{"n":2},"arrays":[],"detail":{}}')
        def run():
            atexit.register(late)
            threading.Thread(target=lambda: (time.sleep(0.05), late()), daemon=True).start()
            return {"n": 1}
        """
        assert run_program(slot, source).value == {"n": 1}

    def test_a_fork_that_returns_does_not_answer_twice(self, slot: Slot) -> None:
        source = "import os\ndef run():\n    child = os.fork()\n    if child: os.waitpid(child, 0)"
        answer = run_program(slot, source + "\n    return {'child': child == 0}")
        assert answer.value == {"child": False}

    def test_nothing_is_carried_from_call_to_call(self, sandbox: Sandbox, slot: Slot) -> None:
        source = """
        import builtins, json, os, random
        def run():
            seen = [getattr(builtins, "kept", None), getattr(json, "kept", None)]
            builtins.kept = json.kept = 1
            if payload["isolated"]:
                for folder in (f for f in (os.environ["TMPDIR"], "/dev/shm") if attempt(os.listdir, f) == "done"):
                    seen += os.listdir(folder) + os.listxattr(folder) + [os.stat(folder).st_mode & 0o777 != 0o700]
                    attempt(os.setxattr, folder, "user.kept", b"1")
                    os.makedirs(folder + "/a/b")
                    attempt(os.chmod, folder + "/a", 0)
                    os.symlink("/", folder + "/link")
                    attempt(os.chmod, folder, 0o711)
            return {"seen": [x for x in seen if x], "random": random.random(), "hash": hash("text")}
        """
        isolated = sandbox.capabilities()["fs_isolated"].level == "enforced"
        first, second = (run_program(slot, source, isolated=isolated) for _ in range(2))
        assert first.status == second.status == "ok"
        assert first.value["seen"] == second.value["seen"] == []
        assert first.value == second.value, "every call starts from the same random state"

    def test_another_slot_starts_from_the_same_state(self, sandbox: Sandbox, slot: Slot) -> None:
        source = "import random\ndef run(): return {'random': random.random(), 'hash': hash('text')}"
        with sandbox.open(kit_harness(), KIT_LIMITS) as other:
            assert run_program(slot, source).value == run_program(other, source).value != {}

    def test_an_answer_is_bounded_and_an_error_still_told(self, slot: Slot) -> None:
        little = dataclasses.replace(KIT_LIMITS, answer_bytes=200)
        assert run_program(slot, "def run(): return {'x': 'a' * 100}", little).status == "ok"
        assert run_program(slot, "def run(): return {'x': 'a' * 200}", little).status == "invalid"
        assert run_program(slot, "def run(): raise ValueError('a' * 999)", little).message == "ValueError: " + "a" * 999

    def test_an_impossible_numpy_allocation_is_a_lack_of_memory(self, numeric: Slot) -> None:
        assert run_program(numeric, "import numpy as np\ndef run(): return np.zeros(2**60, 'u1')").status == "memory"

    def test_folders_too_deep_to_remove_are_gone_too(self, sandbox: Sandbox, slot: Slot) -> None:
        if sandbox.capabilities()["fs_isolated"].level != "enforced":
            return
        run_program(slot, "import os\ndef run():\n    for _ in range(2000): os.mkdir('d'); os.chdir('d')")
        self.assert_sound(sandbox, slot)

    def test_an_orphan_is_gone_before_the_next_call(self, sandbox: Sandbox, slot: Slot) -> None:
        source = """
        import os, time
        def run():
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0: time.sleep(600)
                os._exit(0)
            return {}
        """
        if sandbox.capabilities()["pid_tree_kill"].level == "enforced":
            assert run_program(slot, source).status == "ok"
            self.assert_sound(sandbox, slot)

    def test_signals_stay_inside_where_they_are_scoped(self, sandbox: Sandbox, slot: Slot) -> None:
        answer = run_program(
            slot, "import os\ndef run(): return {str(n): attempt(os.kill, 1, n) for n in range(1, 16)}"
        )
        if sandbox.capabilities()["signal_scope"].level == "enforced":
            assert set(answer.value.values()) == {"EPERM"}
        self.assert_sound(sandbox, slot)

    def test_errors_name_type_message_and_line(self, slot: Slot) -> None:
        answer = run_program(slot, "def deep():\n    raise ValueError('wrong\\x1b[2J\\nhere')\ndef run():\n    deep()")
        assert (answer.status, answer.error_type, answer.error_line) == ("error", "ValueError", 2)
        assert answer.message == r"ValueError: wrong\x1b[2J here"

    def test_a_syntax_error_names_its_line(self, slot: Slot) -> None:
        answer = run_program(slot, "x = 1\ndef run(:\n    pass")
        assert (answer.error_type, answer.error_line) == ("SyntaxError", 2)

    def test_error_texts_are_bounded(self, slot: Slot) -> None:
        answer = run_program(
            slot, "class E(Exception): pass\nE.__name__ = 'E' * 10**6\ndef run(): raise E('x' * 10**7)"
        )
        assert answer.status == "error"
        assert len(answer.message) <= 2000 and len(answer.error_type) <= 100

    def test_time_is_measured(self, slot: Slot) -> None:
        source = (
            "import time\ndef run():\n    end = time.process_time() + 0.05\n    while time.process_time() < end: pass"
        )
        answer = run_program(slot, source + "\n    return {}")
        assert answer.wall_seconds >= 0.05 and answer.cpu_seconds >= 0.05
        assert not answer.clock_limited

    def test_a_call_may_have_less_than_the_slot_but_not_more(self, slot: Slot) -> None:
        less = dataclasses.replace(KIT_LIMITS, memory_bytes=32 << 20)
        assert run_program(slot, "def run(): return {'n': len(bytearray(64 << 20))}", less).status == "memory"
        for name in (field.name for field in dataclasses.fields(Limits)):
            more = dataclasses.replace(KIT_LIMITS, **{name: getattr(KIT_LIMITS, name) + 1})
            with pytest.raises(ValueError, match=name):
                run_program(slot, "def run(): return {}", more)

    @pytest.mark.parametrize("payload", [{"x": float("nan")}, {"x": object()}, {1: 2}, {"x": 1 << 70}])
    def test_a_payload_that_is_no_plain_data_is_the_callers_mistake(
        self, slot: Slot, payload: dict[str, object]
    ) -> None:
        with pytest.raises(ValueError):
            slot.call(payload)

    def test_a_closed_slot_leaves_nothing_and_refuses(self, sandbox: Sandbox) -> None:
        before = _processes(), _descriptors()
        slot = sandbox.open(kit_harness(), KIT_LIMITS)
        run_program(slot, "def run(): return {}")
        slot.close()
        slot.close()
        assert not _processes() - before[0]
        assert not _descriptors() - before[1]
        with pytest.raises(SandboxError):
            run_program(slot, "def run(): return {}")

    def test_many_calls_leak_nothing(self, sandbox: Sandbox, slot: Slot) -> None:
        run_program(slot, "def run(): return {}")
        before = _processes(), len(_descriptors())
        for _ in range(8):
            run_program(slot, "def run(): return {}")
        assert not _processes() - before[0] or sandbox.capabilities()["pid_tree_kill"].level == "none"
        assert len(_descriptors()) <= before[1]

    @pytest.mark.parametrize(
        "harness", [Harness("no_such_harness", ()), Harness("run_program", (), ("no_such_package",))]
    )
    def test_a_harness_that_cannot_be_loaded_is_an_error_of_the_system(
        self, sandbox: Sandbox, harness: Harness
    ) -> None:
        kit_harness()
        before = _processes()
        with pytest.raises(SandboxError, match="no_such"):
            sandbox.open(harness, KIT_LIMITS)
        assert not _processes() - before

    def test_the_report_is_complete(self, sandbox: Sandbox) -> None:
        report = sandbox.capabilities()
        assert set(report) == set(PROPERTIES)
        assert all(entry.level in ("enforced", "best_effort", "none") and entry.mechanism for entry in report.values())
