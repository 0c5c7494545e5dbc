# ruff: noqa: E501  (a reply stands on one line, whatever its length)
"""Replies as small models write them: what is malformed, and the program that is plainly meant.

Written by hand after the failures that users of evolutionary coding agents report (diffs that do not apply, lost
fences, lost indentation, shortened programs, chat formats that leak), for two languages: plain Python and update rules.
`None` as the expected program: nothing can be recovered without asking again, and `trouble` says what is reported.
"""

from __future__ import annotations

import json
from typing import NamedTuple

FIT = """\
def pack(sizes):
    loads, bins = [], []
    for size in sizes:
        best = -1
        for number, load in enumerate(loads):
            if load + size <= 100 and (best < 0 or load > loads[best]):
                best = number
        if best < 0:
            loads.append(0)
            best = len(loads) - 1
        loads[best] += size
        bins.append(best)
    return bins
"""

#: The base of edits: first fit, with a helper and a constant.
BASE = """\
CAPACITY = 100


def fits(load, size):
    return load + size <= CAPACITY


def pack(sizes):
    loads, bins = [], []
    for size in sizes:
        chosen = None
        for number, load in enumerate(loads):
            if fits(load, size):
                chosen = number
                break
        if chosen is None:
            loads.append(0)
            chosen = len(loads) - 1
        loads[chosen] += size
        bins.append(chosen)
    return bins
"""
LATEST = BASE.replace("                chosen = number\n                break\n", "                chosen = number\n")
SLACK = BASE.replace("return load + size <= CAPACITY", "return load + size <= CAPACITY - 2")
NAMED = BASE.replace("loads.append(0)", "loads.append(0)  # a new bin").replace("CAPACITY = 100", "CAPACITY = 99")
GUARDED = BASE.replace("    loads, bins = [], []\n", "    if not sizes:\n        return []\n    loads, bins = [], []\n")

ADAM = """\
HYPER = {"b1": 0.9, "b2": 0.999, "eps": 1e-8}


def init(shape, kind):
    return {"m": zeros(shape), "v": zeros(shape)}


def update(w, g, s, t, kind):
    m = ema(s["m"], g, b1)
    v = ema(s["v"], square(g), b2)
    u = bias_correct(m, b1) / (sqrt(bias_correct(v, b2)) + eps)
    return u, {"m": m, "v": v}
"""
SIGN = """\
HYPER = {"b1": 0.9, "b2": 0.99}


def init(shape, kind):
    return {"m": zeros(shape)}


def update(w, g, s, t, kind):
    u = sign(ema(s["m"], g, b1))
    m = ema(s["m"], g, b2)
    return u, {"m": m}
"""
ADAM_SIGN = ADAM.replace("return u, {", "return sign(u), {")
ADAM_SLOW = ADAM.replace('"b1": 0.9,', '"b1": 0.95,')


class Case(NamedTuple):
    """One reply: its name, the text, the program meant (None: not recoverable), the base, the idea, the trouble."""

    name: str
    reply: str
    expected: str | None
    base: str | None = None
    idea: str = ""
    trouble: str = ""
    cut_short: bool = False


def _fenced(source: str, tag: str = "python") -> str:
    return f"```{tag}\n{source}```\n"


def _edit(search: str, replace: str) -> str:
    return f"<<<<<<< SEARCH\n{search}\n=======\n{replace}\n>>>>>>> REPLACE\n"


def _prefixed(source: str, prefix: str) -> str:
    return "".join(prefix + line + "\n" for line in source.splitlines())


def _flush(source: str) -> str:
    """The body of the only function without its indentation."""
    return "\n".join(line[4:] if line.startswith("    ") else line for line in source.splitlines()) + "\n"


_OLD_RETURN, _NEW_RETURN = "    return load + size <= CAPACITY", "    return load + size <= CAPACITY - 2"
_CHOOSE = "            if fits(load, size):\n                chosen = number\n                break"
_KEEP = "            if fits(load, size):\n                chosen = number"

