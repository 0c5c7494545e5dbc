"""What calls cost, and where the price comes from."""

from __future__ import annotations

import pytest

from discovery.config import LLMConfig, Price, RunConfig
from discovery.errors import ConfigError
from discovery.llm import Usage, check_models, price_of
from discovery.llm.prices import cost

OWN = {"openai/mine": Price(input=1, output=2), "gpt-4.1": Price(input=7, output=7)}


@pytest.mark.parametrize(
    ("model", "price"),
    [
        ("openai/gpt-4o-mini", (0.15, 0.6)),
        ("openai/gpt-4o-mini-2024-07-18", (0.15, 0.6)),
        ("litellm/anthropic/claude-opus-5", (5, 25)),
        ("openai/mine", (1, 2)),
        ("openai/gpt-4.1", (7, 7)),  # the run's own price goes first
        ("queue", (0, 0)),
        ("litellm/groq/openai/gpt-oss-120b", (0.15, 0.6)),  # litellm's own table
    ],
)
def test_known_prices(model: str, price: tuple[float, float]) -> None:
    found = price_of(model, OWN)
    assert found is not None and (found.input, found.output) == pytest.approx(price)


@pytest.mark.parametrize("model", ["openai/nobody-knows", "Qwen/Qwen2.5-7B", "litellm/ollama/llama9", "openai/gpt"])
def test_unknown_prices(model: str) -> None:
    assert price_of(model, OWN) is None


def test_costs() -> None:
    usage = Usage(1_000_000, 500_000, cached_tokens=400_000)
    assert cost(Price(input=2, output=8), usage) == pytest.approx(6)
    assert cost(Price(input=2, output=8, cached=0.5), usage) == pytest.approx(1.2 + 0.2 + 4)
    assert cost(None, usage) is None


def run(*models: str, max_usd: float | None = None, **fields: object) -> RunConfig:
    return RunConfig(max_usd=max_usd, llm=LLMConfig(models=models, base_url="http://127.0.0.1:1/v1", **fields))  # type: ignore[arg-type]


def test_a_limit_in_dollars_needs_every_price() -> None:
    assert check_models(run("mine")) == {"mine": None}
    with pytest.raises(ConfigError, match="that of mine is not known") as caught:
        check_models(run("openai/gpt-4o", "mine", max_usd=1))
    assert 'llm.prices."mine"' in caught.value.hint
    free = Price(input=0, output=0)
    assert check_models(run("mine", max_usd=1, prices={"mine": free})) == {"mine": free}


def test_the_hint_can_be_pasted() -> None:
    from discovery.config import resolve

    with pytest.raises(ConfigError) as caught:
        check_models(run("org/mine-1.5", max_usd=1))
    assigned = caught.value.hint.split("'")[1]
    assert price_of("org/mine-1.5", resolve(sets=[assigned]).llm.prices) == Price(input=0, output=0)
