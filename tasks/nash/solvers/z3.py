"""Z3: exact decisions. `unsat` is a proof; a model is exact, too."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from discovery.tasks.nash.solvers.encoding import Problem

__all__ = ["decide"]


def assertions(problem: Problem) -> tuple[dict[str, Any], list[Any]]:
    """Z3 variables by name, and formulas: boxes, one equation a product, everything else linear."""
    import z3

    symbols = {name: z3.Real(name) for name in problem.variables}
    formulas: list[Any] = []
    for name, bounds in problem.variables.items():
        if bounds.low is not None:
            formulas.append(symbols[name] >= z3.RealVal(str(bounds.low)))
        if bounds.high is not None:
            formulas.append(symbols[name] <= z3.RealVal(str(bounds.high)))
    terms: dict[tuple[str, ...], Any] = {}
    for monomial in problem.products():
        product = z3.Real("*".join(monomial))
        factors = [symbols[name] for name in monomial]
        equation = factors[0]
        for factor in factors[1:]:
            equation = equation * factor
        formulas.append(product == equation)
        if all(_unit(problem, name) for name in monomial):
            formulas += [product >= 0, product <= 1]
        terms[monomial] = product
    for constraint in problem.constraints:
        left = z3.RealVal("0")
        parts = []
        for monomial, coefficient in constraint.poly.terms.items():
            number = z3.RealVal(str(coefficient))
            if not monomial:
                parts.append(number)
            else:
                term = symbols[monomial[0]] if len(monomial) == 1 else terms[monomial]
                parts.append(term if coefficient == 1 else number * term)
        if parts:
            left = z3.Sum(parts) if len(parts) > 1 else parts[0]
        zero = z3.RealVal("0")
        formulas.append({">=": left >= zero, ">": left > zero, "=": left == zero}[constraint.relation])
    return symbols, formulas


def _unit(problem: Problem, name: str) -> bool:
    bounds = problem.variables[name]
    return bounds.low == 0 and bounds.high == 1


def decide(problem: Problem, *, ordering: int, work: int, seconds: float) -> dict[str, Any]:
    """Whether some state meets `problem`.

    Args:
        problem: What to decide.
        ordering: Variable ordering of nlsat, 0 to 6.
        work: Z3's resource limit.
        seconds: Backstop.

    Returns:
        `answer` ("sat", "unsat", "unknown"), `reason`, `work` (resource units spent), and for "sat" a `model`: name to
        a fraction text, or to [low, high] around an algebraic number.
    """
    import z3

    symbols, formulas = assertions(problem)
    tactic = z3.With("qfnra-nlsat", variable_ordering_strategy=ordering)
    solver = tactic.solver()
    solver.set("rlimit", work)
    solver.set("timeout", int(seconds * 1000))
    solver.add(*formulas)
    result = solver.check()
    answer: dict[str, Any] = {"answer": str(result), "reason": "", "model": None}
    if result == z3.unknown:
        answer["reason"] = solver.reason_unknown()
    if result == z3.sat:
        model = solver.model()
        answer["model"] = {name: _value(model.eval(symbol, model_completion=True)) for name, symbol in symbols.items()}
    return answer


def _value(number: Any) -> Any:
    import z3

    if z3.is_rational_value(number):
        return str(number.as_fraction())
    middle = Fraction(str(number.approx(20).as_fraction()))
    return [str(middle - Fraction(1, 10**20)), str(middle + Fraction(1, 10**20))]
