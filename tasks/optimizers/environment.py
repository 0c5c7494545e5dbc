"""What a measurement depends on besides its seeds: the texts that decide it, the packages, the processor.

Training in float32 repeats to the last bit under one environment; under another it drifts, and only what is measured
over many seeds can be compared.
"""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib import metadata
from pathlib import Path

__all__ = ["INSIDE", "environment", "version"]

#: What the harness imports of this folder, and nothing else.
INSIDE = (
    "interpreter",
    "kernels",
    "keys",
    "layout",
    "models",
    "printing",
    "ranges",
    "resolution",
    "rule",
    "vocabulary",
)
#: Files whose text decides verdicts, beside what is inside the sandbox.
_OUTSIDE = ("harness", "proxies", "sweep", "stages", "fingerprint", "baseline")


@cache
def version() -> str:
    """Hash of the texts that decide verdicts, the AdamW table among them."""
    folder = Path(__file__).parent
    digest = hashlib.sha256()
    for path in [*(folder / f"{name}.py" for name in sorted((*INSIDE, *_OUTSIDE))), folder / "data" / "adamw.json"]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


@cache
def environment() -> dict[str, str]:
    """Where this process measures, by name: `task`, `torch`, `numpy`, `processor`. Imports none of them."""
    packages = {name: metadata.version(name).split("+")[0] for name in ("torch", "numpy")}
    return {"task": version(), **packages, "processor": _processor()}


def _processor() -> str:
    """Model of the processor and a hash of its instruction sets, which choose the kernels of torch and numpy."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split("\n\n")[0].split("\n")
    except OSError:
        return platform.processor() or platform.machine()
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    sets = " ".join(sorted(facts.get("flags", facts.get("Features", "")).split()))
    model = facts.get("model name", platform.machine())
    return f"{model} ({hashlib.sha256(sets.encode()).hexdigest()[:8]})"
