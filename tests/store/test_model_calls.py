"""Model calls in the journal: kept whole, once, never changed; and what they cost in all."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from discovery.errors import JournalError
from discovery.store import Journal, ModelCall, RunMeta, Spending

CALL = ModelCall(
    proposal=3,
    step="generate",
    attempt=0,
    model="openai/m",
    prompt=(("system", "You write programs."), ("user", "One, please.")),
    text="```\nx = 1\n```",
    input_tokens=11,
    output_tokens=7,
    usd=0.25,
    details={"finish": "stop"},
)


def test_a_call_is_read_back_as_it_was_committed(folder: Path, meta: RunMeta) -> None:
    with Journal.create(folder, meta) as journal:
        journal.add_model_call(CALL)
        again = replace(CALL, attempt=1, text="", usd=None)
        journal.add_model_call(again)
        journal.add_model_call(replace(CALL, proposal=4))
    with Journal.open(folder) as journal:
        found = journal.model_call(3, "generate", 0)
        assert found is not None and found.created and replace(found, created="") == CALL
        assert journal.model_call(3, "generate", 2) is None and journal.model_call(3, "repair", 0) is None
        assert [(call.proposal, call.attempt) for call in journal.model_calls()] == [(3, 0), (3, 1), (4, 0)]
        assert [replace(call, created="") for call in journal.model_calls(3)] == [CALL, again]
        assert journal.spending() == Spending(calls=3, tokens=54, usd=0.5, unpriced=1)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters()), content=st.text(st.characters()))
def test_any_text_is_kept(folder: Path, meta: RunMeta, text: str, content: str) -> None:
    with Journal.open(folder, write=True) if folder.exists() else Journal.create(folder, meta) as journal:
        call = replace(CALL, proposal=journal.spending().calls, prompt=(("user", content),), text=text)
        journal.add_model_call(call)
        found = journal.model_call(call.proposal, call.step, call.attempt)
        assert found is not None and (found.prompt, found.text) == (call.prompt, call.text)


def test_a_key_is_committed_once(folder: Path, meta: RunMeta) -> None:
    with Journal.create(folder, meta) as journal:
        assert journal.spending() == Spending(0, 0, 0.0, 0)
        journal.add_model_call(CALL)
        with pytest.raises(JournalError, match=r"3-generate-0 .* recorded already"):
            journal.add_model_call(replace(CALL, text="another"))
        assert journal.spending().calls == 1


def test_texts_that_prompts_share_are_stored_once(folder: Path, meta: RunMeta) -> None:
    system = "long " * 20_000
    with Journal.create(folder, meta) as journal:
        for index in range(50):
            journal.add_model_call(replace(CALL, proposal=index, prompt=(("system", system), ("user", str(index)))))
    assert sum(path.stat().st_size for path in folder.iterdir()) < 5 * len(system)


def test_a_run_of_an_older_schema_says_what_to_do(folder: Path, meta: RunMeta) -> None:
    Journal.create(folder, meta).close()
    db = sqlite3.connect(folder / "run.db")
    db.execute("PRAGMA user_version = 1")
    db.close()
    for write in (False, True):
        with pytest.raises(JournalError, match="schema version 1; this discovery reads version 2") as caught:
            Journal.open(folder, write=write)
        assert "version of discovery that wrote it" in caught.value.hint
