"""`discovery doctor`: what this machine offers, what is missing, and how to get it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from discovery.cli._options import JsonOption, OutOption
from discovery.cli._say import print_json

__all__ = ["command"]

_LOW_DISK = 1 << 30


def command(
    clean: Annotated[bool, typer.Option("--clean", help="Also remove what dead runs left behind.")] = False,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what this machine offers. Exits with 5 when no sandbox works here.

    discovery doctor

    discovery doctor --json
    """
    from discovery.cli._leftovers import remove_leftovers
    from discovery.sandbox import sandbox_names
    from discovery.store import runs_folder

    folder = runs_folder(out)
    facts = {
        "machine": _machine(),
        "kernel": _kernel(),
        "engine": _engine(),
        "cards": _cards(),
        "packages": _packages(),
        "disk": _disk(folder),
    }
    backends = {name: _backend(name) for name in sandbox_names() if name != "auto"}
    default = _backend("auto")
    problems = _problems(facts, default)
    cleaned = remove_leftovers() if clean else None
    if as_json:
        report = {
            **facts,
            "backends": backends,
            "default": default.get("name"),
            "problems": problems,
            "cleaned": cleaned,
        }
        print_json("doctor", {"ok": default["works"], **report})
    else:
        _print(facts, backends, default, problems, cleaned)
    raise typer.Exit(0 if default["works"] else 5)


def _machine() -> dict[str, Any]:
    import os
    import platform

    import psutil

    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "root": os.geteuid() == 0,
    }


def _kernel() -> dict[str, Any]:
    from discovery.sandbox.inner import landlock_abi

    return {"bwrap": _bwrap(), "landlock_abi": landlock_abi(), "user_namespaces": _namespaces()}


def _bwrap() -> str | None:
    """Version of bubblewrap; None when it is not installed or does not start."""
    import shutil
    import subprocess

    path = shutil.which("bwrap")
    if path is None:
        return None
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.split()[-1] if done.stdout.split() else None


def _namespaces() -> bool:
    """Whether the settings allow an ordinary user to make user namespaces."""
    from pathlib import Path

    def setting(path: str, default: str) -> str:
        try:
            return Path(path).read_text().strip()
        except OSError:
            return default

    return (
        Path("/proc/self/ns/user").exists()
        and setting("/proc/sys/user/max_user_namespaces", "1") != "0"
        and setting("/proc/sys/kernel/unprivileged_userns_clone", "1") != "0"
        and setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "0") != "1"
    )


def _engine() -> dict[str, Any] | None:
    """The container engine that answers: version, runtimes, cards it can give; None when there is none."""
    from discovery.sandbox import SandboxError
    from discovery.sandbox.engine import describe

    try:
        return describe()
    except SandboxError:
        return None


def _cards() -> list[str]:
    """Graphics cards whose device files are here, as `--device` names them."""
    from discovery.sandbox.devices import cards

    return [f"cuda:{number}" for number in cards()]


#: The optional packages of each extra, and what they are for.
_EXTRAS = {
    "optimizers": (("torch",), "the task family optimizers"),
    "nash": (("z3-solver", "cvc5", "highspy", "pyscipopt"), "the task family nash"),
    "docker": (("docker",), "--sandbox docker"),
    "litellm": (("litellm",), "models named litellm/..."),
}


def _packages() -> dict[str, dict[str, Any]]:
    """Optional packages: version or None, what each is for, and how to get it."""
    from importlib import metadata

    found: dict[str, dict[str, Any]] = {}
    for extra, (names, purpose) in _EXTRAS.items():
        for name in names:
            try:
                version = metadata.version(name)
            except metadata.PackageNotFoundError:
                version = None
            found[name] = {"version": version, "for": purpose, "install": f'pip install "discovery-agent[{extra}]"'}
    return found


def _disk(folder: Any) -> dict[str, Any]:
    import shutil

    existing = folder.resolve()
    while not existing.exists():
        existing = existing.parent
    return {"runs": str(folder), "free_bytes": shutil.disk_usage(existing).free}