WHOLE = [
    Case("well formed", "Idea: best fit.\n\n" + _fenced(FIT), FIT, idea="best fit."),
    Case("no tag", "Idea: best fit\n" + _fenced(FIT, ""), FIT, idea="best fit"),
    Case("tag with capitals and version", _fenced(FIT, "Python3"), FIT),
    Case("tildes", f"~~~python\n{FIT}~~~", FIT),
    Case("four backticks around three", f"````markdown\n```python\n{FIT}```\n````", FIT),
    Case("fence never closed", f"Here is the program:\n```python\n{FIT}", FIT),
    Case("closing fence on the last line of code", f"```python\n{FIT.rstrip()}```", FIT),
    Case("code begins on the fence's line", f"```python {FIT}```", FIT),
    Case("code begins on the fence's line, no tag", f"```{FIT}```", FIT),
    Case("no fence, prose before and after", f"Sure! This uses best fit.\n\n{FIT}\nThis should reduce bins.", FIT),
    Case("no fence, nothing else", FIT, FIT),
    Case("language word without its fence", f"python\n{FIT}", FIT),
    Case("block indented in a list", "1. The program:\n\n" + _prefixed(_fenced(FIT), "    "), FIT),
    Case("whole program indented", _fenced(_prefixed(FIT, "    ")), FIT),
    Case("quoted block", _prefixed("Here:\n" + _fenced(FIT), "> "), FIT),
    Case("line numbers with bars", _fenced("".join(f"{n:3} | {x}\n" for n, x in enumerate(FIT.splitlines(), 1))), FIT),
    Case("line numbers with colons", _fenced("".join(f"{n}: {x}\n" for n, x in enumerate(FIT.splitlines(), 1))), FIT),
    Case(
        "prompts of an interpreter",
        _fenced("\n".join((">>> " if n == 0 else "... ") + x for n, x in enumerate(FIT.splitlines())) + "\n"),
        FIT,
    ),
    Case("every line marked as added", f"```diff\n{_prefixed(FIT, '+')}```", FIT),
    Case("carriage returns", _fenced(FIT).replace("\n", "\r\n"), FIT),
    Case("byte order mark", "\ufeff" + _fenced("\ufeff" + FIT), FIT),
    Case("no-break spaces as indentation", _fenced(FIT.replace("    ", "\u00a0\u00a0\u00a0 ")), FIT),
    Case("tabs and blanks mixed", _fenced(FIT.replace("        ", "\t").replace("\t    ", "\t    ")), FIT),
    Case("typographic signs", _fenced(ADAM.replace('"', "\u201d").replace("e-8", "e\u22128")), ADAM),
    Case("zero-width signs", _fenced(FIT.replace("loads", "lo\u200bads")), FIT),
    Case("HTML entities", _fenced(FIT.replace("<", "&lt;").replace(">", "&gt;")), FIT),
    Case("Markdown escapes", SIGN.replace("_", "\\_").replace("*", "\\*"), SIGN),
    Case("one line with line ends written out", FIT.replace("\n", "\\n"), FIT),
    Case("JSON with the code in a string", '{"idea": "fit", "code": ' + repr(FIT).replace("'", '"') + "}", FIT),
    Case(
        "JSON with lines in a list",
        '```json\n{"thought": "x", "code": ["def pack(sizes):", "    return []"]}\n```',
        "def pack(sizes):\n    return []\n",
    ),
    Case("tags instead of fences", f"<code>\n{FIT}</code>", FIT),
    Case("tags around a fence", f"<answer>\n{_fenced(FIT)}</answer>", FIT),
    Case("thinking before", f"<think>\nMaybe:\n```python\nx = 1\n```\n</think>\n{_fenced(FIT)}", FIT),
    Case("thinking whose beginning is in the prompt", f"so I try\n{_fenced(SIGN)}no...\n</think>\n{_fenced(FIT)}", FIT),
    Case("chat format leaks", f"<|im_start|>assistant\n{_fenced(FIT)}<|im_end|>\n<|im_start|>user\nthanks", FIT),
    Case("the parent quoted first", f"The old one:\n{_fenced(BASE)}\nMine:\n{_fenced(FIT)}", FIT, BASE),
    Case("the parent quoted last", f"Mine:\n{_fenced(FIT)}\nIt replaces:\n{_fenced(BASE)}", FIT, BASE),
    Case("an example of use behind", f"{_fenced(FIT)}\nUse it so:\n{_fenced('print(pack([1, 2, 3]))' + chr(10))}", FIT),
    Case("output behind", f"{_fenced(FIT)}\nOutput:\n```\n[0, 0, 1]\n```", FIT),
    Case(
        "pieces in several blocks",
        "First:\n" + "\nthen:\n".join(_fenced(part + "\n") for part in SIGN.strip().split("\n\n\n")),
        SIGN,
    ),
    Case(
        "the end of the first block forgotten",
        f"```python\n{FIT}\nand a test\n```python\nassert pack([]) == []\n```",
        FIT,
    ),
    Case(
        "body not indented",
        _fenced(_flush("def pack(sizes):\n    bins = list(range(len(sizes)))\n    return bins\n")),
        "def pack(sizes):\n    bins = list(range(len(sizes)))\n    return bins\n",
    ),
    Case("one line too deep", _fenced(SIGN.replace("    m = ema", "     m = ema")), SIGN),
    Case("one line too shallow", _fenced(SIGN.replace("    m = ema", "  m = ema")), SIGN),
    Case(
        "indentation of two here and four there",
        _fenced(
            FIT.replace("            loads.append(0)", "          loads.append(0)")
            .replace("            best = len", "          best = len")
            .replace("        loads[best]", "       loads[best]")
        ),
        FIT,
    ),
    Case("top level indented after the first line", _fenced("HYPER" + _prefixed(SIGN, "    ")[9:]), SIGN),
    Case("only the changed function", _fenced(_prefixed(SLACK.split("\n\n\n")[1] + "\n", "")), SLACK, BASE),
    Case("only the changed function of a rule", _fenced(ADAM_SIGN.split("\n\n\n")[2]), ADAM_SIGN, ADAM),
    Case("only the changed constants of a rule", _fenced(ADAM_SLOW.split("\n\n\n")[0] + "\n"), ADAM_SLOW, ADAM),
    Case(
        "the rest left out by a comment",
        _fenced("CAPACITY = 100\n\n\n" + SLACK.split("\n\n\n")[1] + "\n\n\n# ... rest of the code unchanged ...\n"),
        SLACK,
        BASE,
    ),
    Case(
        "the middle left out by dots",
        _fenced(
            'HYPER = {"b1": 0.9, "b2": 0.999, "eps": 1e-8}\n\n\n...\n\n\ndef update(w, g, s, t, kind):\n'
            '    m = ema(s["m"], g, b1)\n    # ... existing code ...\n'
            '    u = bias_correct(m, b1) / (sqrt(bias_correct(v, b2)) + eps)\n    return sign(u), {"m": m, "v": v}\n'
        ),
        ADAM_SIGN,
        ADAM,
    ),
]

