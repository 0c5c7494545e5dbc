"""The verifier: re-checks an exported algorithm's evidence from scratch."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping

from discovery.evaluate import Pool
from discovery.export.bundle import EVIDENCE, seal
from discovery.model import JSON, Evidence, Rejected, content_key
from discovery.task import Task, Verification, check_source, load_task

__all__ = ["verify"]


async def verify(
    spec: str,
    document: Mapping[str, JSON],
    files: Mapping[str, str],
    sandbox: str,
    told: Callable[[str], None] = lambda _: None,
) -> Verification:
    """Check the bundle's files against its record, its program against its key, then all that the family can re-check.

    Args:
        spec: The task, from a source that the caller trusts (its code runs); not from the bundle unread.
        document, files: From `read_bundle`.
        sandbox: Backend name.
        told: Gets, in one line each, how far it is.

    The family's checks also draw on a random seed of this verification, which whoever made the bundle could not choose.
    """
    task = load_task(spec)
    checks = [*_files(document, files), _program(task, document), *_correction(task, document)]
    sound = all(holds for _, holds, _ in checks)
    checks.insert(0, _record(document))
    if sound:
        async with Pool(spec, sandbox=sandbox, workers=1, seed=0) as pool:
            pool.on_told = told
            found = await pool.verify(files, document, secrets.randbits(62))
        checks += found.checks
    return Verification(all(holds for _, holds, _ in checks), tuple(checks))


def _record(document: Mapping[str, JSON]) -> tuple[str, bool, str]:
    same = document.get("seal") == seal(document)
    return "record", same, "as exported" if same else f"{EVIDENCE} was changed since the export"


def _files(document: Mapping[str, JSON], files: Mapping[str, str]) -> list[tuple[str, bool, str]]:
    checks = []
    for name, digest in document["files"].items():
        if name not in files:
            checks.append((f"file {name}", False, "missing"))
        elif content_key(files[name]) != digest:
            checks.append((f"file {name}", False, "changed since the export"))
    checks += [
        (f"file {name}", False, "no part of the export: take it away")
        for name in files
        if name not in document["files"]
    ]
    return checks or [("export", True, f"{len(files)} files as exported, and no others")]


def _program(task: Task, document: Mapping[str, JSON]) -> tuple[str, bool, str]:
    try:
        key = check_source(task, document["program"]["source"]).key
    except Rejected as error:
        return "program", False, f"the language rejects it: {error}"
    same = key == document["program"]["key"]
    return "program", same, f"key {key[:12]}" if same else f"its key is {key[:12]}, the record says otherwise"


def _correction(task: Task, document: Mapping[str, JSON]) -> list[tuple[str, bool, str]]:
    """Whether the record of a confirmation follows from its own p-value and the number of finalists.

    Holm's adjusted p lies between p and (number of finalists) p; "confirmed" needs it to reach the task's level.
    """
    entry = document.get("confirmation")
    if entry is None:
        return []
    try:
        evidence, adjusted = Evidence.from_json(entry["evidence"]), entry["adjusted_p"]
        raw, count, confirmed = evidence.p_value, entry["finalists"], entry["confirmed"]
        if raw is None or adjusted is None:
            sound = raw is adjusted is None
        else:
            sound = raw <= adjusted <= min(1.0, count * raw) * (1 + 1e-12)
        follows = confirmed is (evidence.confirmed and (adjusted is None or adjusted <= task.alpha))
    except (KeyError, TypeError, ValueError) as error:
        return [("correction", False, f"the recorded confirmation is incomplete: {type(error).__name__}: {error}")]
    if sound and follows:
        told = "no p-value, so none to correct" if raw is None else f"p {raw} is {adjusted} after correction"
        return [("correction", True, f"{told}, with {count} finalists")]
    return [("correction", False, "the recorded verdict does not follow from its own p-value and number of finalists")]
