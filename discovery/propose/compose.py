"""What a model is asked: the prompt of a proposal, within the context's limit.

A prompt that is too long is shortened in a fixed order, what is worth least first: what was tried lately, examples,
feedback beyond its beginning, the best so far, lessons, advice; then the description of the language. The statement,
the parents' programs and a person's hints always stay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from discovery.config import AgentConfig
from discovery.errors import ConfigError
from discovery.feedback import LEVELS, Level, new_marker, render
from discovery.feedback.text import cut
from discovery.llm import Message
from discovery.model import Program, Proposal
from discovery.propose._base import Context, Parent, Told
from discovery.propose.prompts import Prompts

__all__ = ["Composer", "Prompt", "tokens"]

_CHARACTERS_PER_TOKEN = 3.2
_HINTS, _HINT = 8, 600
_REPLY = 12_000


def tokens(messages: Sequence[Message]) -> int:
    """Tokens of `messages`, estimated from their length, on the high side for code."""
    return round(sum(len(message.content) + 12 for message in messages) / _CHARACTERS_PER_TOKEN)


@dataclass(frozen=True)
class Prompt:
    """The first messages of a conversation.

    Attributes:
        messages: System and user message.
        marker: Of its untrusted parts.
        base: Program that edits apply to, or None.
        edits: Whether edits were asked for.
        named: What the base is called in it.
        trimmed: What was left out for want of room.
    """

    messages: tuple[Message, ...]
    marker: str
    base: Program | None
    edits: bool
    named: str = ""
    trimmed: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Matter:
    """What goes into a prompt, and may be reduced."""

    recent: tuple[Told, ...]
    best: tuple[Told, ...]
    lessons: tuple[str, ...]
    level: Level
    feedback: int = 6000
    advice: bool = True
    examples: bool = True
    language: str = ""


class Composer:
    """Makes prompts.

    Args:
        prompts: The run's templates.
        config: Limits.
        level: How much of a verdict is told.
    """

    def __init__(self, prompts: Prompts, config: AgentConfig, level: Level) -> None:
        self._prompts, self._config, self._level = prompts, config, level

    def role(self, proposal: Proposal) -> str:
        """The template of a proposal's operator."""
        if not proposal.parents:
            return "initializer"
        return "crossover" if len(proposal.parents) > 1 else "mutator"

    def variant(self, proposal: Proposal, context: Context) -> str:
        """The variant that the strategy named, else one drawn; "" for a role without any.

        Raises:
            ConfigError: there is no prompt for the one it named.
        """
        role = self.role(proposal)
        found = self._prompts.variants(role)
        if proposal.variant and found and proposal.variant not in found:
            raise ConfigError(
                f"the strategy asks for variant {proposal.variant!r} of {role}, which has no prompt",
                hint=f"{role} has: {', '.join(found)}",
            )
        return (proposal.variant or context.rng.choice(found)) if found else ""

    def propose(
        self, proposal: Proposal, context: Context, variant: str, *, whole: bool = False, limit: int | None = None
    ) -> Prompt:
        """The prompt of a proposal.

        Args:
            variant: From `variant`.
            whole: Ask for a whole program, also of a long one.
            limit: Tokens, below the configured limit.
        """
        base = context.parents[0].program if context.parents else None
        edits = base is not None and not whole and base.source.count("\n") >= self._config.edits_from
        marker = new_marker(context.rng)
        limit = min(limit or self._config.context_tokens, self._config.context_tokens)
        best = context.best[: self._config.best]
        among = {told.index for told in best}
        tried = tuple(told for told in context.recent if told.index not in among)
        matter = _Matter(
            recent=_last(tried, self._config.recent),
            best=best,
            lessons=context.lessons,
            level=self._level,
        )
        trimmed: list[str] = []
        messages = self._messages(proposal, context, variant, matter, marker, edits)
        for name, reduce in _REDUCTIONS:
            if tokens(messages) <= limit:
                break
            smaller = reduce(matter)
            if smaller == matter:
                continue
            matter = smaller
            trimmed += [name] if name not in trimmed else []
            messages = self._messages(proposal, context, variant, matter, marker, edits)
        if (over := tokens(messages) - limit) > 0:
            language = self._prompts.brief.language
            room = max(500, len(language) - round((over + 50) * _CHARACTERS_PER_TOKEN))
            if room < len(language):
                matter = replace(matter, language=cut(language, room))
                trimmed.append("description of the language")
                messages = self._messages(proposal, context, variant, matter, marker, edits)
        return Prompt(messages, marker, base, edits, _base(proposal), tuple(trimmed))

    def _messages(
        self, proposal: Proposal, context: Context, variant: str, matter: _Matter, marker: str, edits: bool
    ) -> tuple[Message, ...]:
        system = self._prompts.brief_values(advice=matter.advice, examples=matter.examples, language=matter.language)
        values: dict[str, Any] = {
            "edits": edits,
            "base": _base(proposal),
            "recent": matter.recent,
            "best": matter.best,
            "lessons": matter.lessons,
            "hints": [" ".join(hint.split())[:_HINT] for hint in context.hints[-_HINTS:]],
        }
        role = self.role(proposal)
        if role != "initializer":
            values |= {"variant": variant, "parents": [self._parent(part, matter, marker) for part in context.parents]}
        return (
            Message("system", self._prompts.render("system", marker, **system)),
            Message("user", self._prompts.render(role, marker, **values)),
        )

    def _parent(self, parent: Parent, matter: _Matter, marker: str) -> dict[str, Any]:
        program, verdict = parent.program, parent.verdict
        told = "It is still being evaluated."
        if verdict is not None:
            told = render(
                verdict.record,
                verdict,
                matter.level,
                marker=marker,
                estimate=parent.estimate,
                measured=parent.measured,
                near="" if parent.like is None else f"#{parent.like}",
                limit=matter.feedback,
            )
        return {
            "id": program.id,
            "index": parent.index,
            "source": program.source,
            "score": parent.estimate,
            "status": "" if verdict is None else verdict.status,
            "feedback": told,
        }

    def answered(self, prompt: Prompt, reply: str, **values: Any) -> tuple[Message, ...]:
        """The conversation after an answer that calls for another: `repairer` with these values.

        A very long answer is quoted in part; of an empty one, which some servers refuse, nothing is.
        """
        given = {"known": None, "whole": False, "problem": "", "edits": prompt.edits, "base": prompt.named, **values}
        text = self._prompts.render("repairer", prompt.marker, **given)
        if not reply.strip():
            *before, last = prompt.messages
            return (*before, Message("user", f"{last.content}\n\n{text}"))
        return (*prompt.messages, Message("assistant", cut(reply, _REPLY)), Message("user", text))

    def reflect(self, told: Sequence[Told], lessons: Sequence[str], marker: str) -> tuple[Message, ...]:
        """The prompt that asks for lessons."""
        text = self._prompts.render(
            "reflector", marker, told=list(told), lessons=list(lessons), limit=self._config.lessons
        )
        system = self._prompts.render("system", marker, **self._prompts.brief_values(examples=False))
        return (Message("system", system), Message("user", text))


