"""`discovery run`: start a discovery run."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from discovery.cli._options import (
    DeviceOption,
    DisplayOption,
    ImageOption,
    JsonOption,
    OutOption,
    RuntimeOption,
    SandboxOption,
    StagnationOption,
    TargetOption,
)

if TYPE_CHECKING:
    from discovery.cli._start import Start
    from discovery.config import RunConfig
    from discovery.task import Task

__all__ = ["command"]


def command(
    task: Annotated[str, typer.Argument(metavar="TASK", help="A task's name (`discovery task list`) or its folder.")],
    model: Annotated[
        list[str] | None,
        typer.Option("--model", help="openai/NAME, litellm/PROVIDER/NAME or queue; repeatable. None: symbolic edits."),
    ] = None,
    base_url: Annotated[
        str | None, typer.Option("--base-url", help="An OpenAI-compatible server, such as http://127.0.0.1:8080/v1.")
    ] = None,
    search: Annotated[
        str | None, typer.Option("--search", help="evolution, genetic, islands, pareto or best_of_n.")
    ] = None,
    workers: Annotated[int | None, typer.Option("--workers", help="Evaluator processes (default: 2).")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Seed of every random choice (default: 0).")] = None,
    max_proposals: Annotated[
        int | None, typer.Option("--max-proposals", help="Total proposals, failed and repeated ones included.")
    ] = None,
    max_time: Annotated[str | None, typer.Option("--max-time", help="Total run time, such as 90s, 10m or 2h.")] = None,
    max_usd: Annotated[float | None, typer.Option("--max-usd", help="Total US dollars for models.")] = None,
    max_tokens: Annotated[int | None, typer.Option("--max-tokens", help="Total tokens of models.")] = None,
    max_calls: Annotated[int | None, typer.Option("--max-calls", help="Total replies of models.")] = None,
    target: TargetOption = None,
    stagnation: StagnationOption = None,
    sandbox: SandboxOption = None,
    start_from: Annotated[
        list[str] | None,
        typer.Option("--from", metavar="FILE|RUN", help="Start from this program, or the best of RUN; repeatable."),
    ] = None,
    prompts: Annotated[
        Path | None, typer.Option("--prompts", metavar="DIR", help="Prompt templates that go before ours.")
    ] = None,
    device: DeviceOption = None,
    image: ImageOption = None,
    runtime: RuntimeOption = None,
    control: Annotated[
        bool, typer.Option("--control", help="After each run, best-of-N at the same budget, as RUN-control.")
    ] = False,
    repeat: Annotated[
        int, typer.Option("--repeat", min=1, help="Runs, one after another, with the seed and those after it.")
    ] = 1,
    out: OutOption = None,
    config: Annotated[Path | None, typer.Option("--config", help="TOML file with the run's configuration.")] = None,
    sets: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="One configuration value; repeatable.")
    ] = None,
    display: DisplayOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Evolve programs for TASK and journal every verdict.

    discovery run optimizers --max-proposals 100 --seed 1

    discovery run optimizers --model openai/gpt-5-mini --max-usd 5

    discovery run ./my-task --model qwen3 --base-url http://127.0.0.1:8080/v1
    """
    from discovery.cli._start import Start
    from discovery.config import parse_seconds, resolve
    from discovery.task import load_task, task_spec

    flags = {
        "llm.models": model or None,
        "llm.base_url": base_url,
        "search.strategy": search,
        "workers": workers,
        "seed": seed,
        "max_proposals": max_proposals,
        "max_time": None if max_time is None else parse_seconds(max_time),
        "max_usd": max_usd,
        "max_tokens": max_tokens,
        "max_calls": max_calls,
        "target": target,
        "stagnation": stagnation,
        "sandbox": sandbox,
        "device": device,
        "docker.image": image,
        "docker.runtime": runtime,
    }
    resolved = resolve(config, sets or (), flags)
    spec = task_spec(task)
    loaded = load_task(spec)
    start = Start(loaded, resolved, prompts, start_from or (), out, plan_only=dry_run)
    _check(loaded, resolved, control)
    if dry_run:
        _plan(loaded, resolved, start, as_json)
        return
    folders, code = _series(spec, loaded, resolved, start, out, display, control, repeat)
    _report(folders[0], as_json)
    raise typer.Exit(code)


def _series(
    spec: str, task: Task, config: RunConfig, start: Start, out: Path | None, display: str | None, control: bool, n: int
) -> tuple[list[Path], int]:
    """Run `n` seeds, each with its control if wanted; the folders and the exit code. It ends when one is stopped."""
    from discovery.store import series_name

    folders: list[Path] = []
    codes: list[int] = []
    for number in range(1, n + 1):
        seeded = config.model_copy(update={"seed": config.seed + number - 1})
        for is_control in (False, True)[: 1 + control]:
            if codes and codes[-1] not in (0, 4):
                print(f"not started: {_rest(config, number, n, is_control)}", file=sys.stderr)
                return folders, codes[-1]
            name = series_name(folders[0].name, number, control=is_control) if folders else ""
            chosen = _control(seeded, folders[-1]) if is_control else seeded
            folder, code = _start(spec, task, chosen, start, out, display, name)
            folders.append(folder)
            codes.append(code)
    if len(folders) > 1:
        names = " ".join(folder.name for folder in folders)
        print(f"then: `discovery confirm {names}`, and `discovery compare {folders[0].name}`", file=sys.stderr)
    return folders, 0 if 0 in codes else codes[-1]


