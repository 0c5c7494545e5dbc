"""From the names of models to chats: names, keys, addresses."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from discovery.config import LLMConfig, RunConfig
from discovery.errors import ConfigError, EnvironmentMissing
from discovery.llm import Unauthorised, check_models, open_gateway
from discovery.llm.litellm import LiteLLMChat, load_litellm
from discovery.llm.openai import OpenAIChat, find_key
from discovery.llm.providers import make_chat
from discovery.llm.queue import QueueChat
from discovery.llm.redact import Redactor
from discovery.testing.chat import request, run
from discovery.testing.loopback import Loopback

URL = "http://127.0.0.1:1/v1"


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def test_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Loopback) -> None:
    def sent(model: str) -> object:
        async def work() -> None:
            chat = make_chat(model, LLMConfig(base_url=server.url), tmp_path)
            await chat.complete(request())
            await chat.close()

        run(work())
        return server.asked[-1].body["model"]

    assert sent("openai/m") == "m"
    assert sent("qwen2.5-coder") == "qwen2.5-coder"
    assert sent("Qwen/Qwen2.5-7B") == "Qwen/Qwen2.5-7B"
    assert sent("openai/openai/gpt-oss-20b") == "openai/gpt-oss-20b"
    assert isinstance(make_chat("queue", LLMConfig(), tmp_path), QueueChat)
    assert isinstance(make_chat("litellm/openai/m", LLMConfig(), tmp_path), LiteLLMChat)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-key")
    assert isinstance(make_chat("openai/gpt-4o", LLMConfig(), tmp_path), OpenAIChat)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("gpt-4o", "openai/NAME"),
        ("opnai/gpt-4o", "did you mean openai/gpt-4o"),
        ("openai/", "openai/NAME"),
        ("litellm/gpt-4o", "litellm/PROVIDER/NAME"),
        ("", "openai/NAME"),
        ("queue/x", "or queue"),
    ],
)
def test_names_that_are_none(model: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        check_models(RunConfig(llm=LLMConfig(models=(model,))))


def test_a_missing_key_is_said_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unauthorised, match="OPENAI_API_KEY is not set") as caught:
        check_models(RunConfig(llm=LLMConfig(models=("openai/gpt-4o",))))
    assert caught.value.exit_code == 5 and "--model queue" in caught.value.hint
    with pytest.raises(Unauthorised, match=r"MY_VARIABLE, named by llm\.key_variable, is not set"):
        check_models(RunConfig(llm=LLMConfig(models=("m",), base_url=URL, key_variable="MY_VARIABLE")))
    assert find_key(URL, None) == "none"


@pytest.mark.parametrize("key", ["sk-\u201cquoted\u201d", "sk-one\nsk-two", "sk one"])
def test_a_key_that_no_header_carries_is_said_and_not_shown(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    for address in (None, URL):
        with pytest.raises(Unauthorised, match="the key in OPENAI_API_KEY holds characters") as caught:
            find_key(address, None)
        assert "sk" not in caught.value.message


def test_an_address_has_a_port_that_there_is() -> None:
    with pytest.raises(ValueError, match="Port out of range"):
        LLMConfig(base_url="http://127.0.0.1:99999/v1")


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("https://api.example.com/v1", True),
        ("http://127.0.0.1:8080/v1", True),
        ("http://[::1]:8080/v1", True),
        ("http://localhost:8080/v1", True),
        ("http://10.0.0.7:8080/v1", False),
        ("http://gpu-box:8080/v1", False),
    ],
)
def test_the_usual_key_does_not_travel_in_the_open(monkeypatch: pytest.MonkeyPatch, url: str, sent: bool) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-key")
    monkeypatch.setenv("MY_KEY", "another-key")
    assert find_key(url, None) == ("sk-secret-key" if sent else "none")
    assert find_key(url, "MY_KEY") == "another-key"  # named for it by the user


@pytest.mark.parametrize("version", ["1.82.7", "1.82.8"])
def test_compromised_releases_are_not_imported(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr(metadata, "version", lambda package: version)
    monkeypatch.setitem(sys.modules, "litellm", None)  # importing it would raise
    with pytest.raises(EnvironmentMissing, match="steals credentials") as caught:
        load_litellm()
    assert "discovery-agent[litellm]" in caught.value.hint


def test_a_missing_litellm_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(package: str) -> str:
        raise metadata.PackageNotFoundError(package)

    monkeypatch.setattr(metadata, "version", missing)
    with pytest.raises(EnvironmentMissing) as caught:
        load_litellm()
    assert caught.value.hint == 'pip install "discovery-agent[litellm]"'


def test_nothing_heavy_is_imported_before_it_is_used() -> None:
    code = """
import sys
from pathlib import Path
from discovery.config import LLMConfig
from discovery.llm.providers import make_chat
make_chat("m", LLMConfig(base_url="http://127.0.0.1:1/v1"), Path("."))
print([name for name in ("openai", "litellm", "httpx", "numpy", "langgraph") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_litellm_asks_nobody_when_it_is_imported() -> None:
    """Its table of prices comes from its own files; a socket that is opened would raise."""
    code = """
import socket
def refuse(*arguments, **options): raise SystemExit("it asked the network")
socket.getaddrinfo = refuse
socket.socket.connect = refuse
from discovery.llm.litellm import load_litellm
load_litellm()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_the_redactor_knows_keys_by_the_names_of_their_variables() -> None:
    environment = {
        "OPENAI_API_KEY": "sk-first-secret",
        "HF_TOKEN": "hf_second-secret",
        "DB_PASSWORD": "third-secret",
        "aws_secret": "fourth-secret",
        "HOME": "/home/somebody",
        "SHORT_KEY": "EMPTY",
        "KEYBOARD_LAYOUT": "de-latin1-nodeadkeys",
    }
    redactor = Redactor(["sk-first-secret-and-more"], environment)
    text = redactor.text("sk-first-secret hf_second-secret third-secret fourth-secret sk-first-secret-and-more.")
    assert text == "[key] [key] [key] [key] [key]."
    kept = "EMPTY /home/somebody de-latin1-nodeadkeys"
    assert redactor.text(kept) == kept


def test_the_key_of_a_run_is_struck_out(setting: object, monkeypatch: pytest.MonkeyPatch) -> None:
    from model_setting import Setting

    assert isinstance(setting, Setting)
    monkeypatch.setenv("MY_VARIABLE", "a-secret-of-mine")
    llm = LLMConfig(models=("m",), base_url=setting.server.url, key_variable="MY_VARIABLE")
    with setting.journal(write=True) as journal:
        gateway = open_gateway(journal, RunConfig(llm=llm))
        assert gateway._redactor.text("a-secret-of-mine") == "[key]"
        asyncio.run(gateway.close())
