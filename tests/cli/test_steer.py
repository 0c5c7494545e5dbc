"""Taking part by hand: `discovery steer`, from the shell."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from discovery.llm import CallKey, Message
from discovery.llm._base import Request
from discovery.llm.queue import QueueChat
from discovery.store import Journal, RunMeta


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of which two prompts wait."""
    folder = tmp_path / "runs" / "toy-1"
    Journal.create(folder, RunMeta("toy-1", "toy", {}, {}, {}, "2026-01-02T15:04:05+00:00")).close()

    async def put() -> None:
        chat = QueueChat(folder)
        requests = [
            Request(CallKey(number, "generate"), (Message("user", f"prompt {number}"),), 100) for number in (2, 11)
        ]
        asking = [asyncio.create_task(chat.complete(request)) for request in requests]
        while len(list((folder / "inbox").glob("*.md")) if (folder / "inbox").exists() else []) < 2:
            await asyncio.sleep(0.01)
        for task in asking:
            task.cancel()

    asyncio.run(put())
    return folder


def test_what_waits_is_listed_shown_and_answered(here: Callable[..., Any], run: Path, tmp_path: Path) -> None:
    listed = here("steer", "toy-1", "inbox", cwd=tmp_path)
    assert (listed.returncode, listed.stdout.split()) == (0, ["2-generate-0", "11-generate-0"])
    shown = here("steer", "@last", "inbox", "11-generate-0", cwd=tmp_path)
    assert "prompt 11" in shown.stdout
    (tmp_path / "reply.md").write_text("```\nx = 1\n```\n")
    answered = here("steer", "@last", "answer", "2-generate-0", "--file", "reply.md", cwd=tmp_path)
    assert answered.returncode == 0 and "discovery resume" in answered.stderr
    assert (run / "outbox" / "2-generate-0.md").read_text() == "```\nx = 1\n```\n"
    found = json.loads(here("steer", "@last", "inbox", "--json", cwd=tmp_path).stdout)
    assert found["schema"] == "discovery.steer/1"
    assert [(item["id"], item["answered"]) for item in found["waiting"]] == [
        ("2-generate-0", True),
        ("11-generate-0", False),
    ]


def test_an_answer_comes_from_standard_input(
    here: Callable[..., Any], run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("Grüße".encode())))
    assert here("steer", "@last", "answer", "2-generate-0", cwd=tmp_path).returncode == 0
    assert (run / "outbox" / "2-generate-0.md").read_text() == "Grüße"


def test_mistakes(here: Callable[..., Any], run: Path, tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"Gr\xfc\xdfe")
    (tmp_path / "empty").write_bytes(b"")
    for arguments, code, said in (
        (("answer", "3-generate-0", "--file", "empty"), 3, "2-generate-0, 11-generate-0"),
        (("answer", "2-generate-0", "--file", "missing"), 3, "cannot read missing"),
        (("answer", "2-generate-0", "--file", "latin"), 2, "not text in UTF-8"),
        (("answer", "2-generate-0", "--file", "empty"), 2, "empty"),
        (("answer", "2-generate-0", "reply.md"), 2, "answer 2-generate-0 --file reply.md`"),
        (("inbox", "3-generate-0"), 3, "no prompt '3-generate-0'"),
    ):
        result = here("steer", "@last", *arguments, cwd=tmp_path)
        assert result.returncode == code and said in result.stderr
    assert here("steer", "nothing", "inbox", cwd=tmp_path).returncode == 3
    assert not list((run / "outbox").iterdir())


def test_a_run_says_where_its_prompts_wait(here: Callable[..., Any], home: Path) -> None:
    result = here("run", "./toy", "--model", "queue", "--max-proposals", "1", "--display", "none", cwd=home)
    (folder,) = (home / "runs").iterdir()
    assert result.returncode == 0 and f"discovery steer {Path('runs') / folder.name} inbox" in result.stderr
