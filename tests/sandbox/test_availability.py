"""A sandbox that cannot protect does not open: one clear error, never less isolation."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from discovery.sandbox import Capability, Harness, Limits, SandboxError, open_sandbox
from discovery.sandbox.capabilities import missing
from discovery.sandbox.testing import KIT_LIMITS, kit_harness

pytestmark = pytest.mark.usefixtures("fresh_probe")


def assert_refused(message: str, hint: str) -> None:
    sandbox = open_sandbox("bubblewrap")
    problem = sandbox.unavailable()
    assert problem is not None and message in problem.message and hint in problem.hint
    assert "\n" not in problem.message + problem.hint
    assert {entry.level for entry in sandbox.capabilities().values()} == {"none"}
    for opening in (lambda: sandbox.open(kit_harness(), KIT_LIMITS), lambda: open_sandbox("auto")):
        with pytest.raises(SandboxError, match=message):
            opening()


@pytest.fixture
def pretend_bubblewrap(public_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a script of the given source first on the path, under bubblewrap's name."""

    def install(source: str) -> None:
        program = public_folder / "bwrap"
        program.write_text(source)
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{public_folder}:/usr/bin:/bin")

    return install


def test_without_bubblewrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert_refused("bubblewrap is not installed", "apt-get install bubblewrap")


def test_without_a_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyseccomp", None)
    assert_refused("the system-call filter cannot be built", "pip install pyseccomp")


def test_without_user_namespaces(pretend_bubblewrap: Callable[[str], None]) -> None:
    pretend_bubblewrap("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2; exit 1\n")
    assert_refused("No permissions to create new namespace", "user.max_user_namespaces")


def test_with_an_old_bubblewrap(pretend_bubblewrap: Callable[[str], None]) -> None:
    pretend_bubblewrap("#!/bin/sh\necho 'bwrap: Unknown option --disable-userns' >&2; exit 1\n")
    assert_refused("Unknown option", "0.8 or later")


@pytest.mark.parametrize("dropped", [("--seccomp", 1), ("--cap-drop", 1), ("--as-pid-1", 0)])
def test_a_sandbox_that_came_up_with_less_is_refused(
    pretend_bubblewrap: Callable[[str], None], dropped: tuple[str, int]
) -> None:
    """The probe passes, but what runs is checked again: the kernel says how it is confined."""
    option, values = dropped
    pretend_bubblewrap(f"""#!{sys.base_prefix}/bin/python3
import os, sys
arguments = open(int(sys.argv[2]), "rb", closefd=False).read().split(b"\\0")[:-1]
at = arguments.index(b"{option}")
arguments[at : at + 1 + {values}] = [b"--cap-add", b"CAP_CHOWN"] if "{option}" == "--cap-drop" else []
plan = os.memfd_create("plan", 0)
os.write(plan, b"".join(part + b"\\0" for part in arguments))
os.lseek(plan, 0, 0)
os.execv("/usr/bin/bwrap", ["bwrap", "--args", str(plan), *sys.argv[3:]])
""")
    with pytest.raises(SandboxError, match="without its protections"):
        open_sandbox("bubblewrap").open(kit_harness(), KIT_LIMITS)


def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    with pytest.raises(SandboxError) as caught:
        open_sandbox("bubblewarp")
    assert "bubblewrap" in caught.value.hint and "unsafe" in caught.value.hint


def test_auto_is_bubblewrap() -> None:
    assert open_sandbox("auto").name == "bubblewrap"


def test_only_enforced_is_enough() -> None:
    report = {"disk": Capability("best_effort", "hope"), "pids": Capability("enforced", "rlimit")}
    assert missing(report, ("pids",)) is None
    problem = missing(report, ("pids", "disk"))
    assert problem is not None and "disk is not enforced here: hope" in problem.message


def test_a_harness_that_starts_threads_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = (
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\ncall = print"
    )
    (tmp_path / "threaded_harness.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SandboxError, match="one thread"):
        open_sandbox("bubblewrap").open(Harness("threaded_harness", ()), KIT_LIMITS)


@pytest.mark.parametrize("limits", [Limits(wall_seconds=0), Limits(cpu_seconds=float("inf")), Limits(processes=-1)])
def test_limits_have_to_limit(limits: Limits) -> None:
    with pytest.raises(ValueError, match="positive and finite"):
        open_sandbox("bubblewrap").open(kit_harness(), limits)
