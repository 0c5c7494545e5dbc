"""The contract of a task family, and the registry that finds tasks.

A task says what is being discovered: a statement, a language, seed programs, evaluation stages from cheapest to
dearest, how finalists are confirmed and how a program is exported. Tasks import the engine, never the reverse.

`evaluate`, `confirm` and `verify` run in *evaluator* processes: trusted code, without keys, that reaches the candidate
only through `Context.slot`. Everything else runs in the controller, so it must be quick and must not import anything
heavy: torch and numpy are imported inside those three only.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import random
import re
import sys
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from types import CodeType
from typing import Protocol, runtime_checkable

from discovery.errors import DiscoveryError, NotFound, TaskError
from discovery.model import JSON, Evidence, Program, Rejected, Verdict
from discovery.sandbox import Harness, Limits, Slot

__all__ = [
    "Answering",
    "Context",
    "Feature",
    "Language",
    "Rejected",
    "Seed",
    "Stage",
    "Task",
    "Verification",
    "check_source",
    "load_task",
    "registered_tasks",
    "task_code",
    "task_spec",
]


@runtime_checkable
class Language(Protocol):
    """How programs of a family are written. Pure, quick, and safe on any text whatever."""

    def check(self, source: str) -> Program:
        """Parse and check `source` without running it. Raises `Rejected`."""
        ...

    def describe(self) -> str:
        """The language in Markdown, for prompts, generated from its vocabulary."""
        ...

    def mutate(self, program: Program, rng: random.Random, edits: int = 1) -> str:
        """Source of a well-typed variant, `edits` successive random edits away. Raises `NotImplementedError` when the
        language has no symbolic edits; such a task needs a model."""
        ...

    def cross(self, first: Program, second: Program, rng: random.Random) -> str:
        """Source of a well-typed child of both. Raises `NotImplementedError` likewise."""
        ...


@runtime_checkable
class Answering(Language, Protocol):
    """A language whose symbolic edits can also act on a verdict."""

    def answer(self, program: Program, verdict: Verdict, rng: random.Random) -> str:
        """Source of a well-typed variant that answers what `verdict` says of `program`. Raises `Rejected` when it says
        nothing that could be answered."""
        ...


@dataclass(frozen=True)
class Seed:
    """A program to start from: a short name and its source text."""

    name: str
    source: str


@dataclass(frozen=True)
class Stage:
    """One step of the evaluation, cheapest first.

    Attributes:
        name: Short; recorded with each verdict.
        limits: Limits of each sandbox call in this stage (work limits are the task's own; these are the backstop).
        seconds: Typical cost of one evaluation in seconds, for the plan that `--dry-run` prints.
        backstop: Wall seconds after which the evaluator itself is taken to hang and is replaced (a system failure).
    """

    name: str
    limits: Limits = field(default_factory=Limits)
    seconds: float = 1.0
    backstop: float = 900.0


@dataclass(frozen=True)
class Feature:
    """An axis on which programs differ in kind, not in worth: how large, how much state. Islands spread over them.

    An evaluator puts a program's values into `Verdict.evidence["features"]`, name to number.

    Attributes:
        name: As in the evidence.
        low, high: Ends of the axis; what lies beyond counts as at the end.
        bins: Number of equal parts.
        log: Whether the parts are equal on a logarithmic axis; `low` must be positive then.
    """

    name: str
    low: float
    high: float
    bins: int = 8
    log: bool = False


@dataclass(frozen=True)
class Context:
    """What an evaluator hands to a task.

    Attributes:
        slot: The open sandbox slot, started with `Task.harness`.
        seed: Seed of this run's evaluation randomness. The same for every candidate (common random numbers), so that
            equal programs get equal verdicts; `Task` derives everything from (seed, stage, replicate).
        limits: Limits of this stage.
        tell: Says in one line how far a long confirmation or verification is, to whoever waits for it. It is shown
            once, and is no part of what is found.
    """

    slot: Slot
    seed: int
    limits: Limits
    tell: Callable[[str], None] = field(default=lambda _: None, compare=False)


@dataclass(frozen=True)
class Verification:
    """Outcome of re-checking an exported bundle: whether it holds, and one line per check (name, holds, detail)."""

    holds: bool
    checks: tuple[tuple[str, bool, str], ...]


class Task(ABC):
    """A task family, or one variant of it. Its constructor takes the variant (`nash:3` gives `"3"`) or None and
    raises `NotFound` for one it does not know."""

    #: Registered name, and one paragraph of Markdown: what is wanted, what a program gets and must give.
    name: str
    statement: str
    #: What the score means, e.g. "log speed-up over tuned AdamW". Higher is better.
    score_name: str
    language: Language
    stages: tuple[Stage, ...]
    harness: Harness
    #: Limits a slot is opened with: at least those of every stage.
    slot_limits: Limits = Limits()
    #: Names everything that verdicts depend on besides program, stage, replicate and seed (a hash of data, definitions
    #: and reference values): a run is not resumed under another version, since its verdicts would not compare.
    version: str = ""
    #: Name of the search strategy that suits it, for who names none; None for the one that suits most.
    strategy: str | None = None
    #: What the programs of a diverse archive should differ in; none by default.
    features: tuple[Feature, ...] = ()
    #: Wall seconds after which an evaluator that confirms is taken to hang and is replaced; one that verifies has twice
    #: as long.
    backstop: float = 3600.0
    #: Significance level that a confirmation must reach after correction over finalists.
    alpha: float = 0.01
    #: For prompts: what somebody who writes programs should know besides statement and language. Markdown.
    advice: str = ""
    #: Capabilities a sandbox must enforce (names as in `Sandbox.capabilities`).
    requires: tuple[str, ...] = ("fs_isolated", "net_isolated", "pid_tree_kill", "syscall_filter")

    @abstractmethod
    def seeds(self) -> Sequence[Seed]:
        """Programs to start from, at least one; each must check."""

    def examples(self) -> Sequence[Seed]:
        """For prompts: programs that show how the language is used, none unless a family gives some."""
        return ()

    @abstractmethod
    def evaluate(self, program: Program, stage: Stage, replicate: int, ctx: Context) -> Verdict:
        """Judge `program` at `stage`. A failing candidate is a verdict; only a failing system raises."""

    @abstractmethod
    def confirm(self, program: Program, ctx: Context) -> Evidence:
        """Re-measure a finalist on fresh seeds and held-out cases, or prove it."""

    @abstractmethod
    def export(self, program: Program, name: str, provenance: Mapping[str, JSON]) -> Mapping[str, str]:
        """Files of the bundle (file name to text): `NAME.py` and what else the family ships. `evidence.json` is the
        engine's: it holds `provenance`, among it the program's source and, where confirmed, its `Evidence`."""

    @abstractmethod
    def verify(self, files: Mapping[str, str], provenance: Mapping[str, JSON], ctx: Context) -> Verification:
        """Re-check an exported bundle from scratch, executing nothing of it outside the sandbox."""


def registered_tasks() -> dict[str, str]:
    """Name to one-line origin of every registered task (entry-point group `discovery.tasks`)."""
    return {point.name: point.value for point in entry_points(group="discovery.tasks")}


def task_spec(text: str) -> str:
    """What `text` names, said so that it means the same in every working folder.

    A registered name, with or without a variant, stays as it is, also beside a folder of that name; any other folder
    becomes its absolute path.
    """
    if "/" in text or (text.partition(":")[0] not in registered_tasks() and Path(text).is_dir()):
        return str(Path(text).resolve())
    return text


def load_task(spec: str) -> Task:
    """Find the task that `spec` names.

    Args:
        spec: A registered name with an optional variant (`optimizers`, `nash:3`), or a path to a task folder, whose
            `task.py` defines `task`, an instance of `Task`. A registered name goes before a folder (see `task_spec`).

    Raises:
        NotFound: no such task, variant or folder.
        TaskError: the folder's `task.py` raised, or defines no task; or the task's stages cannot be used.
    """
    spec = task_spec(spec)
    task = _load_folder(Path(spec)) if "/" in spec else _load_registered(spec)
    names = [stage.name for stage in getattr(task, "stages", ())]
    if not names or len(set(names)) < len(names):
        raise TaskError(
            f"task {spec!r} must have stages, at least one, each of its own name; got {names}",
            hint="verdicts are kept by the name of their stage; an `__init__` of your own calls super().__init__()",
        )
    return task


def _load_registered(spec: str) -> Task:
    name, _, variant = spec.partition(":")
    for point in entry_points(group="discovery.tasks"):
        if point.name == name:
            try:
                factory = point.load()
            except Exception as error:
                raise TaskError(f"task {name!r} cannot be loaded from {point.value}: {error}") from error
            with task_code(name, "its constructor"):
                task: Task = factory(variant or None)
            return task
    known = ", ".join(sorted(registered_tasks())) or "none"
    raise NotFound(f"no task named {name!r}", hint=f"registered tasks: {known}; or give a path to a task folder")


class _Afresh(importlib.machinery.SourceFileLoader):
    """Compiles the file as it stands: cached bytecode is known by size and second, which a quick edit keeps."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def _load_folder(folder: Path) -> Task:
    path = folder / "task.py"
    if not path.is_file():
        raise NotFound(f"no task at {folder}: {path} does not exist", hint="`discovery task new NAME` makes one")
    module_name = f"discovery_task_{folder.resolve().name}"
    loader = _Afresh(module_name, str(path))
    # A package, so that it may import what lies beside it: `from .helper import ...`.
    spec = importlib.util.spec_from_file_location(
        module_name, path, loader=loader, submodule_search_locations=[str(folder.resolve())]
    )
    assert spec is not None and spec.loader is not None
    for name in [name for name in sys.modules if name.startswith(f"{module_name}.")]:
        del sys.modules[name]
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except TaskError as error:
        raise TaskError(f"{path}: {error.message}", hint=error.hint) from error
    except (Exception, SystemExit) as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else ""
        hint = ""
        if (folder / f"{missing}.py").is_file():
            hint = f"for the file beside it, write `from .{missing} import ...`"
        raise TaskError(f"{path} raised {type(error).__name__}: {error}", hint=hint) from error
    task = getattr(module, "task", None)
    if not isinstance(task, Task):
        raise TaskError(
            f"{path} must define `task`, an instance of discovery.task.Task; got {type(task).__name__}",
            hint="end the file with `task = ...()`, your class",
        )
    return task


@contextmanager
def task_code(name: str, what: str) -> Iterator[None]:
    """Around a call of `what`, code of the task called `name`: what it should not raise becomes a TaskError that says
    where. Errors of the engine, `Rejected` and `NotImplementedError` pass."""
    try:
        yield
    except (DiscoveryError, Rejected, NotImplementedError):
        raise
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        raise TaskError(
            f"{what} of task {name!r} raised {type(error).__name__}: {error}",
            hint=f"at {frame.filename}, line {frame.lineno}",
        ) from error


def check_source(task: Task, source: str) -> Program:
    """`task.language.check(source)`, held to its contract.

    Raises:
        Rejected: the language refuses the source.
        TaskError: the language raised anything else, or gave no program with a key.
    """
    with task_code(task.name, "language.check"):
        program = task.language.check(source)
    if not isinstance(program, Program) or not re.fullmatch("[0-9a-f]{64}", program.key):
        raise TaskError(
            f"language.check of task {task.name!r} must return a Program whose key has 64 hex characters; "
            f"got {program!r:.100}",
            hint="discovery.model.content_key makes one from a canonical text",
        )
    return program