EDITS = [
    Case("well formed edit", "Idea: leave slack.\n" + _edit(_OLD_RETURN, _NEW_RETURN), SLACK, BASE, "leave slack."),
    Case("edit inside a fence", _fenced(_edit(_OLD_RETURN, _NEW_RETURN)), SLACK, BASE),
    Case(
        "fences inside the edit",
        _edit(_fenced(_OLD_RETURN + "\n").strip(), _fenced(_NEW_RETURN + "\n").strip()),
        SLACK,
        BASE,
    ),
    Case(
        "two edits",
        _edit("CAPACITY = 100", "CAPACITY = 99") + "\n" + _edit("loads.append(0)", "loads.append(0)  # a new bin"),
        NAMED,
        BASE,
    ),
    Case("edit without indentation", _edit(_OLD_RETURN.strip(), _NEW_RETURN.strip()), SLACK, BASE),
    Case(
        "several lines at another depth",
        _edit(*("\n".join(line[12:] for line in part.split("\n")) for part in (_CHOOSE, _KEEP))),
        LATEST,
        BASE,
    ),
    Case(
        "several lines in steps of two", _edit(*(part.replace("    ", "  ") for part in (_CHOOSE, _KEEP))), LATEST, BASE
    ),
    Case("trailing blanks and blank lines", _edit(_CHOOSE.replace("\n", "  \n\n"), _KEEP), LATEST, BASE),
    Case("stale comment in the search", _edit(_CHOOSE.replace(":\n", ":  # room left\n", 1), _KEEP), LATEST, BASE),
    Case("spacing differs", _edit("    return load+size<=CAPACITY", _NEW_RETURN), SLACK, BASE),
    Case(
        "one stale line of four",
        _edit(
            "        for idx, load in enumerate(loads):\n" + _CHOOSE,
            "        for number, load in enumerate(loads):\n" + _KEEP,
        ),
        LATEST,
        BASE,
    ),
    Case("stale name throughout", _edit(_CHOOSE.replace("chosen", "choice"), _KEEP), LATEST, BASE),
    Case(
        "markers of another length",
        "<<<<< SEARCH\n" + _OLD_RETURN + "\n=====\n" + _NEW_RETURN + "\n>>>>> REPLACE",
        SLACK,
        BASE,
    ),
    Case(
        "markers of a merge conflict",
        "<<<<<<< HEAD\n" + _OLD_RETURN + "\n=======\n" + _NEW_RETURN + "\n>>>>>>> new",
        SLACK,
        BASE,
    ),
    Case(
        "last marker forgotten, nothing behind",
        "<<<<<<< SEARCH\n" + _OLD_RETURN + "\n=======\n" + _NEW_RETURN + "\n",
        None,
        BASE,
        trouble="cut off",
    ),
    Case(
        "last marker forgotten inside a fence",
        "```\n<<<<<<< SEARCH\n" + _OLD_RETURN + "\n=======\n" + _NEW_RETURN + "\n```\nThat leaves slack.",
        SLACK,
        BASE,
    ),
    Case("a file name above", "pack.py\n" + _edit(_OLD_RETURN, _NEW_RETURN), SLACK, BASE),
    Case(
        "search and replace under headings",
        f"**Search:**\n{_fenced(_OLD_RETURN + chr(10))}\n**Replace:**\n{_fenced(_NEW_RETURN + chr(10))}",
        SLACK,
        BASE,
    ),
    Case(
        "replace this, with this",
        f"Replace this line:\n{_fenced(_OLD_RETURN + chr(10))}with this line:\n{_fenced(_NEW_RETURN + chr(10))}",
        SLACK,
        BASE,
    ),
    Case(
        "unified diff",
        "```diff\n--- a/pack.py\n+++ b/pack.py\n@@ -4,3 +4,3 @@\n def fits(load, size):\n"
        "-    return load + size <= CAPACITY\n+    return load + size <= CAPACITY - 2\n```",
        SLACK,
        BASE,
    ),
    Case(
        "diff without numbers of lines, blanks of the context lost",
        "```diff\n@@\ndef fits(load, size):\n"
        "-    return load + size <= CAPACITY\n+    return load + size <= CAPACITY - 2\n\n```",
        SLACK,
        BASE,
    ),
    Case(
        "diff without a header",
        "```diff\n-    return load + size <= CAPACITY\n+    return load + size <= CAPACITY - 2\n```",
        SLACK,
        BASE,
    ),
    Case(
        "tags of search and replace",
        f"<search>\n{_OLD_RETURN}\n</search>\n<replace>\n{_NEW_RETURN}\n</replace>",
        SLACK,
        BASE,
    ),
    Case(
        "dots inside the search",
        _edit(
            "        for number, load in enumerate(loads):\n            ...\n                break",
            "        for number, load in enumerate(loads):\n" + _KEEP,
        ),
        LATEST,
        BASE,
    ),
    Case("part of a line", _edit("size <= CAPACITY", "size <= CAPACITY - 2"), SLACK, BASE),
    Case(
        "no-break spaces in the search",
        _edit(_OLD_RETURN.replace("    ", "\u00a0\u00a0\u00a0\u00a0"), _NEW_RETURN),
        SLACK,
        BASE,
    ),
    Case(
        "line numbers in the search",
        _edit("5 |     return load + size <= CAPACITY", "5 |     return load + size <= CAPACITY - 2"),
        SLACK,
        BASE,
    ),
    Case(
        "insertion that repeats the line",
        _edit("    loads, bins = [], []", "    if not sizes:\n        return []\n    loads, bins = [], []"),
        GUARDED,
        BASE,
    ),
    Case(
        "an edit whose indentation breaks the program",
        _edit("    loads, bins = [], []", "   if not sizes:\n       return []\n    loads, bins = [], []"),
        GUARDED,
        BASE,
    ),
    Case("an edit and then the whole program", _edit("nothing like this", "at all") + _fenced(SLACK), SLACK, BASE),
    Case("an empty search with a whole program", _edit("", FIT.rstrip()), FIT, BASE),
]

