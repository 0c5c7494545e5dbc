"""Edits in a reply: SEARCH/REPLACE pairs and their kin, however they are marked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from discovery.propose.replies.blocks import Block
from discovery.propose.replies.layout import Layout
from discovery.propose.replies.places import Edit, EditFailed
from discovery.propose.replies.wrappings import objects

__all__ = ["find_edits"]

_LONGEST = 80  # signs of a line that may be a marker
_START = re.compile(
    r"(?:[<>]{3,}|[+-]{5,})\s*(?:SEARCH|ORIGINAL|HEAD|BEFORE|OLD|FIND)(?:[\s:<>+-]*$|\s(?P<code>.+)$)|<{3,}$"
    r"|[*#\[\s]*(?-i:SEARCH)[*\]:\s]*$",
    re.I,
)
_MIDDLE = re.compile(r"={3,}[\s:]*(?:REPLACE|REPLACEMENT|WITH)?[\s:]*$|-{5,}$|[*#\[\s]*(?-i:REPLACE)[*\]:\s]*$", re.I)
_END = re.compile(
    r">{3,}(?:\s*[\w./-]+)?[\s:<>]*$|(?:<{3,}|[+-]{5,})\s*(?:REPLACE|UPDATED|NEW|AFTER|END)[\s:<>+-]*$", re.I
)
_MARK = ("<<<<<<< S", "<<<<<<< O", "<<<<<<< H")
_PLACE = re.compile(r":?(?:start|end)_line\s*:\s*\d+$", re.I)  # where some formats say that the lines stand
_FENCE = re.compile(r"\s*(?:`{3,}+|~{3,}+)\s*\w*\s*$")
_HUNK = re.compile(r"^(?:@@.*|[ \t]*\.{3}[ \t]*)$", re.M)
_AT = re.compile(r"^@@(?: |$)", re.M)
_COUNTED = re.compile(r"^@@ -\d+(?:,\d+)? \+\d+(?:,(\d+))? @@", re.M)
_HEADER = ("---", "+++", "diff ", "index ", "\\ No newline")
_OLD_KEYS = ("search", "old", "find", "original")
_NEW_KEYS = ("replace", "new", "replacement", "updated")
_OLD = re.compile(r"\b(search|original|before|old|find|replace this|current)\b", re.I)
_REPLACE_WHAT = re.compile(r"\W{0,9}(in \S+,? )?(replace|change|turn|swap)\b", re.I)
_WITH = re.compile(r"\W{0,9}(with|by|to|into|for)\b", re.I)
_NEW = re.compile(r"\b(replace|replacement|with|after|new|updated|by)\b", re.I)
_TAGS = (("search", "replace"), ("old", "new"), ("find", "replace"), ("original", "updated"), ("search", "replacement"))


def find_edits(layout: Layout) -> list[Edit]:
    """The edits in a reply, in order; none when it holds none.

    Raises:
        EditFailed: a SEARCH without its `=======`.
    """
    text, blocks = layout.text, layout.blocks
    edits = _marked(text) or _tagged(text) or _listed(text) or _hunks(layout) or _headed(blocks)
    return [edit for edit in edits if edit.search.strip() or edit.replace.strip()]


def _marked(text: str) -> list[Edit]:
    edits: list[Edit] = []
    search: list[str] | None = None
    replace: list[str] | None = None

    def close(*, marked: bool = True) -> None:
        nonlocal search, replace
        if search is not None and replace is None:
            raise EditFailed(f"edit {len(edits) + 1} has no ======= line between what to find and what to put there")
        if search is not None and replace is not None:
            edits.append(Edit(_unfenced(search), _unfenced(replace), marked))
        search = replace = None

    for line in text.split("\n"):
        mark = line[:_LONGEST].strip(" \t*`_\\")  # markers may be set in bold, as code, or escaped
        if start := _START.match(mark):
            close()
            search = [line.partition(start["code"])[1] + line.partition(start["code"])[2]] if start["code"] else []
        elif search is None or (replace is None and _is_place(mark, search)):
            continue
        elif replace is None and _MIDDLE.match(mark):
            replace = []
        elif replace is not None and (_END.match(mark) or _MIDDLE.match(mark)):
            close()
        elif replace is not None and _FENCE.match(line[:_LONGEST]) and any(part.strip() for part in replace):
            close()  # the end was forgotten
        else:
            (search if replace is None else replace).append(line)
    close(marked=False)
    if edits and sum(line.strip().startswith(_MARK) for line in text.split("\n")) > len(edits):
        raise EditFailed("one of the edits is not understood: each begins with a line <<<<<<< SEARCH")
    return edits


def _is_place(mark: str, search: list[str]) -> bool:
    """Whether a line says where the lines stand, as some formats do, or only sets that apart from them."""
    return bool(_PLACE.match(mark)) or (not any(search) and set(mark) == {"-"})


def _unfenced(lines: list[str]) -> str:
    kept = [line for line in lines if not _FENCE.match(line[:_LONGEST])]
    return "\n".join(kept).strip("\n")


def _tagged(text: str) -> list[Edit]:
    """Pairs of tags, `<search>` and `<replace>`."""
    for old, new in _TAGS:
        olds, news = (re.split(rf"<{tag}>|</{tag}>", text, flags=re.I) for tag in (old, new))
        if len(olds) > 2 and len(olds) == len(news) and len(olds) % 2:
            pairs = zip(olds[1::2], news[1::2], strict=True)
            return [Edit(search.strip("\n"), replace.strip("\n")) for search, replace in pairs]
    return []


def _listed(text: str) -> list[Edit]:
    """Objects of JSON with a text to find and one to put there."""
    edits = []
    for value in objects(text):
        old = next((value[name] for name in value if name.split("_")[0] in _OLD_KEYS), None)
        new = next((value[name] for name in value if name.split("_")[0] in _NEW_KEYS), None)
        if isinstance(old, str) and isinstance(new, str):
            edits.append(Edit(old.strip("\n"), new.strip("\n")))
    return edits


def _hunks(layout: Layout) -> list[Edit]:
    """A unified diff: in a block called so, or with `@@` lines; a context line may have lost its leading blank."""
    diffs = [block for block in layout.blocks if block.tag in ("diff", "patch") or _AT.search(block.text)]
    bodies = [(block.text, block.closed) for block in diffs]
    if not bodies and (found := _AT.search(layout.text)):
        body, end, _ = layout.text[found.start() :].partition("\n*** End Patch")
        bodies = [(body, bool(end) or (layout.line_ended and _is_whole(body)))]
    edits = []
    for body, closed in bodies:
        for hunk in _HUNK.split(body):
            lines = [line for line in hunk.split("\n") if not line.startswith(_HEADER)]
            if not any(line.startswith(("+", "-")) for line in lines):
                continue
            plain = [line[1:] if line.startswith(" ") else line for line in lines]
            old = [plain[n] if line[:1] != "-" else line[1:] for n, line in enumerate(lines) if line[:1] != "+"]
            new = [plain[n] if line[:1] != "+" else line[1:] for n, line in enumerate(lines) if line[:1] != "-"]
            edits.append(Edit("\n".join(old).strip("\n"), "\n".join(new).strip("\n"), closed))
    return edits


def _is_whole(diff: str) -> bool:
    """Whether the last hunk has as many lines as its head says."""
    head = list(_COUNTED.finditer(diff))[-1:]
    lines = diff[head[0].end() :].split("\n")[1:] if head else []
    return bool(head) and sum(line.startswith(("+", " ")) for line in lines) >= int(head[0][1] or 1)


def _headed(blocks: Sequence[Block]) -> list[Edit]:
    """Blocks in pairs under headings such as "Replace this:" and "with:"."""
    edits = []
    for old, new in pairwise(blocks):
        told = _OLD.search(old.heading) and _NEW.search(new.heading) and not _OLD.search(new.heading.split()[0])
        if told or (_REPLACE_WHAT.search(old.heading) and _WITH.search(new.heading)):
            edits.append(Edit(old.text.strip("\n"), new.text.strip("\n")))
    return edits
