"""A sandbox that cannot protect does not open: one clear error, never less isolation."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from discovery.sandbox import Capability, Harness, Limits, Sandbox, SandboxError, open_sandbox
from discovery.sandbox.capabilities import missing
from discovery.sandbox.testing import KIT_LIMITS, kit_harness

pytestmark = pytest.mark.usefixtures("fresh_probe", "no_engine")


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No container engine answers."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")


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
    instead = "'--cap-add', 'CAP_CHOWN'" if option == "--cap-drop" else ""
    # In Perl, which every Debian has where the unprivileged user reaches it: our interpreter may lie below a 0700 home.
    pretend_bubblewrap(f"""#!/usr/bin/perl
use strict; use warnings; use Fcntl;
open(my $given, "<&=", $ARGV[1]) or die "given: $!";
my @arguments = split(/\\0/, do {{ local $/; <$given> }});
my ($at) = grep {{ $arguments[$_] eq "{option}" }} 0 .. $#arguments;
splice(@arguments, $at, {1 + values}, ({instead}));
$^F = 255;  # what is opened stays open over the exec
pipe(my $plan, my $into) or die "plan: $!";
if (!fork) {{ close $plan; print $into join("", map {{ "$_\\0" }} @arguments); exit 0 }}
close $into;
exec("/usr/bin/bwrap", "--args", fileno($plan), @ARGV[2 .. $#ARGV]);
""")
    with pytest.raises(SandboxError, match="without its protections"):
        open_sandbox("bubblewrap").open(kit_harness(), KIT_LIMITS)


def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    with pytest.raises(SandboxError) as caught:
        open_sandbox("bubblewarp")
    assert "bubblewrap" in caught.value.hint and "unsafe" in caught.value.hint


def test_auto_is_bubblewrap() -> None:
    assert open_sandbox("auto").name == "bubblewrap"


def test_auto_is_docker_where_there_is_no_bubblewrap(
    docker: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine_address: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", engine_address)
    assert open_sandbox("auto").name == docker.name == "docker"


def test_without_an_engine() -> None:
    problem = open_sandbox("docker").unavailable()
    assert problem is not None and "no container engine answers at unix:///nonexistent" in problem.message
    assert "DOCKER_HOST" in problem.hint and "\n" not in problem.message + problem.hint
    with pytest.raises(SandboxError, match="no container engine"):
        open_sandbox("docker").open(kit_harness(), KIT_LIMITS)


def test_without_the_docker_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "docker", None)
    problem = open_sandbox("docker").unavailable()
    assert problem is not None and "pip install" in problem.hint


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
