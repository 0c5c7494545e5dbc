"""Z3: exact decisions. `unsat` is a proof; a model is exact, too."""

from __future__ import annotations

import re
import threading
import time
from fractions import Fraction
from typing import Any

__all__ = ["core", "decide"]

#: Digits of an irrational number of a model.
_DIGITS = 35

#: Wall seconds between two looks at the processor time.
_LOOK = 0.05

#: What Z3 gives as its reason after an internal assertion failed.
_BROKEN = "unreachable"

#: How a text says that it is linear.
LINEAR = "(set-logic QF_LRA)"


def decide(text: str, *, ordering: int, work: int, seconds: float) -> dict[str, Any]:
    """Whether some state meets the assertions of an SMT-LIB text.

    Args:
        text: As `smtlib.smtlib` writes it.
        ordering: Variable ordering of the decision procedure, 0 to 5 (`variable_ordering_strategy` of nlsat); of no
            effect on linear texts, which the simplex method decides.
        work: Z3's resource limit; repeats exactly, unlike seconds.
        seconds: Backstop, of processor time: a busy machine cuts off nothing else than an idle one. Z3 does not always
            look at either limit: whoever calls has to be ready to kill the process.

    Returns:
        `answer` (`"sat"`, `"unsat"` or `"unknown"`), `reason` of an unknown, and `model` for `"sat"`: name to the text
        of a fraction, or for an irrational number to `root of`, the coefficients of a polynomial, that of x^0 first,
        and `within`, two fractions around the root; that of a linear text names products, too. Or `failed`: why there
        is no answer.
    """
    import z3

    context = z3.Context()  # one that has seen other questions may answer otherwise
    if LINEAR in text:
        solver = z3.SolverFor("QF_LRA", ctx=context)
    else:
        solver = z3.With("qfnra-nlsat", variable_ordering_strategy=ordering, ctx=context).solver()
    solver.set("rlimit", work)
    solver.from_string(text.replace("(check-sat)", ""))
    with _Watch(context, seconds) as watch:
        result = solver.check()
    found: dict[str, Any] = {"answer": str(result), "reason": "", "model": None}
    if result == z3.unknown:
        found["reason"] = "timeout" if watch.fired else solver.reason_unknown()
        if found["reason"] == _BROKEN:
            return {"failed": "an assertion inside Z3 failed"}
    if result == z3.sat:
        model = solver.model()
        inside = "[^|]" if LINEAR in text else "[^|*]"
        names = re.findall(rf"^\(declare-const \|({inside}+)\| Real\)$", text, re.MULTILINE)
        found["model"] = {name: _value(model.eval(z3.Real(name, context), model_completion=True)) for name in names}
    return found


def core(text: str, *, last: int, work: int, seconds: float) -> dict[str, Any]:
    """Which of the last assertions of a linear text without a model are enough for it to have none.

    Args:
        text: As `relaxation.Relaxation.text` writes it.
        last: How many assertions are in question; those before them are kept.
        work, seconds: As for `decide`.

    Returns:
        `answer`, and for `"unsat"` `core`: indices among the `last` assertions, ascending.
    """
    import z3

    context = z3.Context()  # one that has seen other questions may find another core
    solver = z3.SolverFor("QF_LRA", ctx=context)
    solver.set("rlimit", work)
    assertions = list(z3.parse_smt2_string(text.replace("(check-sat)", ""), ctx=context))
    first = len(assertions) - last
    solver.add(assertions[:first])
    for index, assertion in enumerate(assertions[first:]):
        solver.assert_and_track(assertion, f"in question {index}")
    with _Watch(context, seconds):
        result = solver.check()
    found: dict[str, Any] = {"answer": str(result), "core": []}
    if result == z3.unsat:
        found["core"] = sorted(int(str(each).split()[-1].strip("|")) for each in solver.unsat_core())
    return found


class _Watch:
    """Interrupts a context of Z3 when this process has computed for so many seconds."""

    def __init__(self, context: Any, seconds: float) -> None:
        self._context, self._end = context, time.process_time() + seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.fired = False

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(_LOOK):
            if time.process_time() > self._end:
                self.fired = True
                self._context.interrupt()
                return


def _value(number: Any) -> Any:
    import z3

    if z3.is_rational_value(number):
        return str(number.as_fraction())
    middle = Fraction(number.approx(_DIGITS).as_fraction())
    width = Fraction(1, 10 ** (_DIGITS - 5))
    coefficients = [str(each.as_fraction()) for each in number.poly()]
    return {"root of": coefficients, "within": [str(middle - width), str(middle + width)]}
