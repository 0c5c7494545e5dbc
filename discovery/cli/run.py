"""`discovery run`: start a discovery run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from discovery.cli._options import (
    DeviceOption,
    DisplayOption,
    ImageOption,
    JsonOption,
    MaxCallsOption,
    MaxProposalsOption,
    MaxTimeOption,
    MaxTokensOption,
    MaxUsdOption,
    OutOption,
    RuntimeOption,
    SandboxOption,
    StagnationOption,
    TargetOption,
    WorkersOption,
    limits,
)
from discovery.cli._plan import print_plan
from discovery.cli._say import print_json
from discovery.cli._series import run_series

if TYPE_CHECKING:
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
        str | None, typer.Option("--search", help="evolution (default), genetic, islands, pareto or best_of_n.")
    ] = None,
    workers: WorkersOption = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Seed of every random choice (default: 0).")] = None,
    max_proposals: MaxProposalsOption = None,
    max_time: MaxTimeOption = None,
    max_usd: MaxUsdOption = None,
    max_tokens: MaxTokensOption = None,
    max_calls: MaxCallsOption = None,
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
    from discovery.config import resolve
    from discovery.task import load_task, task_spec

    flags = {
        "llm.models": model or None,
        "llm.base_url": base_url,
        "search.strategy": search,
        "seed": seed,
        "sandbox": sandbox,
        "device": device,
        "docker.image": image,
        "docker.runtime": runtime,
    }
    flags |= limits(
        workers=workers,
        max_proposals=max_proposals,
        max_time=max_time,
        max_usd=max_usd,
        max_tokens=max_tokens,
        max_calls=max_calls,
        target=target,
        stagnation=stagnation,
    )
    spec = task_spec(task)
    loaded = load_task(spec)
    resolved = resolve(config, sets or (), flags, strategy=loaded.strategy)
    start = Start(loaded, resolved, prompts, start_from or (), out, plan_only=dry_run)
    _check(loaded, resolved, control)
    if dry_run:
        print_plan(loaded, resolved, start, as_json)
        return
    folders, code = run_series(spec, loaded, resolved, start, out, display, control, repeat)
    _report(folders[0], as_json)
    raise typer.Exit(code)


def _check(task: Task, config: RunConfig, control: bool) -> None:
    """Refuse a search that cannot be, before anything is made. Raises ConfigError."""
    from discovery.errors import ConfigError
    from discovery.search import make_strategy

    make_strategy(config.search, ["0" * 64], features=task.features, models=config.llm.models)
    if control and config.search.strategy == "best_of_n":
        raise ConfigError("best_of_n is the control itself", hint="leave out --control, or choose another --search")


def _report(folder: Path, as_json: bool) -> None:
    """The run's name on stdout, so that scripts can go on with it."""
    if not as_json:
        print(folder)
        return
    from discovery.store import Journal

    with Journal.open(folder) as journal:
        best = [{"id": key[:12], "key": key, "score": verdict.score} for key, verdict in journal.best(1)]
        result = {"run": str(folder), "proposals": journal.proposal_count(), "best": best[0] if best else None}
    print_json("run", result)
