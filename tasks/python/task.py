"""`PythonTask`: the family for your own problem. You write the cases and the score; programs are plain Python.

A case is handed to the program inside the sandbox, one case a call, each in a fresh process. What the program returns
comes back as plain data, and `score` judges it out here, where the program cannot reach: expected answers never go in.
"""

from __future__ import annotations

import ast
import hashlib
import math
import random
import traceback
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from discovery.errors import TaskError
from discovery.feedback import clip
from discovery.model import JSON, Evidence, Program, Status, Verdict
from discovery.randomness import stream
from discovery.sandbox import Answer, Array, Harness, Limits
from discovery.task import Context, Feature, Seed, Stage, Task, Verification
from discovery.tasks.python.case import Case, Invalid, Misjudged, Outcome, digest_of, explained, finite, own_copy, short
from discovery.tasks.python.confirmation import inputs_digest
from discovery.tasks.python.deadline import Late, within
from discovery.tasks.python.declared import folder_of, is_text, require_declared, version_of
from discovery.tasks.python.language import PythonLanguage
from discovery.tasks.python.online import beginning, continues
from discovery.tasks.python.plain import NotPlain, decode, encode, widened
from discovery.tasks.python.source import without_docstrings
from discovery.tasks.python.trace import Failure, ended, raised, record

__all__ = ["PythonTask"]


