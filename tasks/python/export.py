"""The module that a program leaves as: its text unchanged, a header, a self-test."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from discovery.model import JSON, Program

if TYPE_CHECKING:
    from discovery.tasks.python.task import PythonTask

__all__ = ["module_text"]

_INPUT_BYTES = 64 << 10

_SELF_TEST = """

# ---- self-test: python {name}.py ----


def _self_test() -> int:
    import json
    import math

    sample = json.loads({sample!r})

    def value(coded):
        if isinstance(coded, list):
            return [value(item) for item in coded]
        if isinstance(coded, dict) and "dict" in coded:
            return {{key: value(item) for key, item in coded["dict"].items()}}
        if isinstance(coded, dict):
            import numpy

            return numpy.array(coded["values"], dtype=coded["dtype"]).reshape(coded["shape"])
        return coded

    def same(a, b):
        a, b = (getattr(x, "tolist", lambda x=x: x)() for x in (a, b))
        if isinstance(a, dict) and isinstance(b, dict):
            return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
        if isinstance(b, list):
            listed = hasattr(a, "__len__") and not isinstance(a, (str, dict))
            return listed and len(a) == len(b) and all(map(same, a, b))
        if isinstance(a, float) or isinstance(b, float):
            return math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-9)
        return a == b

    answer = {entry}(**{{key: value(item) for key, item in sample["inputs"].items()}})
    if not same(answer, sample["answer"]):
        print("{name}: FAILED, case", sample["case"], "gave another answer than when it was judged")
        return 1
    print("{name}: ok, case", sample["case"], "gave the answer that was judged")
    return 0


if __name__ == "__main__":
    raise SystemExit(_self_test())
"""
_NO_TEST = """

if __name__ == "__main__":
    print("{name}: no self-test; its cases are too long to keep here")
"""


def module_text(task: PythonTask, program: Program, name: str, provenance: Mapping[str, JSON]) -> str:
    """Text of `NAME.py`. Depends on nothing but its arguments, so a verifier can write it again and compare.

    The self-test repeats one recorded case; it is left out when the case or its answer was too long to keep.
    """
    body = program.source.rstrip() + "\n"
    sample = _sample(task, provenance)
    test = (
        _NO_TEST.format(name=name)
        if sample is None
        else _SELF_TEST.format(name=name, entry=task.entry, sample=json.dumps(sample))
    )
    return _header(task, name, provenance, sample is not None) + "\n" + body + test


def _header(task: PythonTask, name: str, provenance: Mapping[str, JSON], tested: bool) -> str:
    run, origin = provenance["run"], provenance["program"]
    confirmation = provenance.get("confirmation")
    scores = [verdict["score"] for verdict in provenance["search"]["verdicts"] if verdict["score"] is not None]
    lines = [f"{name}: a program for the task {task.name!r}, found by discovery."]
    lines += [f"run {run['name']}, program {origin['id']}, proposal {origin['proposal']}, seed {run['config']['seed']}"]
    if scores:
        lines += [f"search score {scores[-1]:.6g} ({task.score_name}): it was selected by this, so it is no claim"]
    if confirmation is None:
        lines += ["not confirmed: no fresh cases were tried"]
    else:
        lines += [("confirmed: " if confirmation["confirmed"] else "") + confirmation["evidence"]["claim"]]
    lines += [f"ALARM: {alarm}" for alarm in provenance.get("alarms", ())]
    lines += ["A program that was evolved ran in a sandbox so far. Read it before you run it elsewhere."]
    lines += [f"Self-test: python {name}.py" if tested else "No self-test: its cases are too long to keep here."]
    return "".join(f"# {' '.join(line.split())}\n" for line in lines)


def _sample(task: PythonTask, provenance: Mapping[str, JSON]) -> dict[str, JSON] | None:
    """A case that was judged in search, with its inputs and the recorded answer."""
    for verdict in provenance["search"]["verdicts"]:
        recorded = verdict["evidence"].get("sample")
        if recorded is None:
            continue
        seed = provenance["run"]["config"]["seed"]
        for case in task.generate("search", seed, verdict["stage"], verdict["replicate"]):
            inputs = _listed(dict(case.inputs))
            if case.name == recorded["case"] and len(json.dumps(inputs)) <= _INPUT_BYTES:
                return {"case": case.name, "inputs": inputs["dict"], "answer": recorded["answer"]}
    return None


def _listed(value: Any) -> Any:
    """Coded plain data with each array written out."""
    if isinstance(value, dict):
        return {"dict": {key: _listed(item) for key, item in value.items()}}
    if isinstance(value, list | tuple):
        return [_listed(item) for item in value]
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        if not getattr(value, "shape", ()):
            return value.tolist()
        return {"dtype": value.dtype.str, "shape": list(value.shape), "values": value.ravel().tolist()}
    return value
