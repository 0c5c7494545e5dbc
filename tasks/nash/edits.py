"""Random edits of programs beyond the grammar's own: every strategy is a root, so statements may simply be added."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import combinations, product
from typing import TYPE_CHECKING

from discovery.grammar.build import check
from discovery.grammar.ir import Arg, Block, Const, Form, Number, Output, Ref, Statement
from discovery.grammar.places import fresh_name
from discovery.model import Rejected
from discovery.tasks.nash.blocks._base import COEFFICIENT, CONDITION, WEIGHT, Overload, player_type
from discovery.tasks.nash.program import ancestors, image, tree
from discovery.tasks.nash.symmetric import everywhere
from discovery.tasks.nash.weights import weigh

if TYPE_CHECKING:
    from discovery.tasks.nash.vocabulary import Words

__all__ = [
    "EDITS",
    "MANY_EDITS",
    "added",
    "assumptions",
    "drawn",
    "full",
    "half",
    "joined",
    "with_assumption",
    "without_assumption",
]

_Edit = Callable[[Form, "Words", random.Random], Form | None]

#: Probability that an added weight is 1/2, the one that proofs love.
_HALF = 0.6
_DRAWS = 40

#: Strategies of one player that edits stop at, by number of players.
_STRATEGIES = {2: 4, 3: 4}


def full(types: Mapping[str, str], kinds: Iterable[str]) -> bool:
    """Whether a player of `kinds` has as many strategies as edits give: proofs get harder with every one."""
    limit = _STRATEGIES.get(sum(t.startswith("P") for t in set(types.values())), 3)
    return any(list(types.values()).count(kind) >= limit for kind in kinds if kind.startswith("P"))


def added(block: Block, known: Words, op: str, args: Sequence[Arg], outputs: int) -> tuple[Block, list[str]]:
    """`block` with one more call, and the fresh names of its outputs."""
    taken = {name for s in block.statements for name in s.outputs} | set(known.vocabulary.by_name)
    names: list[str] = []
    for _ in range(outputs):
        names.append(fresh_name("s", taken))
        taken.add(names[-1])
    return replace(block, statements=(*block.statements, Statement(tuple(names), op, tuple(args)))), names


def drawn(want: str, known: Words, rng: random.Random) -> Const:
    """A number of type `want`."""
    domain = known.types.domain(want)
    assert domain is not None
    if want == WEIGHT:
        return Const(half(domain.sample(rng), rng))
    return Const(rng.choice((-1, 0, 1)) if want == COEFFICIENT else domain.sample(rng))


def half(weight: Number, rng: random.Random) -> Fraction:
    """1/2 more often than not, else `weight`."""
    return Fraction(1, 2) if rng.random() < _HALF else Fraction(weight)


def _in_one_case(form: Form, rng: random.Random, change: Callable[[Block], Block | None]) -> Form | None:
    index = rng.randrange(len(form.blocks))
    changed = change(form.blocks[index])
    return None if changed is None else Form({}, (*form.blocks[:index], changed, *form.blocks[index + 1 :]))


def append(form: Form, known: Words, rng: random.Random) -> Form | None:
    """One more call of a block on what is there."""
    return _in_one_case(form, rng, lambda block: _appended(block, known, rng)[0])


def extend(form: Form, known: Words, rng: random.Random) -> Form | None:
    """One more call of a block, and a best response to what it gave.

    Guarantees between some players say nothing of the others: one without what the others answer is worth little.
    """

    def change(block: Block) -> Block | None:
        changed, names = _appended(block, known, rng)
        if changed is None:
            return None
        types = known.types_of(changed)
        responder = player_type(rng.randint(1, known.players))
        if full(types, (responder,)):
            return None
        given = {types[name]: name for name in rng.sample(names, len(names))}
        args = []
        for kind in sorted(set(types.values())):
            if kind.startswith("P") and kind != responder:
                args.append(Ref(given.get(kind) or rng.choice([name for name in types if types[name] == kind])))
        return added(changed, known, "BestResponse", args, 1)[0]

    return _in_one_case(form, rng, change)


def reply(form: Form, known: Words, rng: random.Random) -> Form | None:
    """Best responses of all players to one profile, more often than not that of the strategies built last."""
    return _in_one_case(form, rng, lambda block: _replied(block, known, rng))


def _replied(block: Block, known: Words, rng: random.Random) -> Block | None:
    types = known.types_of(block)
    players = [player_type(i) for i in range(1, known.players + 1)]
    if full(types, players):
        return None
    owned = {kind: [name for name, have in types.items() if have == kind] for kind in players}
    last = rng.random() < _HALF
    profile = {kind: names[-1] if last else rng.choice(names) for kind, names in owned.items()}
    for kind in players:
        others = [Ref(profile[each]) for each in players if each != kind]
        block, _ = added(block, known, "BestResponse", others, 1)
    return block


def begin(form: Form, known: Words, rng: random.Random) -> Form | None:
    """A new program: one call of a block, on arbitrary strategies, whose players then respond, or all three do; with
    two players some responses in turn, maybe one to a mixture, and an assumption.

    What stands in a program is seldom in the way of its bound, but often of its proof, and of what may be added. It has
    to hold its own at once among programs that were improved for long.
    """
    choices = [
        (op, overload, owner.weight / len(overloads))
        for op, (owner, overloads) in known.overloads.items()
        for overload in overloads
        if len(set(overload.outputs)) > 1
    ]
    if not choices:
        return None
    ((op, overload, _),) = rng.choices(choices, [weight for _, _, weight in choices])
    block = Block("main", (), (), ())
    args: list[Arg] = []
    for want in overload.inputs:
        if known.types.domain(want) is None:
            block, (name,) = added(block, known, f"Random{want[1:]}", [], 1)
            args.append(Ref(name))
        else:
            args.append(drawn(want, known, rng))
    block, names = added(block, known, op, args, len(overload.outputs))
    profile = {want: arg.name for want, arg in zip(overload.inputs, args, strict=True) if isinstance(arg, Ref)}
    profile.update(zip(reversed(overload.outputs), reversed(names), strict=True))
    for kind in sorted(kind for kind in overload.inputs if kind in profile):
        others = sorted(each for each in profile if each.startswith("P") and each != kind)
        block, _ = added(block, known, "BestResponse", [Ref(profile[each]) for each in others], 1)
    if known.players > 2 and rng.random() < 0.5:
        block = _replied(block, known, rng) or block
    started = Form({}, (block,))
    return started if known.players > 2 else _continued(started, known, rng)


def _continued(form: Form, known: Words, rng: random.Random) -> Form:
    """`form`, of two players, with responses in turn, maybe one to a mixture, and an assumption."""
    (block,) = form.blocks
    player = rng.randint(1, 2)
    for _ in range(rng.randint(1, 2)):
        types = known.types_of(block)
        newest = [name for name, kind in types.items() if kind == player_type(3 - player)][-1]
        block, _ = added(block, known, "BestResponse", [Ref(newest)], 1)
        player = 3 - player
    form = Form({}, (block,))
    for edit in (assume, respond):
        if rng.random() < 0.5:
            form = edit(form, known, rng) or form
    return form


def _appended(block: Block, known: Words, rng: random.Random) -> tuple[Block | None, list[str]]:
    types = known.types_of(block)
    choices: list[tuple[str, Overload, float]] = [
        (op, overload, owner.weight / len(overloads))
        for op, (owner, overloads) in known.overloads.items()
        for overload in overloads
        if all(want in types.values() or known.types.domain(want) is not None for want in overload.inputs)
        and not full(types, overload.outputs)
    ]
    if not choices:
        return None, []
    ((op, overload, _),) = rng.choices(choices, [weight for _, _, weight in choices])
    args: list[Arg] = []
    for want in overload.inputs:
        if known.types.domain(want) is None:
            args.append(Ref(rng.choice([name for name, have in types.items() if have == want])))
        else:
            args.append(drawn(want, known, rng))
    return added(block, known, op, args, len(overload.outputs))


def respond(form: Form, known: Words, rng: random.Random) -> Form | None:
    """A mixture of two strategies of one player, and another player's best response to it.

    Lines mix strategies anyway, so a mixture alone is worth little; what answers it is new.
    """

    def change(block: Block) -> Block | None:
        types = known.types_of(block)
        players = [player_type(i) for i in range(1, known.players + 1)]
        owned = {kind: [name for name, have in types.items() if have == kind] for kind in players}
        mixable = [kind for kind in players if len(owned[kind]) > 1]
        if not mixable or "Mix" not in known.overloads:
            return None
        mixed = rng.choice(mixable)
        pair = rng.sample(owned[mixed], 2)
        responder = rng.choice([kind for kind in players if kind != mixed])
        if full(types, (mixed, responder)):
            return None
        weight = drawn(WEIGHT, known, rng)
        block, (mixture,) = added(block, known, "Mix", [Ref(pair[0]), Ref(pair[1]), weight], 1)
        others = [mixture if kind == mixed else rng.choice(owned[kind]) for kind in players if kind != responder]
        return added(block, known, "BestResponse", [Ref(name) for name in others], 1)[0]

    return _in_one_case(form, rng, change)


def balance(form: Form, known: Words, rng: random.Random) -> Form | None:
    """What one of the other edits adds for some player, for all players alike (see `symmetric`)."""

    def change(block: Block) -> Block | None:
        edit = rng.choice((append, extend, respond, respond))
        changed = edit(Form({}, (block,)), known, rng)
        found = None if changed is None else everywhere(block, changed.blocks[0], known)
        if found is None or any(n > _STRATEGIES.get(known.players, 3) for n in _counts(found, known)):
            return None
        return found

    return _in_one_case(form, rng, change)


def _counts(block: Block, known: Words) -> list[int]:
    types = list(known.types_of(block).values())
    return [types.count(player_type(i)) for i in range(1, known.players + 1)]


def remove(form: Form, known: Words, rng: random.Random) -> Form | None:
    """One call less, one that nothing depends on."""
    index = rng.randrange(len(form.blocks))
    block = form.blocks[index]
    used = {arg.name for s in block.statements for arg in s.args if isinstance(arg, Ref)}
    used |= {o.value.name for o in block.outputs if isinstance(o.value, Ref)}
    free = [s for s in block.statements if used.isdisjoint(s.outputs)]
    if not free:
        return None
    gone = rng.choice(free)
    changed = replace(block, statements=tuple(s for s in block.statements if s is not gone))
    return Form({}, (*form.blocks[:index], changed, *form.blocks[index + 1 :]))


def assume(form: Form, known: Words, rng: random.Random) -> Form | None:
    """Add a free assumption, exchange its sides, or drop it; only in a program without cases."""
    if len(form.blocks) != 1:
        return None
    (block,) = form.blocks
    bare = without_assumption(block, known)
    if bare is not block and rng.random() < 0.5:
        return Form({}, (bare,))
    block = bare
    candidates = list(assumptions(block, known))
    if not candidates:
        return None
    return Form({}, (with_assumption(block, *rng.choice(candidates), rng),))


def without_assumption(block: Block, known: Words) -> Block:
    """`block` without its assumption and the values that only that needs; itself where there is none."""
    wlog = next((o for o in block.outputs if o.label == "wlog"), None)
    if wlog is None:
        return block
    assert isinstance(wlog.value, Ref)
    gone = wlog.value.name
    rest = replace(
        block,
        statements=tuple(s for s in block.statements if gone not in s.outputs),
        outputs=tuple(o for o in block.outputs if o.label != "wlog"),
    )
    needed = _needed(rest, known)
    return replace(rest, statements=tuple(s for s in rest.statements if not needed.isdisjoint(s.outputs)))


def with_assumption(block: Block, statements: Sequence[Statement], pair: Sequence[str], rng: random.Random) -> Block:
    """`block` with `statements`, which compute the values `pair`, and the assumption that one is at least the other."""
    name = fresh_name("c", {n for s in (*block.statements, *statements) for n in s.outputs})
    sides = pair if rng.random() < 0.5 else pair[::-1]
    test = Statement((name,), "at_least", (Ref(sides[0]), Ref(sides[1])))
    outputs = (Output("wlog", CONDITION, Ref(name)), *block.outputs)
    return replace(block, statements=(*block.statements, *statements, test), outputs=outputs)


def _needed(block: Block, known: Words) -> set[str]:
    """Strategies, and values that something uses."""
    needed: set[str] = set()
    roots = [s.outputs[0] for s in block.statements if s.op in known.overloads]
    roots += [o.value.name for o in block.outputs if isinstance(o.value, Ref)]
    for name in roots:
        needed |= ancestors(block, name)
    return needed


def assumptions(block: Block, known: Words) -> Iterator[tuple[list[Statement], tuple[str, str]]]:
    """Pairs of values that an exchange of two players turns into each other, with the statements that compute them."""
    types = known.types_of(block)
    everyone = range(1, known.players + 1)
    digests = {tree(block, Ref(name)): name for name in types}
    taken = set(types) | set(known.vocabulary.by_name)
    one = fresh_name("v", taken)
    other = fresh_name("v", {*taken, one})
    for i, j in combinations(everyone, 2):
        order = [j if k == i else i if k == j else k for k in everyone]
        twin = {name: digests.get(image(block, Ref(name), order, known)) for name in types}
        for name, partner in twin.items():
            if partner is not None and types[name] == "value" and name < partner:
                yield [], (name, partner)
        names = [[n for n, t in types.items() if t == player_type(k) and twin[n] is not None] for k in everyone]
        for profile in product(*names):
            moved = sorted((twin[n] or "" for n in profile), key=lambda n: types[n])
            for op in "ffU":  # regrets twice as often
                left = Statement((one,), f"{op}{i}", tuple(Ref(n) for n in profile))
                right = Statement((other,), f"{op}{j}", tuple(Ref(n) for n in moved))
                yield [left, right], (one, other)


def joined(first: Form, second: Form, known: Words, rng: random.Random) -> Form:
    """`first` with the last statements of `second`'s first case, or some of them, and all that they need.

    Raises:
        Rejected: nothing of `second` can be brought into `first`.
    """
    giver = second.blocks[0]
    calls = [s for s in giver.statements if s.op in known.overloads]
    for _ in range(_DRAWS):
        wanted = ancestors(giver, rng.choice(calls).outputs[0])
        index = rng.randrange(len(first.blocks))
        block = first.blocks[index]
        have = {tree(block, Ref(n)): n for s in block.statements for n in s.outputs}
        here: dict[str, str] = {}
        statements = list(block.statements)
        taken = {n for s in statements for n in s.outputs} | set(known.vocabulary.by_name)
        for statement in giver.statements:
            if wanted.isdisjoint(statement.outputs):
                continue
            for name in statement.outputs:
                here[name] = have.get(tree(giver, Ref(name))) or fresh_name("s", taken)
                taken.add(here[name])
            if tree(giver, Ref(statement.outputs[0])) not in have:
                args = tuple(Ref(here[a.name]) if isinstance(a, Ref) else a for a in statement.args)
                statements.append(Statement(tuple(here[n] for n in statement.outputs), statement.op, args))
        changed = replace(block, statements=tuple(statements))
        form = Form({}, (*first.blocks[:index], changed, *first.blocks[index + 1 :]))
        if len(statements) == len(block.statements):
            continue
        try:
            check(form, known.vocabulary)
        except Rejected:
            continue
        return form
    raise Rejected(f"expected a program with something of both parents; found none in {_DRAWS} draws")


EDITS: tuple[tuple[float, _Edit], ...] = (
    (3.0, append),
    (3.0, extend),
    (3.0, respond),
    (1.5, reply),
    (3.0, remove),
    (3.0, assume),
    (1.0, begin),
    (2.0, weigh),
)

#: Those for more than two players only.
MANY_EDITS: tuple[tuple[float, _Edit], ...] = ((4.0, balance),)