class PythonTask(Task):
    """Base of a task whose programs are plain Python. Subclass it in a folder's `task.py`; `task` is an instance.

    A subclass gives `name`, `statement`, `entry`, `score_name`, `worst`, and the methods `cases` and `score`. Its seed
    programs are the files `seeds/*.py` beside it.

    Attributes:
        entry: Name of the function that programs define; it gets a case's `inputs` as keyword arguments.
        worst: Score of a case that fails. A lower score is raised to it, so no single case can sink the mean.
        limits: Limits of one call, that is of one case.
        preload: Packages that the sandbox imports once, before any program.
        score_seconds: Seconds by the clock that one call of `score`, `cases` or `held_out` may take. A candidate whose
            answer keeps `score` longer is `"invalid"`; with a seed program it is the task's own fault.
        online: Name of the argument, a list or array, that stands for a stream, or "". A program answers it with a list
            or array of one entry for each of its own, up to a constant number, and none may depend on later ones: with
            a beginning of the stream, it has to answer with the beginning of its answer.
        rounds: Number of fresh sets of cases on which `confirm` compares, 7 to 16.
        alpha: Level that a confirmation must reach.
        features: How programs differ in kind, for islands; `describe` gives a program's values.
    """

    entry: ClassVar[str]
    worst: ClassVar[float]
    limits: ClassVar[Limits] = Limits(
        wall_seconds=30.0, cpu_seconds=5.0, memory_bytes=512 << 20, processes=16, answer_bytes=4 << 20
    )
    preload: ClassVar[tuple[str, ...]] = ("numpy",)
    score_seconds: ClassVar[float] = 60.0
    #: Each call of a program and of the task's own code is bounded, however many there are.
    backstop = 7 * 86400.0
    online: ClassVar[str] = ""
    rounds: ClassVar[int] = 12
    features = (Feature("size", 16, 4096, bins=12, log=True),)

    def __init__(self) -> None:
        require_declared(type(self))
        self.language = PythonLanguage(
            self.entry, limits=self.limits, packages=self.preload, example=lambda: self.seeds()[0].source
        )
        self.stages = (Stage("cases", self.limits, backstop=self.backstop),)
        self.slot_limits = self.limits
        self.harness = Harness(
            entry="discovery.tasks.python.harness",
            modules=(
                "discovery.tasks.python.harness",
                "discovery.tasks.python.plain",
                "discovery.tasks.python.source",
                "discovery.feedback",
            ),
            preload=self.preload,
        )
        self.folder = folder_of(type(self))
        self.version = version_of(self.folder)
        self._generated: tuple[tuple[object, ...], Sequence[Case]] | None = None
        self._repeating: set[str] = set()

    @abstractmethod
    def cases(self, rng: random.Random) -> Sequence[Case]:
        """A fresh set of cases. Everything random must come from `rng`: equal states must give equal cases. For numpy,
        take `numpy.random.default_rng(rng.getrandbits(64))`. A problem with one fixed instance returns that."""

    @abstractmethod
    def score(self, case: Case, answer: Any) -> float:
        """Judge an answer to a case; higher is better. `answer` is untrusted plain data: finite numbers, strings,
        lists, dicts and read-only arrays. Raises `Invalid` for one that is not acceptable."""

    def held_out(self, rng: random.Random) -> Sequence[Case]:
        """Cases of another kind than search ever sees, for `confirm`; none unless a subclass gives some."""
        return ()

    def seeds(self) -> Sequence[Seed]:
        """The files `seeds/*.py` beside the task, in the order of their names. Raises TaskError when there is none."""
        files = sorted((self.folder / "seeds").glob("*.py"))
        if not files:
            raise TaskError(
                f"task {self.name!r} has no seed program: {self.folder / 'seeds'} holds no .py file",
                hint=f"write one that defines {self.entry}(...), good or bad",
            )
        return [Seed(file.stem, file.read_text(encoding="utf-8-sig")) for file in files]

    def evaluate(self, program: Program, stage: Stage, replicate: int, ctx: Context) -> Verdict:
        """Run the program on the cases of (seed, stage, replicate); the score is the mean over them.

        A program has to work on every case: the first failure ends the evaluation and is the verdict.
        """
        cases = self.generate("search", ctx.seed, stage.name, replicate)
        outcomes: list[Outcome] = []
        for case in cases:
            outcomes.append(self.run(program, case, ctx))
            if outcomes[-1].status != "scored":
                break
        last = outcomes[-1]
        scores = {case.name: self.worst for case in cases} | {outcome.case: outcome.score for outcome in outcomes}
        score = math.fsum(scores.values()) / len(scores) if last.status == "scored" else None
        told = record(self.entry, program.source, cases, outcomes, score, self.worst)
        if score is None:
            limited = last.clock_limited
            return Verdict(last.status, cases=scores, message=last.message, clock_limited=limited, record=told)
        evidence: dict[str, JSON] = {
            "fingerprint": hashlib.sha256("".join(outcome.digest for outcome in outcomes).encode()).hexdigest(),
            "features": self._described(program, scores),
        }
        first = outcomes[0]
        if first.answer is not None:
            evidence["sample"] = {"case": first.case, "answer": first.answer}
        low = "; ".join(outcome.message for outcome in outcomes if outcome.message)
        return Verdict("scored", score, scores, low, evidence=evidence, record=told)

    def describe(self, program: Program, scores: Mapping[str, float]) -> Mapping[str, float]:
        """A program's values of `features`: by default how large it is, in nodes of its syntax tree. May depend on what
        its key covers, and on the scores of the cases; not on comments or layout."""
        return {"size": sum(1 for _ in ast.walk(without_docstrings(ast.parse(program.source))))}

    def _described(self, program: Program, scores: Mapping[str, float]) -> dict[str, float]:
        try:
            return dict(self.describe(program, scores))
        except Exception as error:
            raise TaskError(f"task {self.name!r}: describe() failed: {self._told(error)}") from error

    def generate(self, kind: str, *labels: int | str) -> Sequence[Case]:
        """The cases of the stream that `labels` name: `held_out` ones for kind `"held-out"`, else ordinary ones.

        Raises:
            TaskError: the task's own code raised, or gave cases that cannot be used.
        """
        if self._generated is not None and self._generated[0] == (kind, *labels):
            return self._generated[1]
        seed, *rest = labels
        rng = stream(int(seed), kind, *rest)
        maker = self.held_out if kind == "held-out" else self.cases
        try:
            with within(self.score_seconds):
                cases = list(maker(rng))
            for case in cases:
                if not isinstance(case, Case) or not isinstance(case.inputs, Mapping) or not is_text(case.name):
                    raise TypeError(f"expected Case(name, {{argument: value}}), got {case!r:.80}")
                encode(dict(case.inputs), {}, f"inputs of case {case.name!r}")
                if self.online and not hasattr(case.inputs.get(self.online), "__len__"):
                    raise TypeError(f"case {case.name!r} has no list or array {self.online!r}, which is `online`")
        except Late as late:
            raise TaskError(f"task {self.name!r}: {self._late(maker.__name__, late)}") from late
        except (Exception, SystemExit) as error:
            raise TaskError(f"task {self.name!r}: {maker.__name__}() failed: {self._told(error)}") from error
        if len({case.name for case in cases}) < len(cases):
            raise TaskError(f"task {self.name!r}: {maker.__name__}() gave two cases of one name; each must differ")
        if not cases and kind != "held-out":
            raise TaskError(f"task {self.name!r}: cases() gave no case; at least one is needed")
        self._generated = ((kind, *labels), cases)
        if kind not in self._repeating:
            self._repeating.add(kind)
            self._generated = None
            self._require_same(kind, labels, cases)
        return cases

    def _require_same(self, kind: str, labels: tuple[int | str, ...], cases: Sequence[Case]) -> None:
        """Whatever is random and does not come from `rng` gives each evaluator cases of its own."""
        if inputs_digest(self.generate(kind, *labels)) != inputs_digest(cases):
            raise TaskError(
                f"task {self.name!r}: called twice with an equal rng, {kind} cases differ",
                hint="draw everything random from rng; for numpy, numpy.random.default_rng(rng.getrandbits(64))",
            )

    def run(self, program: Program, case: Case, ctx: Context) -> Outcome:
        """Run the program on one case in the sandbox and judge what it returns, out here."""
        answer, status, value = self._call(program, case.inputs, ctx)
        if isinstance(value, Failure):
            return self._failed(case, program, answer, status, value)
        try:
            outcome = self._judge(program, case, answer, value)
            if self.online:
                self._require_online(program, case, value, ctx)
        except Invalid as error:
            failure = Failure("score", "Invalid", str(error), answer=clip(value, 200))
            return self._failed(case, program, answer, "invalid", failure)
        return outcome

    def _call(self, program: Program, inputs: Mapping[str, Any], ctx: Context) -> tuple[Answer, Status, Any]:
        """The sandbox's answer, and what the program returned; or a failing status, and the `Failure`."""
        arrays: dict[str, Any] = {}
        payload = {"source": program.source, "entry": self.entry, "inputs": encode(dict(inputs), arrays)}
        answer = ctx.slot.call(payload, {name: Array.of(values) for name, values in arrays.items()}, ctx.limits)
        if answer.status != "ok":
            return answer, answer.status, ended(answer, ctx.limits)
        if "raised" in answer.value:
            return answer, "error", raised(answer.value["raised"])
        try:
            if type(answer.value.get("invalid")) is str:
                raise NotPlain(answer.value["invalid"][:500])
            arrays = {name: widened(array.numpy()) for name, array in answer.arrays.items()}
            value = decode(answer.value.get("answer"), arrays)
            if value is None:
                raise NotPlain(f"{self.entry} returned nothing (None)")
        except NotPlain as error:
            return answer, "invalid", Failure("answer", "NotPlain", str(error))
        return answer, "scored", value

    def _require_online(self, program: Program, case: Case, value: Any, ctx: Context) -> None:
        """Raises `Invalid` where the program answers otherwise when it gets only the beginning of the stream."""
        whole = case.inputs[self.online]
        start = beginning(whole, stream(ctx.seed, "online", case.name, program.key))
        _, _, found = self._call(program, {**case.inputs, self.online: start}, ctx)
        if isinstance(found, Failure):
            raise Invalid(f"with only the beginning of `{self.online}` it fails: {explained(found, program.source)}")
        if not continues(value, found, len(whole) - len(start)):
            raise Invalid(
                f"it looks ahead: with only the beginning of `{self.online}` it does not answer with the beginning of "
                "this answer"
            )

    def _failed(self, case: Case, program: Program, answer: Answer, status: Status, failure: Failure) -> Outcome:
        return Outcome(
            case.name,
            status,
            self.worst,
            f"case {case.name}: {explained(failure, program.source)}",
            clock_limited=answer.clock_limited,
            failure=failure,
            log=answer.stdout + answer.stderr,
        )

    def _judge(self, program: Program, case: Case, answer: Answer, value: Any) -> Outcome:
        try:
            score = self._scored(case, value)
        except Misjudged as wrong:
            if any(program.key == self.language.check(seed.source).key for seed in self.seeds()):
                raise TaskError(
                    f"task {self.name!r}, seed program, case {case.name}: {wrong}", hint="`score` judges every answer"
                ) from wrong
            raise Invalid(str(wrong)) from wrong
        return Outcome(
            case.name,
            "scored",
            max(score, self.worst),
            "" if score >= self.worst else f"case {case.name}: {score:.6g} is below worst = {self.worst:g}, a floor",
            answer=short(value),
            log=answer.stdout + answer.stderr,
            digest=digest_of(answer),
        )

    def _scored(self, case: Case, value: Any) -> float:
        """What `score` gives. Raises what it raises of `Invalid`, and `Misjudged` for all else."""
        try:
            with within(self.score_seconds):
                return finite(self.score(own_copy(case), value))
        except (Invalid, Misjudged):
            raise
        except Late as late:
            raise Misjudged(f"{self._late('score', late)} for this answer") from late
        except (Exception, SystemExit) as error:
            raise Misjudged(f"score() could not judge this answer, it raised {self._told(error)}") from error

    def _late(self, method: str, late: Late) -> str:
        return f"{method}() did not return within score_seconds = {self.score_seconds:g}{self._where(late)}"

    def _told(self, error: BaseException) -> str:
        return f"{type(error).__name__}: {error}{self._where(error)}"

    def _where(self, error: BaseException) -> str:
        """The last line of the task's own that led to `error`."""
        family = Path(__file__).resolve().parent
        frames = [each for each in traceback.extract_tb(error.__traceback__) if not each.filename.startswith("<")]
        parents = [Path(each.filename).resolve().parents for each in frames]
        own = [
            each for each, above in zip(frames, parents, strict=True) if self.folder in above and family not in above
        ]
        return f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""

    def confirm(self, program: Program, ctx: Context) -> Evidence:
        """Compare with the best seed program on fresh cases; see `confirmation.confirm`."""
        from discovery.tasks.python.confirmation import confirm

        return confirm(self, program, ctx)

    def export(self, program: Program, name: str, provenance: Mapping[str, JSON]) -> Mapping[str, str]:
        """`NAME.py`: the program as it is, under a header that says where it comes from, with a self-test."""
        from discovery.tasks.python.export import module_text

        return {f"{name}.py": module_text(self, program, name, provenance)}

    def verify(self, files: Mapping[str, str], provenance: Mapping[str, JSON], ctx: Context) -> Verification:
        """Judge the program again on the recorded cases, repeat the confirmation, and try it on new ones."""
        from discovery.tasks.python.verification import verify

        return verify(self, files, provenance, ctx)
