"""SCIP: the worst case in floating point. A value, an interval and an incumbent; never a proof."""

from __future__ import annotations

import math
from typing import Any

from discovery.tasks.nash.compiler.algebra import Poly, variable
from discovery.tasks.nash.compiler.system import System

__all__ = ["estimate"]

#: Name of what is maximised; no value of a program can be called so.
_LEAST = "least guarantee"


def estimate(
    system: System, *, nodes: int, seconds: float, lines: set[int] | None = None, tighten: bool = True
) -> dict[str, Any]:
    """Maximise the least guarantee of all lines over the states of `system`.

    Args:
        system: One case of a program.
        nodes: Limit of branch-and-bound nodes: it repeats.
        seconds: Backstop, of processor time.
        lines: Which lines to keep; None keeps all.
        tighten: Whether to spend time on the ceiling (bound tightening, restarts); states are found without it.

    Returns:
        `status` (`"optimal"`, `"infeasible"`, or what limit was reached), `value` (of the best state found, or None),
        `ceiling` (what no state exceeds, up to tolerances), `nodes`, `point` (name to value, regrets included).
    """
    model, symbols = _model(system, lines)
    model.setParam("limits/totalnodes", nodes)
    model.setParam("timing/clocktype", 1)
    model.setParam("limits/time", seconds)
    model.setParam("limits/gap", 1e-5)
    if not tighten:
        model.setParam("propagating/obbt/freq", -1)
        model.setParam("presolving/maxrestarts", 0)
        model.setParam("limits/primal", 0.999)
    model.setParam("randomization/randomseedshift", 0)
    model.optimize()
    found: dict[str, Any] = {"status": model.getStatus(), "value": None, "point": None, "nodes": model.getNTotalNodes()}
    ceiling = model.getDualbound()
    found["ceiling"] = min(1.0, ceiling) if math.isfinite(ceiling) else 1.0
    if model.getNSols() > 0:
        found["value"] = min(max(model.getPrimalbound(), 0.0), 1.0)
        best = model.getBestSol()
        found["point"] = {name: float(model.getSolVal(best, each)) for name, each in symbols.items()}
    return found


def _model(system: System, lines: set[int] | None) -> tuple[Any, dict[str, Any]]:
    """SCIP's model of `system` with these lines, and its variables by name."""
    import pyscipopt

    model = pyscipopt.Model()
    model.hideOutput()
    state = system.state
    symbols: dict[str, Any] = {_LEAST: model.addVar(_LEAST, lb=0.0, ub=1.0)}
    for name, bounds in state.variables.items():
        low = None if bounds.low is None else float(bounds.low)
        high = None if bounds.high is None else float(bounds.high)
        symbols[name] = model.addVar(name, lb=low, ub=high)
    for name, poly in state.definitions.items():
        symbols[name] = model.addVar(name, lb=0.0, ub=1.0)
        model.addCons(symbols[name] == _expression(poly, symbols))
    constraints = list(system.axioms)
    for index, line in enumerate(system.lines):
        if lines is None or index in lines:
            constraints += [*system.simplex(line), *system.above(line, variable(_LEAST))]
    for constraint in constraints:
        left = _expression(constraint.poly, symbols)
        if isinstance(left, float):
            continue
        model.addCons(left == 0 if constraint.relation == "=" else left >= 0)
    model.setObjective(symbols[_LEAST], "maximize")
    return model, symbols


def _expression(poly: Poly, symbols: dict[str, Any]) -> Any:
    total: Any = 0.0
    for monomial, coefficient in poly.terms.items():
        term: Any = float(coefficient)
        for name in monomial:
            term = term * symbols[name]
        total = total + term
    return total
