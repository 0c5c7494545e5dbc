"""Keys of forms: equal key means equal behaviour, as far as the declared laws say so and no further.

The key does not depend on names of values and shared constants, on the order of pure statements, on statements and
carried values that nothing needs, or on how often an equal pure call is written. Calls without the law `pure` keep
their number and order.

Each value is hashed from its operation and arguments (a Merkle hash, so equal hash means equal expression). Carried
values refer to themselves through the next application; they are numbered by colour refinement (Weisfeiler and Leman
1968): begin with their types, then repeatedly hash each one's defining expression with the colours in place of the
names. Where colours tie, every numbering of the tied values is tried and the least key is taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b, sha256
from itertools import permutations, product
from math import factorial, prod

from discovery.grammar.build import Checked, CheckedBlock, check
from discovery.grammar.ir import Arg, Const, Form, Output, Ref
from discovery.grammar.liveness import Needs, carried_labels, needs
from discovery.grammar.rewrite import constant_text, rewrite
from discovery.grammar.vocabulary import Vocabulary

__all__ = ["Keys", "canonical", "canonical_key", "full_key", "skeleton_key"]

#: Numberings of tied carried values that are tried. Beyond that names decide: equal forms may then get unequal keys,
#: but never the reverse.
_NUMBERINGS = 120


@dataclass(frozen=True)
class Keys:
    """The two keys of a form, 64 hexadecimal characters each.

    Attributes:
        key: Equal only for forms of equal behaviour.
        skeleton: The same with every constant replaced by a blank: for novelty, never for a verdict.
    """

    key: str
    skeleton: str


def canonical(checked: Checked, vocabulary: Vocabulary) -> Keys:
    """Both keys of a checked form.

    Raises:
        Rejected: a declared symmetry maps the form to one that does not check.
    """
    forms = _normal_forms(checked, vocabulary)
    return Keys(_least(forms, abstract=False), _least(forms, abstract=True))


def full_key(checked: Checked, vocabulary: Vocabulary) -> str:
    """`canonical(checked, vocabulary).key` alone, in about half the time."""
    return _least(_normal_forms(checked, vocabulary), abstract=False)


def _normal_forms(checked: Checked, vocabulary: Vocabulary) -> list[_Normal]:
    images = [checked, *(check(symmetry(checked.form), vocabulary) for symmetry in vocabulary.symmetries)]
    return [_Normal(rewrite(image, vocabulary), vocabulary) for image in images]


def _least(forms: Sequence[_Normal], *, abstract: bool) -> str:
    return min(form.key(abstract=abstract) for form in forms)


def canonical_key(form: Form, vocabulary: Vocabulary) -> str:
    """The key of a form that was not checked yet. Raises `Rejected`."""
    return full_key(check(form, vocabulary), vocabulary)


def skeleton_key(form: Form, vocabulary: Vocabulary) -> str:
    """The skeleton key of a form that was not checked yet. Raises `Rejected`."""
    return canonical(check(form, vocabulary), vocabulary).skeleton


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=16).digest()


@dataclass(frozen=True)
class _Step:
    """A needed statement, ready to be hashed: arguments are names of values or hashes of constants."""

    outputs: tuple[str, ...]
    head: bytes
    args: tuple[str | bytes, ...]
    wants: tuple[str, ...]
    groups: tuple[tuple[int, ...], ...]

    def hash(self, values: Mapping[str, bytes]) -> bytes:
        parts = [values[arg] if isinstance(arg, str) else arg for arg in self.args]
        if not self.groups:
            return _digest(self.head + b"".join(parts))
        typed = list(zip(parts, self.wants, strict=True))
        for group in self.groups:
            for position, part in zip(group, sorted(typed[position] for position in group), strict=True):
                typed[position] = part
        wants = repr([want for _, want in typed]).encode()
        return _digest(self.head + wants + b"".join(part for part, _ in typed))


class _Normal:
    """A rewritten form with what is needed of it."""

    def __init__(self, checked: Checked, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.need = needs(checked.form, vocabulary)
        self.blocks = [
            _NormalBlock(block, self.need, carried_labels(checked.form), vocabulary) for block in checked.blocks
        ]

    def key(self, *, abstract: bool) -> str:
        for block in self.blocks:
            block.prepare(abstract)
        numberings = self.numberings(self.colours())
        return min(self.serialised({label: index for index, label in enumerate(each)}) for each in numberings)

    def colours(self) -> dict[str, bytes]:
        """A stable colouring of the needed carried values."""
        labels = sorted(self.need.labels)
        colours = {label: _digest(repr([block.shape(label) for block in self.blocks]).encode()) for label in labels}
        while True:
            hashes = [block.hashes(colours) for block in self.blocks]
            refined = {
                label: _digest(
                    colours[label]
                    + b"".join(
                        block.output_hash(label, values) for block, values in zip(self.blocks, hashes, strict=True)
                    )
                )
                for label in labels
            }
            if len(set(refined.values())) == len(set(colours.values())):
                return colours
            colours = refined

    def numberings(self, colours: Mapping[str, bytes]) -> Sequence[tuple[str, ...]]:
        classes: dict[bytes, list[str]] = {}
        for label in sorted(colours, key=lambda label: (colours[label], label)):
            classes.setdefault(colours[label], []).append(label)
        if prod(factorial(min(len(tied), 10)) for tied in classes.values()) > _NUMBERINGS:
            return [tuple(label for tied in classes.values() for label in tied)]
        choices = product(*(permutations(tied) for tied in classes.values()))
        return [tuple(label for tied in choice for label in tied) for choice in choices]

    def serialised(self, numbers: Mapping[str, int]) -> str:
        colours = {label: _digest(b"carried %d" % number) for label, number in numbers.items()}
        return sha256(repr([block.serialised(numbers, colours) for block in self.blocks]).encode()).hexdigest()


class _NormalBlock:
    def __init__(self, checked: CheckedBlock, need: Needs, carried: frozenset[str], vocabulary: Vocabulary) -> None:
        block = checked.block
        self.checked, self.vocabulary = checked, vocabulary
        self.values = need.values[block.name]
        own = {output.carries: output.label for output in block.outputs if output.carries is not None}
        self.plain = [port for port in block.inputs if port.name not in own]
        #: Needed carried inputs by label.
        self.ports = {own[port.name]: port for port in block.inputs if port.name in own and port.name in self.values}
        self.roots = [output for output in block.outputs if output.label not in carried]
        self.linked: dict[str, Output] = {
            output.label: output
            for output in block.outputs
            if output.label in carried
            and (output.label in need.labels if output.carries is None else output.label in self.ports)
        }

    def prepare(self, abstract: bool) -> None:
        """Lay the needed statements out for hashing, constants blank if `abstract`."""
        self.abstract = abstract
        self.steps: list[_Step] = []
        self.sequence: list[str] = []
        for statement, signature in zip(self.checked.block.statements, self.checked.signatures, strict=True):
            if self.values.isdisjoint(statement.outputs):
                continue
            laws = self.vocabulary.by_name[statement.op].laws
            head: tuple[object, ...] = (statement.op, signature.outputs)
            if not laws.pure:
                head = (*head, len(self.sequence))
                self.sequence.append(statement.outputs[0])
            args = tuple(self.fixed(arg, want) for arg, want in zip(statement.args, signature.inputs, strict=True))
            if not laws.commutative:
                head = (*head, signature.inputs)
            self.steps.append(_Step(statement.outputs, repr(head).encode(), args, signature.inputs, laws.commutative))

    def fixed(self, arg: Arg, want: str) -> str | bytes:
        return arg.name if isinstance(arg, Ref) else self.constant(arg, want)

    def constant(self, const: Const, want: str) -> bytes:
        text = "" if self.abstract else constant_text(const.value, want, self.vocabulary.types)
        return _digest(b"constant " + text.encode())

    def hashes(self, colours: Mapping[str, bytes]) -> dict[str, bytes]:
        """Hash of every needed value, given the colours of carried values."""
        values = {port.name: _digest(b"input " + port.name.encode()) for port in self.plain}
        values.update((port.name, colours[label]) for label, port in self.ports.items())
        for step in self.steps:
            call = step.hash(values)
            if len(step.outputs) == 1:
                values[step.outputs[0]] = call
            else:
                values.update((name, _digest(call + b"%d" % index)) for index, name in enumerate(step.outputs))
        return values

    def shape(self, label: str) -> tuple[str | None, str | None]:
        """Types of a carried value as input and as output of this block."""
        port, output = self.ports.get(label), self.linked.get(label)
        return None if port is None else port.type, None if output is None else output.type

    def output_hash(self, label: str, values: Mapping[str, bytes]) -> bytes:
        output = self.linked.get(label)
        return _digest(b"absent") if output is None else self.hash_of(output, values)

    def hash_of(self, output: Output, values: Mapping[str, bytes]) -> bytes:
        value = output.value
        return values[value.name] if isinstance(value, Ref) else self.constant(value, output.type)

    def serialised(self, numbers: Mapping[str, int], colours: Mapping[str, bytes]) -> tuple[object, ...]:
        values = self.hashes(colours)
        return (
            self.checked.block.name,
            [(port.name, port.type) for port in self.plain],
            sorted((numbers[label], port.type) for label, port in self.ports.items()),
            [values[name] for name in self.sequence],
            [(output.label, output.type, self.hash_of(output, values)) for output in self.roots],
            sorted(
                (numbers[label], output.type, output.carries is not None, self.hash_of(output, values))
                for label, output in self.linked.items()
            ),
            sorted(values[step.outputs[0]] for step in self.steps) if self.vocabulary.keep_unused else [],
        )
