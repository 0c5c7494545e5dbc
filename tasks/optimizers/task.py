"""The task `optimizers`: find an update rule that trains neural networks in fewer steps than tuned AdamW."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from discovery.errors import NotFound
from discovery.model import JSON, Evidence, Program, Verdict
from discovery.sandbox import Harness, Limits
from discovery.task import Context, Feature, Seed, Stage, Task, Verification
from discovery.tasks.optimizers import zoo
from discovery.tasks.optimizers.environment import INSIDE, version
from discovery.tasks.optimizers.language import OptimizerLanguage

if TYPE_CHECKING:
    from discovery.tasks.optimizers.stages import Judge

__all__ = ["OptimizersTask"]

_STATEMENT = """\
Find an **update rule** for training neural networks that reaches a lower loss than tuned AdamW in the same number of
steps.

A rule gets the weights `w`, the gradient `g`, its own state `s` and the step number `t` of one parameter tensor, and
returns a direction `u` and the new state. The engine applies it: `w <- w - lr_t * u - lr_t * decay * w`, with 5 %
warm-up and a cosine schedule; the learning rate is tuned for every rule, so the overall scale of `u` does not matter.
A rule does not see loss, data, task, horizon or learning rate.

Each rule trains a small classifier of digits, an ill-conditioned softmax regression and a deep autoencoder over
complete schedules. Its score is the mean over tasks of the log of "steps that tuned AdamW needs to reach the same loss"
over steps taken: 0 is tuned AdamW, +0.69 means half the steps. A rule that diverges, stands still or has no best
learning rate is invalid. Finalists are confirmed on fresh seeds and on other tasks.
"""

_CALL = Limits(wall_seconds=120.0, cpu_seconds=60.0, memory_bytes=1 << 30, processes=16)


class OptimizersTask(Task):
    """See `Task`. It has no variants."""

    name = "optimizers"
    statement = _STATEMENT
    score_name = "log speed-up over tuned AdamW"
    language = OptimizerLanguage()
    stages = (
        Stage("screen", Limits(wall_seconds=20.0, cpu_seconds=10.0, memory_bytes=1 << 30, processes=16), 0.05),
        Stage("probe", Limits(wall_seconds=60.0, cpu_seconds=20.0, memory_bytes=1 << 30, processes=16), 0.3),
        Stage("full", _CALL, 3.0),
    )
    harness = Harness(
        "discovery.tasks.optimizers.harness",
        (
            *(f"discovery.tasks.optimizers.{name}" for name in INSIDE),
            "discovery.grammar",
            "discovery.model",
            "discovery.errors",
        ),
        ("numpy", "torch"),
    )
    slot_limits = _CALL
    features = (Feature("evenness", 0.3, 1.0), Feature("memory", -0.2, 1.0))  # see `fingerprint.Behaviour`

    def __init__(self, variant: str | None = None) -> None:
        if variant is not None:
            raise NotFound(f"task 'optimizers' has no variant {variant!r}", hint="write `optimizers`")
        self.version = version()
        self._judge: Judge | None = None

    def seeds(self) -> Sequence[Seed]:
        """AdamW, and SGD with momentum."""
        return zoo.seeds()

    def evaluate(self, program: Program, stage: Stage, replicate: int, ctx: Context) -> Verdict:
        """See `Task` and `stages`."""
        from discovery.tasks.optimizers.stages import Judge

        if self._judge is None or self._judge.slot is not ctx.slot:
            self._judge = Judge(ctx.slot)
        return self._judge.judge(program.source, stage.name, replicate, ctx.seed, ctx.limits)

    def confirm(self, program: Program, ctx: Context) -> Evidence:
        """See `Task` and `confirmation`."""
        from discovery.tasks.optimizers.confirmation import confirm
        from discovery.tasks.optimizers.sweep import Trainer

        return confirm(Trainer(ctx.slot, ctx.limits, program.source), ctx.seed)

    def export(self, program: Program, name: str, provenance: Mapping[str, JSON]) -> Mapping[str, str]:
        """`NAME.py`, a `torch.optim.Optimizer` with its self-test; `NAME.rule.txt`, the rule as it was found."""
        from discovery.tasks.optimizers.export import optimizer_module
        from discovery.tasks.optimizers.rule import lower

        header = _header(name, provenance)
        module = optimizer_module(lower(program.source), name, header)
        return {f"{name}.py": module, f"{name}.rule.txt": program.source}

    def verify(self, files: Mapping[str, str], provenance: Mapping[str, JSON], ctx: Context) -> Verification:
        """See `Task` and `verification`."""
        from discovery.tasks.optimizers.verification import verify

        name = str(provenance["name"])
        program = Program(provenance["program"]["source"], provenance["program"]["key"])
        return verify(lambda: self.export(program, name, provenance), files, provenance, ctx)


def _header(name: str, provenance: Mapping[str, JSON]) -> str:
    """Docstring of the exported module: where the rule comes from, and what was and was not confirmed."""
    run, program, entry = provenance["run"], provenance["program"], provenance.get("confirmation")
    lines = [
        f"{name}: an update rule found by a discovery run.",
        "",
        f"By its record: run {run['name']}, task {run['task']}, created {run['created']}; program {program['id']}, "
        f"proposal {program['proposal']} of {run['proposals']}.",
        _search_line(provenance["search"]["verdicts"]),
    ]
    if entry is None:
        lines.append("Not confirmed: nothing is claimed for it. `discovery confirm` measures it on fresh seeds.")
    else:
        word = "Confirmed." if entry["confirmed"] else "Not confirmed."
        if entry["evidence"]["confirmed"] and not entry["confirmed"]:
            word = "Not confirmed: the correction over finalists takes back what its own test says."
        lines.append(f"{word} {entry['evidence']['claim']}")
        if entry["adjusted_p"] is not None:
            lines.append(f"p after Holm's correction over {entry['finalists']} finalists: {entry['adjusted_p']:.2g}.")
    lines += [f"ALARM: {alarm}" for alarm in provenance.get("alarms", ())]
    return "\n".join(lines)


def _search_line(verdicts: Sequence[JSON]) -> str:
    full = [verdict for verdict in verdicts if verdict["stage"] == "full" and verdict["replicate"] == 0]
    if full and full[-1]["score"] is not None:
        return f"Search-time score, too good by selection: {full[-1]['message']}"
    if verdicts and verdicts[-1]["score"] is None:
        return f"Search could not measure it ({verdicts[-1]['status']}): {verdicts[-1]['message']}"
    return "It was not measured in full during search."
