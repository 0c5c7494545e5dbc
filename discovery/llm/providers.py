"""From the names of models to a gateway that reaches them."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path

from discovery.config import LLMConfig, Price, RunConfig
from discovery.errors import ConfigError
from discovery.events import Event
from discovery.llm._base import Chat
from discovery.llm.budget import Limits
from discovery.llm.gateway import Gateway
from discovery.llm.litellm import LiteLLMChat, load_litellm
from discovery.llm.openai import OpenAIChat, find_key
from discovery.llm.prices import price_of
from discovery.llm.queue import QueueChat
from discovery.llm.redact import Redactor
from discovery.store import Journal

__all__ = ["check_models", "load_clients", "make_chat", "open_gateway"]

_PROVIDERS = ("openai", "litellm", "queue")


def open_gateway(journal: Journal, config: RunConfig, emit: Callable[[Event], None] = lambda event: None) -> Gateway:
    """The gateway of the run in `journal` to the models of its configuration. Nothing is sent and nothing heavy is
    imported (but litellm, where it is named).

    Raises:
        ConfigError: no such provider, or a limit in US dollars with a model whose price is not known.
        Unauthorised: a key is missing.
        EnvironmentMissing: litellm is named and not installed, or compromised.
    """
    prices = check_models(config)
    chats = {model: make_chat(model, config.llm, journal.folder) for model in config.llm.models}
    return Gateway(
        journal,
        chats,
        config.llm,
        prices=prices,
        limits=Limits(config.max_usd, config.max_tokens, config.max_calls),
        emit=emit,
        redactor=Redactor(_keys(config.llm)),
    )


def check_models(config: RunConfig) -> dict[str, Price | None]:
    """Check what can be checked without asking anybody; the price of each model, None where it is not known.

    Raises:
        ConfigError, Unauthorised: as `open_gateway`.
    """
    _keys(config.llm)
    prices = {model: price_of(model, config.llm.prices) for model in config.llm.models}
    unknown = [model for model, price in prices.items() if price is None]
    if config.max_usd is not None and unknown:
        raise ConfigError(
            f"a limit in US dollars needs the price of every model, and that of {unknown[0]} is not known",
            hint=f"--set 'llm.prices.\"{unknown[0]}\"={{input=0, output=0}}' with its dollars per million tokens",
        )
    return prices


def load_clients(config: LLMConfig) -> None:
    """Import what reaches the models: seconds, so from a thread of its own, beside what else takes time to start.

    Raises:
        ConfigError, EnvironmentMissing: as `open_gateway`.
    """
    providers = {_split(model, config.base_url)[0] for model in config.models}
    if "litellm" in providers:
        load_litellm()
    if "openai" in providers:
        import openai  # noqa: F401


def make_chat(model: str, config: LLMConfig, folder: Path) -> Chat:
    """The chat for `model`, as given with `--model`; `folder` is the run's.

    Raises:
        ConfigError, Unauthorised, EnvironmentMissing: as `open_gateway`.
    """
    provider, name = _split(model, config.base_url)
    if provider == "queue":
        return QueueChat(folder)
    if provider == "litellm":
        key = None if config.key_variable is None else find_key(config.base_url, config.key_variable)
        return LiteLLMChat(name, base_url=config.base_url, key=key, timeout=config.timeout)
    key = find_key(config.base_url, config.key_variable)
    return OpenAIChat(name, base_url=config.base_url, key=key, timeout=config.timeout)


def _keys(config: LLMConfig) -> list[str]:
    """The keys that will be sent."""
    providers = {_split(model, config.base_url)[0] for model in config.models}
    if "openai" in providers or ("litellm" in providers and config.key_variable is not None):
        return [find_key(config.base_url, config.key_variable)]
    return []


def _split(model: str, base_url: str | None) -> tuple[str, str]:
    """Provider and name. With an address of one's own, a name without a known provider is what that server calls it."""
    provider, slash, name = model.partition("/")
    if model == "queue":
        return "queue", ""
    if provider == "openai" and name:
        return "openai", name
    if provider == "litellm" and name:
        if "/" not in name:
            raise ConfigError(f"a model of litellm is named litellm/PROVIDER/NAME; got {model!r}")
        return "litellm", name
    if base_url is not None and model.strip() and provider not in _PROVIDERS:
        return "openai", model
    near = difflib.get_close_matches(provider, _PROVIDERS, 1) if slash else []
    raise ConfigError(
        f"a model is named openai/NAME, litellm/PROVIDER/NAME or queue; got {model!r}"
        + (f"; did you mean {near[0]}/{name}?" if near and near[0] != provider and name else ""),
        hint="any name will do with --base-url, the address of an OpenAI-compatible server",
    )
