"""What a reply says around its code: the idea, a refusal, an attempt to instruct the engine, another language."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from discovery.propose.replies.blocks import Block

__all__ = ["answer", "first_line", "foreign_language", "idea", "instructs", "one_line", "refuses"]

_IDEA_LENGTH = 240
_THOUGHT = re.compile(r"<(/?)(?:think|thinking|reasoning|reflection|scratchpad)>", re.I)
_BREAK = re.compile(r"<br ?/?>\n?", re.I)
#: What begins a turn of the user, which the model invented.
_TURN = re.compile(r"<\|im_start\|>user|<\|start_header_id\|>user|<start_of_turn>user|\[INST\]")
_TOKENS = re.compile(
    r"<\|[a-z_]{2,20}\|>(?:assistant|user|system|final|analysis)?|<\uff5c[^\uff5c\n]{1,30}\uff5c>|</?s>|<end_code>|\[/?INST\]|<(?:start|end)_of_turn>(?:model)?",
    re.I,
)
#: Channels of a chat format that hold thinking, up to the next that does not.
_CHANNEL = re.compile(r"<\|channel\|>(?:analysis|commentary|thought)\b.*?(?=<\|channel\|>final|\Z)", re.S)
_LABEL = re.compile(
    r"^[ \t#>*_`\-]{0,20}(?:idea|thought|rationale|change|changes made|summary|approach|hypothesis|description"
    r"|explanation|strategy)\b[ \t*_`]{0,9}[:\-\u2013\u2014][ \t*_`]*(?P<text>.*)$",
    re.I | re.M,
)
_CHATTER = re.compile(
    r"^(sure|certainly|of course|here('s| is| are)|okay|ok\b|great|absolutely|below|the following"
    r"|i('ve| have| will|'ll)\b"
    r"|let('s| me| us)|updated|improved|new program|thank)",
    re.I,
)
_REFUSAL = re.compile(
    r"\b(i('m| am) (really |very )?(sorry|unable|not able)|i (can('|no)?t|won't|will not|must decline|am unable to)\b"
    r"|i apologi[sz]e|as an ai\b|unable to (help|assist|comply|provide)|can('|no)?t (help|assist|comply)|against my"
    r"|not something i can|decline to)",
    re.I,
)
_INSTRUCTION = re.compile(
    r"(^[ \t]*\[?(system|developer|tool)\]?\s*:)"
    r"|\b(ignore|disregard|forget|override)\b.{0,40}\b(instruction|prompt|rule|previous|prior|above)"
    r"|\b(set|give|assign|award|report|record|return)\b.{0,40}\b(score|fitness|verdict|reward)\b"
    r"|\bmark\b.{0,30}\b(as )?(best|correct|passed|solved|valid|proved)\b"
    r"|\b(skip|disable|bypass|turn off)\b.{0,40}\b(evaluat|check|sandbox|verif|test|judg)"
    r"|\b(evaluator|judge|scorer|engine|controller|orchestrator)\b\s*[:,]?\s*(please|must|should|you)\b"
    r"|\b(rm -rf|sudo |curl |wget |chmod |os\.system|discovery (run|steer|resume|export))"
    r"|<(tool_call|function_call|tool_use|invoke)\b|\byou are now\b|\bnew instructions?\b",
    re.I | re.M,
)
_TAGS = {
    "javascript": "JavaScript", "js": "JavaScript", "typescript": "TypeScript", "ts": "TypeScript", "cpp": "C++",
    "c++": "C++", "c": "C", "cuda": "CUDA", "java": "Java", "rust": "Rust", "rs": "Rust", "go": "Go", "golang": "Go",
    "julia": "Julia", "matlab": "MATLAB", "r": "R", "bash": "a shell's language", "sh": "a shell's language",
    "shell": "a shell's language", "json": "JSON", "yaml": "YAML", "html": "HTML", "latex": "LaTeX", "sql": "SQL",
    "haskell": "Haskell", "lua": "Lua", "ruby": "Ruby", "php": "PHP", "scala": "Scala", "swift": "Swift",
    "kotlin": "Kotlin", "csharp": "C#", "cs": "C#", "perl": "Perl", "fortran": "Fortran",
}  # fmt: skip
_SIGNS = (
    (re.compile(r"^[ \t]*#include\s?[<\"]|\bstd::|\bint main ?\(", re.M), "C or C++"),
    (re.compile(r"\bconsole\.log\b|\bfunction \w+ ?\([^)\n]*\) ?\{|^[ \t]*(const|let|var) \w+ =", re.M), "JavaScript"),
    (re.compile(r"\bfn \w+ ?\(|\blet mut\b"), "Rust"),
    (re.compile(r"\bpublic (static|class)\b"), "Java"),
    (re.compile(r"^[ \t]*func \w+\(|^package \w+", re.M), "Go"),
    (re.compile(r"^[ \t]*function \w+\(.*\)[ \t]*$|^[ \t]*function .* = \w+\(", re.M), "Julia or MATLAB"),
    (re.compile(r"\\begin\{|\\frac\{"), "LaTeX"),
)  # fmt: skip


def answer(text: str, *, cut_short: bool = False) -> str:
    """`text` without the model's thinking and the marks of its chat format.

    Thinking that never ends holds the answer where its last line with an idea is followed by a whole block, unless the
    model was stopped.
    """
    if invented := _TURN.search(text, len(text) - len(text.lstrip()) + 1):
        text = text[: invented.start()] if text[: invented.start()].strip() else text
    text = _TOKENS.sub("", _CHANNEL.sub("", text) if "<|channel|>final" in text else text)
    if len(_BREAK.findall(text)) > 2:
        text = _BREAK.sub("\n", text)
    parts, depth, cursor = [], 0, 0
    for found in _THOUGHT.finditer(text):
        if depth == 0:
            parts.append(text[cursor : found.start()])
        depth = max(0, depth - 1) if found[1] else depth + 1
        if found[1] and depth == 0 and "<" + found[0][2:] not in text[: found.start()]:
            parts.clear()  # the beginning was in the prompt
        cursor = found.end()
    rest = text[cursor:]
    if depth:
        ideas = [] if cut_short else list(re.finditer(r"^[ \t*#_]*idea\b", rest, re.I | re.M))
        rest = rest[ideas[-1].start() :] if ideas else ""
    return _unquoted("".join(parts) + rest)


def _unquoted(text: str) -> str:
    """A reply that is one Markdown quotation, without its marks."""
    lines = text.split("\n")
    if not all(line.startswith("> ") or line.strip() in ("", ">") for line in lines) or not text.strip():
        return text
    return "\n".join(line[2:] for line in lines)


def one_line(text: str, length: int = _IDEA_LENGTH) -> str:
    """`text` on one line: no controls, no invisible characters, no Markdown emphasis at its ends, clipped."""
    flat = "".join(
        " " if unicodedata.category(sign) in ("Cc", "Zl", "Zp") else sign
        for sign in text
        if unicodedata.category(sign) not in ("Cf", "Cs", "Co", "Cn")
    )
    flat = " ".join(flat.split()).strip("*_`# ")
    return flat if len(flat) <= length else flat[: length - 1] + "…"


def first_line(text: str) -> str:
    """The first line that says something, short."""
    return one_line(next((line for line in text.split("\n") if line.strip()), ""), 160)


def idea(text: str, prose: str) -> str:
    """The idea that the reply states in a labelled line, else its first sentence that is no chatter; "" when it tries
    to instruct."""
    for place in (prose, text):
        for found in _LABEL.finditer(place):
            said = found["text"] or next((line for line in place[found.end() :].split("\n") if line.strip()), "")
            said = one_line(said)
            if len(said) > 3 and not said.startswith("```"):
                return "" if instructs(said) else said
    for line in prose.split("\n"):
        said = one_line(line)
        if len(said.split()) >= 4 and not _CHATTER.match(said) and not re.search(r"[=<>{}]{2,}", said):
            return "" if instructs(said) or refuses(said) else said
    return ""


def instructs(prose: str) -> bool:
    """Whether text outside the code speaks to the engine rather than of the program."""
    return bool(_INSTRUCTION.search(prose))


def refuses(text: str) -> bool:
    """Whether the first lines decline."""
    return bool(_REFUSAL.search(text[:600]))


def foreign_language(text: str, blocks: Sequence[Block]) -> str:
    """Name of another programming language that the code is in, or ""."""
    for block in reversed(blocks):
        if block.tag in _TAGS:
            return _TAGS[block.tag]
    code = "\n".join(block.text for block in blocks) or text
    return next((name for sign, name in _SIGNS if sign.search(code)), "")
