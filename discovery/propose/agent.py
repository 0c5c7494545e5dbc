"""The agent: a model writes the program, and what is wrong with its answer goes back to it.

    compose ─► generate ─► extract ─► known? ─► submit
                  ▲            │         │
                  └── repair ◄─┴─────────┘

`extract` reads the answer and has the language check it. What fails goes to `repair`: the same conversation with the
exact error, at most `repair_turns` times, then a fresh start that asks for the whole program instead of edits. A
program that was judged before goes back too, `known_turns` times, before it costs an evaluation.

The graph lives in memory, for one proposal. It keeps nothing: the gateway journals each answer under (proposal, step,
attempt), so a proposal that is written again, after a crash or in a replay, walks the same way over the same answers.
Nothing here runs a program.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypedDict, cast

from discovery.config import AgentConfig
from discovery.errors import ConfigError
from discovery.feedback import Level, clean, new_marker
from discovery.feedback.text import cut
from discovery.llm import CallFailed, CallKey, Completes, ContextTooLong, Message, Refused, Reply
from discovery.model import JSON, MEASURE, Program, Proposal
from discovery.propose._base import Context, Draft, Proposer, Told
from discovery.propose.compose import Composer, Prompt, tokens
from discovery.propose.lessons import read_lessons
from discovery.propose.prompts import Prompts
from discovery.propose.replies import Reading, Unreadable, read
from discovery.randomness import stream
from discovery.task import Task, check_source

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

__all__ = ["Agent"]

#: Times that a prompt is shortened further when a model's context turns out smaller than configured.
_SHORTER = 3
#: Characters of an unusable answer that stand as the text of its proposal.
_KEPT = 4000


class _State(TypedDict, total=False):
    """What the graph knows of its proposal."""

    proposal: Proposal
    context: Context
    model: str
    variant: str
    prompt: Prompt
    messages: Sequence[Message]
    step: str
    attempts: dict[str, int]
    limit: int | None
    shorten: bool
    trimmed: tuple[str, ...]
    reply: Reply | None
    reading: Reading | None
    known: Told | None
    fault: Unreadable | None
    troubles: list[str]


class Agent(Proposer):
    """Writes programs with language models.

    Args:
        task: Gives the language.
        prompts: The run's prompts.
        gateway: Answers, durably.
        models: Names of the models, at least one; the first also writes lessons. For a proposal that names no model
            one is drawn.
        config: Turns and limits.
        level: How much of a verdict prompts tell.
        seed: The run's, for the markers of reflections.
    """

    version = 3

    def __init__(
        self,
        task: Task,
        prompts: Prompts,
        gateway: Completes,
        *,
        models: Sequence[str],
        config: AgentConfig,
        level: Level = "cases",
        seed: int = 0,
    ) -> None:
        self._task, self._gateway, self._models, self._config = task, gateway, tuple(models), config
        self._composer = Composer(prompts, config, level)
        self._seed = seed
        self.reflect_every = config.reflect_every

    async def propose(self, proposal: Proposal, context: Context) -> Draft:
        """Walk the graph.

        Raises:
            BudgetReached, ChatError: see `discovery.llm`; the proposal is not written.
        """
        if proposal.model and proposal.model not in self._models:
            raise ConfigError(f"proposal {proposal.index} asks for model {proposal.model!r}, which the run has not")
        state: _State = {
            "proposal": proposal,
            "context": context,
            "model": proposal.model or context.rng.choice(self._models),
            "variant": self._composer.variant(proposal, context),
            "attempts": {},
            "troubles": [],
        }
        turns = 4 * (self._config.repair_turns + self._config.known_turns + _SHORTER + 3)
        return self._draft(cast(_State, await self._graph.ainvoke(state, {"recursion_limit": turns})))

    async def reflect(self, index: int, told: Sequence[Told], lessons: Sequence[str]) -> tuple[str, ...]:
        """Have the first model fold what was told into the lessons. An answer without any leaves them as they are, and
        so does nothing but measurements anew: they bring no program."""
        told = [each for each in told if each.operator != MEASURE]
        if not told:
            return tuple(lessons)
        marker = new_marker(stream(self._seed, index, "reflect"))
        messages = self._composer.reflect(told, lessons, marker)
        try:
            reply = await self._gateway.complete(CallKey(index, "reflect"), messages, model=self._models[0])
        except CallFailed:
            return tuple(lessons)
        return read_lessons(reply.text, self._config.lessons) or tuple(lessons)

    def drain(self) -> None:
        """Have the gateway send nothing more."""
        self._gateway.drain()

    # The graph

    @cached_property
    def _graph(self) -> CompiledStateGraph[Any, Any, Any, Any]:
        from langgraph.graph import END, START, StateGraph

        graph = StateGraph(_State)
        graph.add_node("compose", self._compose)
        graph.add_node("generate", self._generate)
        graph.add_node("extract", self._extract)
        graph.add_node("repair", self._repair)
        graph.add_edge(START, "compose")
        graph.add_edge("compose", "generate")
        graph.add_conditional_edges(
            "generate",
            self._after_generate,
            {"extract": "extract", "compose": "compose", "repair": "repair", "submit": END},
        )
        graph.add_conditional_edges("extract", self._after_extract, {"repair": "repair", "submit": END})
        graph.add_edge("repair", "generate")
        return graph.compile()

    async def _compose(self, state: _State) -> _State:
        prompt = self._composer.propose(state["proposal"], state["context"], state["variant"], limit=state.get("limit"))
        return {"prompt": prompt, "messages": prompt.messages, "step": "generate", **self._noted(state, prompt)}

    def _noted(self, state: _State, prompt: Prompt) -> _State:
        """What was left out of the prompts so far, this one among them."""
        trimmed = tuple(dict.fromkeys((*state.get("trimmed", ()), *prompt.trimmed)))
        new = ["prompt trimmed"] if trimmed and "prompt trimmed" not in state["troubles"] else []
        return {"trimmed": trimmed, "troubles": [*state["troubles"], *new]}

    async def _generate(self, state: _State) -> _State:
        index, step, attempts = state["proposal"].index, state["step"], dict(state["attempts"])
        key = CallKey(index, step, attempts.get(step, 0))
        attempts[step] = key.attempt + 1
        update: _State = {"attempts": attempts, "reply": None, "shorten": False}
        try:
            reply = await self._gateway.complete(key, state["messages"], model=state["model"])
        except ContextTooLong as error:
            fault = Unreadable("context too long", error.message)
            if step != "differ" and attempts[step] <= _SHORTER:
                update |= {"shorten": True, "limit": _shorter(state["messages"], error.limit)}
        except CallFailed as error:
            fault = Unreadable("refusal" if isinstance(error, Refused) else "call failed", error.message)
        else:
            return {**update, "reply": reply, "fault": None}
        return {**update, "fault": fault, "troubles": [*state["troubles"], fault.trouble]}

    def _after_generate(self, state: _State) -> Literal["extract", "compose", "repair", "submit"]:
        if state["reply"] is not None:
            return "extract"
        if not state["shorten"]:
            return "submit"
        return "compose" if state["step"] == "generate" else "repair"

    async def _extract(self, state: _State) -> _State:
        reply, parents, troubles = state["reply"], state["context"].parents, list(state["troubles"])
        assert reply is not None
        base = parents[0].program if parents else None
        try:
            reading = read(reply.text, self._check, base, cut_short=reply.finish == "length")
        except Unreadable as fault:
            return {"fault": fault, "troubles": [*troubles, fault.trouble]}
        known = state["context"].known(reading.program.key)
        troubles += ["instruction-like reply"] if reading.instructs else []
        troubles += ["known program"] if known is not None else []
        return {"reading": reading, "known": known, "fault": None, "troubles": troubles}

    def _check(self, source: str) -> Program:
        return check_source(self._task, source)

    def _after_extract(self, state: _State) -> Literal["repair", "submit"]:
        attempts = state["attempts"]
        if state["fault"] is not None:
            # With a program in hand, known though it is, no more is spent on one that cannot be read.
            return "submit" if state.get("reading") or attempts.get("rewrite") else "repair"
        again = state["known"] is not None and attempts.get("differ", 0) < self._config.known_turns
        return "repair" if again else "submit"

    async def _repair(self, state: _State) -> _State:
        """The next messages: what was wrong with the answer, or that its program is known."""
        prompt, reply, fault = state["prompt"], state["reply"], state["fault"]
        if fault is None:
            assert reply is not None
            messages = self._composer.answered(prompt, reply.text, known=state["known"])
            return {"messages": messages, "step": "differ"}
        if reply is not None and state["attempts"].get("repair", 0) < self._config.repair_turns:
            text = "" if fault.trouble == "oversized reply" else reply.text
            return {"messages": self._composer.answered(prompt, text, problem=str(fault)), "step": "repair"}
        prompt = self._composer.propose(
            state["proposal"], state["context"], state["variant"], whole=True, limit=state.get("limit")
        )
        messages = self._composer.answered(prompt, "", problem=str(fault), whole=True)
        return {"prompt": prompt, "messages": messages, "step": "rewrite", **self._noted(state, prompt)}

    def _draft(self, state: _State) -> Draft:
        reading, fault, reply = state.get("reading"), state["fault"], state["reply"]
        notes: dict[str, JSON] = {
            "model": state["model"],
            "role": self._composer.role(state["proposal"]),
            "variant": state["variant"],
            "calls": sum(state["attempts"].values()),
            "troubles": state["troubles"],
        }
        if trimmed := state.get("trimmed"):
            notes["trimmed"] = list(trimmed)
        if reading is not None:
            notes |= {"how": reading.how, "mended": list(reading.mended)}
            return Draft(reading.program.source, idea=reading.idea, notes=notes)
        assert fault is not None
        text = "" if reply is None else cut(clean(reply.text), _KEPT)
        return Draft(text, refusal=f"{fault.trouble}: {fault}", notes=notes)


def _shorter(messages: Sequence[Message], limit: int | None) -> int:
    """Tokens for the next, shorter prompt: well below what was too long, and below what the server names."""
    shorter = round(0.6 * tokens(messages))
    return max(300, shorter if limit is None else min(shorter, round(0.5 * limit)))
