"""What a family tells the grammar: types, operations with their laws, limits.

Nothing holds unless it is declared. An operation without declared laws is never merged with an equal call, deleted
when unused, moved past another such operation, folded or rewritten.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from discovery.grammar.constants import ConstantDomain
from discovery.grammar.ir import Form, Number

__all__ = ["Edit", "Identity", "Laws", "Operation", "Position", "Signature", "Types", "Vocabulary"]


@dataclass(frozen=True)
class Signature:
    """Types that one overload wants, and types that it gives (at least one)."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def __str__(self) -> str:
        return f"({', '.join(self.inputs)}) -> {', '.join(self.outputs)}"


@dataclass(frozen=True)
class Position:
    """An argument of a call, counted from 0."""

    index: int


@dataclass(frozen=True)
class Identity:
    """When argument `when` equals `equals`, the whole call equals `gives`.

    `Identity(1, 0.0, Position(0))` says x - 0 = x; `Identity(0, Position(1), 0.0)` says x - x = 0 and
    `Identity(0, Position(1), Position(0))` says max(x, x) = x. Constants match exactly: -0.0 is not 0.0. Where the
    operation is commutative, the law is tried in every order of the interchangeable arguments.
    """

    when: int
    equals: Number | Position
    gives: Number | Position


@dataclass(frozen=True)
class Laws:
    """Algebraic laws of one operation. A declared law must hold exactly, not approximately, for every input.

    A law replaces a call by another value only where both have the same type; it replaces a call by a number only
    where `Types.constants` lists the call's type itself.

    Attributes:
        pure: The outputs are a deterministic function of the arguments: equal calls may be merged, unused ones
            deleted, and order is immaterial. All other laws but `commutative` require it.
        commutative: Disjoint groups of argument positions; within a group the arguments may be interchanged.
        idempotent: f(f(x, ...), ...) = f(x, ...), the further arguments being equal.
        involutive: f(f(x)) = x, for an operation of one argument.
        fold: Value of the call on constants; None (or a result that is not finite) leaves the call alone.
        identities: Laws about particular or equal arguments; the first that matches is applied.
    """

    pure: bool = False
    commutative: tuple[tuple[int, ...], ...] = ()
    idempotent: bool = False
    involutive: bool = False
    fold: Callable[..., Number | None] | None = None
    identities: tuple[Identity, ...] = ()


def _everywhere(block: str) -> bool:
    return True


@dataclass(frozen=True)
class Operation:
    """An operation of a vocabulary.

    Attributes:
        name: A Python identifier.
        signatures: Overloads, all of one number of outputs; the first that matches the arguments is the one meant.
        laws: What holds of it, for every overload.
        doc: One line for people and prompts.
        weight: How often random edits choose it, relative to the others; 0 keeps them from it.
        blocks: Whether it may stand in the block of that name.

    Raises:
        ValueError: the laws do not fit the signatures.
    """

    name: str
    signatures: tuple[Signature, ...]
    laws: Laws = field(default_factory=Laws)
    doc: str = ""
    weight: float = 1.0
    blocks: Callable[[str], bool] = _everywhere

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise ValueError(f"operation name must be a Python identifier; got {self.name!r}")
        if not self.signatures or len({len(signature.outputs) for signature in self.signatures}) != 1:
            raise ValueError(f"{self.name}: expected at least one signature, all with equally many outputs")
        if not self.signatures[0].outputs:
            raise ValueError(f"{self.name}: expected at least one output")
        self._check_laws()

    def _check_laws(self) -> None:
        laws = self.laws
        rewrites = laws.idempotent or laws.involutive or laws.fold is not None or bool(laws.identities)
        if rewrites and not laws.pure:
            raise ValueError(f"{self.name}: laws other than `commutative` require `pure`")
        if rewrites and len(self.signatures[0].outputs) != 1:
            raise ValueError(f"{self.name}: laws that rewrite a call require exactly one output")
        positions = [position for group in laws.commutative for position in group]
        if len(positions) != len(set(positions)):
            raise ValueError(f"{self.name}: an argument position stands in two commutative groups")
        for identity in laws.identities:
            positions.append(identity.when)
            positions += [part.index for part in (identity.equals, identity.gives) if isinstance(part, Position)]
        arity = min(len(signature.inputs) for signature in self.signatures)
        if any(not 0 <= position < arity for position in positions):
            raise ValueError(f"{self.name}: a law names an argument position outside 0..{arity - 1}")
        if laws.involutive and any(len(signature.inputs) != 1 for signature in self.signatures):
            raise ValueError(f"{self.name}: an involutive operation has exactly one argument")
        if laws.idempotent and arity == 0:
            raise ValueError(f"{self.name}: an idempotent operation has at least one argument")


