# ruff: noqa: E501, RUF001  (a reply stands on one line, whatever its length; its signs are meant)
"""Three batches of malformed replies for all three kinds of language, written without a look at the reader.

Each was measured before the reader was improved by it; what was read at first sight is in bench/RESULTS.md. `None` as the
expected program: what is meant cannot be told, and whatever is read would be invented.
"""

from __future__ import annotations

import json

from .corpus import Case

ADAM = """HYPER = {"b1": 0.9, "b2": 0.999, "eps": 1e-8}


def init(shape, kind):
    return {"m": zeros(shape), "v": zeros(shape)}


def update(w, g, s, t, kind):
    m = ema(s["m"], g, b1)
    v = ema(s["v"], square(g), b2)
    u = bias_correct(m, b1) / (sqrt(bias_correct(v, b2)) + eps)
    return u, {"m": m, "v": v}
"""
LION = """HYPER = {"b1": 0.9, "b2": 0.99}


def init(shape, kind):
    return {"m": zeros(shape)}


def update(w, g, s, t, kind):
    c = interp(g, s["m"], b1)
    m = ema(s["m"], g, b2)
    u = sign(c)
    return u, {"m": m}
"""
CAUTIOUS = LION.replace("u = sign(c)", "u = cautious(sign(c), g)")
MUON = """HYPER = {"mu": 0.95, "b2": 0.999, "eps": 1e-8}


def init(shape, kind):
    if kind == "matrix":
        return {"m": zeros(shape)}
    else:
        return {"m": zeros(shape), "v": zeros(shape)}


def update(w, g, s, t, kind):
    if kind == "matrix":
        m = accumulate(s["m"], g, mu)
        u = ns(m, 5) * aspect(m)
        return u, {"m": m}
    else:
        m = ema(s["m"], g, mu)
        v = ema(s["v"], square(g), b2)
        u = m / (sqrt(v) + eps)
        return u, {"m": m, "v": v}
"""
NESTEROV = ADAM.replace("u = bias_correct(m, b1) /", "u = interp(bias_correct(m, b1), g, 0.1) /")
ADAMB = ADAM.replace('"b2": 0.999', '"b2": 0.98')
WF = '''"""Worst fit: the bin with most room."""


def preference(room, size):
    return room - size


def pack(sizes):
    rooms = []
    answer = []
    for size in sizes:
        open_bins = [number for number, room in enumerate(rooms) if room >= size]
        if open_bins:
            chosen = max(open_bins, key=lambda number: preference(rooms[number], size))
        else:
            chosen = len(rooms)
            rooms.append(100)
        rooms[chosen] -= size
        answer.append(chosen)
    return answer
'''
BF = WF.replace("return room - size", "return size - room").replace("Worst fit: the bin with most room", "Best fit")
BFK = WF.replace("return room - size", "return size - room")
GAP = WF.replace(
    "    return room - size\n",
    "    gap = room - size\n    if 0 < gap < 10:\n        return -100 - gap\n    return -gap\n",
)
FF = """def pack(sizes):
    rooms, answer = [], []
    for size in sizes:
        for number, room in enumerate(rooms):
            if room >= size:
                break
        else:
            number = len(rooms)
            rooms.append(100)
        rooms[number] -= size
        answer.append(number)
    return answer
"""
HARM = """import math


def pack(sizes):
    classes = {}
    answer = []
    count = 0
    for size in sizes:
        kind = min(math.floor(100 / size), 6)
        number, room = classes.get(kind, (None, 0))
        if number is None or room < size:
            number, room = count, 100
            count += 1
        classes[kind] = (number, room - size)
        answer.append(number)
    return answer
"""
SEED = """x: P1 = Random()
y: P2 = BestResponse(x)
"""
DMP = """x: P1 = Random()
y: P2 = BestResponse(x)
b: P1 = BestResponse(y)
"""
BBM = """x, y = ZeroSum(U1 - U2)
wlog(f1(x, y) >= f2(x, y))
r: P1 = BestResponse(y)
b: P2 = BestResponse(r)
"""
BBMW = """x, y = ZeroSum(U1 - U2)
wlog(f1(x, y) >= f2(x, y))
r: P1 = BestResponse(y)
m: P1 = Mix(x, r, (1 - f1(x, y)) / 2)
b: P2 = BestResponse(m)
"""
TS = """x, y, w, z = StationaryPoint()
"""
TSM = """x, y, w, z = StationaryPoint()
wlog(f1(w, z) >= f2(w, z))
m: P2 = Mix(y, z, 1/2)
b: P1 = BestResponse(m)
"""
CASES = """x, y = ZeroSum(U1 - U2)
r: P1 = BestResponse(y)
if f1(x, y) >= f2(x, y):
    b: P2 = BestResponse(r)
else:
    c: P2 = BestResponse(x)
"""


