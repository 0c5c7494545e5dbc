"""The verifier: re-checks an exported algorithm's evidence from scratch."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from discovery.evaluate import Pool
from discovery.model import JSON, Rejected, content_key
from discovery.task import Task, Verification, load_task

__all__ = ["verify"]


async def verify(spec: str, document: Mapping[str, JSON], files: Mapping[str, str], sandbox: str) -> Verification:
    """Check the bundle's files against its record, its program against its key, then all that the family can re-check.

    Args:
        spec: The task, from a source that the caller trusts (its code runs); not from the bundle unread.
        document, files: From `read_bundle`.
        sandbox: Backend name.

    The family's checks also draw on a random seed of this verification, which whoever made the bundle could not choose.
    """
    task = load_task(spec)
    checks = [*_files(document, files), _program(task, document)]
    if all(holds for _, holds, _ in checks):
        async with Pool(spec, sandbox=sandbox, workers=1, seed=0) as pool:
            found = await pool.verify(files, document, secrets.randbits(62))
        checks += found.checks
    return Verification(all(holds for _, holds, _ in checks), tuple(checks))


def _files(document: Mapping[str, JSON], files: Mapping[str, str]) -> list[tuple[str, bool, str]]:
    checks = []
    for name, digest in document["files"].items():
        if name not in files:
            checks.append((f"file {name}", False, "missing"))
        else:
            same = content_key(files[name]) == digest
            checks.append((f"file {name}", same, "as exported" if same else "changed since the export"))
    return checks


def _program(task: Task, document: Mapping[str, JSON]) -> tuple[str, bool, str]:
    try:
        key = task.language.check(document["program"]["source"]).key
    except Rejected as error:
        return "program", False, f"the language rejects it: {error}"
    same = key == document["program"]["key"]
    return "program", same, f"key {key[:12]}" if same else f"its key is {key[:12]}, the record says otherwise"