def _base(proposal: Proposal) -> str:
    """What prompts call the program that edits apply to."""
    return "program A" if len(proposal.parents) > 1 else "the program"


def _last(items: tuple[Told, ...], count: int) -> tuple[Told, ...]:
    return items[-count:] if count else ()


def _lower(matter: _Matter) -> _Matter:
    return replace(matter, level=LEVELS[max(0, LEVELS.index(matter.level) - 1)])


_REDUCTIONS: tuple[tuple[str, Callable[[_Matter], _Matter]], ...] = (
    ("outcomes tried lately", lambda matter: replace(matter, recent=_last(matter.recent, 4))),
    ("examples", lambda matter: replace(matter, examples=False)),
    ("feedback", lambda matter: replace(matter, feedback=min(matter.feedback, 2500))),
    ("outcomes tried lately", lambda matter: replace(matter, recent=())),
    ("the best so far", lambda matter: replace(matter, best=matter.best[:2])),
    ("feedback", lambda matter: replace(matter, feedback=min(matter.feedback, 1000))),
    ("lessons", lambda matter: replace(matter, lessons=matter.lessons[-3:])),
    ("the best so far", lambda matter: replace(matter, best=())),
    ("feedback", _lower),
    ("lessons", lambda matter: replace(matter, lessons=())),
    ("advice", lambda matter: replace(matter, advice=False)),
    ("feedback", _lower),
    ("feedback", lambda matter: replace(matter, level="score", feedback=300)),
)
