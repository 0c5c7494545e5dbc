"""Applies the declared laws to a checked form: folding, identities, merging of equal pure calls.

One pass in statement order reaches the normal form, because every law replaces a call by a value that exists already.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from itertools import permutations, product
from typing import TypeAlias

from discovery.grammar.build import Checked, CheckedBlock
from discovery.grammar.constants import same_number
from discovery.grammar.ir import Arg, Const, Form, Number, Ref, Statement
from discovery.grammar.vocabulary import Identity, Laws, Position, Signature, Types, Vocabulary

__all__ = ["constant_text", "rewrite"]

#: What tells two arguments apart: the name of a value, or the exact text of a constant in a tuple.
_Token: TypeAlias = "str | tuple[str]"

#: Largest commutative group whose orders are all tried against an identity.
_ORDERED_GROUP = 3


def constant_text(value: Number, want: str, types: Types) -> str:
    """Exact text of a constant that stands where `want` is wanted."""
    domain = types.domain(want)
    if domain is None or domain.refuse(value) is not None:
        return repr(value)  # a folded number may lie outside the domain of the place it moves to
    return domain.key(value)


def rewrite(checked: Checked, vocabulary: Vocabulary) -> Checked:
    """`checked` with every declared law applied; unused statements stay (see `liveness.prune`).

    The signatures are those that the statements meant originally: where a constant took a value's place, checking
    the resulting form anew could resolve an overload differently.
    """
    blocks = tuple(_Rewriter(block, vocabulary).run() for block in checked.blocks)
    return Checked(Form(checked.form.constants, tuple(each.block for each in blocks)), blocks)


class _Rewriter:
    def __init__(self, checked: CheckedBlock, vocabulary: Vocabulary) -> None:
        self.checked, self.vocabulary = checked, vocabulary
        #: What stands for a name from now on; names without an entry stand for themselves.
        self.alias: dict[str, Arg] = {}
        #: The pure call that defines a value.
        self.calls: dict[str, tuple[Statement, Signature]] = {}
        self.known: dict[object, Statement] = {}

    def run(self) -> CheckedBlock:
        statements: list[Statement] = []
        signatures: list[Signature] = []
        for original, signature in zip(self.checked.block.statements, self.checked.signatures, strict=True):
            statement = replace(original, args=tuple(self.current(arg) for arg in original.args))
            laws = self.vocabulary.by_name[statement.op].laws
            if laws.pure and self.absorbed(statement, signature, laws):
                continue
            statements.append(statement)
            signatures.append(signature)
        outputs = tuple(replace(each, value=self.current(each.value)) for each in self.checked.block.outputs)
        block = replace(self.checked.block, statements=tuple(statements), outputs=outputs)
        return CheckedBlock(block, self.checked.types, tuple(signatures))

    def current(self, arg: Arg) -> Arg:
        return self.alias.get(arg.name, arg) if isinstance(arg, Ref) else arg

    def absorbed(self, statement: Statement, signature: Signature, laws: Laws) -> bool:
        """Whether another value stands for the call from now on; otherwise it is remembered."""
        value = self.equal_value(statement, signature, laws)
        if value is not None:
            self.alias[statement.outputs[0]] = value
            return True
        key = self.call_key(statement, signature, laws)
        same = self.known.setdefault(key, statement)
        if same is not statement:
            self.alias.update(zip(statement.outputs, map(Ref, same.outputs), strict=True))
            return True
        if len(statement.outputs) == 1:
            self.calls[statement.outputs[0]] = statement, signature
        return False

    def token(self, arg: Arg, want: str) -> _Token:
        return arg.name if isinstance(arg, Ref) else (constant_text(arg.value, want, self.vocabulary.types),)

    def call_key(self, statement: Statement, signature: Signature, laws: Laws) -> object:
        tokens = [(self.token(arg, want), want) for arg, want in zip(statement.args, signature.inputs, strict=True)]
        for group in laws.commutative:
            ordered = sorted((tokens[position] for position in group), key=repr)
            for position, token in zip(group, ordered, strict=True):
                tokens[position] = token
        return statement.op, signature.outputs, tuple(tokens)

    def equal_value(self, statement: Statement, signature: Signature, laws: Laws) -> Arg | None:
        """The simpler value that the laws say this call equals."""
        candidates = (self.folded(statement, laws), self.collapsed(statement, signature, laws))
        for value in (*candidates, *self.identified(statement, laws)):
            if value is not None and self.may_replace(value, signature.outputs[0]):
                return value
        return None

    def may_replace(self, value: Arg, type_: str) -> bool:
        if isinstance(value, Ref):
            return self.checked.types[value.name] == type_
        domain = self.vocabulary.types.constants.get(type_)
        return domain is not None and domain.refuse(value.value) is None

    def folded(self, statement: Statement, laws: Laws) -> Const | None:
        if laws.fold is None:
            return None
        numbers = [arg.value for arg in statement.args if isinstance(arg, Const)]
        if len(numbers) < len(statement.args):
            return None
        try:
            value = laws.fold(*numbers)
        except (ArithmeticError, ValueError):
            return None  # no value at these arguments: what happens then is the interpreter's affair
        if value is None or not (isinstance(value, Fraction) or math.isfinite(value)):
            return None
        return Const(value)

    def collapsed(self, statement: Statement, signature: Signature, laws: Laws) -> Arg | None:
        """f(f(x)) for an involutive or idempotent f."""
        if not (laws.involutive or laws.idempotent) or not isinstance(statement.args[0], Ref):
            return None
        inner, inner_signature = self.calls.get(statement.args[0].name, (None, None))
        if inner is None or inner.op != statement.op or inner_signature != signature:
            return None
        if laws.involutive:
            return inner.args[0]
        wants = signature.inputs[1:]
        outer_rest = [self.token(arg, want) for arg, want in zip(statement.args[1:], wants, strict=True)]
        inner_rest = [self.token(arg, want) for arg, want in zip(inner.args[1:], wants, strict=True)]
        return statement.args[0] if outer_rest == inner_rest else None

    def identified(self, statement: Statement, laws: Laws) -> Iterator[Arg]:
        if not laws.identities:
            return
        for order in _orders(laws.commutative, len(statement.args)):
            args = [statement.args[position] for position in order]
            for identity in laws.identities:
                if _matches(identity, args):
                    gives = identity.gives
                    yield args[gives.index] if isinstance(gives, Position) else Const(gives)


def _matches(identity: Identity, args: Sequence[Arg]) -> bool:
    arg, equals = args[identity.when], identity.equals
    if not isinstance(equals, Position):
        return isinstance(arg, Const) and same_number(arg.value, equals)
    other = args[equals.index]
    if isinstance(arg, Const) and isinstance(other, Const):
        return type(arg.value) is type(other.value) and same_number(arg.value, other.value)
    return arg == other


@lru_cache(maxsize=256)
def _orders(groups: tuple[tuple[int, ...], ...], arity: int) -> tuple[tuple[int, ...], ...]:
    """The orders of the arguments that the commutative groups allow, the given one first."""
    free = [group for group in groups if len(group) <= _ORDERED_GROUP]
    orders: list[tuple[int, ...]] = []
    for choice in product(*(permutations(group) for group in free)):
        moved: Mapping[int, int] = {
            position: source
            for group, order in zip(free, choice, strict=True)
            for position, source in zip(group, order, strict=True)
        }
        orders.append(tuple(moved.get(position, position) for position in range(arity)))
    return tuple(orders)