def _control(config: RunConfig, folder: Path) -> RunConfig:
    """Independent sampling at the budget that the run in `folder` used: as many proposals, the same limits besides."""
    from discovery.config import SearchConfig
    from discovery.store import Journal

    with Journal.open(folder) as journal:
        used = journal.proposal_count()
    best_of_n = SearchConfig(strategy="best_of_n")
    return config.model_copy(
        update={"search": best_of_n, "max_proposals": used, "target": None, "stagnation": None, "max_time": None}
    )


def _rest(config: RunConfig, number: int, n: int, is_control: bool) -> str:
    """What a series that was broken off lacks, and how to make it."""
    first = config.seed + number - 1
    control = f"the control of seed {first} (`--search best_of_n --seed {first}`)" if is_control else ""
    seeds = f"{first + is_control} to {config.seed + n - 1}" if number + is_control <= n else ""
    return " and ".join(part for part in (control, f"the seeds {seeds}" if seeds else "") if part)


def _check(task: Task, config: RunConfig, control: bool) -> None:
    """Refuse a search that cannot be, before anything is made. Raises ConfigError."""
    from discovery.errors import ConfigError
    from discovery.search import make_strategy

    make_strategy(config.search, ["0" * 64], features=task.features, models=config.llm.models)
    if control and config.search.strategy == "best_of_n":
        raise ConfigError("best_of_n is the control itself", hint="leave out --control, or choose another --search")


def _start(
    spec: str, task: Task, config: RunConfig, start: Start, out: Path | None, display: str | None, name: str
) -> tuple[Path, int]:
    from datetime import UTC, datetime

    from discovery.cli._drive import drive, require_packages, versions
    from discovery.cli._sandbox import config_options, sandbox_line, sandbox_report
    from discovery.store import Journal, RunMeta, new_run_folder, runs_folder

    require_packages(task)
    report = sandbox_report(config.sandbox, config_options(config))
    folder = runs_folder(out) / name if name else new_run_folder(task.name, out)
    meta = RunMeta(
        name=folder.name,
        task=spec,
        config=config.model_dump(mode="json"),
        versions=versions(task, config),
        sandbox=report,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    print(f"run {folder} in sandbox {sandbox_line(config.sandbox, report)}", file=sys.stderr)
    with Journal.create(folder, meta) as journal:
        start.record(journal)
        return folder, drive(journal, task, config, folder, display)


def _plan(task: Task, config: RunConfig, start: Start, as_json: bool) -> None:
    """What a run would do, at the stages' typical costs; with a model, one prompt and what it would cost."""
    from discovery.cli._models import estimate, sample_prompt

    stages = [{"name": stage.name, "seconds": stage.seconds} for stage in task.stages]
    longest = sum(stage.seconds for stage in task.stages) * config.max_proposals / config.workers
    prompt = [] if start.prompts is None else sample_prompt(task, config, start.prompts)
    cost = estimate(config, prompt) if prompt else None
    if as_json:
        plan = {"config": config.model_dump(mode="json"), "stages": stages, "seconds_at_most": longest}
        plan |= {"seeds": start.count, "prompt": prompt or None, "estimate": cost}
        print(json.dumps({"schema": "discovery.run/1", "task": task.name, "plan": plan}))
        return
    print(f"task       {task.name}: {task.score_name}")
    print(f"search     {config.search.strategy}, {config.max_proposals} proposals, seed {config.seed}")
    print(f"seeds      {start.count} programs")
    print("stages     " + ", ".join(f"{stage.name} (about {stage.seconds:g} s)" for stage in task.stages))
    print(f"time       at most about {longest / 60:.1f} min with {config.workers} workers, if every stage were reached")
    if cost is None:
        print("model      none: the symbolic proposer costs nothing")
        return
    print(f"models     {', '.join(config.llm.models)}, at most {config.llm.concurrency} calls at once")
    print(
        f"calls      about {cost['calls']:,}, with {cost['prompt_tokens']:,} tokens of prompts and "
        f"{cost['reply_tokens']:,} of replies"
    )
    for model, usd in cost["usd"].items():
        price = "no price known: set llm.prices" if usd is None else f"about ${usd:.2f}"
        print(f"cost       {price}, were all calls made of {model}; reasoning models write more")
    limits = {"usd": config.max_usd, "tokens": config.max_tokens, "calls": config.max_calls}
    given = ", ".join(f"{value:,} {name}" for name, value in limits.items() if value is not None)
    print(f"limits     {given or 'none: --max-usd, --max-tokens or --max-calls sets one'}")
    print("prompt     one as it would be sent:")
    for message in prompt:
        print(f"\n--- {message['role']} ---\n{message['content']}")


def _report(folder: Path, as_json: bool) -> None:
    """The run's name on stdout, so that scripts can go on with it."""
    if not as_json:
        print(folder)
        return
    from discovery.store import Journal

    with Journal.open(folder) as journal:
        best = [{"id": key[:12], "key": key, "score": verdict.score} for key, verdict in journal.best(1)]
        result = {"run": str(folder), "proposals": journal.proposal_count(), "best": best[0] if best else None}
    print(json.dumps({"schema": "discovery.run/1", **result}))
