"""What verbs that open a sandbox share: the choice, its report, another one to check with."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from discovery.model import JSON

if TYPE_CHECKING:
    from discovery.config import RunConfig
    from discovery.evaluate import Pool
    from discovery.store import Journal

__all__ = ["config_options", "other_sandbox", "run_pool", "sandbox_line", "sandbox_report"]


def config_options(config: RunConfig) -> dict[str, JSON]:
    """What a run asks of its backend besides the name."""
    return {"device": config.device, **config.docker.model_dump()}


def sandbox_report(name: str, options: Mapping[str, JSON] | None = None) -> dict[str, JSON]:
    """Backend that `name` chooses on this machine, its options and its capability report.

    Raises:
        EnvironmentMissing: it cannot be used here, or none can.
    """
    from dataclasses import asdict

    from discovery.errors import EnvironmentMissing
    from discovery.sandbox import Options, SandboxError, open_sandbox

    chosen = Options(**(options or {}))
    try:
        sandbox = open_sandbox(name, chosen)
        if (problem := sandbox.unavailable()) is not None:
            raise problem
    except SandboxError as error:
        raise EnvironmentMissing(error.message, hint=error.hint) from error
    report = {key: asdict(value) for key, value in sandbox.capabilities().items()}
    return {"backend": sandbox.name, "options": asdict(chosen), "capabilities": report}


def other_sandbox(report: Mapping[str, JSON]) -> Mapping[str, JSON]:
    """A sandbox of another backend than `report`'s, where one that isolates works here; else the same."""
    from discovery.errors import EnvironmentMissing

    for name in ("bubblewrap", "docker"):
        if name != report["backend"]:
            with suppress(EnvironmentMissing):
                return sandbox_report(name, report.get("options"))
    return report


def run_pool(journal: Journal, sandbox: Mapping[str, JSON], workers: int) -> Pool:
    """Evaluators for the run in `journal`, not started yet, in the sandbox of that report; they log in its folder."""
    from discovery.evaluate import Pool

    return Pool(
        journal.meta.task,
        sandbox=sandbox["backend"],
        options=sandbox.get("options", {}),
        workers=workers,
        seed=journal.meta.config["seed"],
        log=journal.folder / "evaluator.log",
    )


def sandbox_line(chosen_by: str, report: Mapping[str, JSON]) -> str:
    """Which sandbox and, where nobody named it, why."""
    from discovery.sandbox import open_sandbox

    backend = str(report["backend"])
    if chosen_by != "auto":
        return backend
    first = open_sandbox("bubblewrap")
    problem = None if backend == first.name else first.unavailable()
    return f"{backend} (the first choice, and it works here)" if problem is None else f"{backend} ({problem.message})"
