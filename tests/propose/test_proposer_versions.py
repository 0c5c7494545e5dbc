"""A run is taken up, or replayed, only by a proposer that does what its own did; and what proposers do does not change
unsaid. Templates may: a run keeps its own."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Any, cast

import pytest

from discovery.config import AgentConfig
from discovery.llm import CallFailed, CallKey, ContextTooLong, Message, Refused, Reply, Usage
from discovery.model import Program, Proposal, Rejected, Verdict, content_key
from discovery.propose import Agent, Brief, Context, Draft, Parent, Prompts, Proposer, Symbolic, Told
from discovery.propose.replies import Reading, Trouble, Unreadable
from discovery.task import Seed, Task

#: Proposer to its version, and a digest of what it asks and writes in made-up contexts.
STEPS = {Agent: (3, "bfa8cf2879ad7de0"), Symbolic: (1, "54db286a2d219d9f")}

HISTORY = "{{ recent | outcomes }}|{{ best | outcomes }}|{{ lessons | bullets }}|{{ hints }}|{{ edits }}|{{ base }}"
PARENTS = "{% for parent in parents %}{{ parent }}{% endfor %}"
TEMPLATES = {
    "system": "{{ statement }}|{{ score_name }}|{{ language }}|{{ advice }}|{{ examples }}",
    "initializer": HISTORY,
    "mutator": f"{{{{ variant }}}}|{PARENTS}|{HISTORY}",
    "mutator/one": "",
    "mutator/two": "",
    "crossover": f"{{{{ variant }}}}|{PARENTS}|{HISTORY}",
    "crossover/one": "",
    "crossover/two": "",
    "repairer": "{{ problem }}|{{ known }}|{{ whole }}|{{ edits }}|{{ base }}",
    "reflector": "{{ told | outcomes }}|{{ lessons | bullets }}|{{ limit }}",
    "parent": "",
    "history": "",
    "answer": "",
}
LINES = "\n".join(f"x{number} = {number}" for number in range(60))
#: Replies as they come. `read` here takes a program as it stands, and `NAME!` for the trouble of that name: how replies
#: are read is pinned by the runs recorded under `examples/`.
REPLIES: tuple[tuple[str | Exception, ...], ...] = (
    ("x = 7",),
    ("no program!", "not accepted!", "oversized reply!", "x = 7"),
    ("no program!",) * 9,
    ("x = 1", "x = 7"),
    ("x = 1", "no program!"),
    ("", "x = 7"),
    (ContextTooLong("too long", limit=900), "x = 7", "x = 7"),
    (ContextTooLong("too long"),) * 9,
    (Refused("flagged"),),
    ("refusal!", CallFailed("broken")),
)


def read_plainly(text: str, check: Callable[[str], Program], base: Program | None, *, cut_short: bool) -> Reading:
    """In the reader's place."""
    if text.endswith("!") or not text:
        raise Unreadable(cast(Trouble, text.rstrip("!") or "empty reply"), f"of {len(text)} characters")
    return Reading(check(text), "a thought", "program", (), cut_short)


class Language:
    """Programs are lines `name = number`."""

    def check(self, source: str) -> Program:
        if not all("=" in line for line in source.split("\n") if line.strip()):
            raise Rejected("expected lines `name = number`", 1, 1)
        return Program(source, content_key(source.strip()))

    def describe(self) -> str:
        return "Lines `name = number`. " * 40

    def mutate(self, program: Program, rng: random.Random, edits: int = 1) -> str:
        return f"{program.source.strip()}\nm = {rng.randrange(1000)} = {edits}\n"

    def cross(self, first: Program, second: Program, rng: random.Random) -> str:
        if first.key == second.key:
            raise Rejected("too alike")
        return f"{first.source.strip()}\nc = {rng.randrange(1000)}\n{second.source}"

    def answer(self, program: Program, verdict: Verdict, rng: random.Random) -> str:
        return f"a = {rng.randrange(4)}\n"


class Lines(Task):
    name, statement, score_name, language = "lines", "Write lines.", "length", Language()
    advice = "Be short."

    def seeds(self) -> Sequence[Seed]:
        return [Seed("one", "x = 1\n"), Seed("long", LINES + "\n")]

    def examples(self) -> Sequence[Seed]:
        return [Seed("one", "x = 1\n")]

    evaluate = confirm = export = verify = None  # type: ignore[assignment]