@dataclass(frozen=True, eq=False)
class Types:
    """Opaque type names, and what may stand where.

    Args:
        names: All types.
        accepts: Wanted type to the further types that are accepted in its place (written out in full: the relation
            is not closed transitively). A type always accepts itself.
        constants: Types whose values a plain number can be. Where a type has no entry of its own, a number is judged
            by the first accepted type that has one.

    Raises:
        ValueError: an unknown type name.
    """

    names: tuple[str, ...]
    accepts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    constants: Mapping[str, ConstantDomain] = field(default_factory=dict)

    def __post_init__(self) -> None:
        used = {*self.accepts, *self.constants, *(name for many in self.accepts.values() for name in many)}
        if unknown := used - set(self.names):
            raise ValueError(f"unknown types {sorted(unknown)}; expected some of {', '.join(self.names)}")

    @cached_property
    def _accepted(self) -> dict[str, frozenset[str]]:
        return {name: frozenset((name, *self.accepts.get(name, ()))) for name in self.names}

    @cached_property
    def _domains(self) -> dict[str, ConstantDomain | None]:
        order = {name: (name, *self.accepts.get(name, ())) for name in self.names}
        return {name: next((self.constants[t] for t in order[name] if t in self.constants), None) for name in order}

    def fits(self, have: str, want: str) -> bool:
        """Whether a value of type `have` may stand where `want` is wanted."""
        return have in self._accepted[want]

    def domain(self, want: str) -> ConstantDomain | None:
        """Domain of the numbers that may stand where `want` is wanted; None when no number may."""
        return self._domains[want]


#: A random edit that a family adds to the grammar's own, say one that adds a carried value. Returns None when it
#: finds nothing to do; the result is checked before it is used.
Edit: TypeAlias = "Callable[[Form, Vocabulary, random.Random], Form | None]"


def _always_valid(form: Form) -> str | None:
    return None


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Everything that the grammar may know of a family.

    Attributes:
        operations: Each name once.
        types: Types of its values.
        max_statements: Largest number of statements in a block.
        valid: What the family requires beyond types: None, or what is wrong with a well-typed form.
        symmetries: Maps of forms to forms of the same meaning. The form and its images share a key: to be complete
            list every element of the group but the identity.
        keep_unused: Whether a statement matters although nothing uses it (every value is a root). Equal pure calls
            are still merged.
        extra_edits: Further random edits, with weights relative to 1.0 for each of the grammar's own.

    Raises:
        ValueError: a name occurs twice, or a signature uses an unknown type.
    """

    operations: tuple[Operation, ...]
    types: Types
    max_statements: int = 64
    valid: Callable[[Form], str | None] = _always_valid
    symmetries: tuple[Callable[[Form], Form], ...] = ()
    keep_unused: bool = False
    extra_edits: tuple[tuple[float, Edit], ...] = ()
    _resolved: dict[tuple[str, tuple[str | None, ...]], Signature | None] = field(
        init=False, repr=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        if len(self.by_name) != len(self.operations):
            raise ValueError("an operation name occurs twice in the vocabulary")
        for operation in self.operations:
            for signature in operation.signatures:
                if unknown := {*signature.inputs, *signature.outputs} - set(self.types.names):
                    raise ValueError(f"{operation.name}: unknown types {sorted(unknown)}")

    @cached_property
    def by_name(self) -> Mapping[str, Operation]:
        """Operations by name."""
        return {operation.name: operation for operation in self.operations}

    @cached_property
    def produced(self) -> frozenset[str]:
        """Types of which some operation gives a value."""
        return frozenset(t for each in self.operations for sig in each.signatures for t in sig.outputs)

    def resolve(self, name: str, arguments: tuple[str | None, ...]) -> Signature | None:
        """The overload of operation `name` that is meant by arguments of these types (None stands for a constant);
        None when no overload matches. KeyError when there is no such operation."""
        key = (name, arguments)
        if key not in self._resolved:
            self._resolved[key] = self._match(self.by_name[name], arguments)
        return self._resolved[key]

    def _match(self, operation: Operation, arguments: tuple[str | None, ...]) -> Signature | None:
        for signature in operation.signatures:
            if len(signature.inputs) == len(arguments) and all(
                self.types.domain(want) is not None if have is None else self.types.fits(have, want)
                for have, want in zip(arguments, signature.inputs, strict=True)
            ):
                return signature
        return None