def _backend(name: str) -> dict[str, Any]:
    """Whether a backend works, by its own probe: name, works, capabilities, and otherwise message and hint."""
    from dataclasses import asdict

    from discovery.sandbox import SandboxError, open_sandbox

    try:
        sandbox = open_sandbox(name)
        if (error := sandbox.unavailable()) is not None:
            raise error
    except SandboxError as error:
        return {"works": False, "message": error.message, "hint": error.hint, "capabilities": {}}
    report = {key: asdict(value) for key, value in sandbox.capabilities().items()}
    return {"name": sandbox.name, "works": True, "capabilities": report}


def _problems(facts: dict[str, Any], default: dict[str, Any]) -> list[dict[str, str]]:
    """What is missing, each with its remedy; the sandbox first."""
    from discovery.sandbox.capabilities import SIGNALS_ABI

    found = []
    if not default["works"]:
        found.append({"what": f"no sandbox: {default['message']}", "remedy": default["hint"]})
    if default["works"] and facts["kernel"]["landlock_abi"] < SIGNALS_ABI:
        remedy = "Linux 6.12 or newer; until then a candidate could signal its own warm process, and only that"
        found.append({"what": "Landlock cannot scope signals here", "remedy": remedy})
    missing: dict[tuple[str, str], list[str]] = {}
    for name, package in facts["packages"].items():
        if package["version"] is None:
            missing.setdefault((package["for"], package["install"]), []).append(name)
    for (purpose, remedy), names in missing.items():
        found.append({"what": f"{', '.join(names)} (only for {purpose})", "remedy": remedy})
    if facts["disk"]["free_bytes"] < _LOW_DISK:
        free = facts["disk"]["free_bytes"] >> 20
        found.append({"what": f"only {free} MiB free for runs", "remedy": "free space, or write elsewhere with --out"})
    return found


def _print(
    facts: dict[str, Any],
    backends: dict[str, Any],
    default: dict[str, Any],
    problems: list[dict[str, str]],
    cleaned: list[str] | None,
) -> None:
    machine, kernel = facts["machine"], facts["kernel"]
    yes = {True: "yes", False: "no"}
    print(
        f"machine       {machine['system']}, {machine['cores']} cores, {machine['memory_bytes'] / 2**30:.1f} GiB memory"
    )
    print(f"Python        {machine['python']}" + (", run as root" if machine["root"] else ""))
    print(f"bubblewrap    {kernel['bwrap'] or 'missing'}")
    namespaces, landlock = yes[kernel["user_namespaces"]], kernel["landlock_abi"] or "none"
    print(f"kernel        user namespaces {namespaces}, Landlock ABI {landlock}")
    engine = facts["engine"]
    known = "" if engine is None else f"{engine['version']}, runtimes {', '.join(engine['runtimes'])}"
    print(f"engine        {known or 'none answers (only --sandbox docker needs one)'}")
    print(f"cards         {', '.join(facts['cards']) or 'none'}")
    for name, package in facts["packages"].items():
        print(f"{name:<13} {package['version'] or 'missing'} (for {package['for']})")
    print(f"disk          {facts['disk']['free_bytes'] / 2**30:.1f} GiB free at {facts['disk']['runs']}")
    print(f"sandbox       {default['name'] if default['works'] else 'none works'}")
    _print_capabilities(backends)
    for problem in problems:
        print(f"\nmissing: {problem['what']}\n  remedy: {problem['remedy']}")
    if cleaned is not None:
        print("\nremoved       " + (", ".join(cleaned) or "nothing: no dead run left anything behind"))


def _print_capabilities(backends: dict[str, Any]) -> None:
    from rich.table import Column, Table

    from discovery.view.console import show

    table = Table(
        Column("property", no_wrap=True), *backends, title="what each sandbox bounds here", title_justify="left"
    )
    for name in sorted({name for report in backends.values() for name in report["capabilities"]}):
        cells = [report["capabilities"].get(name) for report in backends.values()]
        table.add_row(name, *(f"{cell['level']}: {cell['mechanism']}" if cell else "unavailable" for cell in cells))
    show(table)
