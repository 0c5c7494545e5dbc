"""An outcome in words that a mathematician can act on: what is known, and the state that keeps it from being less."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

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
    kind = "checked exactly" if state.exact else "with irrational values, checked to 24 digits"
    lines = [
        f"a state forces more than {float(state.value):.6f} ({kind})" + (f", case {state.case}" * (state.case > 1))
    ]
    by_value = sorted(state.lines, key=lambda line: line["value"])
    tight = [line for line in by_value if line["value"] - state.value < Fraction(1, 10**4)]
    for line in tight[:_LINES]:
        weights = ", ".join(f"{float(weight):.3f}" for weight in line["weights"])
        lines.append(f"  tight: {line['label']} guarantees {float(line['value']):.5f} (weights {weights})")
    values = ", ".join(f"{name} {float(value):.4f}" for name, value in _shown(state.values).items())
    lines.append(f"  {values}")
    if state.tight:
        lines.append(f"  tight axioms: {'; '.join(state.tight[:_LINES])}")
    return lines


def _shown(values: Mapping[str, Fraction]) -> dict[str, Fraction]:
    """Payoffs, best payoffs and the scalars of blocks, without the multipliers of lines."""
    return {name: value for name, value in values.items() if not name.startswith("q")}
