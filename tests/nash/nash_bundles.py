"""Bundles of known algorithms as an export writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from discovery.sandbox import Answer, Array, Limits, Slot
from discovery.task import Context
from discovery.tasks.nash import harness, zoo
from discovery.tasks.nash.task import NashTask

TASKS = {2: NashTask("2"), 3: NashTask("3")}


class InProcess(Slot):
    """Runs the harness here, without isolation: for the modules that this package exports."""

    def call(
        self, payload: Mapping[str, Any], arrays: Mapping[str, Array] | None = None, limits: Limits | None = None
    ) -> Answer:
        given = {name: array.numpy() for name, array in (arrays or {}).items()}
        try:
            value, found = harness.call(dict(payload), given)
        except Exception as error:
            return Answer("error", message=str(error))
        return Answer("ok", value, {name: Array.of(each) for name, each in found.items()})

    def close(self) -> None: ...


CONTEXT = Context(InProcess(), 5, Limits())


#: A program in two cases, each of which needs a proof.
CASES = """
x: P1 = Random()
y: P2 = BestResponse(x)
if f1(x, y) >= 1/2:
    w: P1 = BestResponse(y)
else:
    pass
"""


#: A program with a computed weight, whose definition rests on lemmas: it needs no clipping.
WEIGHTED = """
x: P1 = Random()
y: P2 = BestResponse(x)
w: P1 = BestResponse(y)
m: P1 = Mix(x, w, f1(x, y) / 2)
b: P2 = BestResponse(m)
"""
OWN = {"cases": CASES, "weighted": WEIGHTED}


def task_of(name: str) -> NashTask:
    return TASKS[zoo.KNOWN[name].players if name in zoo.KNOWN else 2]


def source_of(name: str) -> str:
    """The zoo's program of that name, or one of `OWN`."""
    return OWN.get(name) or zoo.source(name)


@cache
def _verdicts(name: str) -> str:
    task, found = task_of(name), []
    program = task.language.check(source_of(name))
    for stage in task.stages:
        verdict = task.evaluate(program, stage, 0, CONTEXT)
        found.append(replace(verdict, stage=stage.name, cpu_seconds=1.5).to_json())
        if not verdict.advance:
            break
    return json.dumps(found)


def document(name: str, *, confirmed: bool = False) -> dict[str, Any]:
    """The provenance of the program `name`, after search and, where asked for, a confirmation."""
    task = task_of(name)
    program = task.language.check(source_of(name))
    verdicts = json.loads(_verdicts(name))
    entry = None
    if confirmed:
        evidence = task.confirm(program, CONTEXT)
        entry = {
            "key": program.key,
            "search_score": verdicts[-1]["score"],
            "evidence": json.loads(json.dumps(evidence.to_json())),
            "adjusted_p": None,
            "confirmed": evidence.confirmed,
            "finalists": 1,
        }
    return {
        "name": "found",
        "run": {
            "name": "run-1",
            "task": task.name,
            "config": {"seed": 7},
            "versions": {"task": task.version},
            "created": "2026-01-02T03:04:05Z",
            "proposals": 7,
        },
        "program": {"id": program.id, "key": program.key, "source": program.source, "proposal": 3},
        "search": {"verdicts": verdicts},
        "confirmation": entry,
    }


def files(name: str, provenance: Mapping[str, Any]) -> dict[str, str]:
    """What the program exports to under this provenance."""
    task = task_of(name)
    return dict(task.export(task.language.check(source_of(name)), "found", provenance))