F = "```"
BATCHES: dict[int, list[Case]] = {1: [], 2: [], 3: []}


def case(
    batch: int, name: str, base: str, expected: str | None, reply: str, trouble: str = "", *, cut: bool = False
) -> None:
    """Put a case into its batch."""
    BATCHES[batch].append(Case(name, reply, expected, base, trouble=trouble, cut_short=cut))


def fence(program: str, tag: str = "python") -> str:
    return f"{F}{tag}\n{program}{F}\n"


def ind(program: str, by: str) -> str:
    return "".join((by + line if line else line) + "\n" for line in program.splitlines())


# fmt: off

# Batch 1
case(1, "thinking-with-earlier-draft", ADAM, CAUTIOUS, f"<think>\nLet me start from Adam.\n{fence(ADAM)}Hmm, Lion would be better. Maybe\n{fence(LION)}I will add cautious.\n</think>\nIdea: Lion's sign with the cautious mask.\n\n{fence(CAUTIOUS)}")
case(1, "think-never-closed-but-answer-after", ADAM, LION, f"<think>\nWe need an optimizer. Try Lion: sign of interpolation.\n\nIdea: take the sign of the interpolated momentum.\n\n{fence(LION)}")
case(1, "no-open-think-tag", ADAM, LION, f"Okay, the user wants an improved rule. First I think about signs.\n</think>\n\nIdea: use Lion\n{fence(LION)}")
case(1, "tilde-fence", WF, BF, "Idea: best fit wastes less.\n\n~~~python\n" + BF + "~~~\n")
case(1, "no-fence-prose-around", WF, FF, "Idea: first fit is simpler and packs tighter than worst fit.\n\n" + FF + "\nThis should reduce the number of bins because items are placed as early as possible.")
case(1, "language-name-first-line", SEED, DMP, "Idea: answer twice.\n\n```\npython\n" + DMP + "```")
case(1, "fence-tag-nash", SEED, BBM, "**Idea:** zero sum first\n\n" + fence(BBM, "nash"))
case(1, "indented-list-fence", SEED, BBM, "Here is my plan:\n\n1. Use the zero-sum equilibrium.\n2. The program:\n\n   ```python\n" + "".join("   " + line + "\n" for line in BBM.splitlines()) + "   ```\n\n3. That gives a better bound.")
case(1, "line-numbers-dots", SEED, BBMW, "Idea: mix with a weight\n" + F + "\n" + "".join(f"{i}. {line}\n" for i, line in enumerate(BBMW.splitlines(), 1)) + F)
case(1, "line-numbers-pipe", ADAM, LION, "Idea: Lion\n" + F + "python\n" + "".join(f"{i:3d} | {line}\n" for i, line in enumerate(LION.splitlines(), 1)) + F)
case(1, "line-numbers-tab", WF, GAP, "Idea: avoid small gaps\n" + F + "python\n" + "".join(f"{i:6d}\t{line}\n" for i, line in enumerate(GAP.splitlines(), 1)) + F)
case(1, "unified-diff", WF, BFK, "Idea: best fit\n\n```diff\n--- a/program.py\n+++ b/program.py\n@@ -4,5 +4,5 @@\n \n def preference(room, size):\n-    return room - size\n+    return size - room\n \n \n```")
case(1, "diff-no-header", ADAM, ADAMB, "Idea: faster second moment.\n\n```diff\n-HYPER = {\"b1\": 0.9, \"b2\": 0.999, \"eps\": 1e-8}\n+HYPER = {\"b1\": 0.9, \"b2\": 0.98, \"eps\": 1e-8}\n```")
case(1, "search-replace-aider-filename", WF, BFK, "Idea: best fit\n\nprogram.py\n```python\n<<<<<<< SEARCH\n    return room - size\n=======\n    return size - room\n>>>>>>> REPLACE\n```")
case(1, "search-replace-dashes", WF, BFK, "Idea: best fit\n\n------- SEARCH\n    return room - size\n=======\n    return size - room\n+++++++ REPLACE\n")
case(1, "search-replace-short-markers", ADAM, NESTEROV, "Idea: nesterov\n\n<<<< SEARCH\n    u = bias_correct(m, b1) / (sqrt(bias_correct(v, b2)) + eps)\n====\n    u = interp(bias_correct(m, b1), g, 0.1) / (sqrt(bias_correct(v, b2)) + eps)\n>>>> REPLACE")
case(1, "search-replace-no-closer", WF, None, "Idea: best fit\n\n<<<<<<< SEARCH\n    return room - size\n=======\n    return size - room\n")
case(1, "search-replace-lost-indentation", WF, BFK, "Idea: best fit\n<<<<<<< SEARCH\nreturn room - size\n=======\nreturn size - room\n>>>>>>> REPLACE\n")
case(1, "smart-quotes", ADAM, LION, "Idea: Lion\n" + fence(LION.replace('"', '\u201d').replace('{\u201d', '{\u201c')))
case(1, "nbsp-indent", WF, FF, "Idea: first fit\n" + fence(FF.replace("    ", "\u00a0\u00a0\u00a0\u00a0")))
case(1, "zero-width", SEED, DMP, "Idea: more\n" + fence("\u200b" + DMP.replace("BestResponse", "Best\u200bResponse")))
case(1, "unicode-minus-ge", SEED, BBM, "Idea: zero-sum\n" + fence(BBM.replace("U1 - U2", "U1 \u2212 U2").replace(">=", "\u2265")))
case(1, "html-escapes", WF, FF, "Idea: ff\n" + fence(FF.replace(">=", "&gt;=")))
case(1, "json-wrapped", SEED, BBM, json.dumps({"idea": "zero sum", "code": BBM}))
case(1, "json-in-fence", ADAM, LION, "```json\n" + json.dumps({"idea": "Lion", "program": LION}, indent=2) + "\n```")
case(1, "escaped-newlines", SEED, BBM, "Idea: zero-sum game\n" + F + "python\n" + BBM.replace("\n", "\\n") + "\n" + F)
case(1, "xml-tags", ADAM, LION, "<idea>Lion's sign</idea>\n<code>\n" + LION + "</code>")
case(1, "xml-answer-fence", WF, FF, "<answer>\n<program>\n" + fence(FF) + "</program>\n</answer>")
case(1, "corrected-after-wrong", ADAM, LION, "Idea: sign\n" + fence(LION.replace("interp(", "lerp(")) + "\nWait, `lerp` is not in the vocabulary. Here is the corrected version:\n\n" + fence(LION))
case(1, "trailing-explanation-in-block", SEED, DMP, "Idea: three\n" + F + "python\n" + DMP + "\nThis program makes both players respond to each other, so the bound improves to 1/2.\n" + F)
case(1, "crlf-bom", WF, FF, "\ufeff" + ("Idea: first fit\n" + fence(FF)).replace("\n", "\r\n"))
case(1, "repl-prompts", SEED, DMP, "Idea: alternate\n```python\n" + "".join(">>> " + line + "\n" for line in DMP.splitlines()) + "```")
case(1, "no-closing-fence", ADAM, LION, "Idea: Lion\n```python\n" + LION)
case(1, "closing-fence-glued", ADAM, LION, "Idea: Lion\n```python\n" + LION.rstrip() + "```")
case(1, "changed-function-only", WF, BFK, "Idea: best fit\n```python\ndef preference(room, size):\n    return size - room\n```\nThe rest is unchanged.")
case(1, "greek", ADAM, ADAM.replace("b1", "beta1").replace("b2","beta2"), "Idea: same with greek names\n" + fence(ADAM.replace("b1", "β1").replace("b2", "β2")))
case(1, "types-dropped", SEED, DMP, "Idea: responses\n" + fence(DMP.replace(": P1", "").replace(": P2", "")))
case(1, "def-wrapped-nash", SEED, BBM, "Idea: zero-sum\n```python\ndef algorithm(U1, U2):\n" + "".join("    " + line + "\n" for line in BBM.splitlines()) + "```")
case(1, "bullets-program-then-summary-table", WF, FF, "### Idea: first fit\n\n### Code\n" + fence(FF) + "\n| aspect | before | after |\n|---|---|---|\n| bins | 40 | 38 |\n")
case(1, "two-programs-no-hint", WF, None, "Idea: either of these may help.\n\nOption A:\n" + fence(FF) + "\nOption B:\n" + fence(HARM) + "\nBoth are good choices.")