Lines.__abstractmethods__ = frozenset()


class Script:
    """A gateway that answers from a list, and keeps what it was asked."""

    def __init__(self) -> None:
        self.replies, self.asked = list[str | Exception](), list[Any]()

    async def complete(self, key: CallKey, messages: Sequence[Message], *, model: str, **_: Any) -> Reply:
        self.asked.append([str(key), [[message.role, message.content] for message in messages], model])
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return Reply(reply, Usage(1, 1), model, "stop")

    def drain(self) -> None:
        """Nothing waits."""


def contexts(task: Task) -> Iterator[tuple[Proposal, Context]]:
    """Proposals with none, one and two parents, short and long, with and without a history."""
    check = task.language.check
    told = [
        Told(3, "mutate", check("x = 1\n").key, "scored", 0.5, "as said", "an idea", gain=0.1),
        Told(4, "cross", None, "rejected", None, "word " * 60, measured=2, like=3),
        Told(5, "mutate", check("y = 1\n").key, "scored", -2.5, gain=-1e-12, measured=3),
    ]
    table = {each.key: each for each in told} | {check(f"a = {value}").key: told[0] for value in range(4)}
    verdict = Verdict("scored", 0.5, {"even": 0.5, "odd": 0.25}, stage="last", message="a message")
    failed = Verdict("error", message="ZeroDivisionError: no")
    for number, sources in enumerate(
        ((), ("x = 1\n",), (LINES,), ("x = 1\n", LINES), (LINES, LINES), (LINES, "z = 1\n"))
    ):
        for history in (False, True):
            parents = tuple(
                Parent(check(source), (None, verdict, failed)[(number + place) % 3], 0.4, 2, 1, 6 + place)
                for place, source in enumerate(sources)
            )
            kind = ("init", "mutate", "cross")[len(sources)]
            keys = tuple(parent.program.key for parent in parents)
            more: dict[str, Any] = {"recent": tuple(told), "best": tuple(told[:1]), "lessons": ("a lesson",)}
            more |= {"hints": ("a hint",) * 9, "known": lambda key: table.get(key)}
            yield (
                Proposal(7 + number, kind, keys, edits=1 + number, model="b" * history),
                Context(random.Random(number), parents, **(more if history else {})),
            )


async def proposed(proposer: Proposer, proposal: Proposal, context: Context) -> Any:
    try:
        draft = await proposer.propose(proposal, context)
    except Rejected as error:
        draft = Draft("", refusal=str(error))
    return [draft.source, draft.refusal, draft.idea, dict(draft.notes)]


def steps_of_the_agent(task: Task) -> Any:
    found = []
    for tokens in (24_000, 700):
        script = Script()
        config = AgentConfig(context_tokens=tokens)
        agent = Agent(task, Prompts(TEMPLATES, Brief.of(task)), script, models=["a", "b"], config=config, seed=3)
        for number, replies in enumerate(REPLIES):
            for proposal, context in list(contexts(task))[number % 3 :: 3]:
                script.replies = [*replies, *["no program!"] * 20]
                found.append(asyncio.run(proposed(agent, proposal, context)))
        for answer in ("- one lesson of words\n1. another lesson here", "none"):
            script.replies = [answer]
            told = [Told(3, "mutate", None, "scored", 0.5, "as said", "an idea", gain=0.1)]
            found.append(list(asyncio.run(agent.reflect(9, told, ["an old lesson"]))))
        found.append(script.asked)
    return found


def steps_of_the_symbolic(task: Task) -> Any:
    return [asyncio.run(proposed(Symbolic(task), *each)) for _ in range(6) for each in contexts(task)]


@pytest.mark.parametrize(("proposer", "steps"), [(Agent, steps_of_the_agent), (Symbolic, steps_of_the_symbolic)])
def test_who_changes_the_steps_of_a_proposer_raises_its_version(
    proposer: type[Proposer], steps: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When this fails and is meant to: raise `version` of the proposer's class, and write the new digest above. Runs
    recorded under `examples/` with a model have to be recorded anew, where it is the agent."""
    monkeypatch.setattr("discovery.propose.agent.read", read_plainly)
    digest = sha256(json.dumps(steps(Lines()), default=str).encode()).hexdigest()[:16]
    assert (proposer.version, digest) == STEPS[proposer]
