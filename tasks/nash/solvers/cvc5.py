"""cvc5: a second opinion on an archived SMT-LIB text."""

from __future__ import annotations

from typing import Any

__all__ = ["decide"]


def decide(text: str, *, work: int, seconds: float) -> dict[str, Any]:
    """Whether some state meets the assertions of `text`, as cvc5 sees it.

    Args:
        text: As `smtlib.smtlib` writes it.
        work: cvc5's resource limit.
        seconds: Backstop.

    Returns:
        `answer` (`"sat"`, `"unsat"` or `"unknown"`) and `reason` of an unknown.
    """
    import cvc5

    solver = cvc5.Solver(cvc5.TermManager())
    solver.setOption("rlimit", str(work))
    solver.setOption("tlimit-per", str(int(seconds * 1000)))
    parser = cvc5.InputParser(solver)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, text.replace("(check-sat)", ""), "certificate")
    symbols = parser.getSymbolManager()
    while not (command := parser.nextCommand()).isNull():
        command.invoke(solver, symbols)
    result = solver.checkSat()
    if result.isUnsat():
        return {"answer": "unsat", "reason": ""}
    if result.isSat():
        return {"answer": "sat", "reason": ""}
    return {"answer": "unknown", "reason": str(result.getUnknownExplanation())}
