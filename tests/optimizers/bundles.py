"""Bundles of rules as an export writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from discovery.sandbox import Limits
from discovery.task import Context
from discovery.tasks.optimizers import OptimizersTask, zoo
from discovery.tasks.optimizers.baseline import InProcess

TASK = OptimizersTask(None)
CONTEXT = Context(InProcess(), 5, Limits())
RUN_SEED = 7


def verdicts(name: str, stages: Sequence[str], replicate: int = 0) -> list[dict[str, Any]]:
    """What search says of the zoo's rule `name`, as a bundle records it."""
    program = TASK.language.check(zoo.sources()[name])
    found = []
    for stage in TASK.stages:
        if stage.name in stages:
            verdict = TASK.evaluate(program, stage, replicate, replace(CONTEXT, seed=RUN_SEED))
            verdict = replace(verdict, stage=stage.name, replicate=replicate, cpu_seconds=1.5)
            found.append(json.loads(json.dumps(verdict.to_json())))
    return found


def bundle(
    name: str, search: Sequence[Mapping[str, Any]], confirmation: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], dict[str, str]]:
    """Provenance and files of the zoo's rule `name`."""
    found = TASK.language.check(zoo.sources()[name])
    document: dict[str, Any] = {
        "name": "found_rule",
        "run": {
            "name": "run-1",
            "task": "optimizers",
            "config": {"seed": RUN_SEED},
            "created": "2026-01-02T03:04:05Z",
            "proposals": 7,
        },
        "program": {"id": found.id, "key": found.key, "source": found.source, "proposal": 3},
        "search": {"verdicts": list(search)},
        "confirmation": confirmation,
    }
    return document, dict(TASK.export(found, "found_rule", document))
