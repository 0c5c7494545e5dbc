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
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from discovery.errors import ConfigError, NotFound
from discovery.model import JSON

__all__ = ["RunConfig", "SearchConfig", "parse_seconds", "resolve"]


class SearchConfig(BaseModel):
    """How parents and operators are chosen.

    Attributes:
        strategy: `"evolution"` (regularized evolution) or `"best_of_n"` (independent edits of the seeds; the control).
        population: Programs alive in regularized evolution; the oldest leaves.
        tournament: Programs drawn for each tournament; the best of them is the parent.
        crossover: Probability of a crossover of two tournament winners instead of a mutation.
        edits: Mean number of successive edits of one mutation (geometric, at least 1).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    strategy: Literal["evolution", "best_of_n"] = "evolution"
    population: int = Field(default=40, ge=2)
    tournament: int = Field(default=6, ge=1)
    crossover: float = Field(default=0.15, ge=0, le=1)
    edits: float = Field(default=1.5, ge=1, le=20)


class RunConfig(BaseModel):
    """Everything a run depends on besides its task and versions.

    Attributes:
        seed: Seed of every random choice of the run.
        max_proposals: Total number of proposals, rejected and repeated ones included.
        max_time: Total seconds of run time over all resumes, or None for no limit.
        workers: Evaluator processes. Changes nothing but speed under the `window` policy.
        visibility: `"window"`: proposal k sees exactly the outcomes of proposals up to k - window. `"arrival"`: it sees
            what is committed when it is asked.
        window: See `visibility`; at most this many proposals are in flight.
        sandbox: Backend by name, or `"auto"`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(default=0, ge=0)
    max_proposals: int = Field(default=200, ge=1)
    max_time: float | None = Field(default=None, gt=0)
    workers: int = Field(default=2, ge=1, le=1024)
    visibility: Literal["window", "arrival"] = "window"
    window: int = Field(default=8, ge=1)
    sandbox: Literal["auto", "bubblewrap", "unsafe"] = "auto"
    search: SearchConfig = SearchConfig()


def parse_seconds(text: str) -> float:
    """Seconds in `"90"`, `"90s"`, `"10m"`, `"1.5h"` or `"2d"`. Raises ConfigError for anything else."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhd]?)\s*", text)
    seconds = float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]] if match else 0.0
    if not 0 < seconds < float("inf"):
        raise ConfigError(f"a time must be a positive number with s, m, h or d; got {text!r}", hint="for example: 10m")
    return seconds


def resolve(file: Path | None = None, sets: Iterable[str] = (), flags: Mapping[str, JSON] | None = None) -> RunConfig:
    """Merge the sources into a checked configuration.

    Args:
        file: TOML file, or None.
        sets: Texts of the form `a.b=value`; the value is read as TOML, else as a plain string.
        flags: Values by dotted key; None values are left out.

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
    if isinstance(tree.get("max_time"), str):
        tree["max_time"] = parse_seconds(tree["max_time"])
    try:
        return RunConfig.model_validate(tree)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"configuration: {where}: {first['msg']}; got {first['input']!r}") from error


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
    *path, last = key.split(".")
    for part in path:
        tree = tree.setdefault(part, {})
        if not isinstance(tree, dict):
            raise ConfigError(f"configuration: {key}: {part!r} is a value, not a section")
    tree[last] = value


def _refuse_unknown(tree: Mapping[str, JSON], where: str) -> None:
    known = list(RunConfig.model_fields) + [f"search.{name}" for name in SearchConfig.model_fields]
    for key, value in tree.items():
        inner = [f"{key}.{name}" for name in value] if isinstance(value, dict) else []
        for dotted in inner or [key]:
            if dotted == "search" and not isinstance(value, dict):
                raise ConfigError(f"{where}: 'search' is a section, not a value; got {value!r}", hint=_sections())
            if dotted in known:
                continue
            section = dotted.rpartition(".")[0]
            near = difflib.get_close_matches(dotted, known, 1)
            suggestion = near[0].removeprefix(f"{section}.") if near else ""
            raise ConfigError(
                f"{where}: unknown key {dotted!r}" + (f"; did you mean {suggestion!r}?" if near else ""),
                hint="" if near else "known keys: " + ", ".join(known),
            )


def _sections() -> str:
    return "its keys: " + ", ".join(f"search.{name}" for name in SearchConfig.model_fields)
