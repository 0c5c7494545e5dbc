"""SMT-LIB 2 text of a problem: what Z3 is asked, what is archived, and what a second solver re-checks.

Every product of variables gets one boxed variable with a single defining equation, so that all else is linear; that is
what makes most proofs quick. Where polynomials of a few variables matter, products are better left as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from discovery.tasks.nash.compiler.algebra import Constraint, Monomial, Poly
from discovery.tasks.nash.compiler.state import Bounds
from discovery.tasks.nash.solvers.encoding import Problem

__all__ = ["number", "smtlib", "symbol", "total"]


def smtlib(problem: Problem, comment: str = "", *, products: bool = True, unless: Sequence[Constraint] = ()) -> str:
    """`problem` as text, one assertion a line, each group under a comment that says where it comes from.

    Args:
        problem: Variables and constraints.
        comment: What the text begins with.
        products: Whether products get variables of their own.
        unless: One of these has to fail, too. The text has no model exactly if they all follow from `problem`. Their
            products have to occur in `problem`, or to be left as they are.
    """
    lines = [f"; {line}".rstrip() for line in comment.splitlines()]
    lines.append("(set-logic QF_NRA)")
    for name, bounds in problem.variables.items():
        lines.append(f"(declare-const {symbol((name,))} Real)")
        lines += _box(symbol((name,)), bounds)
    for monomial in problem.products() if products else ():
        name = symbol(monomial)
        lines.append(f"(declare-const {name} Real)")
        lines.append(f"(assert (= {name} (* {' '.join(symbol((each,)) for each in monomial)})))")
        if all(problem.variables[each] == Bounds() for each in monomial):
            lines += _box(name, Bounds())
    label = ""
    for constraint in problem.constraints:
        if constraint.label != label:
            label = constraint.label
            lines.append(f"; {label}")
        lines.append(f"(assert {_holds(constraint, products)})")
    if unless:
        lines += ["; one of these fails", "(assert (or"]
        lines += [f"  (not {_holds(each, products)})" for each in unless]
        lines.append("))")
    lines.append("(check-sat)")
    return "\n".join(lines) + "\n"


def symbol(monomial: Monomial) -> str:
    """Quoted symbol of a variable, or of the product of several."""
    return f"|{'*'.join(monomial)}|"


def _holds(constraint: Constraint, products: bool) -> str:
    return f"({constraint.relation} {total(constraint.poly, products)} 0)"


def _box(name: str, bounds: Bounds) -> list[str]:
    lines = [] if bounds.low is None else [f"(assert (>= {name} {number(bounds.low)}))"]
    return lines if bounds.high is None else [*lines, f"(assert (<= {name} {number(bounds.high)}))"]


def number(value: Fraction) -> str:
    """A rational number as a term."""
    size = str(abs(value.numerator)) if value.denominator == 1 else f"(/ {abs(value.numerator)} {value.denominator})"
    return f"(- {size})" if value < 0 else size


def total(poly: Poly, products: bool) -> str:
    """A polynomial as a term; products of variables as single symbols where they have variables of their own."""
    terms: list[str] = []
    for monomial, coefficient in poly.terms.items():
        factors = [symbol(monomial)] if products and monomial else [symbol((name,)) for name in monomial]
        if coefficient != 1 or not factors:
            factors.insert(0, number(coefficient))
        terms.append(factors[0] if len(factors) == 1 else f"(* {' '.join(factors)})")
    return terms[0] if len(terms) == 1 else f"(+ {' '.join(terms)})" if terms else "0"