MORE = [
    Case(
        "bold idea label then list",
        "**Idea**: use best fit\n\n- keep loads\n- pick fullest\n\n" + _fenced(FIT),
        FIT,
        idea="use best fit",
    ),
    Case("docstring quotes as fence", "'''python\n" + FIT + "'''", FIT),
    Case("fence with trailing text on the closing line", "```python\n" + FIT + "``` This is best fit.", FIT),
    Case("double fence", "```\n```python\n" + FIT + "```\n```", FIT),
    Case("fence then language on next line", "```\npython\n" + FIT + "```", FIT),
    Case("single backticks around the program", "`" + FIT.rstrip() + "`", FIT),
    Case(
        "unclosed fence followed by prose",
        "```python\n" + FIT + "\nThis program uses best fit and should be better than first fit.",
        FIT,
    ),
    Case(
        "two versions, the better one last",
        "Version 1:\n" + _fenced(BASE) + "\nBetter version 2:\n" + _fenced(FIT),
        FIT,
    ),
    Case(
        "comment idea inside", "```python\n# Idea: best fit with ties\n" + FIT + "```", FIT, idea="best fit with ties"
    ),
    Case(
        "a main guard",
        "```python\n" + FIT + "\n\nif __name__ == '__main__':\n    print(pack([1]))\n```",
        FIT + "\n\nif __name__ == '__main__':\n    print(pack([1]))\n",
    ),
    Case("rule with import lines", "```python\nimport torch\n" + SIGN + "```", SIGN),
    Case(
        "rule with type hints",
        "```python\n" + SIGN.replace("def init(shape, kind):", "def init(shape, kind) -> dict:") + "```",
        SIGN,
    ),
    Case("a comment behind", "```python\n" + SIGN + "\n# That's Lion.\n```", SIGN),
    Case(
        "usage in the same block",
        "```python\n" + SIGN + "\n\n# Example usage\nu, s = update(w, g, s, 1, 'matrix')\n```",
        SIGN,
    ),
    Case("edit in answer tags", "<answer>\n" + _edit(_OLD_RETURN, _NEW_RETURN) + "</answer>", SLACK, BASE),
    Case(
        "edit markers with colon",
        "<<<<<<< SEARCH:\n" + _OLD_RETURN + "\n=======:\n" + _NEW_RETURN + "\n>>>>>>> REPLACE",
        SLACK,
        BASE,
    ),
    Case(
        "edit dashes as divider",
        "<<<<<<< SEARCH\n" + _OLD_RETURN + "\n-------\n" + _NEW_RETURN + "\n>>>>>>> REPLACE",
        SLACK,
        BASE,
    ),
    Case(
        "edit with SEARCH/REPLACE words only",
        "```\nSEARCH\n" + _OLD_RETURN + "\nREPLACE\n" + _NEW_RETURN + "\n```\n",
        SLACK,
        BASE,
    ),
    Case(
        "edit markers with chevrons reversed",
        ">>>>>>> SEARCH\n" + _OLD_RETURN + "\n=======\n" + _NEW_RETURN + "\n<<<<<<< REPLACE",
        SLACK,
        BASE,
    ),
    Case(
        "extra divider at the end",
        "<<<<<<< SEARCH\n" + _OLD_RETURN + "\n=======\n" + _NEW_RETURN + "\n=======\n>>>>>>> REPLACE",
        SLACK,
        BASE,
    ),
    Case(
        "replace marker on divider",
        "<<<<<<< SEARCH\n" + _OLD_RETURN + "\n======= REPLACE\n" + _NEW_RETURN + "\n>>>>>>>",
        SLACK,
        BASE,
    ),
    Case(
        "git diff full",
        "diff --git a/pack.py b/pack.py\nindex 12..34 100644\n--- a/pack.py\n+++ b/pack.py\n@@ -5,1 +5,1 @@ def fits(load, size):\n-    return load + size <= CAPACITY\n+    return load + size <= CAPACITY - 2\n",
        SLACK,
        BASE,
    ),
    Case(
        "context stale by renamed var and comment",
        _edit(
            "            # take the first bin that fits\n            if fits(load, item):\n                chosen = number\n                break",
            _KEEP,
        ),
        LATEST,
        BASE,
    ),
    Case(
        "whole function as search",
        _edit(BASE.split("\n\n\n")[2].rstrip(), LATEST.split("\n\n\n")[2].rstrip()),
        LATEST,
        BASE,
    ),
    Case(
        "search whole function with blank line extra",
        _edit(
            BASE.split("\n\n\n")[2].rstrip().replace("    for size", "\n    for size"),
            LATEST.split("\n\n\n")[2].rstrip(),
        ),
        LATEST,
        BASE,
    ),
    Case("edit deletes", _edit("                break\n", ""), LATEST, BASE),
    Case("the whole program in the search block and new in replace", _edit(BASE.rstrip(), FIT.rstrip()), FIT, BASE),
    Case(
        "json edits",
        '```json\n{"edits": [{"search": "    return load + size <= CAPACITY", "replace": "    return load + size <= CAPACITY - 2"}]}\n```',
        SLACK,
        BASE,
    ),
    Case("numbers dots", _fenced("".join(f"{n}. {x}\n" for n, x in enumerate(FIT.splitlines(), 1))), FIT),
    Case("json code with escaped newlines prose before", 'Here you go: {"code": ' + json.dumps(FIT) + "} done", FIT),
    Case("json invalid single quotes", "{'idea': 'fit', 'code': '''" + FIT + "'''}", FIT),
    Case("markdown table chatter", "| a | b |\n|---|---|\n| 1 | 2 |\n\n" + _fenced(FIT), FIT),
    Case(
        "a colon forgotten",
        _fenced(FIT.replace("if best < 0:\n            loads", "if best < 0\n            loads")),
        FIT,
    ),
    Case("html pre", '<pre><code class="language-python">\n' + FIT.replace("<", "&lt;") + "</code></pre>", FIT),
    Case(
        "ellipsis in function head",
        _fenced(
            "CAPACITY = 100\n\n\ndef fits(load, size):\n    return load + size <= CAPACITY - 2\n\n\ndef pack(sizes):\n    ...\n"
        ),
        SLACK,
        BASE,
    ),
    Case(
        "ellipsis comment in body tail",
        _fenced(
            "CAPACITY = 100\n\n\ndef fits(load, size):\n    return load + size <= CAPACITY - 2\n\n\ndef pack(sizes):\n    # ... (unchanged)\n"
        ),
        SLACK,
        BASE,
    ),
    Case(
        "rule changed update only indented in prose",
        'I change the return:\n\n    def update(w, g, s, t, kind):\n        m = ema(s["m"], g, b1)\n        v = ema(s["v"], square(g), b2)\n        u = bias_correct(m, b1) / (sqrt(bias_correct(v, b2)) + eps)\n        return sign(u), {"m": m, "v": v}\n\nThe rest stays as it was.',
        ADAM_SIGN,
        ADAM,
    ),
]

