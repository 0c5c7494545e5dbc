"""One intermediate form for the program languages of all families: check, print, key, edit, cross.

A family gives a `Vocabulary` (types, operations with their laws, limits) and a front end that lowers its source text to
a `Form`; everything here works on forms and knows nothing else of the family.

    checked = check(form, vocabulary)           # or Rejected, with line and column
    keys = canonical(checked, vocabulary)       # equal key means equal behaviour
    child = mutate(form, vocabulary, rng)       # well-typed, of another key
"""

from discovery.grammar.build import Checked, CheckedBlock, check
from discovery.grammar.canonical import Keys, canonical, canonical_key, full_key, skeleton_key
from discovery.grammar.constants import ConstantDomain, DecayRateDomain, FloatDomain, IntegerDomain, RationalDomain
from discovery.grammar.cross import cross
from discovery.grammar.edit import NoEdit, mutate, tidied
from discovery.grammar.ir import Arg, Block, Const, Form, Number, Output, Port, Ref, Span, Statement
from discovery.grammar.liveness import carried_labels, drop_unused_constants, needs, prune
from discovery.grammar.places import Slot, Workbench, fresh_name
from discovery.grammar.printer import (
    argument_text,
    call_text,
    number_literal,
    parse_form,
    print_form,
    statement_text,
)
from discovery.grammar.simplify import simplify
from discovery.grammar.source import Source, parse_source
from discovery.grammar.vocabulary import Edit, Identity, Laws, Operation, Position, Signature, Types, Vocabulary

__all__ = [
    "Arg",
    "Block",
    "Checked",
    "CheckedBlock",
    "Const",
    "ConstantDomain",
    "DecayRateDomain",
    "Edit",
    "FloatDomain",
    "Form",
    "Identity",
    "IntegerDomain",
    "Keys",
    "Laws",
    "NoEdit",
    "Number",
    "Operation",
    "Output",
    "Port",
    "Position",
    "RationalDomain",
    "Ref",
    "Signature",
    "Slot",
    "Source",
    "Span",
    "Statement",
    "Types",
    "Vocabulary",
    "Workbench",
    "argument_text",
    "call_text",
    "canonical",
    "canonical_key",
    "carried_labels",
    "check",
    "cross",
    "drop_unused_constants",
    "fresh_name",
    "full_key",
    "mutate",
    "needs",
    "number_literal",
    "parse_form",
    "parse_source",
    "print_form",
    "prune",
    "simplify",
    "skeleton_key",
    "statement_text",
    "tidied",
]
