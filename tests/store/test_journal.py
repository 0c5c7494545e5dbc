"""What is written is what is read, under any sequence of operations."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from discovery.errors import ConfigError, JournalError, NotFound
from discovery.events import Alarm, Judged
from discovery.model import STATUSES, Program, Proposal, Verdict, content_key
from discovery.store import Asked, Journal, ModelCall, Outcome, RunMeta

KEYS = [content_key(word) for word in ("ant", "bee", "cat", "doe", "elk")]
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(), max_size=20)
PLAIN: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def verdicts(draw: st.DrawFn, stage: str | None = None) -> Verdict:
    status = draw(st.sampled_from(STATUSES))
    return Verdict(
        status,
        score=draw(st.sampled_from([-1.0, 0.0, 0.5]) | NUMBERS) if status in ("scored", "proved") else None,
        cases=draw(st.dictionaries(TEXT, NUMBERS, max_size=3)),
        message=draw(TEXT),
        evidence=draw(st.dictionaries(TEXT, PLAIN, max_size=2)),
        stage=draw(st.sampled_from(["probe", "full"])) if stage is None else stage,
        replicate=draw(st.integers(0, 1)) if stage is None else 0,
        advance=draw(st.booleans()),
        wall_seconds=draw(st.floats(0, 1e6)),
        clock_limited=draw(st.booleans()),
        record=draw(st.none() | st.dictionaries(TEXT, PLAIN, max_size=2)),
    )


class JournalLaws(RuleBasedStateMachine):
    """The journal against lists and dictionaries."""

    def __init__(self) -> None:
        super().__init__()
        self.parent = Path(tempfile.mkdtemp())
        self.proposals: list[tuple[Proposal, str, str | None, bool]] = []
        self.sources: dict[str, tuple[str, int]] = {}
        self.judged: dict[str, list[Verdict]] = {}
        self.concluded: list[Outcome] = []
        self.final: dict[str, Verdict] = {}
        self.notes: list[Any] = []

    @initialize(config=st.dictionaries(TEXT, PLAIN, max_size=3))
    def create(self, config: dict[str, Any]) -> None:
        self.meta = RunMeta("r", "toy", config, {}, {}, "2026-01-02T15:04:05+00:00")
        self.journal = Journal.create(self.parent / "r", self.meta)

    def teardown(self) -> None:
        try:
            if hasattr(self, "journal"):
                self.everything_reads_back()
                self.journal.close()
        finally:
            shutil.rmtree(self.parent)

    def _proposal(self, operator: str, parents: list[str]) -> Proposal:
        return Proposal(len(self.proposals), operator, tuple(parents), seen=len(self.concluded))

    def _conclude(self, outcome: Outcome | None, index: int, key: str | None, verdict: Verdict) -> None:
        assert outcome == Outcome(len(self.concluded) + 1, self.proposals[index][0], key, verdict)
        self.concluded.append(outcome)
        if key is not None:
            self.final.setdefault(key, verdict)

    @rule(key=st.sampled_from(KEYS), source=TEXT, operator=TEXT, parents=st.lists(st.sampled_from(KEYS), max_size=2))
    def propose(self, key: str, source: str, operator: str, parents: list[str]) -> None:
        proposal = self._proposal(operator, parents)
        new = self.journal.add_proposal(proposal, source, Program(source, key, "skeleton"))
        assert new == (key not in self.sources)
        self.proposals.append((proposal, source, key, not new))
        self.sources.setdefault(key, (source, proposal.index))

    @rule(source=TEXT, verdict=verdicts(stage=""))
    def reject(self, source: str, verdict: Verdict) -> None:
        proposal = self._proposal("mutate", [])
        outcome = self.journal.add_rejection(proposal, source, verdict)
        self.proposals.append((proposal, source, None, False))
        self._conclude(outcome, proposal.index, None, verdict)

    def _open(self) -> list[int]:
        done = {outcome.index for outcome in self.concluded}
        return [row[0].index for row in self.proposals if row[0].index not in done]

    @precondition(lambda self: self._open())
    @rule(data=st.data(), verdict=verdicts(), concludes=st.booleans())
    def judge(self, data: st.DataObject, verdict: Verdict, concludes: bool) -> None:
        index = data.draw(st.sampled_from(self._open()))
        key = self.proposals[index][2]
        assert key is not None
        told = self.judged.setdefault(key, [])
        again = any((v.stage, v.replicate) == (verdict.stage, verdict.replicate) for v in told)
        if again or (concludes and verdict.replicate and key not in self.final):
            with pytest.raises(JournalError):
                self.journal.add_verdict(key, verdict, index if concludes else None)
            return
        outcome = self.journal.add_verdict(key, verdict, index if concludes else None)
        told.append(verdict)
        if concludes:
            self._conclude(outcome, index, key, verdict)
        else:
            assert outcome is None

    @precondition(lambda self: self.proposals)
    @rule(data=st.data())
    def conclude(self, data: st.DataObject) -> None:
        index = data.draw(st.sampled_from(range(len(self.proposals))))
        key = self.proposals[index][2]
        told = [verdict for verdict in self.judged.get(key or "", []) if verdict.replicate == 0]
        if index not in self._open() or not told:
            with pytest.raises(JournalError):
                self.journal.conclude(index)
            return
        self._conclude(self.journal.conclude(index), index, key, told[-1])

    @rule(data=PLAIN)
    def note(self, data: Any) -> None:
        self.journal.add_note("confirmation", data)
        self.notes.append(data)

    @rule()
    def reopen(self) -> None:
        self.journal.close()
        self.journal = Journal.open(self.parent / "r", write=True)

    @rule()
    def everything_reads_back(self) -> None:
        with Journal.open(self.parent / "r") as reader:
            assert reader.meta == self.meta
            rows = list(reader.proposals())
            assert [(r.proposal, r.source, r.key, r.repeat) for r in rows] == self.proposals
            assert reader.proposal_count() == len(self.proposals)
            assert reader.outcome_count() == len(self.concluded)
            rejected = sum(key is None for _, _, key, _ in self.proposals)
            assert reader.verdict_count() == rejected + sum(map(len, self.judged.values()))
            outcomes = {outcome.index: outcome for outcome in self.concluded}
            for row in rows:
                assert row.rejection == (outcomes[row.proposal.index].verdict if row.key is None else None)
                assert reader.proposal(row.proposal.index) == row
                assert reader.outcome(row.proposal.index) == outcomes.get(row.proposal.index)
            half = len(self.concluded) // 2
            assert list(reader.outcomes()) == self.concluded
            assert list(reader.outcomes(after=half)) == self.concluded[half:]
            found = {r.program.key: (r.program.source, r.first, r.verdict) for r in reader.programs()}
            assert found == {key: (*where, self.final.get(key)) for key, where in self.sources.items()}
            for key, told in self.judged.items():
                assert reader.verdicts(key) == told
            assert reader.notes("confirmation") == self.notes
            scored = [(key, verdict) for key, verdict in self.final.items() if verdict.score is not None]
            scored.sort(key=lambda pair: (-(pair[1].score or 0.0), self.sources[pair[0]][1]))
            assert reader.best(3) == scored[:3]


TestJournalLaws = JournalLaws.TestCase
TestJournalLaws.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def _program(word: str) -> Program:
    return Program(word, content_key(word))


def _scored(journal: Journal, index: int, word: str, score: float) -> None:
    journal.add_proposal(Proposal(index, "mutate"), word, _program(word))
    journal.add_verdict(content_key(word), Verdict("scored", score, stage="full"), concludes=index)


def test_any_text_is_kept(folder: Path, meta: RunMeta) -> None:
    source = "a\0b\r\n\ud800 \N{SNOWMAN}"
    with Journal.create(folder, meta) as journal:
        journal.add_proposal(Proposal(0, "seed", seed=0), source, _program(source))
        assert journal.program(content_key(source)).source == source
        assert journal.proposal(0).source == source


def test_equal_sources_are_stored_once(folder: Path, meta: RunMeta) -> None:
    source = "x" * 100_000
    with Journal.create(folder, meta) as journal:
        for index in range(20):
            journal.add_proposal(Proposal(index, "mutate"), source, _program(source))
    assert (folder / "run.db").stat().st_size < 400_000


def test_records_cannot_be_changed_or_deleted(folder: Path, meta: RunMeta) -> None:
    import sqlite3

    with Journal.create(folder, meta) as journal:
        journal.add_asked(Asked(Proposal(0, "mutate")))
        _scored(journal, 0, "a", 1.0)
        journal.add_note("export", {})
        journal.add_model_call(ModelCall(1, "generate", 0, "m", (("user", "one"),), "x", 1, 1, None))
    db = sqlite3.connect(folder / "run.db")
    tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    assert len(tables) == 9
    for table in tables:
        for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET id = 7", f"UPDATE {table} SET document = 7"):
            if "document" in statement and table not in ("asked", "proposal", "verdict", "model_call", "event"):
                continue
            statement = statement.replace("SET id", "SET position") if table == "outcome" else statement
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                db.execute(statement)
    db.close()


def test_programs_are_found_by_the_beginning_of_their_id(folder: Path, meta: RunMeta) -> None:
    with Journal.create(folder, meta) as journal:
        words = [str(number) for number in range(40)]
        for index, word in enumerate(words):
            _scored(journal, index, word, float(index))
        for word in words:
            key = content_key(word)
            assert journal.find(key) == journal.find(key[:12]) == journal.find(key[:12].upper()) == key
        assert journal.find("best") == content_key("39")
        shared = next(key for key in map(content_key, words) if sum(content_key(w)[0] == key[0] for w in words) > 1)[0]
        with pytest.raises(ConfigError, match="fits several"):
            journal.find(shared)
        with pytest.raises(NotFound, match="zebra"):
            journal.find("zebra")
        with pytest.raises(ConfigError):
            journal.find("")


def test_equal_scores_rank_by_first_proposal(folder: Path, meta: RunMeta) -> None:
    with Journal.create(folder, meta) as journal:
        for index, word in enumerate("abc"):
            journal.add_proposal(Proposal(index, "seed", seed=index), word, _program(word))
        for word, index in (("c", 2), ("a", 0), ("b", 1)):
            journal.add_verdict(content_key(word), Verdict("scored", 1.0, stage="full"), concludes=index)
        assert [key for key, _ in journal.best(3)] == [content_key(word) for word in "abc"]


def test_a_repeat_has_an_outcome_and_is_still_one_program(folder: Path, meta: RunMeta) -> None:
    with Journal.create(folder, meta) as journal:
        _scored(journal, 0, "a", 1.0)
        _scored(journal, 1, "b", 0.5)
        assert not journal.add_proposal(Proposal(2, "mutate"), "a  # again", Program("a  # again", content_key("a")))
        assert journal.conclude(2).verdict.score == 1.0
        assert [verdict.score for _, verdict in journal.best(3)] == [1.0, 0.5]
        assert [(row.program.source, row.first) for row in journal.programs()] == [("a", 0), ("b", 1)]


def test_a_failed_call_leaves_nothing_behind(folder: Path, meta: RunMeta) -> None:
    with Journal.create(folder, meta) as journal:
        _scored(journal, 0, "a", 1.0)
        bad = Verdict("scored", 1.0, evidence={"n": float("nan")}, stage="other")
        with pytest.raises(JournalError, match="finite"):
            journal.add_verdict(content_key("a"), bad)
        with pytest.raises(JournalError, match="recorded already"):
            journal.add_proposal(Proposal(0, "mutate"), "b", _program("b"))
        with pytest.raises(JournalError, match="did not bring"):
            journal.add_proposal(Proposal(1, "mutate"), "c", _program("c"))
            journal.add_verdict(content_key("a"), Verdict("scored", 1.0, stage="other"), concludes=1)
        with pytest.raises(JournalError, match="no program"):
            journal.add_verdict(content_key("z"), Verdict("scored", 1.0))
        assert [row.program.source for row in journal.programs()] == ["a", "c"]
        assert len(journal.verdicts(content_key("a"))) == 1


def test_events_are_kept_when_they_say_so(folder: Path, meta: RunMeta) -> None:
    with Journal.create(folder, meta) as journal:
        journal.add_event(Alarm("look", "key"))
        journal.add_event(Judged(0, "key", "scored", 1.0, "full", "", False, 0.1))
        (event,) = journal.events()
        assert event == {"time": event["time"], **Alarm("look", "key").to_json()}
        assert journal.last_event("Alarm") == event
        assert journal.last_event("Judged") is None


def test_a_reader_cannot_write(folder: Path, meta: RunMeta) -> None:
    Journal.create(folder, meta).close()
    with Journal.open(folder) as reader, pytest.raises(JournalError, match="not open for writing"):
        reader.add_note("export", {})
