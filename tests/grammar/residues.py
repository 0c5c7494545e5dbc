"""A toy family over residues modulo a prime: every declared law holds exactly, and every form can be run.

Types: `Z` a residue, `V` a pair of residues (a `Z` may stand for a pair of equal ones), `N` a small number that only
literals give, `Q` a fraction. `draw`, `note` and `meet` are impure: each call takes the next number of a shared stream.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from discovery.grammar.constants import IntegerDomain, RationalDomain
from discovery.grammar.ir import Arg, Block, Const, Form, Output, Port, Ref, Statement
from discovery.grammar.vocabulary import Identity, Laws, Operation, Position, Signature, Types, Vocabulary

P = 10007
Pair = tuple[int, int]

TYPES = Types(
    ("Z", "V", "N", "Q"),
    accepts={"V": ("Z",)},
    constants={
        "Z": IntegerDomain(-5, 5),
        "N": IntegerDomain(0, 4),
        "Q": RationalDomain(Fraction(-3), Fraction(3), 6),
    },
)

_ZZ = (Signature(("Z", "Z"), ("Z",)), Signature(("V", "V"), ("V",)))
_Z = (Signature(("Z",), ("Z",)), Signature(("V",), ("V",)))


def _fold(operation: Any) -> Any:
    def fold(*numbers: int) -> int:
        value = operation(*numbers)
        return int(value)

    return fold


OPERATIONS = (
    Operation(
        "add",
        _ZZ,
        Laws(
            pure=True, commutative=((0, 1),), fold=_fold(lambda x, y: x + y), identities=(Identity(1, 0, Position(0)),)
        ),
    ),
    Operation("sub", _ZZ, Laws(pure=True, identities=(Identity(1, 0, Position(0)), Identity(0, Position(1), 0)))),
    Operation(
        "mul", _ZZ, Laws(pure=True, commutative=((0, 1),), identities=(Identity(1, 1, Position(0)), Identity(1, 0, 0)))
    ),
    Operation("neg", _Z, Laws(pure=True, involutive=True, fold=_fold(lambda x: -x))),
    Operation("turn", (Signature(("V",), ("V",)),), Laws(pure=True, involutive=True)),
    Operation("low", _Z, Laws(pure=True, idempotent=True)),
    Operation("clip", (Signature(("Z", "Z", "Z"), ("Z",)),), Laws(pure=True, idempotent=True)),
    Operation("most", _ZZ, Laws(pure=True, commutative=((0, 1),), identities=(Identity(0, Position(1), Position(0)),))),
    Operation("cube", _Z, Laws(pure=True)),
    Operation("scale", (Signature(("Z", "N"), ("Z",)), Signature(("V", "N"), ("V",))), Laws(pure=True)),
    Operation("ratio", (Signature(("Z", "Q"), ("Z",)),), Laws(pure=True)),
    Operation("split", (Signature(("V",), ("Z", "Z")),), Laws(pure=True)),
    Operation("pair", (Signature(("Z", "Z"), ("V",)),), Laws(pure=True)),
    # A trap for laws that forget types: the total of a residue is itself, that of a pair of equal ones is twice it.
    Operation("total", (Signature(("Z",), ("Z",)), Signature(("V",), ("Z",))), Laws(pure=True)),
    # A trap for folding: a small number where a residue was means the other overload.
    Operation("twist", (Signature(("N",), ("Z",)), Signature(("Z",), ("Z",))), Laws(pure=True)),
    Operation("draw", (Signature((), ("Z",)),), weight=0.3),
    Operation("note", (Signature(("Z",), ("Z",)),), weight=0.3),
    Operation("meet", (Signature(("Z", "Z"), ("Z",)),), Laws(commutative=((0, 1),)), weight=0.3),
)

VOCABULARY = Vocabulary(OPERATIONS, TYPES, max_statements=20)


def _low(x: int) -> int:
    return min(x, P - x)


_PURE: dict[str, Any] = {
    "add": lambda x, y: (x + y) % P,
    "sub": lambda x, y: (x - y) % P,
    "mul": lambda x, y: x * y % P,
    "neg": lambda x: -x % P,
    "low": _low,
    "most": max,
    "cube": lambda x: (x * x * x + 1) % P,
    "scale": lambda x, n: (x * 3**n + n) % P,
    "ratio": lambda x, q: (x + q) % P,
    "clip": lambda x, low, high: min(max(x, low), high),
}


@dataclass
class Machine:
    """Runs forms; `draws` counts impure calls, which see the numbers of a fixed stream."""

    vocabulary: Vocabulary = VOCABULARY
    draws: int = 0

    def call(self, op: str, types: tuple[str | None, ...], args: Sequence[Any]) -> tuple[Any, ...]:
        signature = self.vocabulary.resolve(op, types)
        assert signature is not None
        args = [
            (a, a) if want == "V" and not isinstance(a, tuple) else a
            for a, want in zip(args, signature.inputs, strict=True)
        ]
        if not self.vocabulary.by_name[op].laws.pure:
            self.draws += 1
            noise = self.draws * self.draws * 7919
            return ((sum(args) * self.draws + noise) % P,)
        if op == "turn":
            return ((args[0][1], args[0][0]),)
        if op == "split":
            return args[0][0], args[0][1]
        if op == "pair":
            return ((args[0], args[1]),)
        if op == "twist":
            return ((args[0] + 100 if signature.inputs == ("N",) else args[0] * 2) % P,)
        if op == "total":
            return (args[0] if signature.inputs == ("Z",) else sum(args[0]) % P,)
        function = _PURE[op]
        if signature.outputs == ("Z",):
            return (function(*args),)
        return (tuple(function(*(a[i] if isinstance(a, tuple) else a for a in args)) for i in (0, 1)),)

    def block(self, block: Block, inputs: Mapping[str, Any]) -> dict[str, Any]:
        values = dict(inputs)
        types = {port.name: port.type for port in block.inputs}
        for statement in block.statements:
            have = tuple(types[a.name] if isinstance(a, Ref) else None for a in statement.args)
            signature = self.vocabulary.resolve(statement.op, have)
            assert signature is not None
            types.update(zip(statement.outputs, signature.outputs, strict=True))
            args = [self.value(a, values) for a in statement.args]
            values.update(zip(statement.outputs, self.call(statement.op, have, args), strict=True))
        answer = {}
        for output in block.outputs:
            value = self.value(output.value, values)
            answer[output.label] = (value, value) if output.type == "V" and not isinstance(value, tuple) else value
        return answer

    def value(self, arg: Arg, values: Mapping[str, Any]) -> Any:
        if isinstance(arg, Ref):
            return values[arg.name]
        number = Fraction(arg.value)
        return number.numerator * pow(number.denominator, -1, P) % P


#: Applications of block `step`, each with other inputs.
FEED: tuple[tuple[Pair, int], ...] = (((3, 8111), 17), ((911, 25), 4242), ((7, 7001), 9001))


def behaviour(form: Form, vocabulary: Vocabulary = VOCABULARY) -> tuple[Any, ...]:
    """What a form does: the roots of `begin` and of every `step`, and how many impure calls there were."""
    machine = Machine(vocabulary)
    carried = {output.label for block in form.blocks for output in block.outputs if output.carries is not None}
    begin, step = form.block("begin"), form.block("step")
    first = machine.block(begin, {"seed": 1234})
    seen = [{label: value for label, value in first.items() if label not in carried}]
    held = {output.label: first.get(output.label, 0) for output in step.outputs if output.carries is not None}
    names = {output.carries: output.label for output in step.outputs if output.carries is not None}
    for g, t in FEED:
        inputs: dict[str, Any] = {"g": g, "t": t}
        for port in step.inputs:
            if port.name in names:
                value = held[names[port.name]]
                inputs[port.name] = (value, value) if port.type == "V" and not isinstance(value, tuple) else value
        answer = machine.block(step, inputs)
        held = {label: answer[label] for label in held}
        seen.append({label: value for label, value in answer.items() if label not in carried})
    return tuple(tuple(sorted(each.items())) for each in seen), machine.draws


def random_form(rng: random.Random, statements: int = 8, vocabulary: Vocabulary = VOCABULARY) -> Form:
    """A well-typed form with up to three carried values and two shared constants."""
    constants = {name: rng.randint(0, 4) for name in ("k1", "k2")[: rng.randint(0, 2)]}
    carried = [(f"m{i}", rng.choice("ZV")) for i in range(rng.randint(0, 3))]
    types: dict[str, str] = {"seed": "Z"}
    body = _random_statements(rng, types, constants, rng.randint(0, 2), vocabulary)
    outputs = [
        Output(n, t, _random_arg(rng, types, constants, t, vocabulary)) for n, t in carried if rng.random() < 0.9
    ]
    begin = Block("begin", (Port("seed", "Z"),), tuple(body), tuple(outputs))
    types = {"g": "V", "t": "Z", **dict(carried)}
    inputs = tuple(Port(name, type_) for name, type_ in types.items())
    body = _random_statements(rng, types, constants, rng.randint(0, statements), vocabulary)
    roots = [Output("u", "V", _random_arg(rng, types, constants, "V", vocabulary))]
    if rng.random() < 0.5:
        roots.append(Output("r", "Z", _random_arg(rng, types, constants, "Z", vocabulary)))
    kept = [Output(n, t, _random_arg(rng, types, constants, t, vocabulary), n) for n, t in carried]
    return Form(constants, (begin, Block("step", inputs, tuple(body), (*roots, *kept))))


def _random_arg(
    rng: random.Random, types: Mapping[str, str], constants: Mapping[str, int], want: str, vocabulary: Vocabulary
) -> Arg:
    names = [name for name, have in types.items() if vocabulary.types.fits(have, want)]
    domain = vocabulary.types.domain(want)
    if names and (domain is None or rng.random() < 0.8):
        return Ref(rng.choice(names[-4:] if rng.random() < 0.6 else names))
    assert domain is not None
    if constants and rng.random() < 0.4:
        name = rng.choice(sorted(constants))
        if domain.refuse(constants[name]) is None:
            return Const(constants[name], name)
    return Const(rng.choice((0, 1)) if rng.random() < 0.4 else domain.sample(rng))


def _refused(const: Const, want: str, vocabulary: Vocabulary) -> bool:
    domain = vocabulary.types.domain(want)
    return domain is None or domain.refuse(const.value) is not None


def _random_statements(
    rng: random.Random, types: dict[str, str], constants: Mapping[str, int], count: int, vocabulary: Vocabulary
) -> list[Statement]:
    statements = []
    for _ in range(count):
        operation = rng.choice(vocabulary.operations)
        signature = rng.choice(operation.signatures)
        args = tuple(_random_arg(rng, types, constants, want, vocabulary) for want in signature.inputs)
        have = tuple(types[a.name] if isinstance(a, Ref) else None for a in args)
        meant = vocabulary.resolve(operation.name, have)
        assert meant is not None
        if any(
            isinstance(a, Const) and _refused(a, want, vocabulary) for a, want in zip(args, meant.inputs, strict=True)
        ):
            continue
        names = tuple(f"x{len(types) + i}" for i in range(len(meant.outputs)))
        types.update(zip(names, meant.outputs, strict=True))
        statements.append(Statement(names, operation.name, args))
    return statements


def renamed(form: Form, rng: random.Random, vocabulary: Vocabulary = VOCABULARY) -> Form:
    """The same program otherwise written: names, labels and order of carried values, shared constants written out,
    order of pure statements, order of interchangeable arguments."""
    labels = sorted({o.label for b in form.blocks for o in b.outputs if o.carries is not None})
    shuffled = rng.sample(labels, len(labels))
    new_label = {old: f"held{shuffled.index(old)}" for old in labels}
    return Form({}, tuple(_renamed_block(block, new_label, rng, vocabulary) for block in form.blocks))


def _renamed_block(block: Block, labels: Mapping[str, str], rng: random.Random, vocabulary: Vocabulary) -> Block:
    carried = {output.carries for output in block.outputs if output.carries is not None}
    names = {port.name: port.name for port in block.inputs if port.name not in carried}
    fresh = [f"y{i}" for i in range(200)]
    rng.shuffle(fresh)

    def arg(old: Arg) -> Arg:
        return Ref(names[old.name]) if isinstance(old, Ref) else Const(old.value)

    for port in block.inputs:
        names.setdefault(port.name, fresh.pop())
    statements = []
    for statement in _shuffled(block.statements, rng, vocabulary):
        names.update((name, fresh.pop()) for name in statement.outputs)
        args = [arg(each) for each in statement.args]
        for group in vocabulary.by_name[statement.op].laws.commutative:
            moved = rng.sample([args[i] for i in group], len(group))
            for position, each in zip(group, moved, strict=True):
                args[position] = each
        statements.append(Statement(tuple(names[n] for n in statement.outputs), statement.op, tuple(args)))
    outputs = [
        replace(
            output,
            label=labels.get(output.label, output.label),
            value=arg(output.value),
            carries=None if output.carries is None else names[output.carries],
        )
        for output in block.outputs
    ]
    held = [output for output in outputs if output.label in labels.values()]
    roots = [output for output in outputs if output.label not in labels.values()]
    ports = [Port(names[port.name], port.type) for port in block.inputs]
    moving = [port for port, old in zip(ports, block.inputs, strict=True) if old.name in carried]
    fixed = [port for port, old in zip(ports, block.inputs, strict=True) if old.name not in carried]
    rng.shuffle(held)
    rng.shuffle(moving)
    return Block(block.name, (*fixed, *moving), tuple(statements), (*roots, *held))


def _shuffled(statements: Sequence[Statement], rng: random.Random, vocabulary: Vocabulary) -> list[Statement]:
    """A random order that respects definitions before uses, and the order of impure calls."""
    left = list(statements)
    made = {name for statement in left for name in statement.outputs}
    ordered: list[Statement] = []
    while left:
        ready = []
        impure_seen = False
        for statement in left:
            impure = not vocabulary.by_name[statement.op].laws.pure
            waits = any(isinstance(a, Ref) and a.name in made for a in statement.args)
            if not waits and not (impure and impure_seen):
                ready.append(statement)
            impure_seen |= impure
        chosen = rng.choice(ready)
        left.remove(chosen)
        made -= set(chosen.outputs)
        ordered.append(chosen)
    return ordered
