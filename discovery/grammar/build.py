"""Checks a form against a vocabulary: names, types, overloads, limits. What passes may be edited, keyed and run."""

from __future__ import annotations

import difflib
import keyword
import math
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from discovery.grammar.constants import MAX_DIGITS, number_text, same_number, too_long
from discovery.grammar.ir import Arg, Block, Const, Form, Output, Ref, Span, Statement
from discovery.grammar.vocabulary import Signature, Vocabulary
from discovery.model import Rejected

__all__ = ["Checked", "CheckedBlock", "check", "nearest", "rejected", "short"]

#: Longest name that is repeated whole in a message, and longest list of names.
_NAME_LENGTH, _LIST_LENGTH = 40, 700


@dataclass(frozen=True)
class CheckedBlock:
    """A block, the type of each of its values by name, and the overload that each statement means."""

    block: Block
    types: Mapping[str, str]
    signatures: tuple[Signature, ...]


@dataclass(frozen=True)
class Checked:
    """A form that `check` accepted."""

    form: Form
    blocks: tuple[CheckedBlock, ...]


def short(name: str) -> str:
    """`name` quoted for a message, cut short when it is long."""
    return f"`{name if len(name) <= _NAME_LENGTH else name[:_NAME_LENGTH] + '...'}`"


def nearest(name: str, allowed: Iterable[str]) -> str:
    """End of a message about an unknown `name`: the nearest of the `allowed`, and what they are."""
    names = sorted(set(allowed))
    close = difflib.get_close_matches(name, names, n=1) if len(name) <= _NAME_LENGTH else []
    listed = ", ".join(names) or "none"
    if len(listed) > _LIST_LENGTH:
        listed = listed[:_LIST_LENGTH].rsplit(", ", 1)[0] + ", ..."
    return (f"; did you mean `{close[0]}`?" if close else "") + f" (allowed: {listed})"


def rejected(message: str, span: Span | None = None) -> Rejected:
    """A `Rejected` that points at the beginning of `span`, where there is one."""
    return Rejected(message) if span is None else Rejected(message, span.line, span.column)


def check(form: Form, vocabulary: Vocabulary) -> Checked:
    """Check `form`, infer the type of every value and the overload of every statement.

    Raises:
        Rejected: at the statement's span, where it has one: a name defined twice, used before its definition, unknown
            or not an identifier; arguments that no overload takes; a number outside its domain; too many statements;
            an output of the wrong type; a carried output that does not fit its input; or what `vocabulary.valid` says.
    """
    for name, value in form.constants.items():
        _check_name(name, None)
        if isinstance(value, bool) or too_long(value) or (isinstance(value, float) and not math.isfinite(value)):
            limit = f"a finite number of at most {MAX_DIGITS} digits"
            raise Rejected(f"constant {short(name)} must be {limit}; got {number_text(value)}")
    names = [block.name for block in form.blocks]
    if len(set(names)) != len(names):
        raise Rejected(f"each block may occur once; got {', '.join(names)}")
    checked = Checked(form, tuple(_BlockChecker(block, form, vocabulary).run() for block in form.blocks))
    if (problem := vocabulary.valid(form)) is not None:
        raise Rejected(problem)
    return checked


def _check_name(name: str, span: Span | None) -> None:
    # `ast` hands identifiers back in NFKC; a name in another form would not survive printing and parsing.
    if not name.isidentifier() or keyword.iskeyword(name) or not unicodedata.is_normalized("NFKC", name):
        raise rejected(f"a name must be a Python identifier and no keyword; got {short(name)}", span)


