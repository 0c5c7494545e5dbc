"""What holds of every reply: it is the program that was meant or a named trouble, at a cost that its length bounds."""

from __future__ import annotations

import sys
from types import FrameType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discovery.model import Program
from discovery.propose.replies import TROUBLES, Unreadable, read
from discovery.tasks.nash.language import NashLanguage
from discovery.tasks.optimizers.language import OptimizerLanguage
from discovery.tasks.python.language import PythonLanguage
from discovery.testing.language import HOSTILE

from .reply_corpus import CASES, ReplyCase

PACK = """\
import bisect


def preference(room, size):
    if room < size:
        return None
    return size - room


def pack(sizes):
    rooms = []
    answer = []
    for size in sizes:
        fits = [i for i, room in enumerate(rooms) if preference(room, size) is not None]
        if not fits:
            rooms.append(100)
            fits = [len(rooms) - 1]
        best = max(fits, key=lambda i: preference(rooms[i], size))
        rooms[best] -= size
        answer.append(best)
    return answer[: len(sizes)]
"""
OTHER = PACK.replace("return size - room", "return room - size")
RULE = """\
HYPER = {"b1": 0.9, "b2": 0.99}


def init(shape, kind):
    return {"m": zeros(shape)}


def update(w, g, s, t, kind):
    c = interp(g, s["m"], b1)
    return sign(c) + 0.1 * c, {"m": ema(s["m"], g, b2)}
"""
OTHER_RULE = RULE.replace("0.1 * c", "0.2 * c")
SHORT_GAME = "x: P1 = Random()\ny: P2 = BestResponse(x)\n"
GAME = SHORT_GAME + "r: P1 = BestResponse(y)\nm: P1 = Mix(x, r, 1/2)\nb: P2 = BestResponse(m)\n"
LANGUAGES = {"python": PythonLanguage("pack"), "rules": OptimizerLanguage(), "nash": NashLanguage(2)}
PROGRAMS = [("python", PACK, OTHER), ("rules", RULE, OTHER_RULE), ("nash", GAME, SHORT_GAME)]
FENCED = "Idea: one change.\n\n```python\n{}```\n\nThis should help, because less is left over.\n"
FRAMES = [
    FENCED,
    "Idea: one change.\n```\n{}```",
    "Idea: one change.\n\n~~~python\n{}~~~\n",
    "Sure, here it is.\n\n{}\nThis should help, because less is left over.\n",
    "<answer>\n<code>\n{}</code>\n</answer>",
    "Idea: one change.\n\n    {}",
]
CHECK = LANGUAGES["python"].check


def outcome(kind: str, reply: str, base: str | None, *, cut_short: bool) -> Program | None:
    """The program read, or None; whatever fails is named."""
    check = LANGUAGES[kind].check
    try:
        return read(reply, check, None if base is None else check(base), cut_short=cut_short).program
    except Unreadable as error:
        assert error.trouble in TROUBLES and 0 < len(str(error)) < 3000
        return None


@pytest.mark.parametrize("frame", FRAMES, ids=range(len(FRAMES)))
@pytest.mark.parametrize(("kind", "program", "other"), PROGRAMS, ids=lambda value: value[:6])
def test_a_reply_cut_anywhere_is_never_read_as_a_shorter_program(
    frame: str, kind: str, program: str, other: str
) -> None:
    """At many points. A list of statements without any mark, cut between two of them, looks like a shorter
    list: there it takes the server's word that the model was stopped."""
    text = program.replace("\n", "\n    ") if frame.endswith("    {}") else program
    reply = frame.format(text)
    key = LANGUAGES[kind].check(program).key
    bare = kind == "nash" and "```" not in frame and "~~~" not in frame
    for end in range(0, len(reply), 1 if kind == "nash" else 23):
        between = bare and reply[:end].rstrip().endswith(")")
        for cut_short in (True,) if between else (True, False):
            found = outcome(kind, reply[:end], other if frame is FENCED else None, cut_short=cut_short)
            assert found is None or found.key == key, (reply[:end], found.source)


@pytest.mark.parametrize("cut_short", [True, False])
def test_edits_cut_anywhere_are_not_made_in_part(cut_short: bool) -> None:
    old, new = "    if room < size:\n", "    if room - size < 0:\n        print(room)\n"
    edit = f"<<<<<<< SEARCH\n{old}=======\n{new}>>>>>>> REPLACE\n"
    key = CHECK(PACK.replace(old, new)).key
    for end in range(len(edit)):
        found = outcome("python", "Idea: x.\n\n" + edit[:end], PACK, cut_short=cut_short)
        assert found is None or found.key == key


