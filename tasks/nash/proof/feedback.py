"""An outcome in words that a mathematician can act on: what is known, and the state that keeps it from being less."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from discovery.tasks.nash.proof.counterexample import Counterexample
from discovery.tasks.nash.proof.prove import Outcome

__all__ = ["rendered"]

_LINES = 6


def rendered(outcome: Outcome) -> str:
    """A few lines: the bound and how sure it is, then the counterexample."""
    if outcome.bound is not None:
        lines = [f"proved: no game forces more than {outcome.bound} = {float(outcome.bound):.6f}"]
    else:
        value = "unknown" if outcome.estimate is None else f"{outcome.estimate:.6f} (an estimate, not a bound)"
        lines = [f"unproved: a limit was reached; value of the worst case {value}"]
        lines += outcome.reasons[-2:]
    if outcome.counterexample is not None:
        lines += _state(outcome.counterexample)
    return "\n".join(lines)


def _state(state: Counterexample) -> list[str]:
    kind = "checked exactly" + ("" if state.exact else ", some values are irrational")
    kind = kind if state.checked else "found in floating point, not checked"
    lines = [f"a state forces {float(state.value):.6f} ({kind})" + (f", case {state.case}" * (state.case > 1))]
    by_value = sorted(state.lines, key=lambda line: line["value"])
    tight = [line for line in by_value if line["value"] - state.value < Fraction(1, 10**4)]
    for line in tight[:_LINES]:
        lines.append(f"  tight: {line['label']} guarantees {float(line['value']):.5f}, {_mixture(line)}")
    lines += _values(state.values)
    if state.tight:
        lines.append("  axioms that hold with equality there:")
        lines += [f"    {axiom}" for axiom in state.tight[:_LINES]]
    return lines


def _mixture(line: Mapping[str, Any]) -> str:
    """What a line is mixed to, by the names of its strategies."""
    weights = [(float(weight), name) for weight, name in zip(line["weights"], line["mixed"], strict=True)]
    shares = [name if weight > 0.9995 else f"{weight:.3f} {name}" for weight, name in weights if weight > 0.0005]
    return f"by {' + '.join(shares)}"


def _values(values: Mapping[str, Fraction]) -> list[str]:
    """Payoffs and regrets by profile, best payoffs, and the scalars of blocks, without the multipliers of lines."""
    table: dict[str, dict[str, str]] = {}
    others = []
    for name, value in values.items():
        kind, _, rest = name.partition("(")
        if kind[:1] in "Uf" and kind[1:].isdigit() and rest:
            table.setdefault(rest.rstrip(")"), {})[kind] = f"{float(value):.4f}"
        elif not name.startswith("q"):
            others.append(f"{name} {float(value):.4f}")
    players = sorted({kind[1:] for row in table.values() for kind in row}, key=int)
    columns = [f"{letter}{player}" for letter in "Uf" for player in players]
    width = max(map(len, table), default=0)
    lines = ["  " + " ".join([" " * width, *(f"{column:>6}" for column in columns)])]
    for profile in table:
        cells = [f"{table[profile].get(column, '-'):>6}" for column in columns]
        lines.append("  " + " ".join([f"{profile:{width}}", *cells]))
    return [*lines, f"  {', '.join(others)}"]
