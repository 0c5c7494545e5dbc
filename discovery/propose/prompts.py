"""Prompts from templates: found, overridden, checked before anything is paid, and kept with the run.

Templates are data of the run: they are copied into its journal, so that a resumed or replayed run composes the prompts
it began with. They may come from somebody else's run, hence they are rendered in Jinja's sandbox, and what is put into
them is never taken for a template.
"""

from __future__ import annotations

import difflib
import math
import re
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from discovery.errors import ConfigError, NotFound
from discovery.feedback import clean, fenced
from discovery.feedback.text import cut
from discovery.model import JSON
from discovery.propose._base import Told
from discovery.store import Journal
from discovery.task import Task, task_code

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["Brief", "Prompts", "load_templates"]

_FOLDER = Path(__file__).parent.parent / "prompts"
_SUFFIX = ".md.jinja"
_NOTE = "prompts"
#: Folders to which a file of any name may be added: a variant of that role.
_VARIED = ("mutator", "crossover")


@dataclass(frozen=True)
class Brief:
    """What a task tells proposers; see the attributes of `Task`. `examples` are pairs of name and source."""

    statement: str
    score_name: str
    language: str
    advice: str = ""
    examples: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, task: Task) -> Brief:
        """The brief of a task. Raises TaskError when its own code raised."""
        with task_code(task.name, "the text for prompts"):
            examples = tuple((seed.name, seed.source) for seed in task.examples())
            return cls(task.statement, task.score_name, task.language.describe(), task.advice, examples)

    def to_json(self) -> dict[str, JSON]:
        """Plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, JSON]) -> Brief:
        """Inverse of `to_json`."""
        return cls(**{**data, "examples": tuple((name, source) for name, source in data["examples"])})


def load_templates(folder: Path | None = None) -> dict[str, str]:
    """Name of every template (such as `mutator/explore`) to its text; those in `folder` go before the package's own.

    Raises:
        NotFound: there is no such folder.
        ConfigError: it holds a file that is no template, or one of a name that nothing uses.
    """
    found = {_name(path, _FOLDER): path.read_text(encoding="utf-8") for path in sorted(_FOLDER.rglob(f"*{_SUFFIX}"))}
    if folder is None:
        return found
    if not folder.is_dir():
        raise NotFound(f"no folder of prompts at {folder}", hint="--prompts takes a folder of *.md.jinja files")
    own = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "README.md")
    for path in own:
        name = _name(path, folder)
        varied = name.partition("/")[0] in _VARIED and name.count("/") == 1
        if not path.name.endswith(_SUFFIX) or not (name in found or varied):
            near = difflib.get_close_matches(name, found, 1)
            raise ConfigError(
                f"{path}: no prompt is called {name!r}" + (f"; did you mean {near[0] + _SUFFIX!r}?" if near else ""),
                hint="names: " + ", ".join(sorted(found)),
            )
        try:
            found[name] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise ConfigError(f"{path} is not UTF-8 text: {error}") from error
    if not own:
        raise ConfigError(f"{folder} holds no prompt", hint="names: " + ", ".join(sorted(found)))
    return found


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix().removesuffix(_SUFFIX)


class Prompts:
    """Renders the templates of a run.

    Args:
        templates: From `load_templates`.
        brief: What the task tells.

    Raises:
        ConfigError: a template has a fault; says which, and in which line.
    """

    def __init__(self, templates: Mapping[str, str], brief: Brief) -> None:
        self.templates = dict(templates)
        self.brief = brief
        for _ in self._rehearsal():
            pass

    def record(self, journal: Journal) -> None:
        """Commit templates and brief to the journal of a new run."""
        journal.add_note(_NOTE, {"templates": self.templates, "brief": self.brief.to_json()})

    @classmethod
    def recorded(cls, journal: Journal) -> Prompts:
        """The prompts that the run began with.

        Raises:
            ConfigError: it began without a model.
        """
        notes = journal.notes(_NOTE)
        if not notes:
            raise ConfigError(
                f"run {journal.meta.name} began without a language model and holds no prompts",
                hint="start a new run with --model; --from takes over the best programs of this one",
            )
        return cls(notes[-1]["templates"], Brief.from_json(notes[-1]["brief"]))

    def variants(self, role: str) -> list[str]:
        """The variants of `"mutator"` or `"crossover"`, by name."""
        return sorted(name.partition("/")[2] for name in self.templates if name.startswith(f"{role}/"))

    def render(self, name: str, marker: str, **values: Any) -> str:
        """Template `name`, with at most two blank lines in a row.

        Args:
            marker: The prompt's own; see `discovery.feedback.fenced`.
            values: What the template is given; see docs/prompts.md.

        Raises:
            ConfigError: the template failed.
        """
        from jinja2 import TemplateError

        try:
            text = self._environment.get_template(name + _SUFFIX).render(marker=marker, **values)
        except TemplateError as error:
            raise self._fault(name, error) from error
        except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
            raise self._fault(name, error) from error
        return _spaced(text)

    def _fault(self, name: str, error: Exception) -> ConfigError:
        frames = traceback.extract_tb(error.__traceback__)
        inside = [(frame.filename, frame.lineno) for frame in frames if frame.filename.endswith(_SUFFIX)]
        place, line = inside[-1] if inside else (name + _SUFFIX, None)
        line = getattr(error, "lineno", None) or line
        return ConfigError(
            f"prompt {place}" + (f", line {line}" if line else "") + f": {error}",
            hint="docs/prompts.md lists what a template is given",
        )

    @cached_property
    def _environment(self) -> Environment:
        from jinja2 import FunctionLoader, StrictUndefined, pass_context
        from jinja2.runtime import Context as Values
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        @pass_context
        def data(values: Values, text: str, what: str) -> str:
            return fenced(text, values["marker"], what)

        environment = ImmutableSandboxedEnvironment(
            loader=FunctionLoader(self._load),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,
            keep_trailing_newline=True,
        )
        environment.filters |= {"code": _code, "bullets": _bullets, "outcomes": _outcomes, "data": data}
        return environment

    def _load(self, name: str) -> tuple[str, str, Callable[[], bool]] | None:
        """Text and file name, which tracebacks then show; a template does not change any more."""
        text = self.templates.get(name.removesuffix(_SUFFIX))
        return None if text is None else (text, name, lambda: True)

    def _rehearsal(self) -> Iterator[str]:
        """Every role rendered once with stand-ins, so that a fault shows before a call is paid."""
        told = Told(3, "mutate", "0" * 64, "scored", 0.5, "as said", "an idea", gain=0.1)
        parent = {
            "id": "0" * 12,
            "index": 1,
            "source": "x = 1\n",
            "score": 0.5,
            "status": "scored",
            "feedback": "score 0.5",
        }
        history = {"lessons": ["a lesson"], "best": [told], "recent": [told], "hints": ["a hint"]}
        brief = self.brief_values()
        yield self.render("system", "0", **brief)
        for edits in (True, False):
            form = {"edits": edits, "base": "the program"}
            yield self.render("initializer", "0", **form, **history)
            for role, count in (("mutator", 1), ("crossover", 2)):
                for variant in self.variants(role):
                    yield self.render(role, "0", variant=variant, parents=[parent] * count, **form, **history)
            for known, whole in ((told, False), (None, True), (None, False)):
                yield self.render("repairer", "0", known=known, whole=whole, problem="a problem", **form)
        yield self.render("reflector", "0", told=[told], lessons=["a lesson"], limit=8)

    def brief_values(self, *, advice: bool = True, examples: bool = True, language: str = "") -> dict[str, Any]:
        """What `system` is given; parts may be left out, or the language's description be replaced by a shorter one."""
        brief = self.brief
        return {
            "statement": brief.statement.strip(),
            "score_name": brief.score_name,
            "language": (language or brief.language).strip(),
            "advice": brief.advice.strip() if advice else "",
            "examples": [{"name": name, "source": text} for name, text in brief.examples] if examples else [],
        }


