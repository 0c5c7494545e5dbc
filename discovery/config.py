"""A run's configuration: one TOML file, `--set a.b=3` and flags, resolved into frozen models.

Precedence: flag, `--set`, file, default. Unknown keys are refused with the nearest name. The resolved configuration is
copied into the run's journal.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from discovery.errors import ConfigError, NotFound
from discovery.feedback import Level
from discovery.model import JSON

__all__ = ["AgentConfig", "LLMConfig", "Price", "RunConfig", "SearchConfig", "parse_seconds", "resolve"]


class SearchConfig(BaseModel):
    """How parents, operators and models are chosen.

    Each strategy has its own defaults. What one does not use stays None; giving it a value is an error.

    Attributes:
        strategy: `"evolution"` (regularized evolution), `"genetic"` (generations with an elite), `"islands"` (a
            MAP-Elites grid on each), `"pareto"` (the front over the scores of cases) or `"best_of_n"` (independent
            edits of the seeds; the control).
        population: Programs alive in regularized evolution, where the oldest leaves; those of a generation in genetic.
        tournament: Programs drawn for each tournament; the best of them is the parent.
        crossover: Probability of a crossover of two parents instead of a mutation, where no bandit decides.
        edits: Mean number of successive edits of one mutation (geometric, at least 1).
        elite: Programs that pass unchanged into the next generation.
        islands: Number of islands.
        migrate: Outcomes between migrations from each island to the next.
        reset: Outcomes between resets of the weaker half of the islands.
        init: With models: how many proposals after the seeds are written from nothing.
        remeasure: Every how many proposals one of the best programs is measured again, on fresh randomness; 0: never.
            It ends by itself where scores turn out to be exact.
        bandit: With models: whether operator and model are chosen by what paid so far, and not by fixed odds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    strategy: Literal["evolution", "genetic", "islands", "pareto", "best_of_n"] = "evolution"
    population: int | None = Field(default=None, ge=2)
    tournament: int | None = Field(default=None, ge=1)
    crossover: float | None = Field(default=None, ge=0, le=1)
    edits: float | None = Field(default=None, ge=1, le=20)
    elite: int | None = Field(default=None, ge=0)
    islands: int | None = Field(default=None, ge=1)
    migrate: int | None = Field(default=None, ge=1)
    reset: int | None = Field(default=None, ge=1)
    init: int | None = Field(default=None, ge=0)
    remeasure: int | None = Field(default=None, ge=0)
    bandit: bool | None = None

    @model_validator(mode="before")
    @classmethod
    def _own_defaults(cls, given: object) -> object:
        """Fill in the strategy's defaults; refuse a value that would change nothing."""
        if not isinstance(given, dict):
            return given
        strategy = given.get("strategy", cls.model_fields["strategy"].default)
        if strategy not in _SEARCH_DEFAULTS:
            return given
        defaults = _SEARCH_DEFAULTS[strategy]
        for name, value in given.items():
            if value is not None and name in cls.model_fields and name not in ("strategy", *defaults):
                takes = f"it takes {', '.join(defaults)}" if defaults else "it takes nothing"
                raise ValueError(f"{name} has no effect with strategy {strategy!r}; {takes}")
        return {**defaults, **{name: value for name, value in given.items() if value is not None}}

    @model_validator(mode="after")
    def _fewer_elites_than_programs(self) -> Self:
        if self.elite is not None and self.population is not None and self.elite >= self.population:
            raise ValueError(f"elite must be less than population ({self.population})")
        return self


_COMMON = {"edits": 1.5, "init": 4, "remeasure": 10, "bandit": True}
_SEARCH_DEFAULTS: Mapping[str, Mapping[str, JSON]] = {
    "evolution": {"population": 40, "tournament": 6, "crossover": 0.15, **_COMMON},
    "genetic": {"population": 8, "tournament": 2, "elite": 1, "crossover": 0.7, **_COMMON, "init": 8},
    "islands": {"islands": 4, "tournament": 2, "crossover": 0.3, "migrate": 40, "reset": 400, **_COMMON},
    "pareto": {"crossover": 0.3, **_COMMON},
    "best_of_n": {},
}


def _seconds(value: object) -> object:
    return parse_seconds(value) if isinstance(value, str) else value


#: Seconds, as a number or as `parse_seconds` reads them.
Seconds = Annotated[float, BeforeValidator(_seconds), Field(allow_inf_nan=False)]


