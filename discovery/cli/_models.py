"""What verbs share that have to do with language models: the proposer of a run, its prompts, what it would cost."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from discovery.model import JSON

if TYPE_CHECKING:
    from discovery.config import RunConfig
    from discovery.events import Event
    from discovery.propose import Prompts, Proposer
    from discovery.store import Journal
    from discovery.task import Task

__all__ = ["estimate", "load_packages", "open_proposer", "sample_prompt"]

#: What a reply is taken to have: an idea, and a program about as long as a seed or a bit longer.
_REPLY_TOKENS = 700
#: Calls per proposal beside its first, seen in runs: repairs, known programs, lessons.
_MORE_CALLS = 0.3


async def load_packages(config: RunConfig) -> None:
    """Import what asking models needs, in a thread: the event loop goes on meanwhile and does not stop later."""
    import asyncio

    from discovery.llm import load_clients

    def load() -> None:
        import langgraph.graph  # noqa: F401

        load_clients(config.llm)

    if config.llm.models:
        await asyncio.to_thread(load)


async def open_proposer(
    stack: AsyncExitStack, journal: Journal, task: Task, config: RunConfig, emit: Callable[[Event], None]
) -> tuple[Proposer, int]:
    """The proposer of the run in `journal`, and how many proposals it writes at once. `stack` closes its connections.

    Raises:
        ConfigError, Unauthorised, EnvironmentMissing: no model, and a language without edits; or see
            `discovery.llm.open_gateway`.
    """
    from discovery.propose import Agent, Prompts, Symbolic

    if not config.llm.models:
        return Symbolic(task), 1
    from discovery.llm import open_gateway

    gateway = await stack.enter_async_context(open_gateway(journal, config, emit))
    agent = Agent(
        task,
        Prompts.recorded(journal),
        gateway,
        models=config.llm.models,
        config=config.agent,
        level=config.feedback,
        seed=config.seed,
    )
    return agent, config.llm.concurrency


def sample_prompt(task: Task, config: RunConfig, prompts: Prompts) -> list[dict[str, str]]:
    """The messages that would ask for a mutation of the first seed, before anything is judged."""
    import random

    from discovery.model import Proposal
    from discovery.propose import Context, Parent
    from discovery.propose.compose import Composer
    from discovery.task import check_source

    program = check_source(task, next(iter(task.seeds())).source)
    context = Context(random.Random(config.seed), (Parent(program, None),))
    proposal = Proposal(0, "mutate", (program.key,))
    composer = Composer(prompts, config.agent, config.feedback)
    prompt = composer.propose(proposal, context, composer.variant(proposal, context))
    return [{"role": message.role, "content": message.content} for message in prompt.messages]


def estimate(config: RunConfig, messages: list[dict[str, str]]) -> dict[str, JSON]:
    """What a run would cost: calls, tokens, and US dollars per model if it made all calls (None: no price known)."""
    from discovery.llm import Message, Usage, estimate_prompt, price_of
    from discovery.llm.prices import cost

    calls = round(config.max_proposals * (1 + _MORE_CALLS))
    if config.max_calls is not None:
        calls = min(calls, config.max_calls)
    one = estimate_prompt([Message(message["role"], message["content"]) for message in messages])  # type: ignore[arg-type]
    usage = Usage(calls * round(1.3 * one), calls * _REPLY_TOKENS, True)
    prices = {model: price_of(model, config.llm.prices) for model in config.llm.models}
    return {
        "calls": calls,
        "prompt_tokens": usage.input_tokens,
        "reply_tokens": usage.output_tokens,
        "usd": {model: cost(price, usage) for model, price in prices.items()},
    }
