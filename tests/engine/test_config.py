"""Configuration: precedence, and one clear line for each mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from discovery.config import RunConfig, parse_seconds, resolve
from discovery.errors import ConfigError, NotFound


def test_precedence(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text('seed = 1\nworkers = 3\nmax_time = "2m"\n[search]\npopulation = 9\ntournament = 2\n')
    found = resolve(file, ["workers=4", "search.population=10"], {"workers": 5, "seed": None})
    assert (found.seed, found.workers, found.max_time) == (1, 5, 120.0)
    assert (found.search.population, found.search.tournament) == (10, 2)


def test_the_default_is_the_model() -> None:
    assert resolve() == RunConfig()
    assert resolve(flags=RunConfig().model_dump()) == RunConfig()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[search]\npopulaton = 3", r"run.toml: unknown key 'search.populaton'; did you mean 'population'\?"),
        ("max_proposal = 3", r"unknown key 'max_proposal'; did you mean 'max_proposals'\?"),
        ("quux = 3", "unknown key 'quux'"),
        ("search = 3", "'search' is a section"),
        ("workers = 0", "workers: .*greater than or equal to 1; got 0"),
        ('workers = "many"', "workers: .*got 'many'"),
        ('search.strategy = "annealing"', "search.strategy: .*got 'annealing'"),
        ("workers = ", "not readable TOML"),
        ('max_time = "soon"', "a time must be.*'soon'"),
        ("[llm]\nconcurency = 3", r"unknown key 'llm.concurency'; did you mean 'concurrency'\?"),
        ("llm = 3", "'llm' is a section"),
        ('[llm]\nbase_url = "localhost"', "llm.base_url: an address such as http"),
        ("[llm.prices.mine]\ninput = -1\noutput = 0", "llm.prices.mine.input: .*got -1"),
        ("max_usd = inf", "max_usd: "),
        ("max_time = -3", "max_time: .*got -3"),
        ("max_time = inf", "max_time: .*finite.*got inf"),
        ("max_time = nan", "max_time: .*got nan"),
        ("seed = true", "seed: .*got True"),
        ('workers = "2"', "workers: .*got '2'"),
    ],
)
def test_mistakes_in_a_file(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "run.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message):
        resolve(file)


@pytest.mark.parametrize("text", ["workers", "=3", "search.populaton=3", "workers.x=3"])
def test_mistakes_in_set(text: str) -> None:
    with pytest.raises(ConfigError):
        resolve(sets=[text])


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no configuration file"):
        resolve(tmp_path / "none.toml")


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("10m", 600), ("1.5h", 5400), ("1d", 86400)])
def test_times(text: str, seconds: float) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "0", "-3", "10 minutes", "1e9", "inf"])
def test_bad_times(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_seconds(text)


def test_a_key_in_an_address_is_refused_and_not_repeated() -> None:
    for address in ("https://me:s3cretkey@host/v1", "https://host/v1?key=s3cretkey"):
        with pytest.raises(ConfigError, match=r"llm.base_url: .*llm.key_variable") as caught:
            resolve(sets=[f"llm.base_url={address}"])
        assert "s3cretkey" not in str(caught.value)


def test_a_key_with_dots_stands_in_quotes() -> None:
    found = resolve(sets=['llm.prices."openai/a-1.5".input=2', 'llm.prices."openai/a-1.5".output=3', "llm.pause=10m"])
    price = found.llm.prices["openai/a-1.5"]
    assert (price.input, price.output, found.llm.pause) == (2, 3, 600)


def test_a_task_may_prefer_a_strategy_that_any_source_overrides(tmp_path: Path) -> None:
    """With that strategy's own defaults; nobody's preference is regularized evolution."""
    assert resolve(strategy="islands").search.model_dump()["migrate"] == 40
    assert resolve(flags={"search.strategy": "genetic"}, strategy="islands").search.strategy == "genetic"
    assert resolve(sets=["search.strategy=pareto"], strategy="islands").search.strategy == "pareto"
    file = tmp_path / "config.toml"
    file.write_text('[search]\nstrategy = "best_of_n"\n', encoding="utf-8")
    assert resolve(file, strategy="islands").search.strategy == "best_of_n"
    assert resolve().search.strategy == "evolution"