LATER = [
    Case(
        "heading per function",
        "### fits\n```python\ndef fits(load, size):\n    return load + size <= CAPACITY - 2\n```\nNothing else changes.",
        SLACK,
        BASE,
    ),
    Case(
        "edit with filename fence",
        "```python\npack.py\n<<<<<<< SEARCH\n" + _OLD_RETURN + "\n=======\n" + _NEW_RETURN + "\n>>>>>>> REPLACE\n```",
        SLACK,
        BASE,
    ),
    Case(
        "code with trailing explanation comment fence inside",
        "```python\n" + FIT + "```\n```text\nThis is it\n```",
        FIT,
    ),
    Case("assistant prefix", "Assistant: Idea: best fit\n\nAssistant: ```python\n" + FIT + "```", FIT),
    Case("latex-boxed", "\\boxed{\n```python\n" + FIT + "```\n}", FIT),
    Case("def indented 1 space each", _fenced(_prefixed(FIT, " ")), FIT),
    Case("two-space indentation whole program", _fenced(FIT.replace("    ", "  ")), FIT),
    Case(
        "rule with trailing semicolons",
        _fenced("\n".join(x + (";" if x.strip().startswith(("m =", "u =")) else "") for x in SIGN.splitlines()) + "\n"),
        SIGN,
    ),
    Case("rule with return typed tuple", _fenced(SIGN.replace('return u, {"m": m}', 'return (u, {"m": m})')), SIGN),
    Case("rule wrapped in class-free string", 'rule = """\n' + SIGN + '"""', SIGN),
    Case("markdown quote of edit", _prefixed(_edit(_OLD_RETURN, _NEW_RETURN), "> "), SLACK, BASE),
    Case(
        "edit plus commentary between",
        "First:\n"
        + _edit("CAPACITY = 100", "CAPACITY = 99")
        + "\nand because of that\n"
        + _edit("loads.append(0)", "loads.append(0)  # a new bin")
        + "done",
        NAMED,
        BASE,
    ),
    Case(
        "search markers inside bold",
        "**<<<<<<< SEARCH**\n" + _OLD_RETURN + "\n**=======**\n" + _NEW_RETURN + "\n**>>>>>>> REPLACE**",
        SLACK,
        BASE,
    ),
    Case(
        "edit with diff minus plus inside",
        "<<<<<<< SEARCH\n-" + _OLD_RETURN + "\n=======\n+" + _NEW_RETURN + "\n>>>>>>> REPLACE",
        SLACK,
        BASE,
    ),
    Case("yaml-ish", "idea: fit\ncode: |\n" + _prefixed(FIT, "  "), FIT),
    Case("fence with attributes", "```{.python .numberLines}\n" + FIT + "```", FIT),
    Case("fence python:file", "```python:pack.py\n" + FIT + "```", FIT),
    Case("prints first then code w/out fence", "The answer:\n\n    " + "\n    ".join(FIT.splitlines()) + "\n", FIT),
    Case("tool call json", '{"name": "submit", "arguments": {"code": ' + json.dumps(FIT) + "}}", FIT),
]

