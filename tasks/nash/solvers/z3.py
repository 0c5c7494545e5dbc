"""Z3: exact decisions. `unsat` is a proof; a model is exact, too."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

__all__ = ["decide"]

#: Half the width of the interval that stands for an irrational number of a model.
_PRECISION = Fraction(1, 10**30)


def decide(text: str, *, ordering: int, work: int, seconds: float) -> dict[str, Any]:
    """Whether some state meets the assertions of an SMT-LIB text.

    Args:
        text: As `smtlib.smtlib` writes it.
        ordering: Variable ordering of the decision procedure, 0 to 6 (`variable_ordering_strategy` of nlsat).
        work: Z3's resource limit; repeats exactly, unlike seconds.
        seconds: Backstop. Z3 does not always look at either limit: whoever calls has to be ready to kill the process.

    Returns:
        `answer` (`"sat"`, `"unsat"` or `"unknown"`), `reason` of an unknown, and `model` for `"sat"`: name to the text
        of a fraction, or to `[low, high]` around an irrational number.
    """
    import z3

    solver = z3.With("qfnra-nlsat", variable_ordering_strategy=ordering).solver()
    solver.set("rlimit", work)
    solver.set("timeout", int(seconds * 1000))
    solver.from_string(text.replace("(check-sat)", ""))
    result = solver.check()
    found: dict[str, Any] = {"answer": str(result), "reason": "", "model": None}
    if result == z3.unknown:
        found["reason"] = solver.reason_unknown()
    if result == z3.sat:
        model = solver.model()
        names = re.findall(r"^\(declare-const \|([^|*]+)\| Real\)$", text, re.MULTILINE)
        found["model"] = {name: _value(model.eval(z3.Real(name), model_completion=True)) for name in names}
    return found


def _value(number: Any) -> Any:
    import z3

    if z3.is_rational_value(number):
        return str(number.as_fraction())
    middle = Fraction(number.approx(40).as_fraction())
    return [str(middle - _PRECISION), str(middle + _PRECISION)]
