"""What a program leaves as: a module, a page that states it in mathematics, and the certificate of its bound."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from discovery.model import JSON
from discovery.tasks.nash.blocks import Block, Call
from discovery.tasks.nash.certificate import FOLDER, certificate
from discovery.tasks.nash.compiler.system import System, compile_program
from discovery.tasks.nash.export_module import nash_module
from discovery.tasks.nash.language import NashLanguage
from discovery.tasks.nash.program import Program
from discovery.tasks.nash.reduce import reduced

__all__ = ["Claim", "claimed", "exact", "exported", "proof_systems"]


@dataclass(frozen=True)
class Claim:
    """A bound that is said to be proved.

    Attributes:
        bound: The bound, from 0 to 1.
        recipe: How its proof is written again (see `certificate`); empty for the bound 1, which needs none.
        confirmed: Whether it was proved again by a confirmation.
    """

    bound: Fraction
    recipe: tuple[Mapping[str, JSON], ...]
    confirmed: bool


def claimed(provenance: Mapping[str, JSON]) -> Claim | None:
    """The bound that a record claims: that of its confirmation, else that of search; None where none was proved.

    Raises:
        KeyError, TypeError, ValueError: the record is not what a run writes.
    """
    entry = provenance.get("confirmation")
    if entry is not None and entry["confirmed"]:
        return _claim(entry["evidence"]["data"], confirmed=True)
    proved = [verdict for verdict in provenance["search"]["verdicts"] if verdict["status"] == "proved"]
    return _claim(proved[-1]["evidence"], confirmed=False) if proved else None


def _claim(data: Mapping[str, JSON], *, confirmed: bool) -> Claim:
    bound = exact(data["bound"])
    return Claim(bound, tuple(data["proof"]) if bound < 1 else (), confirmed)


def exact(recorded: JSON) -> Fraction:
    """A bound as a record writes it, `1/3` or `0`. ValueError for all else, `1e-99999999` too, which takes for ever."""
    if not isinstance(recorded, str) or re.fullmatch("[0-9]{1,40}(/0*[1-9][0-9]{0,40})?", recorded) is None:
        raise ValueError(f"expected a bound such as '1/3'; got {recorded!r:.60}")
    bound = Fraction(recorded)
    if bound > 1:
        raise ValueError(f"a bound lies between 0 and 1; got {bound}")
    return bound


def proof_systems(language: NashLanguage, source: str) -> list[System]:
    """The constraint systems that proofs are about: copies that nothing uses are left out, which keeps the bound."""
    return compile_program(Program.of(reduced(language.lower(source), language.words), language.players))


def exported(language: NashLanguage, source: str, name: str, provenance: Mapping[str, JSON]) -> dict[str, str]:
    """File name to text: `NAME.py`, `NAME.md`, `NAME.program.txt`; the folder `certificate` where a bound is proved."""
    claim, program = claimed(provenance), language.algorithm(source)
    header = _header(name, provenance, _bound_line(claim, program))
    files = {
        f"{name}.py": nash_module(program, name, header, None if claim is None else claim.bound),
        f"{name}.program.txt": source,
    }
    if claim is not None and claim.recipe:
        files |= certificate(proof_systems(language, source), claim.bound, claim.recipe)
    files[f"{name}.md"] = _page(name, source, program, claim, header)
    return files


def _header(name: str, provenance: Mapping[str, JSON], told: str) -> str:
    run, program = provenance["run"], provenance["program"]
    return "\n".join(
        [
            f"{name}: an algorithm found by a discovery run.",
            "",
            f"By its record: run {run['name']}, task {run['task']}, created {run['created']}; program {program['id']}, "
            f"proposal {program['proposal']} of {run['proposals']}.",
            told,
            *(f"ALARM: {alarm}" for alarm in provenance.get("alarms", ())),
        ]
    )


def _calls(program: Program) -> list[Call]:
    return [step for case in program.cases for step in case.steps if isinstance(step, Call)]


def _approximate(program: Program) -> bool:
    """Whether some step has a slack."""
    return any(call.block.routine(call).needs == "delta" for call in _calls(program))


def _bound_line(claim: Claim | None, program: Program) -> str:
    if claim is None:
        return "No bound is proved for it: nothing is claimed."
    value = f"{claim.bound} = {float(claim.bound):.6f}"
    if claim.bound == 1:
        return "Its bound is 1: it guarantees nothing."
    again = "proved, and proved again by a confirmation" if claim.confirmed else "proved during search, not confirmed"
    slack = " (plus a term that vanishes with delta)" if _approximate(program) else ""
    return f"In every game its regrets are at most {value}{slack}: {again}."


_NOTATION = """\
Payoffs lie in [0, 1]. U1(x, y) is the payoff of player 1 at the profile (x, y), M1(y) its best payoff against y, and
f1(x, y) = M1(y) - U1(x, y) its regret: what it gains at most by deviating alone. A profile whose regrets are all at
most e is an e-approximate Nash equilibrium.
"""
_LAST = """\
The last step is implicit. For every choice of constructed strategies of all players but one, the strategies of that one
are mixed so that the largest true regret is smallest (a linear program); also two strategies of one player and two of
another are mixed half and half. The best of all these profiles is returned.
"""
_WHY = """\
Call the payoffs U, best payoffs M and scalars of the blocks at the constructed strategies a *state*. Every game gives
one, and it meets the axioms below. Regrets are convex along each line of mixtures, so by linear-programming duality a
line guarantees max over q in the simplex of min over k of sum_j q_j f_j(k), k ranging over the line's strategies. The
bound holds if no state that meets the axioms has every line above it. That is a statement about finitely many real
numbers. Its negation, in exact arithmetic, is what the files `{folder}/case*.smt2` say, one for each case; a solver
finds each of them unsatisfiable. `{folder}/axioms.txt` lists every inequality, `python {folder}/check.py` asks the
solvers again.
"""


def _page(name: str, source: str, program: Program, claim: Claim | None, header: str) -> str:
    blocks = list({call.block.name: call.block for call in _calls(program)}.values())
    lines = [f"# {name}", "", *header.split("\n")[2:], "", _NOTATION, "## The algorithm", "", "```python"]
    lines += [*source.strip().split("\n"), "```", ""]
    lines += [f"- `{block.name}`: {block.summary}. Source: {block.source}." for block in blocks]
    if any(case.wlog for case in program.cases):
        lines.append(
            "- `wlog(A >= B)` loses nothing: exchanging two players turns A, with all that it is computed from, into B."
            " Where it fails, the two are renamed into each other, and all computed so far becomes its mirror image."
        )
    lines += ["", _LAST]
    if _approximate(program):
        lines += [
            "Some steps are approximate, with a slack delta that the caller chooses. The bound is for delta to 0: for"
            " every eta > 0 there is a delta > 0 with which the regrets are at most the bound plus eta.",
            "",
        ]
    lines += ["## The bound", ""]
    if claim is None or claim.bound == 1:
        lines += [_bound_line(claim, program), ""]
    else:
        lines += [f"**In every game all regrets are at most {claim.bound} = {float(claim.bound):.6f}.**", ""]
        lines += [_WHY.format(folder=FOLDER), *_used(claim.recipe)]
    lines += ["## What the blocks guarantee", ""]
    for block in blocks:
        lines += [f"### {block.name}", "", *_documentation(block), ""]
    lines += ["## Use", "", "```python", f"from {name} import solve", "", "profile, regrets = solve(U1, U2)"]
    if program.players > 2:
        lines[-1] = f"profile, regrets = solve({', '.join(f'U{i}' for i in range(1, program.players + 1))})"
    lines += ["```", "", f"`python {name}.py` plays some games and checks the regrets. It needs numpy and highspy.", ""]
    return "\n".join(lines)


def _used(recipe: Sequence[Mapping[str, JSON]]) -> list[str]:
    lines = []
    for step in recipe:
        case = f"Case {step['case']}: the proof" if len(recipe) > 1 else "The proof"
        boxes = f" is in {len(step['parts'])} boxes of the blocks' scalars and" if "parts" in step else ""
        lines.append(f"- {case}{boxes} uses {'; '.join(step['lines']) or 'no line: the case is empty'}.")
    return [*lines, ""]


def _documentation(block: Block) -> list[str]:
    """The block's own derivation of its axioms."""
    return (inspect.getdoc(type(block)) or "").split("\n")
