"""The operations of the language for n players: the blocks, and values: payoffs, best payoffs, regrets."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache, partial
from itertools import permutations

from discovery.grammar.constants import IntegerDomain, RationalDomain
from discovery.grammar.ir import Block as FormBlock
from discovery.grammar.ir import Form, Ref, Statement
from discovery.grammar.vocabulary import Laws, Operation, Signature, Types, Vocabulary
from discovery.tasks.nash.blocks import BLOCKS, Block, Overload
from discovery.tasks.nash.blocks._base import (
    COEFFICIENT,
    CONDITION,
    GUARANTEE,
    VALUE,
    WEIGHT,
    permuted,
    player_type,
)

__all__ = ["COMMUTATIVE", "MAX_DEGREE", "MAX_MONOMIALS", "MAX_STATEMENTS", "MAX_STRATEGIES", "Words", "words"]

#: Statements of one case. Strategies of one player, by number of players: constraints grow with their product, and no
#: solver here decides larger systems.
MAX_STATEMENTS = 40
MAX_STRATEGIES = {2: 6, 3: 4, 4: 3}

#: Of a computed value, as a polynomial in payoffs, best payoffs, quotients and roots: its degree, and its monomials
#: when multiplied out. Both grow without end by squaring.
MAX_DEGREE, MAX_MONOMIALS = 8, 256

#: Scalar operations besides `U1`, `M1`, `f1`, ...: arguments and meaning.
ARITHMETIC = {
    "add": (2, "a + b"),
    "sub": (2, "a - b"),
    "mul": (2, "a * b"),
    "div": (2, "a / b, and 0 where b is 0"),
    "sqrt": (1, "square root, and 0 of a negative number"),
}

#: Those whose arguments may change places.
COMMUTATIVE = ("add", "mul")


@dataclass(frozen=True)
class Words:
    """What the language of games with `players` players knows.

    Args:
        players: Number of players, from 2.
        without: Names of blocks that it does not know.
    """

    players: int
    without: frozenset[str] = frozenset()

    @cached_property
    def overloads(self) -> dict[str, tuple[Block, tuple[Overload, ...]]]:
        """Operation of the intermediate form to its block and overloads."""
        found: dict[str, tuple[Block, tuple[Overload, ...]]] = {}
        for block in BLOCKS:
            for overload in block.overloads(self.players) if block.name not in self.without else ():
                known = found.get(overload.op, (block, ()))[1]
                found[overload.op] = (block, (*known, overload))
        return found

    @cached_property
    def blocks(self) -> dict[str, Block]:
        """Blocks that apply, by their name in programs."""
        return {block.name: block for block, _ in self.overloads.values()}

    @cached_property
    def scalars(self) -> dict[str, Signature]:
        """`U1`, `M1`, `f1`, ...: strategies to a value."""
        everyone = [player_type(i) for i in range(1, self.players + 1)]
        found: dict[str, Signature] = {}
        for i, own in enumerate(everyone, 1):
            found[f"U{i}"] = found[f"f{i}"] = Signature(tuple(everyone), (VALUE,))
            found[f"M{i}"] = Signature(tuple(t for t in everyone if t != own), (VALUE,))
        return found

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The grammar's view of it."""
        from discovery.tasks.nash.edits import EDITS, MANY_EDITS
        from discovery.tasks.nash.validity import problem

        operations = [
            Operation(
                op,
                tuple(Signature(each.inputs, each.outputs) for each in overloads),
                block.laws,
                block.summary,
                block.weight / (self.players if op != block.name else 1),
            )
            for op, (block, overloads) in self.overloads.items()
        ]
        pure = Laws(pure=True)
        operations += [Operation(name, (signature,), pure, weight=0.1) for name, signature in self.scalars.items()]
        for name, (arity, doc) in ARITHMETIC.items():
            laws = Laws(pure=True, commutative=((0, 1),)) if name in COMMUTATIVE else pure
            operations.append(Operation(name, (Signature((VALUE,) * arity, (VALUE,)),), laws, doc, 0.1))
        operations.append(Operation("at_least", (Signature((VALUE, VALUE), (CONDITION,)),), pure, "a >= b", 0.0))
        return Vocabulary(
            tuple(operations),
            self.types,
            MAX_STATEMENTS,
            valid=lambda form: problem(form, self),
            symmetries=tuple(
                partial(self.relabelled, order=order)
                for order in permutations(range(1, self.players + 1))
                if list(order) != sorted(order)
            ),
            keep_unused=True,
            extra_edits=tuple(
                (weight, partial(_with_words, edit, self))
                for weight, edit in (*EDITS, *(MANY_EDITS if self.players > 2 else ()))
            ),
        )

    @cached_property
    def types(self) -> Types:
        """Strategies of each player, values, and the numbers that a program spells."""
        strategies = tuple(player_type(i) for i in range(1, self.players + 1))
        return Types(
            names=(*strategies, VALUE, WEIGHT, COEFFICIENT, GUARANTEE, CONDITION),
            accepts={WEIGHT: (VALUE,)},
            constants={
                WEIGHT: RationalDomain(max_denominator=6),
                VALUE: RationalDomain(Fraction(-100), Fraction(100), max_denominator=6),
                COEFFICIENT: IntegerDomain(-4, 4),
                GUARANTEE: RationalDomain(Fraction(1, 3), Fraction(1), max_denominator=3),
            },
        )

    def overload(self, statement: Statement, outputs: Sequence[str], inputs: Sequence[str | None]) -> Overload:
        """The overload with these output types and input types (None for a number)."""
        for each in self.overloads[statement.op][1]:
            if each.outputs == tuple(outputs) and len(each.inputs) == len(inputs):
                pairs = zip(inputs, each.inputs, strict=True)
                if all(have is None or have == want or want == WEIGHT for have, want in pairs):
                    return each
        raise KeyError(statement.op)

    def relabelled_statement(self, statement: Statement, order: Sequence[int], types: dict[str, str]) -> Statement:
        """`statement` with player i renamed to `order[i - 1]`; `types` are those of the values before."""
        if statement.op in self.overloads:
            inputs = [types[arg.name] if isinstance(arg, Ref) else None for arg in statement.args]
            overload = self.overload(statement, [types[name] for name in statement.outputs], inputs)
            return self.overloads[statement.op][0].relabelled(statement, overload, order)
        if statement.op in self.scalars:
            args = permuted(statement.args, self.scalars[statement.op].inputs, order)
            op = f"{statement.op[0]}{order[int(statement.op[1:]) - 1]}"
            return Statement(statement.outputs, op, tuple(args), statement.span)
        return statement

    def relabelled(self, form: Form, order: Sequence[int]) -> Form:
        """`form` with player i renamed to `order[i - 1]` throughout."""
        blocks: list[FormBlock] = []
        for block in form.blocks:
            types = self.types_of(block)
            statements = tuple(self.relabelled_statement(each, order, types) for each in block.statements)
            blocks.append(FormBlock(block.name, block.inputs, statements, block.outputs))
        return Form(form.constants, tuple(blocks))

    def types_of(self, block: FormBlock) -> dict[str, str]:
        """Type of every value of a block that was checked."""
        types: dict[str, str] = {}
        for statement in block.statements:
            have = tuple(types[arg.name] if isinstance(arg, Ref) else None for arg in statement.args)
            signature = self.vocabulary.resolve(statement.op, have)
            assert signature is not None
            types.update(zip(statement.outputs, signature.outputs, strict=True))
        return types


def _with_words(
    edit: Callable[[Form, Words, random.Random], Form | None],
    known: Words,
    form: Form,
    vocabulary: Vocabulary,
    rng: random.Random,
) -> Form | None:
    return edit(form, known, rng)


@lru_cache(maxsize=8)
def words(players: int, without: frozenset[str] = frozenset()) -> Words:
    """The words for so many players, some blocks left out; made once."""
    return Words(players, without)