class Price(BaseModel):
    """What a model costs, in US dollars per million tokens.

    Attributes:
        input: Of prompts.
        output: Of replies, reasoning included.
        cached: Of the part of a prompt that the provider had cached; None: as `input`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: float = Field(ge=0, allow_inf_nan=False)
    output: float = Field(ge=0, allow_inf_nan=False)
    cached: float | None = Field(default=None, ge=0, allow_inf_nan=False)


class LLMConfig(BaseModel):
    """Language models, and how they are called.

    Attributes:
        models: `openai/NAME`, `litellm/PROVIDER/NAME` or `queue`; with `base_url` any name. Empty: no model.
        base_url: Address of an OpenAI-compatible server, such as `http://127.0.0.1:8080/v1`.
        key_variable: Environment variable that holds the key. By default `OPENAI_API_KEY`, which is sent over https or
            to this machine only; what litellm reads is its own affair.
        concurrency: Most calls in flight; unrelated to `workers`.
        timeout: Seconds that one reply may take.
        retries: Tries of one call, after the first, while its endpoint answers other calls.
        pause: Seconds for which nothing but failures may come from an endpoint before the run ends.
        max_output_tokens: Most tokens of one reply, reasoning included.
        temperature: Of sampling; None leaves it to the server.
        prices: Model (as in `models`, or its bare name) to its price; goes before the built-in table.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: tuple[str, ...] = ()
    base_url: str | None = None
    key_variable: str | None = None
    concurrency: int = Field(default=8, ge=1, le=1024)
    timeout: Seconds = Field(default=600, gt=0)
    retries: int = Field(default=5, ge=0)
    pause: Seconds = Field(default=600, ge=0)
    max_output_tokens: int = Field(default=16384, ge=1)
    temperature: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    prices: dict[str, Price] = {}

    @field_validator("base_url")
    @classmethod
    def _plain_address(cls, address: str | None) -> str | None:
        """The journal keeps it, so there must be no key in it."""
        if address is None:
            return None
        parts = urlsplit(address)
        _ = parts.port  # ValueError out of range
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("an address such as http://127.0.0.1:8080/v1 is expected")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("the address of a server carries no key: name its variable with llm.key_variable")
        return address


class AgentConfig(BaseModel):
    """How the agent that asks language models goes about it.

    Attributes:
        repair_turns: Times that a model is shown what was wrong with its answer, before it is asked to write the whole
            program anew, once.
        known_turns: Times that it is told that its program was judged before, and asked for another.
        context_tokens: Most tokens of a prompt, estimated; what is worth least is left out to fit.
        edits_from: Lines from which on a program is changed by edits rather than written anew.
        recent: Earlier outcomes told in a prompt; `best`: of the best programs.
        reflect_every: Outcomes after which a model writes down lessons; 0 for never.
        lessons: Lessons kept.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    repair_turns: int = Field(default=2, ge=0, le=20)
    known_turns: int = Field(default=1, ge=0, le=20)
    context_tokens: int = Field(default=24_000, ge=500)
    edits_from: int = Field(default=40, ge=1)
    recent: int = Field(default=12, ge=0, le=40)
    best: int = Field(default=5, ge=0, le=12)
    reflect_every: int = Field(default=10, ge=0)
    lessons: int = Field(default=8, ge=1, le=50)


class DockerConfig(BaseModel):
    """What only the docker backend heeds.

    Attributes:
        image: Image that holds the interpreter and the packages (see `sandbox/Dockerfile`); "" uses this machine's.
        runtime: The engine's runtime, e.g. `"runsc"` (gVisor); "" is the engine's default.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    image: str = ""
    runtime: str = ""


class RunConfig(BaseModel):
    """Everything a run depends on besides its task and versions.

    Attributes:
        seed: Seed of every random choice of the run.
        max_proposals: Total number of proposals, rejected and repeated ones included.
        max_time: Total seconds of run time over all resumes, or None for no limit.
        max_usd: Total US dollars for models, or None. A model without a known price is refused then.
        max_tokens: Total tokens of prompts and replies, or None.
        max_calls: Total replies of models, or None.
        target: The run ends once a program's score is so high. No proposer ever sees it.
        stagnation: The run ends once so many outcomes in a row brought no better program, or None.
        workers: Evaluator processes. Changes nothing but speed under the `window` policy.
        visibility: `"window"`: proposal k sees exactly the outcomes of proposals up to k - window. `"arrival"`: it sees
            what is committed when it is asked; the default with models.
        window: See `visibility`; at most this many proposals are in flight.
        sandbox: Backend by name, or `"auto"`.
        device: What candidates compute on: `"cpu"`, or one card, `"cuda"` or `"cuda:N"`.
        docker: See `DockerConfig`.
        feedback: How much of a verdict prompts tell: `"score"`, `"errors"`, `"cases"` or `"graph"`, each more than the
            one before. More is not always better.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    seed: int = Field(default=0, ge=0)
    max_proposals: int = Field(default=200, ge=1)
    max_time: Seconds | None = Field(default=None, gt=0)
    max_usd: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    max_tokens: int | None = Field(default=None, ge=1)
    max_calls: int | None = Field(default=None, ge=1)
    target: float | None = Field(default=None, allow_inf_nan=False)
    stagnation: int | None = Field(default=None, ge=1)
    workers: int = Field(default=2, ge=1, le=1024)
    visibility: Literal["window", "arrival"] = "window"
    window: int = Field(default=8, ge=1)
    sandbox: Literal["auto", "bubblewrap", "docker", "inner", "unsafe"] = "auto"
    device: str = "cpu"
    docker: DockerConfig = DockerConfig()
    feedback: Level = "cases"
    search: SearchConfig = Field(default_factory=SearchConfig)
    llm: LLMConfig = LLMConfig()
    agent: AgentConfig = AgentConfig()

    @field_validator("device")
    @classmethod
    def _known_device(cls, device: str) -> str:
        if not re.fullmatch(r"cpu|cuda(:[0-9]+)?", device):
            raise ValueError(f"cpu, cuda or cuda:N, one card, is expected; got {device!r}")
        return device


def parse_seconds(text: str) -> float:
    """Seconds in `"90"`, `"90s"`, `"10m"`, `"1.5h"` or `"2d"`. Raises ConfigError for anything else."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhd]?)\s*", text)
    seconds = float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]] if match else 0.0
    if not 0 < seconds < float("inf"):
        raise ConfigError(f"a time must be a positive number with s, m, h or d; got {text!r}", hint="for example: 10m")
    return seconds


