"""Edits that answer a program's worst case, as a mathematician would: they read which lines are tight in it.

In the worst state found, a *tight* line offers no more than the program's bound. What can cut such a state off is a
strategy that does well there. So a best response is built to a profile of a tight line, or to the mixture which is best
on the line, or to a mixture of one of its strategies with another; or a block between two players at the strategies of
a tight line, with what the others answer; and an assumption whose sides differ in the state, which the state or its
mirror image does not meet. The weight of a mixture may depend on the game, and then is what it is only in the state.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from discovery.grammar.build import check
from discovery.grammar.ir import Arg, Block, Const, Form, Ref, Statement
from discovery.model import Rejected
from discovery.tasks.nash.edits import added, assumptions, drawn, full, half, with_assumption, without_assumption
from discovery.tasks.nash.reduce import improved
from discovery.tasks.nash.symmetric import everywhere
from discovery.tasks.nash.weights import affine, regret

if TYPE_CHECKING:
    from discovery.tasks.nash.vocabulary import Words

__all__ = ["answered"]

_DRAWS = 40

#: Probability that the mixture of a tight line is built where it is one; that all players respond to it, where more
#: than one may; that a block between two players is built instead; and that another assumption is made.
_MIXTURE, _EVERYONE, _PAIR, _ASSUMPTION = 0.7, 0.4, 0.25, 0.4

#: Probability that a strategy of a tight line that mixes none is mixed with another one, and that responded to.
_BLEND = 0.3

#: Probability that a mixture's weight depends on the game, being what it is in the worst case only there.
_DEPENDENT = 0.2

#: Probability, with more than two players, that what is built for some is built for all.
_ALIKE = 0.6

#: How far apart the sides of an assumption must be in the worst state.
_APART = Fraction(1, 1000)


def answered(form: Form, worst: Mapping[str, Any], known: Words, rng: random.Random) -> Form:
    """`form` with statements that answer `worst`, a counterexample as `Counterexample.to_json` gives it.

    Raises:
        Rejected: nothing was found, as when the counterexample names strategies that the form lacks.
    """
    before = _strategies(form, known)
    index = min(int(worst["case"]), len(form.blocks)) - 1
    tight = [each for each in worst["lines"] if each["label"] in worst["tight_lines"] and "line of" in each["label"]]
    for _ in range(_DRAWS if tight else 0):
        draft = _Draft(form.blocks[index], known, worst["values"], rng)
        if len(form.blocks) == 1 and rng.random() < _ASSUMPTION:
            draft.assume()
        try:
            draft.answer(rng.choice(tight))
            if known.players > 2 and rng.random() < _ALIKE:
                draft.alike(form.blocks[index])
            changed = Form(form.constants, (*form.blocks[:index], draft.block, *form.blocks[index + 1 :]))
            shorter = improved(changed, known)  # a response that is known already answers nothing
            check(shorter, known.vocabulary)
            if _strategies(shorter, known) > before:
                return shorter
        except (Rejected, KeyError):
            continue
    raise Rejected(f"expected a worst case with tight lines to answer; found no answer in {_DRAWS} draws")


def _strategies(form: Form, known: Words) -> int:
    return sum(len(s.outputs) for block in form.blocks for s in block.statements if s.op in known.overloads)


class _Draft:
    """A case to which statements are added; its methods raise KeyError where a strategy is missing."""

    def __init__(self, block: Block, known: Words, values: Mapping[str, str], rng: random.Random) -> None:
        self.block, self.known, self.values, self.rng = block, known, values, rng
        self.types = known.types_of(block)

    def answer(self, line: Mapping[str, Any]) -> None:
        """Act on one tight line."""
        others = line["label"].partition(" at ")[2].split(", ")
        weights = dict(zip(line["mixed"], map(Fraction, line["weights"]), strict=True))
        used = sorted((name for name in weights if weights[name]), key=lambda name: -weights[name])
        mover = self.types[used[0]]
        mixed = len(used) > 1 and "Mix" in self.known.overloads and self.rng.random() < _MIXTURE
        chosen = self._mixture(used, weights) if mixed else self.rng.choice(used)
        profile = {self.types[name]: name for name in (*others, chosen)}
        if not mixed and self.rng.random() < _BLEND and (blended := self._blended(profile)) is not None:
            mover, mixed = blended, True
        if self.known.players > 2 and self.rng.random() < _PAIR:
            self._pair(profile)
            return
        responders = sorted(kind for kind in profile if kind != mover or not mixed)
        if self.rng.random() >= _EVERYONE:
            responders = [self.rng.choice(responders)]
        self._respond(profile, responders)

    def assume(self) -> None:
        """An assumption whose sides differ in the worst state, in either direction; in place of what was assumed."""
        self.block = without_assumption(self.block, self.known)
        found = []
        for statements, pair in assumptions(self.block, self.known):
            sides = [self.values.get(_text(each)) for each in statements]
            if sides and all(sides) and abs(Fraction(str(sides[0])) - Fraction(str(sides[1]))) > _APART:
                found.append((statements, pair))
        if found:
            self.block = with_assumption(self.block, *self.rng.choice(found), self.rng)
        self.types = self.known.types_of(self.block)

    def alike(self, before: Block) -> None:
        """The images of what was added to `before`, where they are fit."""
        found = everywhere(before, self.block, self.known)
        if found is not None:
            self.block, self.types = found, self.known.types_of(found)

    def _mixture(self, used: Sequence[str], weights: Mapping[str, Fraction]) -> str:
        """A mixture of the two strategies that the line mixes most: half and half, or as there, rounded."""
        first, second = used[:2]
        share = (weights[first] / (weights[first] + weights[second])).limit_denominator(6)
        return self._mixed(first, second, min(max(share, Fraction(1, 6)), Fraction(5, 6)))

    def _blended(self, profile: dict[str, str]) -> str | None:
        """Puts a mixture with another strategy in place of one in `profile`, and says of which player."""
        rest = {kind: [n for n, t in self.types.items() if t == kind and n != name] for kind, name in profile.items()}
        kinds = sorted(kind for kind, names in rest.items() if names)
        if not kinds or "Mix" not in self.known.overloads:
            return None
        kind = self.rng.choice(kinds)
        profile[kind] = self._mixed(profile[kind], self.rng.choice(rest[kind]), Fraction(1, 2))
        return kind

    def _mixed(self, first: str, second: str, share: Fraction) -> str:
        weight: Arg | None = self._dependent(share) if self.rng.random() < _DEPENDENT else None
        args = [Ref(first), Ref(second), weight or Const(half(share, self.rng))]
        return self._add("Mix", args, (self.types[first],))[0]

    def _dependent(self, share: Fraction) -> Ref | None:
        """A weight that is about `share` in the worst case and changes with a regret, or with what was assumed of."""
        strategies = [name for name, kind in self.types.items() if kind.startswith("P")]
        found = [s for s in self.block.statements if _text(s) in self.values]
        made = regret(strategies, self.known, self.block, self.rng)
        if made is not None and not (found and self.rng.random() < 0.5):
            found = [made]
        if not found or (at := self.values.get(_text(found_one := self.rng.choice(found)))) is None:
            return None
        new = [] if found_one in self.block.statements else [found_one]
        whole = replace(self.block, statements=(*self.block.statements, *new))
        made_too, name = affine(whole, self.known, found_one.outputs[0], Fraction(at), share, self.rng)
        self.block = replace(whole, statements=(*whole.statements, *made_too))
        self.types = self.known.types_of(self.block)
        return Ref(name)

    def _pair(self, profile: Mapping[str, str]) -> None:
        """A block that gives strategies of two players, the others held at the profile, and what these answer."""
        choices = [
            (op, overload, owner.weight)
            for op, (owner, overloads) in self.known.overloads.items()
            for overload in overloads
            if len(set(overload.outputs)) == 2 and any(want in profile for want in overload.inputs)
        ]
        ((op, overload, _),) = self.rng.choices(choices, [weight for _, _, weight in choices])
        args = [Ref(profile[w]) if w in profile else drawn(w, self.known, self.rng) for w in overload.inputs]
        made = self._add(op, args, overload.outputs)
        reached = {**profile, **{self.types[name]: name for name in made[:2]}}
        self._respond(reached, sorted(kind for kind in profile if kind not in overload.outputs))

    def _respond(self, profile: Mapping[str, str], players: Sequence[str]) -> None:
        for kind in players:
            self._add("BestResponse", [Ref(profile[each]) for each in sorted(profile) if each != kind], (kind,))

    def _add(self, op: str, args: Sequence[Arg], kinds: Sequence[str]) -> list[str]:
        if full(self.types, kinds):
            raise Rejected("no more strategies of this player are allowed")
        self.block, names = added(self.block, self.known, op, args, len(kinds))
        self.types = self.known.types_of(self.block)
        return names


def _text(statement: Statement) -> str:
    """How a counterexample names the value that `statement` computes."""
    return f"{statement.op}({','.join(arg.name for arg in statement.args if isinstance(arg, Ref))})"