def _spaced(text: str) -> str:
    return re.sub(r"\n[ \t]*\n[ \t]*\n(?:[ \t]*\n)+", "\n\n\n", text.strip())


def _code(source: str) -> str:
    """A fenced block; its fence is longer than any in `source`."""
    ticks = "```"
    while ticks in source:
        ticks += "`"
    return f"{ticks}python\n{source.rstrip()}\n{ticks}"


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {clean(line)}" for line in lines)


def _outcomes(told: Sequence[Told]) -> str:
    """A line for each outcome: number, operator, score and gain over its best parent, or the failure; the idea."""
    return "\n".join(map(_outcome, told))


def _outcome(told: Told) -> str:
    if told.score is None:
        result = f"{told.status}: {cut(told.message, 160)}" if told.message else told.status
    else:
        often = "" if told.measured < 2 else f" by {told.measured} measurements"
        result = f"{told.score:.6g}{often}{_gain(told.score, told.gain)}"
    like = "" if told.like is None else f"; behaves exactly like #{told.like}"
    idea = f" | {told.idea}" if told.idea else ""
    return f"#{told.index} {told.operator}: {clean(result)}{like}{clean(idea)}"


def _gain(score: float, gain: float | None) -> str:
    """What the score is more than its parent's, as far as scores are told, in six digits: less than that is none."""
    if gain is None or not math.isfinite(gain):
        return ""
    largest = max(abs(score), abs(score - gain))
    place = 0 if largest == 0 else 5 - math.floor(math.log10(largest))
    rounded = round(gain, place)
    return f" ({rounded:+.4g} against its parent)" if rounded else " (no more and no less than its parent)"
