"""What a run would do and cost, before there is one: `run --dry-run`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from discovery.cli._say import print_json

if TYPE_CHECKING:
    from discovery.cli._start import Start
    from discovery.config import RunConfig
    from discovery.task import Task

__all__ = ["print_plan"]


def print_plan(task: Task, config: RunConfig, start: Start, as_json: bool) -> None:
    """What a run would do, at the stages' typical costs; with a model, one prompt and what it would cost."""
    from discovery.cli._models import estimate, sample_prompt

    stages = [{"name": stage.name, "seconds": stage.seconds} for stage in task.stages]
    longest = sum(stage.seconds for stage in task.stages) * config.max_proposals / config.workers
    prompt = [] if start.prompts is None else sample_prompt(task, config, start.prompts)
    cost = estimate(config, prompt) if prompt else None
    if as_json:
        plan = {"config": config.model_dump(mode="json"), "stages": stages, "seconds_at_most": longest}
        plan |= {"seeds": start.count, "prompt": prompt or None, "estimate": cost}
        print_json("run", {"task": task.name, "plan": plan})
        return
    print(f"task       {task.name}: {task.score_name}")
    print(f"search     {config.search.strategy}, {config.max_proposals} proposals, seed {config.seed}")
    print(f"seeds      {start.count}")
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