LOST = [
    Case("empty", "", None, trouble="empty reply"),
    Case("blanks and a stop token", " \n\n<|eot_id|>\n", None, trouble="empty reply"),
    Case("only thinking", "<think>What could be better than first fit? I", None, trouble="empty reply"),
    Case("refusal", "I'm sorry, but I can't help with that.", None, trouble="refusal"),
    Case("oversized", _fenced("x = 1\n" * 40_000), None, trouble="oversized reply"),
    Case(
        "JavaScript",
        "```javascript\nfunction pack(sizes) {\n  return sizes.map((_, i) => i);\n}\n```",
        None,
        trouble="wrong language",
    ),
    Case(
        "an edit in words",
        "Change line 5 from\n`    return load + size <= CAPACITY`\nto\n`    return load + size <= CAPACITY - 2`",
        None,
        BASE,
        trouble="no program",
    ),
    Case("prose only", "One could try best fit, which picks the fullest bin.", None, trouble="no program"),
    Case("cut in the middle", f"```python\n{FIT[:200]}", None, trouble="cut off", cut_short=True),
    Case(
        "an edit that fits nowhere",
        _edit("while not done:\n    step(state)\n    done = check(state)", "pass"),
        None,
        BASE,
        trouble="edit does not apply",
    ),
    Case(
        "an edit that fits twice",
        _edit("    loads[0] = 1", "    loads[0] = 2"),
        None,
        BASE + "\n\ndef a(loads):\n    loads[0] = 1\n\n\ndef b(loads):\n    loads[0] = 1\n",
        trouble="edit does not apply",
    ),
]

#: Replies that hold a program, whatever became of it.
MALFORMED = [
    case
    for case in (*WHOLE, *EDITS, *MORE, *LATER, *LOST)
    if not case.name.startswith("well formed")
    and case.trouble not in ("empty reply", "refusal")
    and case.name != "prose only"
]
CASES = [*WHOLE, *EDITS, *MORE, *LATER, *LOST]