# Batch 2
case(2, "chatml-leak", WF, FF, "<|im_start|>assistant\nIdea: first fit\n" + fence(FF) + "<|im_end|>\n<|im_start|>user\nThanks!")
case(2, "llama-eot", SEED, BBM, "Idea: zero-sum game\n\n" + fence(BBM) + "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nIs there anything else?")
case(2, "inst-leak", ADAM, LION, "[/INST] Idea: sign momentum\n" + fence(LION) + "</s>")
case(2, "german-prose", SEED, DMP, "Idee: Beide Spieler antworten aufeinander.\n\nHier ist das vollständige Programm:\n\n" + fence(DMP) + "\nIch hoffe, das hilft!")
case(2, "chinese-prose-fullwidth", SEED, BBM, "思路：先求零和博弈的均衡，再取最优反应。\n\n```python\n" + BBM.replace("(", "（").replace(")", "）").replace(",", "，") + "```\n")
case(2, "four-backticks-nesting", WF, FF, "Idea: ff\n````markdown\n```python\n" + FF + "```\n````")
case(2, "fence-after-text-same-line", ADAM, LION, "Idea: Lion. Code: ```python\n" + LION + "```")
case(2, "docstring-with-fence", WF, '"""First fit.\n\n```\npack([10, 20])\n```\n"""\n' + FF, "Idea: ff\n```python\n" + '"""First fit.\n\n```\npack([10, 20])\n```\n"""\n' + FF + "```")
case(2, "usage-block-after", WF, FF, "Idea: ff\n" + fence(FF) + "\nExample of use:\n" + fence("print(pack([10, 20, 90]))\n"))
case(2, "explanation-snippets-before", ADAM, MUON, "Idea: orthogonalise.\n\nThe key line is\n```python\nu = ns(m, 5) * aspect(m)\n```\nand for vectors\n```python\nu = m / (sqrt(v) + eps)\n```\nPutting it together:\n" + fence(MUON))
case(2, "split-in-two-blocks", ADAM, LION, "Idea: Lion\n\nFirst the state:\n" + fence(LION.split("\n\n\ndef update")[0] + "\n") + "\nThen the update:\n" + fence("def update" + LION.split("def update")[1]))
case(2, "jupyter-cells", WF, HARM, "Idea: harmonic\n\nIn [1]:\n```python\nimport math\n```\n\nIn [2]:\n" + fence(HARM.split("\n\n\n")[1]))
case(2, "python-file-marker", WF, FF, "Idea: ff\n```python:program.py\n" + FF + "```")
case(2, "attr-fence", WF, FF, 'Idea: ff\n``` {.python .numberLines startFrom="1"}\n' + FF + "```")
case(2, "file-header-comment-line", ADAM, LION, "Idea: Lion\n```python\n# program.py\n# -*- coding: utf-8 -*-\n" + LION + "```")
case(2, "tabs", WF, FF, "Idea: ff\n" + fence(FF.replace("    ", "\t")))
case(2, "indent-mixed-first-line", WF, FF, "Idea: ff\n```python\n    def pack(sizes):\n" + "".join("    " + line + "\n" for line in FF.splitlines()[1:]) + "```")
case(2, "first-line-dedented-only", ADAM, LION, "Idea: Lion\n```python\n" + LION.splitlines()[0] + "\n" + "".join(("    " + line if line else "") + "\n" for line in LION.splitlines()[1:]) + "```")
case(2, "three-space-indent", WF, FF, "Idea: ff\n" + fence(FF.replace("    ", "   ")))
case(2, "import-of-vocabulary", ADAM, LION, "Idea: Lion\n" + fence("from discovery import zeros, ema, interp, sign\n\n" + LION))
case(2, "annotations-in-update", ADAM, LION, "Idea: Lion\n" + fence(LION.replace("(shape, kind)", "(shape: tuple, kind: str) -> dict").replace("(w, g, s, t, kind)", "(w: Tensor, g: Tensor, s: dict, t: int, kind: str)")))
case(2, "class-wrapped", WF, None, "Idea: ff\n" + fence("class Packer:\n    def run(self, sizes):\n        return sizes\n"))
case(2, "markdown-quote", SEED, BBM, "> Idea: zero-sum\n>\n> ```python\n" + "".join("> " + line + "\n" for line in BBM.splitlines()) + "> ```\n")
case(2, "latex-then-code", SEED, BBMW, "Idea: mix with weight $\\frac{1-f_1}{2}$.\n\n$$ m = w x + (1-w) r $$\n\n" + fence(BBMW) + "\nHence $\\epsilon \\le 0.36$.")
case(2, "latex-in-code", SEED, BBM, "Idea: zero sum\n" + fence(BBM.replace(">=", "\\geq")))
case(2, "fractions-unicode", SEED, TSM, "Idea: stationary\n" + fence(TSM.replace("1/2", "½")))
case(2, "times-sign", ADAM, MUON, "Idea: Muon\n" + fence(MUON.replace("ns(m, 5) * aspect", "ns(m, 5) × aspect")))
case(2, "assign-walrus-style", SEED, DMP, "Idea: dmp\n" + fence(DMP.replace(" = ", " := ")))
case(2, "semicolons", SEED, DMP, "Idea: dmp\n" + fence(DMP.replace(")\n", ");\n")))
case(2, "comments-slashes", SEED, DMP, "Idea: dmp\n" + fence(DMP.replace("y: P2", "// player two answers\ny: P2", 1)))
case(2, "inline-code-lines", SEED, DMP, "Idea: dmp\n\n" + "".join(f"`{line}`\n" for line in DMP.splitlines()))
case(2, "list-of-inline-code", SEED, BBM, "Idea: bbm\n\n" + "".join(f"{i}. `{line}`\n" for i, line in enumerate(BBM.splitlines(), 1)))
case(2, "repeat-loop", ADAM, LION, "Idea: Lion\n" + (fence(LION) + "\nIdea: Lion\n") * 6, )
case(2, "repeat-loop-cut", ADAM, LION, "Idea: Lion\n" + fence(LION) + "\nThe rule is good. " * 30 + "\n```python\n" + LION[:90], cut=True)
case(2, "cut-in-middle", ADAM, None, "Idea: Muon\n```python\n" + MUON[:300], cut=True)
case(2, "stale-context", WF, BFK, "Idea: bf\n<<<<<<< SEARCH\ndef preference(space, item):\n    return space - item\n\n\ndef pack(sizes):\n=======\ndef preference(room, size):\n    return size - room\n\n\ndef pack(sizes):\n>>>>>>> REPLACE")
case(2, "search-with-original-updated", WF, BFK, "Idea: bf\n<<<<<<< ORIGINAL\n    return room - size\n=======\n    return size - room\n>>>>>>> UPDATED")
case(2, "before-after-blocks", WF, BFK, "Idea: bf\n\nReplace\n```python\n    return room - size\n```\nwith\n```python\n    return size - room\n```")
case(2, "diff-html-strike", WF, BFK, "Idea: bf\n```diff\n def preference(room, size):\n-   return room - size\n+   return size - room\n```")
case(2, "final-vs-draft", SEED, BBMW, "Idea: bbm\n\nDraft:\n" + fence(BBM) + "\nThis only gives 0.382. Mixing gives more.\n\n**Final program:**\n" + fence(BBMW))

