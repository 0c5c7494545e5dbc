"""`discovery check`: one program file through the stages."""

from __future__ import annotations

import asyncio
import codecs
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from discovery.cli._options import JsonOption, SandboxOption
from discovery.cli._read import read_bytes
from discovery.cli._say import print_json

if TYPE_CHECKING:
    from discovery.feedback import Level
    from discovery.model import Program, Verdict
    from discovery.task import Task

__all__ = ["command"]


def command(
    task: Annotated[str, typer.Argument(metavar="TASK", help="A task's name or its folder.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The program; - reads standard input.")],
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the evaluation.")] = 0,
    sandbox: SandboxOption = None,
    feedback: Annotated[
        Literal["score", "errors", "cases", "graph"] | None,
        typer.Option("--feedback", help="Print what a prompt would tell of it, at this level."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a run would say of one program. Exits with 0 whenever a verdict was reached.

    discovery check optimizers my_rule.py

    discovery check ./my-task candidate.py --json

    discovery check ./my-task candidate.py --feedback cases
    """
    from discovery.cli._drive import require_packages
    from discovery.cli._sandbox import sandbox_report
    from discovery.model import Program, Rejected, Verdict
    from discovery.task import check_source, load_task, task_spec

    spec = task_spec(task)
    loaded = load_task(spec)
    require_packages(loaded)
    backend = sandbox_report(sandbox or "auto")["backend"]
    source = _read(file)
    try:
        program = check_source(loaded, source)
    except Rejected as error:
        program, verdict = Program(source, ""), Verdict("rejected", message=str(error))
    else:
        verdict = asyncio.run(_judge(spec, loaded, program, backend, seed))
    told = None if feedback is None else _feedback(verdict, feedback, seed)
    _print(loaded, program, verdict, backend, told, as_json)


def _feedback(verdict: Verdict, level: Level, seed: int) -> str:
    from discovery.feedback import new_marker, render
    from discovery.randomness import stream

    return render(verdict.record, verdict, level, marker=new_marker(stream(seed, "check")))


def _read(file: Path) -> str:
    # A byte that is no UTF-8 is for the language to reject, with its place; a mark of the byte order is no text.
    return read_bytes(str(file)).removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape")


async def _judge(spec: str, task: Task, program: Program, backend: str, seed: int) -> Verdict:
    from discovery.evaluate import Pool

    async with Pool(spec, sandbox=backend, workers=1, seed=seed) as pool:
        for stage in task.stages:
            verdict = await pool.evaluate(program, stage)
            if not verdict.advance:
                break
    return verdict


def _print(task: Task, program: Program, verdict: Verdict, backend: str, feedback: str | None, as_json: bool) -> None:
    if as_json:
        result = {
            "task": task.name,
            "program": program.key,
            "status": verdict.status,
            "score": verdict.score,
            "cases": dict(verdict.cases),
            "evidence": dict(verdict.evidence),
            "stage": verdict.stage,
            "message": verdict.message,
            "sandbox": backend,
        }
        if feedback is not None:
            result["feedback"] = feedback
        print_json("check", result)
        return
    from discovery.view.text import printable

    score = "" if verdict.score is None else f"  score {verdict.score:.6g} ({task.score_name})"
    print(f"{verdict.status}{score}" + (f"  after stage {verdict.stage}" if verdict.stage else ""))
    for name, value in verdict.cases.items():
        print(f"  {printable(name):<24} {value:.6g}")
    if verdict.message:
        print(printable(verdict.message))
    if feedback is not None:
        print("\n" + feedback)
