"""The replies that the tests read: three files, one for each kind of language, in one format.

`programs` are named texts. A case has the `name` of what is wrong with it, the `reply` (its lines; `{{NAME}}` stands
for a program), what it was written for (`from`), and where they apply: `base`, the program it changes; `meant`, the
programs any of which it may stand for; `trouble`, what is reported instead of a program; `idea`, words of it;
`cut_short`, the server said that the model was stopped. Without `meant` it is a trap: what is meant cannot be told, and
any program read would be invented. With `meant` and `trouble` it is plain to a person, and lost.

Those `from` a batch were written by hands that had not seen the reader; what was read of each at first sight is in
`bench/RESULTS.md`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from discovery.model import Program
from discovery.tasks.nash.language import NashLanguage
from discovery.tasks.optimizers.language import OptimizerLanguage
from discovery.tasks.python.language import PythonLanguage

__all__ = ["CASES", "ReplyCase"]


@dataclass(frozen=True)
class ReplyCase:
    """One reply, and what is to become of it."""

    name: str
    reply: str
    check: Callable[[str], Program]
    base: Program | None
    meant: tuple[str, ...]
    idea: str
    trouble: str
    cut_short: bool


def _case(kind: str, data: dict[str, object], programs: dict[str, str]) -> ReplyCase:
    languages = {
        "python": lambda: PythonLanguage(str(data.get("entry"))),
        "rules": OptimizerLanguage,
        "nash": lambda: NashLanguage(3 if data.get("players") == 3 else 2),
    }
    check = languages[kind]().check
    lines, meant, base = data["reply"], data.get("meant", []), data.get("base")
    assert isinstance(lines, list) and isinstance(meant, list)
    reply = re.sub(r"\{\{([\w-]+)\}\}\n", lambda found: programs[found[1]], "\n".join(lines))
    return ReplyCase(
        f"{kind}: {data['name']}",
        reply,
        check,
        check(programs[str(base)]) if base else None,
        tuple(programs[name] for name in meant),
        str(data.get("idea", "")),
        str(data.get("trouble", "")),
        bool(data.get("cut_short")),
    )


def _load(kind: str) -> list[ReplyCase]:
    data = json.loads(Path(__file__).with_name(f"{kind}.json").read_text())
    programs = {name: "\n".join(lines) for name, lines in data["programs"].items()}
    return [_case(kind, case, programs) for case in data["cases"]]


CASES = [case for kind in ("python", "rules", "nash") for case in _load(kind)]