# Batch 3
case(3, "reasoning-field-markdown", ADAM, MUON, "## Reasoning\n\nAdam treats a matrix as a bag of numbers.\n\n## Idea\n\nOrthogonalise the momentum of matrices.\n\n## Program\n\n" + fence(MUON) + "\n## Expected effect\n\nFaster convergence on the autoencoder.")
case(3, "gemma-turns", WF, FF, "<start_of_turn>model\nIdea: first fit\n" + fence(FF) + "<end_of_turn>")
case(3, "deepseek-reasoning-inline", SEED, BBM, "<think>\nok\n</think>\n<think>\nsecond thought\n" + fence(DMP) + "</think>\n\nIdea: equilibrium of the difference.\n" + fence(BBM))
case(3, "harmony-channels", ADAM, LION, "<|channel|>analysis<|message|>We should try\n" + fence(ADAMB) + "<|end|><|start|>assistant<|channel|>final<|message|>Idea: Lion\n" + fence(LION) + "<|return|>")
case(3, "spanish", WF, GAP, "Idea: evitar huecos pequeños.\n\nAquí está el programa completo:\n\n" + fence(GAP) + "\nEspero que esto mejore la puntuación.")
case(3, "russian-no-fence", SEED, BBMW, "Идея: смешивание с весом.\n\n" + BBMW + "\nЭто даёт лучшую границу.")
case(3, "fence-two-backticks", SEED, DMP, "Idea: dmp\n``\n" + DMP + "``")
case(3, "fence-single-quotes", SEED, DMP, "Idea: dmp\n'''python\n" + DMP + "'''")
case(3, "fence-html-pre", WF, FF, "Idea: ff\n<pre><code class=\"language-python\">" + FF.replace(">", "&gt;") + "</code></pre>")
case(3, "bbcode", WF, FF, "Idea: ff\n[code]\n" + FF + "[/code]")
case(3, "org-src", ADAM, LION, "Idea: Lion\n#+begin_src python\n" + LION + "#+end_src")
case(3, "latex-verbatim", SEED, BBM, "Idea: bbm\n\\begin{verbatim}\n" + BBM + "\\end{verbatim}")
case(3, "rst-block", WF, FF, "Idea: ff\n\n.. code-block:: python\n\n" + ind(FF, "    "))
case(3, "blockquote-fence", WF, FF, "Idea: ff\n\n> ```python\n" + "".join("> " + line + "\n" for line in FF.splitlines()) + "> ```")
case(3, "yaml-literal", SEED, BBM, "idea: zero-sum\nprogram: |\n" + ind(BBM, "  "))
case(3, "toml-string", ADAM, LION, 'idea = "Lion"\nprogram = """\n' + LION + '"""')
case(3, "python-string-assignment", SEED, BBM, 'Idea: bbm\n```python\nprogram = """\n' + BBM + '"""\nprint(program)\n```')
case(3, "json-lines-array", SEED, BBM, "```json\n{\"idea\": \"bbm\", \"lines\": " + json.dumps(BBM.splitlines()) + "}\n```")
case(3, "json-with-fence-inside", WF, FF, json.dumps({"idea": "ff", "answer": fence(FF)}))
case(3, "tool-call-args", WF, FF, json.dumps({"name": "submit_program", "arguments": {"code": FF}}))
case(3, "line-number-colon-L", ADAM, LION, "Idea: Lion\n" + F + "\n" + "".join(f"L{i}: {line}\n" for i, line in enumerate(LION.splitlines(), 1)) + F)
case(3, "line-number-brackets", SEED, BBM, "Idea: bbm\n" + F + "\n" + "".join(f"[{i}] {line}\n" for i, line in enumerate(BBM.splitlines(), 1)) + F)
case(3, "step-labels", SEED, BBM, "Idea: bbm\n" + F + "\n" + "".join(f"Step {i}: {line}\n" for i, line in enumerate(BBM.splitlines(), 1)) + F)
case(3, "bullets", SEED, DMP, "Idea: dmp\n\n" + "".join(f"- {line}\n" for line in DMP.splitlines()))
case(3, "jupyter-prompts", SEED, DMP, "Idea: dmp\n" + F + "\n" + "".join(f"In [{i}]: {line}\n" for i, line in enumerate(DMP.splitlines(), 1)) + F)
case(3, "unicode-star-power", ADAM, ADAM.replace("square(g)", "g ** 2"), "Idea: the same\n" + fence(ADAM.replace("square(g)", "g²")))
case(3, "smart-dash-number", ADAM, ADAM, "Idea: same\n" + fence(ADAM.replace("1e-8", "1e–8")))
case(3, "leq-entity", SEED, BBM, "Idea: bbm\n" + fence(BBM.replace(">=", "&ge;")))
case(3, "prose-mid-block", ADAM, LION, "Idea: Lion\n" + F + "python\n" + LION.split("\n\n\ndef update")[0] + "\n\nThen we define the update as follows:\n\ndef update" + LION.split("def update")[1] + F)
case(3, "dropped-header-hyper", ADAM, ADAM.replace("u = bias", "u = 2 * bias"), "Idea: bigger step\n" + fence("def update" + ADAM.replace("u = bias", "u = 2 * bias").split("def update")[1]))
case(3, "renamed-player-variables-edit", BBM, BBM.replace("BestResponse(r)", "BestResponse(x)"), "Idea: answer x\n<<<<<<< SEARCH\nb : P2 = BestResponse( r )\n=======\nb : P2 = BestResponse( x )\n>>>>>>> REPLACE")
case(3, "append-only-edit", BBM, BBM + "c: P1 = BestResponse(b)\n", "Idea: one more answer\n<<<<<<< SEARCH\nb: P2 = BestResponse(r)\n=======\nb: P2 = BestResponse(r)\nc: P1 = BestResponse(b)\n<<<<<<< REPLACE")
case(3, "diff-all-plus", SEED, BBM, "Idea: bbm\n```diff\n-x: P1 = Random()\n-y: P2 = BestResponse(x)\n" + "".join("+" + line + "\n" for line in BBM.splitlines()) + "```")
case(3, "two-edits-one-block", ADAM, ADAMB.replace("u = bias", "u = 2 * bias"), 'Idea: both\n```\n<<<<<<< SEARCH\nHYPER = {"b1": 0.9, "b2": 0.999, "eps": 1e-8}\n=======\nHYPER = {"b1": 0.9, "b2": 0.98, "eps": 1e-8}\n>>>>>>> REPLACE\n\n<<<<<<< SEARCH\n    u = bias_correct(m, b1) / (sqrt(bias_correct(v, b2)) + eps)\n=======\n    u = 2 * bias_correct(m, b1) / (sqrt(bias_correct(v, b2)) + eps)\n>>>>>>> REPLACE\n```')
case(3, "uppercase-keywords", SEED, None, "Idea: x\n" + fence("X: P1 = RANDOM\nY: P2 = RESPONSE TO X\n"))
case(3, "pseudocode", WF, None, "Idea: ff\n```\nFOR each size DO\n  find first bin with room\n  put size there\nEND FOR\nRETURN bins\n```")
case(3, "alternatives-cut", WF, None, "Idea: ff or harmonic\n\n**Version 1**\n" + fence(FF) + "\n**Version 2**\n" + fence(HARM))
case(3, "original-then-improved", WF, GAP, "The original program:\n" + fence(WF) + "\nThe improved program:\n" + fence(GAP) + "\nFor comparison, best fit would be:\n" + fence(BF))
case(3, "nash-prefix-trap", SEED, None, "Idea: mix\n```\nx, y = ZeroSum(U1 - U2)\nr: P1 = BestResponse(y)\nm: P1 = MixOptimally(x, r)\nb: P2 = BestResponse(m)\n```")
case(3, "nash-truncated", SEED, None, "Idea: mix\n```\nx, y = ZeroSum(U1 - U2)\nr: P1 = BestResponse(y)\nm: P1 = Mix(x, r, (1 - f1(x, y", cut=True)
