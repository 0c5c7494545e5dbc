"""A program as it is compiled and run: cases of calls, the assumption that costs nothing, and conditions between cases.

`Program.of(form)` reads a checked form. A form has one block `main`, or blocks `case1`, `case2`, ... in the order in
which their conditions are tried; a block's outputs are labelled `wlog` (the assumption), `unless1`, ... (conditions of
the cases before it) and `when` (its own; the last case has none).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import TypeAlias

from discovery.grammar.build import check
from discovery.grammar.ir import Block as FormBlock
from discovery.grammar.ir import Const, Form, Ref, Statement
from discovery.grammar.rewrite import rewrite
from discovery.model import content_key
from discovery.tasks.nash.blocks import Call
from discovery.tasks.nash.vocabulary import COMMUTATIVE, Words, words

__all__ = [
    "Case",
    "Comparison",
    "Program",
    "Scalar",
    "Step",
    "Tree",
    "assumed_steps",
    "digests",
    "image",
    "images",
    "outputs_of",
    "shared_steps",
    "tree",
]

#: Digest of an expression: equal digests mean equal expressions. The order of a sum or product does not matter, else
#: merging `b * a` into `a * b` would hide that an assumption turns into its mirror image.
Tree: TypeAlias = str


@dataclass(frozen=True)
class Scalar:
    """A computed value: `output = op(inputs)`, op one of `U1`, `M1`, `f1`, ..., `add`, `sub`, `mul`, `div`, `sqrt`."""

    output: str
    op: str
    inputs: tuple[str | Fraction, ...]


Step: TypeAlias = "Call | Scalar"


@dataclass(frozen=True)
class Comparison:
    """`left >= right`, each the name of a computed value or a number."""

    left: str | Fraction
    right: str | Fraction


@dataclass(frozen=True)
class Case:
    """Steps in order, with what holds when they are taken.

    Attributes:
        steps: All steps of the case.
        strategies: For each player in order, names of the constructed strategies.
        wlog: The assumption. Where it fails, the players `swap` are renamed into each other, which makes it true.
        swap: The two players, ascending; None without an assumption.
        prefix: How many of `steps`, after sorting, have to be taken before `wlog` can be decided: the steps that it
            depends on come first.
        unless: Conditions of the cases before: all fail here.
        when: The case's own condition; None for the last.
        trees: The expression that each name stands for: one digest, one value, also across cases.
        images: With an assumption: for each name that it depends on, the expression that the name's becomes when the
            players `swap` are renamed into each other. It is among `trees`.
    """

    steps: tuple[Step, ...]
    strategies: tuple[tuple[str, ...], ...]
    wlog: Comparison | None
    swap: tuple[int, int] | None
    prefix: int
    unless: tuple[Comparison, ...]
    when: Comparison | None
    trees: Mapping[str, Tree]
    images: Mapping[str, Tree]


def shared_steps(cases: Sequence[Case]) -> list[Step]:
    """The steps that all of `cases` take, in the order of the first: they come before it is decided which holds."""
    trees = [set(case.trees.values()) for case in cases]
    return [step for step in cases[0].steps if all(cases[0].trees[outputs_of(step)[0]] in each for each in trees)]


def assumed_steps(case: Case) -> list[Step]:
    """The steps that the assumption of `case` depends on, in order."""
    return [step for step in case.steps if outputs_of(step)[0] in case.images]


def outputs_of(step: Step) -> tuple[str, ...]:
    """The names that a step gives values."""
    return (step.output,) if isinstance(step, Scalar) else step.outputs


@dataclass(frozen=True)
class Program:
    """A whole program: `players` and its cases, tried in order."""

    players: int
    cases: tuple[Case, ...]

    @classmethod
    def of(cls, form: Form, players: int) -> Program:
        """The program that a checked form means.

        Equal calls are merged first: a block called twice with the same arguments gives the same outputs. That is a
        promise which whoever runs a program has to keep, and what lets equal programs have equal bounds.
        """
        known = words(players)
        merged = rewrite(check(form, known.vocabulary), known.vocabulary).form
        return cls(players, tuple(_case(block, known) for block in merged.blocks))


def _number(arg: Ref | Const) -> str | Fraction:
    return arg.name if isinstance(arg, Ref) else Fraction(arg.value)


def _case(block: FormBlock, known: Words) -> Case:
    types = known.types_of(block)
    steps = {name: _step(each, known, types) for each in block.statements for name in each.outputs}
    comparisons = {
        each.outputs[0]: Comparison(*(_number(arg) for arg in each.args))
        for each in block.statements
        if each.op == "at_least"
    }
    labels = {output.label: output.value.name for output in block.outputs if isinstance(output.value, Ref)}
    wlog = labels.get("wlog")
    first = ancestors(block, wlog) if wlog else set()
    ordered = [each for each in block.statements if each.op != "at_least"]
    before = [each for each in ordered if each.outputs[0] in first]
    after = [each for each in ordered if each.outputs[0] not in first]
    strategies = tuple(
        tuple(name for each in block.statements for name in each.outputs if types[name] == f"P{i}")
        for i in range(1, known.players + 1)
    )
    swap = exchanged(block, known) if wlog else None
    if wlog and swap is None:
        raise ValueError("the assumption is not free: no two players can be renamed into each other")
    return Case(
        tuple(step for each in (*before, *after) if (step := steps[each.outputs[0]]) is not None),
        strategies,
        comparisons[wlog] if wlog else None,
        swap,
        len(before),
        tuple(comparisons[labels[label]] for label in sorted(labels) if label.startswith("unless")),
        comparisons[labels["when"]] if "when" in labels else None,
        digests(block.statements),
        _images(block, first - set(comparisons), swap, known) if swap else {},
    )


def _images(block: FormBlock, names: set[str], swap: tuple[int, int], known: Words) -> dict[str, Tree]:
    renamed = digests(_renamed(block, transposition(swap, known.players), known))
    return {name: renamed[name] for statement in block.statements for name in statement.outputs if name in names}


def _step(statement: Statement, known: Words, types: Mapping[str, str]) -> Step | None:
    inputs = tuple(_number(arg) for arg in statement.args)
    if statement.op == "at_least":
        return None
    if statement.op not in known.overloads:
        return Scalar(statement.outputs[0], statement.op, inputs)
    have = [types[each] if isinstance(each, str) else None for each in inputs]
    overload = known.overload(statement, [types[name] for name in statement.outputs], have)
    return Call(known.overloads[statement.op][0], overload, statement.outputs, inputs)


def ancestors(block: FormBlock, name: str) -> set[str]:
    """`name` and all values that it is computed from, with the other outputs of the same calls."""
    wanted = {name}
    for statement in reversed(block.statements):
        if not wanted.isdisjoint(statement.outputs):
            wanted.update(statement.outputs)
            wanted.update(arg.name for arg in statement.args if isinstance(arg, Ref))
    return wanted


def tree(block: FormBlock, value: Ref | Const) -> Tree:
    """The expression that `value` is."""
    return _of(digests(block.statements), value)


def image(block: FormBlock, value: Ref | Const, order: Sequence[int], known: Words) -> Tree:
    """The expression that `value` becomes when player i is renamed to `order[i - 1]`."""
    return _of(digests(_renamed(block, order, known)), value)


def images(block: FormBlock, order: Sequence[int], known: Words) -> dict[str, Tree]:
    """For each name the expression that its own becomes when player i is renamed to `order[i - 1]`."""
    renamed = digests(_renamed(block, order, known))
    return {name: renamed[name] for statement in block.statements for name in statement.outputs}


def _renamed(block: FormBlock, order: Sequence[int], known: Words) -> list[Statement]:
    types = known.types_of(block)
    return [known.relabelled_statement(each, order, types) for each in block.statements]


def digests(statements: Iterable[Statement]) -> dict[str, Tree]:
    """The expression that each name stands for."""
    made: dict[str, Tree] = {}
    for statement in statements:
        args = [_of(made, arg) for arg in statement.args]
        call = content_key(repr((statement.op, sorted(args) if statement.op in COMMUTATIVE else args)))
        made.update((name, f"{index} {call}") for index, name in enumerate(statement.outputs))
    return made


def _of(made: Mapping[str, Tree], arg: Ref | Const) -> Tree:
    return made[arg.name] if isinstance(arg, Ref) else f"number {Fraction(arg.value)}"


def transposition(pair: tuple[int, int], players: int) -> list[int]:
    """Numbers of all players, those of `pair` exchanged."""
    return [{pair[0]: pair[1], pair[1]: pair[0]}.get(player, player) for player in range(1, players + 1)]


def exchanged(block: FormBlock, known: Words) -> tuple[int, int] | None:
    """The two players whose exchange turns the assumption's left side into its right side and back; None if no two."""
    name = next(
        output.value.name for output in block.outputs if output.label == "wlog" and isinstance(output.value, Ref)
    )
    comparison = next(each for each in block.statements if name in each.outputs)
    left, right = (tree(block, arg) for arg in comparison.args)
    for i, j in combinations(range(1, known.players + 1), 2):
        order = transposition((i, j), known.players)
        if (
            image(block, comparison.args[0], order, known) == right
            and image(block, comparison.args[1], order, known) == left
        ):
            return i, j
    return None
