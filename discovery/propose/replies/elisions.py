"""Programs that a reply shortens: lines that stand for others, and definitions that it leaves out."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

__all__ = ["annotated", "expand", "is_elision", "merged"]

_WORDS = (
    r"(?:rest|remainder|remaining|existing|everything else|other (?:code|lines)|unchanged|omitted|no changes?|your code"
    r"|same (?:as|code)|as (?:before|above)|previous code|original code|code (?:here|above|below))"
)
_ELISION = re.compile(
    r"(?:#|//)?\s*[\[(<{]?\s*(?:\.{3}|…)\s*[\])>}]?$"  # ... or # ...
    r"|(?:#|//)\s*(?:\.{3}|…).*$"  # # ... whatever it says
    rf"|[\[(<{{]?\s*(?:\.{{3}}|…)[^=]*\b{_WORDS}\b.*$"  # ... rest unchanged ...
    rf"|(?:#|//)\s*[^=]*\b{_WORDS}\b[^=]*(?:\.{{3}}|…)\s*[\])>}}]?$"  # rest of the code ...
    r"|(?:#|//)\s*[\[(<]?\s*(?:the )?(?:rest|remainder|remaining|existing|unchanged|same as (?:before|above"
    r"|original|the)|no changes?)(?: (?:of|code|lines|the|this|function|program|logic|is|are|part|it|here|stays?"
    r"|remains?|below|above|unchanged|same|as|before|original|in|body|implementation|rule))*[\])>.]*$",
    re.I,
)
_LONG = 200  # signs; a longer line says more than that something is left out

_ANNOTATED = re.compile(r"^(\w+): (\w+) = (.*)$", re.M)


def is_elision(line: str) -> bool:
    """Whether a line stands for lines left out: `...`, `# rest unchanged`."""
    return len(line := line.strip()) < _LONG and bool(_ELISION.match(line))


def expand(lines: Sequence[str], base: Sequence[str]) -> list[str] | None:
    """`lines` with each elision replaced by the lines of `base` that stand between its neighbours there.

    Returns:
        None when there is no elision, nothing else, or a neighbour is not in `base`.
    """
    if not any(is_elision(line) for line in lines) or not any(line.strip() and not is_elision(line) for line in lines):
        return None
    out: list[str] = []
    cursor = 0
    for number, line in enumerate(lines):
        if not is_elision(line):
            out.append(line)
            continue
        before = next((part for part in reversed(lines[:number]) if part.strip() and not is_elision(part)), None)
        after = next((part for part in lines[number + 1 :] if part.strip() and not is_elision(part)), None)
        start = cursor if before is None else _find(base, before, cursor) + 1
        if before is not None and start == 0:
            return None
        end = len(base) if after is None else _find(base, after, start)
        if end < 0:
            return None
        out += base[start:end]
        cursor = end
    return out


def _find(base: Sequence[str], line: str, start: int) -> int:
    return next((number for number in range(start, len(base)) if base[number].strip() == line.strip()), -1)


def annotated(text: str, base: str) -> str:
    """`text` with the annotations that it lost: of lines that stand in `base` but for theirs."""
    full = {f"{found[1]} = {found[3]}": found[0] for found in _ANNOTATED.finditer(base)}
    return "\n".join(full.get(" ".join(line.split()), line) for line in text.split("\n"))


def merged(part: str, base: str) -> str | None:
    """`base` with the top-level definitions of `part` in place of its own; new ones stand before the last.

    Returns:
        None when either is no Python, nothing of `base` would change, nothing of it would stay, or what stays uses a
        function whose arguments are others now, by number or by name.
    """
    ours, theirs = _definitions(part), _definitions(base)
    if not ours.keys() & theirs.keys() or theirs.keys() <= ours.keys():
        return None
    stays = "\n".join(text for name, (_, _, text) in theirs.items() if name not in ours)
    used = {node.id for node in ast.walk(ast.parse(stays)) if isinstance(node, ast.Name)}
    if used & _reshaped(part, base):
        return None
    lines = base.rstrip("\n").split("\n")
    new = [text for name, (_, _, text) in ours.items() if name not in theirs]
    last = max(start for start, _, _ in theirs.values())
    for name, (start, end, _) in sorted(theirs.items(), key=lambda item: -item[1][0]):
        if name in ours:
            lines[start:end] = ours[name][2].split("\n")
        if start == last and new:
            lines[start:start] = [line for text in new for line in (*text.split("\n"), "", "")]
    return "\n".join(lines) + "\n"


def _reshaped(part: str, base: str) -> set[str]:
    """Names of the functions of `base` that take other arguments in `part`; more that may be left out are none."""
    old, new = _arguments(base), _arguments(part)
    return {name for name in old.keys() & new.keys() if not _goes_for(old[name], new[name])}


def _arguments(source: str) -> dict[str, ast.arguments]:
    """For each function at the top, what it takes."""
    return {node.name: node.args for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}


def _goes_for(old: ast.arguments, new: ast.arguments) -> bool:
    """Whether what calls a function that takes `old` may call one that takes `new`."""
    ours, theirs = ([arg.arg for arg in (*each.posonlyargs, *each.args)] for each in (old, new))
    by_name = [{arg.arg for arg in each.kwonlyargs} for each in (old, new)]
    needed = len(theirs) - len(new.defaults)
    return (
        ours == theirs[: len(ours)]
        and needed <= len(ours) - len(old.defaults)
        and by_name[0] == by_name[1]
        and [bool(old.vararg), bool(old.kwarg)] == [bool(new.vararg), bool(new.kwarg)]
    )


def _definitions(source: str) -> dict[str, tuple[int, int, str]]:
    """Top-level names that a source binds: first line, line after the last, text."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    lines = source.split("\n")
    found = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            name, start = node.name, min([node.lineno, *(item.lineno for item in node.decorator_list)])
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name, start = node.targets[0].id, node.lineno
        elif isinstance(node, ast.Import | ast.ImportFrom):
            name, start = ast.unparse(node), node.lineno
        else:
            continue
        end = node.end_lineno or start
        found[name] = (start - 1, end, "\n".join(lines[start - 1 : end]))
    return found
