"""Checks this certificate. Needs z3-solver; cvc5, where it is installed, is asked too.

Each text must have no model, but for the axioms, which must have one; and what a step of a case assumes must stand in
the question of that case, or have been found by a step before.

Exit code 0: all of that holds by Z3, and cvc5 contradicts nothing. Neither solver's silence is a proof.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

#: Every text, with the variable ordering with which Z3 is quick.
FILES: dict[str, int] = {}
BOUND = "1"
SECONDS, SECOND_SECONDS = 600, 60
HERE = Path(__file__).parent


def by_z3(text: str, first: int) -> str:
    """Z3's answer to the assertions of `text`: "unsat" is a proof."""
    import z3

    answer = "unknown"
    for ordering in dict.fromkeys((first, 4, 1, 0)):
        if "(set-logic QF_LRA)" in text:
            solver = z3.SolverFor("QF_LRA")
        else:
            solver = z3.With("qfnra-nlsat", variable_ordering_strategy=ordering).solver()
        solver.set("timeout", SECONDS * 1000)
        solver.from_string(text.replace("(check-sat)", ""))
        answer = str(solver.check())
        if answer != "unknown":
            break
    return answer


def by_cvc5(text: str) -> str:
    """cvc5's answer; "unknown" where it gives up, "missing" where it is not installed."""
    try:
        import cvc5
    except ImportError:
        return "missing"
    solver = cvc5.Solver(cvc5.TermManager())
    solver.setOption("tlimit-per", str(SECOND_SECONDS * 1000))
    parser = cvc5.InputParser(solver)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, text.replace("(check-sat)", ""), "certificate")
    symbols = parser.getSymbolManager()
    while not (command := parser.nextCommand()).isNull():
        command.invoke(solver, symbols)
    result = solver.checkSat()
    return "unsat" if result.isUnsat() else "sat" if result.isSat() else "unknown"


def gaps(case: str) -> list[str]:
    """Files of a case that assume something which neither its question says nor a step before them found."""
    known = _assumed(f"{case}-question.smt2")
    steps = [name for name in FILES if name.startswith(f"{case}-step")]
    found = []
    for name in [*sorted(steps, key=lambda name: int(re.findall(r"\d+", name)[-2])), f"{case}.smt2"]:
        for line in _assumed(name) - known:
            # The difference of two variables may get a name of its own.
            new = re.fullmatch(r"\(= \(\+ (\|[^|]+\|) \(\* \(- 1\) \|[^|]+\|\) \|[^|]+\|\) 0\)", line)
            if new and line.count(new[1]) == 1 and not any(new[1] in other for other in known):
                known.add(line)
            else:
                found.append(name)
        known |= set(re.findall(r"^  \(not (.*)\)$", _text(name), re.MULTILINE))
    return sorted(set(found))


def _assumed(name: str) -> set[str]:
    return set(re.findall(r"^\(assert (.*)\)$", _text(name), re.MULTILINE))


def _text(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def main() -> int:
    """Check everything in this folder."""
    holds = True
    for name, ordering in FILES.items():
        case, _, kind = name.removesuffix(".smt2").partition("-")
        if kind == "question":
            missing = gaps(case)
            holds = holds and not missing
            print(f"{name}: {', '.join(missing) + ': NOT FROM IT' if missing else 'all steps begin with it'}")
            continue
        expected, other = ("sat", "unsat") if kind == "axioms" else ("unsat", "sat")
        first, second = by_z3(_text(name), ordering), by_cvc5(_text(name))
        holds = holds and first == expected and second != other
        told = {"unknown": "re-check inconclusive", "missing": "not installed"}.get(second, second)
        print(f"{name}: Z3 {first}, cvc5 {told}", flush=True)
    print(f"the bound {BOUND} is proved" if holds else f"the bound {BOUND} is NOT proved")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