def _lines(draw: st.DrawFn, text: str) -> list[str]:
    """The reply with one thing done to its lines."""
    lines = text.split("\n")
    at = draw(st.integers(0, len(lines) - 1))
    what = draw(st.sampled_from(["drop a fence", "deeper", "prose", "blank", "twice", "quoted", "nothing"]))
    fences = [number for number, line in enumerate(lines) if line.startswith("```")]
    if what == "drop a fence" and fences:
        del lines[draw(st.sampled_from(fences))]
    elif what == "deeper":
        lines = ["  " + line if line else line for line in lines]
    elif what == "prose":
        lines.insert(
            at, draw(st.sampled_from(["This is the part that matters.", "Then we go on as before.", "### Part"]))
        )
    elif what == "blank":
        lines.insert(at, "")
    elif what == "twice":
        lines += ["", *lines]
    elif what == "quoted":
        lines = ["> " + line for line in lines]
    return lines


@st.composite
def mangled(draw: st.DrawFn) -> tuple[str, str, str | None, str]:
    """A good reply, mangled: kind of language, program meant, base, reply."""
    kind, program, other = draw(st.sampled_from(PROGRAMS))
    reply = FENCED.format(program)
    for _ in range(draw(st.integers(0, 2))):
        reply = "\n".join(_lines(draw, reply))
    return kind, program, draw(st.sampled_from([None, other])), reply


@settings(max_examples=20, deadline=None)
@given(mangled(), st.booleans())
def test_a_mangled_reply_is_what_was_meant_or_a_named_trouble(
    case: tuple[str, str, str | None, str], cut_short: bool
) -> None:
    kind, program, base, reply = case
    found = outcome(kind, reply, base, cut_short=cut_short)
    check = LANGUAGES[kind].check
    assert found is None or found.key in (check(program).key, base and check(base).key), found.source


_PIECES = [case.reply[:2000] for case in CASES] + [*list(HOSTILE.values())[:9], "<think>", "```", "=======", "{"]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(_PIECES), st.text(max_size=30)), max_size=5), st.booleans())
def test_whatever_the_text_it_is_a_program_or_a_named_trouble(pieces: list[str], cut_short: bool) -> None:
    found = outcome("python", "\n".join(pieces), PACK, cut_short=cut_short)
    assert found is None or CHECK(found.source).key == found.key


@settings(max_examples=20, deadline=None)
@given(st.sampled_from([case for case in CASES if case.meant]), st.data())
def test_a_reply_of_the_corpus_cut_anywhere_raises_nothing_else(case: ReplyCase, data: st.DataObject) -> None:
    end = data.draw(st.integers(0, len(case.reply)))
    try:
        read(case.reply[:end], case.check, case.base)
    except Unreadable as error:
        assert error.trouble in TROUBLES


#: Each is said again until the reply is long. Anything that grows with the cube takes minutes.
_REPEATED = [
    "<think>", "{", "\n", " ", "```\n", "<<<<<<< SEARCH\nx\n=======\n", "*", "<a>", "- x\n+ y\n@@\n", "if x\n  y\n",
    "```\nx = 1\n```\n", "(", "\u00a0", "if\t", "```  `", "'''\n", '"code": "', "# ...\n", "- `x = 1`\n", "a, ", "// ",
]  # fmt: skip


@pytest.mark.parametrize("piece", _REPEATED, ids=repr)
def test_a_hostile_reply_costs_little(piece: str) -> None:
    reply = "x = 1\n" + piece * (12_000 // len(piece)) + "x"
    assert outcome("python", reply, PACK, cut_short=False) is None


@pytest.mark.parametrize("piece", ["```\nx = 1\n```\n", "x = 1\n", "def f(x):\n    y = x\n", "# ...\nx\n"])
def test_the_work_grows_as_the_reply_does(piece: str) -> None:
    """Counted in calls, not by a clock: four times the reply, at most about four times the calls."""

    def calls(times: int) -> int:
        count = 0

        def note(_frame: FrameType, event: str, _argument: object) -> None:
            nonlocal count
            count += event in ("call", "c_call")

        sys.setprofile(note)
        try:
            outcome("python", piece * times, PACK, cut_short=False)
        finally:
            sys.setprofile(None)
        return count

    assert calls(400) < 6 * calls(100)