class _BlockChecker:
    """One walk over one block."""

    def __init__(self, block: Block, form: Form, vocabulary: Vocabulary) -> None:
        self.block, self.form, self.vocabulary = block, form, vocabulary
        self.types: dict[str, str] = {}

    def run(self) -> CheckedBlock:
        block, limit = self.block, self.vocabulary.max_statements
        if len(block.statements) > limit:
            message = f"block {short(block.name)} has {len(block.statements)} statements; at most {limit} are allowed"
            raise rejected(message, block.statements[limit].span)
        for port in block.inputs:
            if port.type not in self.vocabulary.types.names:
                raise Rejected(f"unknown type {short(port.type)}{nearest(port.type, self.vocabulary.types.names)}")
            self.define(port.name, port.type, None)
        signatures = tuple(self.statement(statement) for statement in block.statements)
        self.outputs()
        return CheckedBlock(block, self.types, signatures)

    def define(self, name: str, type_: str, span: Span | None) -> None:
        _check_name(name, span)
        if name in self.types:
            raise rejected(f"{short(name)} is already defined; every name is assigned once", span)
        if name in self.form.constants:
            raise rejected(f"{short(name)} is the name of a shared constant; choose another name", span)
        self.types[name] = type_

    def statement(self, statement: Statement) -> Signature:
        operation = self.vocabulary.by_name.get(statement.op)
        if operation is None or not operation.blocks(self.block.name):
            allowed = [each.name for each in self.vocabulary.operations if each.blocks(self.block.name)]
            known = "unknown operation" if operation is None else f"not allowed in block {short(self.block.name)}:"
            raise rejected(f"{known} {short(statement.op)}{nearest(statement.op, allowed)}", statement.span)
        have = tuple(self.argument_type(arg, statement.span) for arg in statement.args)
        signature = self.vocabulary.resolve(statement.op, have)
        if signature is None:
            wanted = " or ".join(f"({', '.join(each.inputs)})" for each in operation.signatures)
            got = ", ".join("constant" if each is None else each for each in have)
            raise rejected(f"{short(statement.op)} expects arguments {wanted}; got ({got})", statement.span)
        for arg, want in zip(statement.args, signature.inputs, strict=True):
            if isinstance(arg, Const):
                self.constant(arg, want, f"{short(statement.op)}: ", statement.span)
        if len(statement.outputs) != len(signature.outputs):
            message = f"{short(statement.op)} has {len(signature.outputs)} outputs; got {len(statement.outputs)} names"
            raise rejected(message, statement.span)
        for name, type_ in zip(statement.outputs, signature.outputs, strict=True):
            self.define(name, type_, statement.span)
        return signature

    def argument_type(self, arg: Arg, span: Span | None) -> str | None:
        if isinstance(arg, Const):
            return None
        if (found := self.types.get(arg.name)) is not None:
            return found
        if any(arg.name in each.outputs for each in self.block.statements):
            raise rejected(f"{short(arg.name)} is used before it is defined", span)
        raise rejected(f"unknown value {short(arg.name)}{nearest(arg.name, self.types)}", span)

    def constant(self, const: Const, want: str, where: str, span: Span | None) -> None:
        domain = self.vocabulary.types.domain(want)
        assert domain is not None  # the overload would not have matched
        if const.name is not None:
            shared = self.form.constants.get(const.name)
            if shared is None:
                raise rejected(f"unknown constant {short(const.name)}{nearest(const.name, self.form.constants)}", span)
            if not same_number(shared, const.value):
                message = f"constant {short(const.name)} is {number_text(shared)}; got {number_text(const.value)}"
                raise rejected(message, span)
        if too_long(const.value):
            raise rejected(f"{where}expected a number of at most {MAX_DIGITS} digits", span)
        if (problem := domain.refuse(const.value)) is not None:
            raise rejected(where + problem, span)

    def outputs(self) -> None:
        ports = {port.name: port.type for port in self.block.inputs}
        labels: set[str] = set()
        carried: set[str] = set()
        for output in self.block.outputs:
            where = f"output {short(output.label)} of block {short(self.block.name)}"
            if output.label in labels:
                raise rejected(f"{where} is given twice", output.span)
            labels.add(output.label)
            self.output_value(output, where)
            if output.carries is None:
                continue
            carries = f"{where} carries {short(output.carries)}"
            if output.carries not in ports:
                raise rejected(f"{carries}, an unknown input{nearest(output.carries, ports)}", output.span)
            if output.carries in carried:
                raise rejected(f"{carries}, which another output carries already", output.span)
            carried.add(output.carries)
            want = ports[output.carries]
            if not self.vocabulary.types.fits(output.type, want):
                raise rejected(f"{carries} of type {want}; got type {output.type}", output.span)

    def output_value(self, output: Output, where: str) -> None:
        value, want, types = output.value, output.type, self.vocabulary.types
        if want not in types.names:
            raise rejected(f"{where}: unknown type {short(want)}{nearest(want, types.names)}", output.span)
        if isinstance(value, Ref):
            have = self.argument_type(value, output.span)
            if have is None or not types.fits(have, want):
                message = f"{where} must be of type {want}; got {short(value.name)} of type {have}"
                raise rejected(message, output.span)
        elif types.domain(want) is None:
            raise rejected(f"{where} must be of type {want}; got a constant", output.span)
        else:
            self.constant(value, want, f"{where}: ", output.span)
