"""Templates: found, overridden, and refused before anything is paid."""

from __future__ import annotations

from pathlib import Path

import pytest

from discovery.errors import ConfigError, NotFound
from discovery.propose import Brief, Prompts, Told, load_templates

BRIEF = Brief("Pack.", "bins", "Python.")


def test_a_folder_overrides_single_templates_and_adds_variants(tmp_path: Path) -> None:
    (tmp_path / "mutator").mkdir()
    (tmp_path / "mutator" / "invert.md.jinja").write_text("Turn it round.\n")
    (tmp_path / "answer.md.jinja").write_text("ANSWER {{ edits }}\n")
    (tmp_path / "README.md").write_text("ours")
    prompts = Prompts(load_templates(tmp_path), BRIEF)
    assert "invert" in prompts.variants("mutator") and "simplify" in prompts.variants("mutator")
    parent = {"id": "1", "index": None, "source": "x = {{ 7 * 7 }}", "score": None, "status": "", "feedback": "none"}
    values = {"edits": True, "base": "the program", "recent": [], "best": [], "lessons": [], "hints": []}
    text = prompts.render("mutator", "0", variant="invert", parents=[parent], **values)
    assert text.startswith("Turn it round.") and text.endswith("ANSWER True") and "{{ 7 * 7 }}" in text


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("mutater.md.jinja", "x", r"did you mean 'mutator.md.jinja'"),
        ("mutator.txt", "x", "no prompt is called 'mutator.txt'"),
        ("mutator/deep/er.md.jinja", "x", "no prompt is called"),
        ("answer.md.jinja", "{{ edit }}", r"answer.md.jinja, line 1: 'edit' is undefined"),
        ("answer.md.jinja", "{% if %}", r"answer.md.jinja, line 1"),
        ("reflector.md.jinja", "{{ told[7].idea }}", "reflector.md.jinja"),
        ("parent.md.jinja", "{{ ''.__class__.__mro__ }}", r"'__class__'|unsafe"),
        ("history.md.jinja", "{{ hints.append('x') }}", "history.md.jinja"),
        ("mutator/odd.md.jinja", "{% include 'none' %}", "none"),
    ],
)
def test_a_fault_in_a_template_shows_at_once(tmp_path: Path, name: str, text: str, message: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        Prompts(load_templates(tmp_path), BRIEF)


def test_a_folder_that_is_none_or_empty(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        load_templates(tmp_path / "none")
    with pytest.raises(ConfigError, match="holds no prompt"):
        load_templates(tmp_path)


def test_code_stands_in_a_fence_that_it_cannot_close() -> None:
    prompts = Prompts(load_templates(), BRIEF)
    parent = {
        "id": "1",
        "index": 3,
        "source": 'x = """\n```\nescaped\n````\n"""',
        "score": 1.0,
        "status": "scored",
        "feedback": "-",
    }
    values = {"edits": False, "base": "the program", "recent": [], "best": [], "lessons": [], "hints": []}
    text = prompts.render("mutator", "0", variant="explore", parents=[parent], **values)
    assert "`````python\nx" in text


@pytest.mark.parametrize(
    ("score", "gain", "told"),
    [
        (-0.5, -5e-10, "-0.5 (no more and no less than its parent)"),
        (0.959066, 0.0, "0.959066 (no more and no less than its parent)"),
        (0.0, 0.0, "0 (no more and no less than its parent)"),
        (0.935223, 0.0448386, "0.935223 (+0.04484 against its parent)"),
        (1e-9, 5e-10, "1e-09 (+5e-10 against its parent)"),
        (1234567.0, -3.0, "1.23457e+06 (no more and no less than its parent)"),
        (1e300, float("inf"), "1e+300 |"),
    ],
)
def test_a_gain_is_told_as_far_as_scores_are(score: float, gain: float, told: str) -> None:
    outcome = Told(4, "mutate", "0" * 64, "scored", score, idea="an idea", gain=gain)
    history = {"recent": [outcome], "best": [], "lessons": [], "hints": [], "edits": False, "base": ""}
    text = Prompts(load_templates(), BRIEF).render("initializer", "mark", **history)
    assert f"#4 mutate: {told}" in text


def test_a_long_message_shows_that_it_was_cut() -> None:
    outcome = Told(4, "mutate", None, "rejected", None, message="word " * 50)
    history = {"recent": [outcome], "best": [], "lessons": [], "hints": [], "edits": False, "base": ""}
    text = Prompts(load_templates(), BRIEF).render("initializer", "mark", **history)
    assert "word w ..." in text


def test_a_request_is_differed_from_only_where_something_is_shown() -> None:
    history = {"recent": [], "best": [], "lessons": [], "hints": [], "edits": False, "base": ""}
    assert "listed here" not in Prompts(load_templates(), BRIEF).render("initializer", "mark", **history)