def resolve(
    file: Path | None = None,
    sets: Iterable[str] = (),
    flags: Mapping[str, JSON] | None = None,
    *,
    strategy: str | None = None,
) -> RunConfig:
    """Merge the sources into a checked configuration.

    Args:
        file: TOML file, or None.
        sets: Texts of the form `a.b=value`; the value is read as TOML, else as a plain string.
        flags: Values by dotted key; None values are left out.
        strategy: The search strategy where no source names one.

    Raises:
        NotFound: the file does not exist.
        ConfigError: not TOML, an unknown key, or a value out of range; names the place.
    """
    tree: dict[str, JSON] = {}
    if file is not None:
        tree = _read_toml(file)
        _refuse_unknown(tree, str(file))
    for text in sets:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"--set expects KEY=VALUE; got {text!r}", hint="for example: --set search.population=30")
        _put(tree, key.strip(), _toml_value(value.strip()))
        _refuse_unknown(tree, "--set")
    for key, value in (flags or {}).items():
        if value is not None:
            _put(tree, key, value)
    search = tree.setdefault("search", {}) if strategy else None
    if isinstance(search, dict):
        search.setdefault("strategy", strategy)
    models = tree.get("llm", {})
    if isinstance(models, dict) and models.get("models"):
        tree.setdefault("visibility", "arrival")
    try:
        return RunConfig.model_validate(tree)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        # Our own checks say what came where it may be shown: an address can hold a key.
        came = "" if first["type"] == "value_error" else f"; got {first['input']!r}"
        raise ConfigError(f"configuration: {where}: {first['msg'].removeprefix('Value error, ')}{came}") from None


def _read_toml(file: Path) -> dict[str, JSON]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError) as error:
        raise NotFound(f"no configuration file at {file}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"{file} is not readable TOML: {error}") from error


def _toml_value(text: str) -> JSON:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _put(tree: dict[str, JSON], key: str, value: JSON) -> None:
    *path, last = _parts(key)
    for part in path:
        tree = tree.setdefault(part, {})
        if not isinstance(tree, dict):
            raise ConfigError(f"configuration: {key}: {part!r} is a value, not a section")
    tree[last] = value


def _parts(key: str) -> list[str]:
    """The parts of a dotted key; in TOML's manner a part with dots of its own stands in quotes."""
    try:
        tree = tomllib.loads(f"{key} = 0")
    except tomllib.TOMLDecodeError:
        return key.split(".")
    parts = []
    while isinstance(tree, dict):
        ((part, tree),) = tree.items()
        parts.append(part)
    return parts


def _sections() -> dict[str, list[str]]:
    """The sections of a configuration, and the keys in each."""
    kinds = {name: field.annotation for name, field in RunConfig.model_fields.items()}
    return {
        name: list(kind.model_fields)
        for name, kind in kinds.items()
        if isinstance(kind, type) and issubclass(kind, BaseModel)
    }


def _refuse_unknown(tree: Mapping[str, JSON], where: str) -> None:
    sections = _sections()
    known = list(RunConfig.model_fields) + [
        f"{section}.{name}" for section, names in sections.items() for name in names
    ]
    for key, value in tree.items():
        if key in sections and not isinstance(value, dict):
            keys = ", ".join(f"{key}.{name}" for name in sections[key])
            raise ConfigError(f"{where}: {key!r} is a section, not a value; got {value!r}", hint=f"its keys: {keys}")
        inner = [f"{key}.{name}" for name in value] if isinstance(value, dict) else []
        for dotted in inner or [key]:
            if dotted in known:
                continue
            section = dotted.rpartition(".")[0]
            near = difflib.get_close_matches(dotted, known, 1)
            suggestion = near[0].removeprefix(f"{section}.") if near else ""
            raise ConfigError(
                f"{where}: unknown key {dotted!r}" + (f"; did you mean {suggestion!r}?" if near else ""),
                hint="" if near else "known keys: " + ", ".join(known),
            )
