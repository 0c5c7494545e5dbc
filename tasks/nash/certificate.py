"""The certificate of a bound: for each case an SMT-LIB text without a model; what it states; a script that checks it.

A *recipe* is what it takes to write the texts again: for each case the lines that the proof uses, whether regrets are
variables of their own, whether the question is reduced to fewer variables or speaks of some strategies only, and the
variable ordering with which Z3 is quick. None of it has to be believed: leaving lines or strategies out weakens the
algorithm, so whatever is proved with some holds with all; and each step of a reduction has a text of its own, which has
no model exactly if the step is right.

A case that was proved in boxes (see `proof.cover`) has a text for each box, `case1-part1.smt2`, ..., and one that says
that some values lie in no box, `case1-cover.smt2`. Its recipe names the boxes, and for each the axioms (by their place
in the system) and mixtures that its text uses.

Two more kinds of texts are for whoever has nothing but the folder and the solvers. `case1-axioms.smt2` holds the axioms
of the blocks alone and has to have a model: contradictory ones would prove anything. Where a question is reduced,
`case1-question.smt2` is the whole of it, and the script sees to it that no step assumes anything else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from discovery.model import JSON
from discovery.tasks.nash.compiler.symmetry import symmetric
from discovery.tasks.nash.compiler.system import CASE, System, restricted
from discovery.tasks.nash.proof.cover import Part
from discovery.tasks.nash.proof.lemmas import labels, rewritten
from discovery.tasks.nash.proof.reduction import STEP_ORDERINGS, Reduction, reduction, refutations
from discovery.tasks.nash.solvers.encoding import Problem, target_problem
from discovery.tasks.nash.solvers.relaxation import Box, Mixture, Relaxation, branching, covering
from discovery.tasks.nash.solvers.smtlib import smtlib

__all__ = ["FOLDER", "as_proved", "certificate", "ordering", "recipe", "texts", "without_condition"]

FOLDER = "certificate"


def recipe(pieces: Sequence[Any], systems: Sequence[System]) -> list[dict[str, JSON]]:
    """The recipe of a proof of `systems`, given as `proof.prove.Piece`s, one a case."""
    found: list[dict[str, JSON]] = []
    for piece in pieces:
        system = systems[piece.case - 1]
        step: dict[str, JSON] = {
            "case": piece.case,
            "ordering": piece.ordering,
            "regrets": piece.regrets,
            "reduced": piece.reduced,
            "lines": list(piece.lines),
            "simpler": list(labels(system)),
        }
        if piece.strategies:
            step["strategies"] = list(piece.strategies)
        if piece.parts:
            step["parts"] = [_plain(system, part) for part in piece.parts]
        if piece.symmetries:
            step["symmetries"] = [dict(each) for each in piece.symmetries]
        found.append(step)
    return found


def _plain(system: System, part: Part) -> dict[str, JSON]:
    return {
        "box": {name: [str(low), str(high)] for name, (low, high) in part.box.items()},
        "axioms": list(part.axioms),
        "mixtures": [[system.lines[each.line].label, [str(w) for w in each.weights]] for each in part.mixtures],
    }


def ordering(steps: Sequence[Mapping[str, JSON]], name: str) -> int:
    """The variable ordering to begin with for a file of `texts`: what the recipe names for a proof."""
    found = [int(step["ordering"]) for step in steps if name == f"case{step['case']}.smt2"]
    return found[0] if found else STEP_ORDERINGS[0] if "-step" in name else 4


def as_proved(systems: Sequence[System], steps: Sequence[Mapping[str, JSON]]) -> list[System]:
    """The systems with the simpler definitions that the recipe names, for which their lemmas have to be refuted, and
    with the symmetries that it names, which are checked.

    Raises:
        KeyError, TypeError, ValueError: `steps` is no recipe for these systems.
    """
    if sorted(step["case"] for step in steps) != list(range(1, len(systems) + 1)):
        raise ValueError(f"expected one proof for each of {len(systems)} cases; got {[step['case'] for step in steps]}")
    chosen = {step["case"]: [str(label) for label in step["simpler"]] for step in steps}
    found = [rewritten(system, chosen[number]) for number, system in enumerate(systems, 1)]
    for number, system in enumerate(found, 1):
        if labels(system) != chosen[number]:
            raise ValueError(f"case {number} has no such definitions: {chosen[number]}")
    alike = {step["case"]: step.get("symmetries", []) for step in steps}
    return [symmetric(system, alike[number], branching(system)) for number, system in enumerate(found, 1)]


def texts(systems: Sequence[System], bound: Fraction, steps: Sequence[Mapping[str, JSON]]) -> dict[str, str]:
    """File name to SMT-LIB text: lemmas and proof of each case. Together they say that no state exceeds `bound`.

    Raises:
        KeyError, TypeError, ValueError: `steps` is no recipe for these systems.
    """
    systems = as_proved(systems, steps)
    found = {}
    for step in sorted(steps, key=lambda step: step["case"]):
        system, lines = systems[step["case"] - 1], [str(label) for label in step["lines"]]
        found.update({f"case{step['case']}-lemma{number}.smt2": text for number, text in enumerate(system.lemmas, 1)})
        if "parts" in step:
            told = f"Case {step['case']} of {len(systems)}"
            boxes = _in_boxes(system, bound, step["parts"], told)
            found.update({f"case{step['case']}-{name}.smt2": text for name, text in boxes.items()})
            continue
        problem = _question(system, bound, step)
        case = f"Case {step['case']} of {len(systems)}"
        reduced = bool(step.get("reduced"))
        if reduced:
            shorter = reduction(problem)
            problem = shorter.problem
            found.update(_steps(step["case"], case, shorter))
        found[f"case{step['case']}.smt2"] = smtlib(problem, _comment(case, bound, lines, reduced), products=not reduced)
    return found


def _question(system: System, bound: Fraction, step: Mapping[str, JSON]) -> Problem:
    """What is asked of a case, not yet reduced."""
    if "strategies" in step:
        system = restricted(system, [str(name) for name in step["strategies"]])
    places = {line.label: index for index, line in enumerate(system.lines)}
    kept = {places[str(label)] for label in step["lines"]}
    return target_problem(system, bound, lines=kept, regrets=bool(step["regrets"]))


def without_condition(system: System) -> System:
    """`system` without the condition of its case, which no game may meet; the blocks' axioms must have a model."""
    return replace(system, axioms=tuple(each for each in system.axioms if each.label != CASE))


def _context(systems: Sequence[System], bound: Fraction, steps: Sequence[Mapping[str, JSON]]) -> dict[str, str]:
    """The texts that are no proofs: axioms, and the questions that are reduced."""
    found = {}
    for number, system in enumerate(as_proved(systems, steps), 1):
        step, told = next(step for step in steps if step["case"] == number), f"Case {number} of {len(systems)}"
        comment = f"{told}: the axioms of the blocks. `sat` says that they do not contradict each other."
        found[f"case{number}-axioms.smt2"] = smtlib(target_problem(without_condition(system), None), comment)
        if step.get("reduced"):
            problem = _question(system, bound, step)
            comment = (
                f"{told}: what the steps begin with, axioms and rows of lines. It has no model, because what they find"
                f"\nhas none, case{number}.smt2."
            )
            found[f"case{number}-question.smt2"] = smtlib(problem, comment, products=False)
    return found


def _in_boxes(system: System, bound: Fraction, parts: Sequence[Mapping[str, JSON]], told: str) -> dict[str, str]:
    """Name to text: one for each box, and `cover`."""
    relaxation = Relaxation(system, bound)
    places = {line.label: index for index, line in enumerate(system.lines)}
    names, boxes, found = branching(system), list[Box](), dict[str, str]()
    for number, part in enumerate(parts, 1):
        box = {str(name): (Fraction(low), Fraction(high)) for name, (low, high) in part["box"].items()}
        if sorted(box) != sorted(names) or any(not 0 <= low <= high <= 1 for low, high in box.values()):
            raise ValueError(f"part {number}: expected a range within [0, 1] for each of {', '.join(names)}")
        mixtures = [Mixture(places[label], tuple(map(Fraction, weights))) for label, weights in part["mixtures"]]
        ranges = "\n".join(f"  {low} <= {name} <= {high}" for name, (low, high) in box.items())
        comment = (
            f"{told}, part {number} of {len(parts)}: a state with\n{ranges}\n"
            f"that meets the axioms below and in which each of the mixtures below stays above {bound}: it gives some\n"
            "player a larger regret. There is none: `unsat` is the proof. A name with * stands for a product, of\n"
            "which only linear inequalities are used that hold for all factors in their ranges."
        )
        found[f"part{number}"] = relaxation.text(box, [int(index) for index in part["axioms"]], mixtures, comment)
        boxes.append(box)
    comment = (
        f"{told}: values that lie in none of the {len(parts)} boxes of its parts.\n"
        "There are none: `unsat` says that the parts leave nothing out."
    )
    return {"cover": covering(system, boxes, comment), **found}


def _steps(number: int, case: str, shorter: Reduction) -> dict[str, str]:
    """The texts of all steps, in order."""
    found: dict[str, str] = {}
    for step in shorter.steps:
        comment = (
            f"{case}, a step: without {step.gone} follows, from axioms, rows of lines, and what earlier steps"
            "\nfound, what is negated at the end. `unsat` says that it does."
        )
        for text in refutations(step, comment):
            found[f"case{number}-step{len(found) + 1}.smt2"] = text
    return found


def _comment(case: str, bound: Fraction, lines: Sequence[str], reduced: bool) -> str:
    told = (
        f"{case}: a state that meets the axioms and in which each of these lines\n"
        f"stays above {bound}:\n" + "\n".join(f"  {label}" for label in lines) + "\n"
        "There is none: `unsat` is the proof. Names: U1(x,y) payoff of player 1 at (x, y), M1(y) its best payoff\n"
        "against y, f1 its regret M1 - U1, q multipliers of lines; a name with * is a product of variables."
    )
    if reduced:
        told += "\nMost variables are eliminated: each line below is an axiom, a row of a line, or what a step found."
    return told


def certificate(systems: Sequence[System], bound: Fraction, steps: Sequence[Mapping[str, JSON]]) -> dict[str, str]:
    """All files of the folder, by their path from the bundle. See `texts`."""
    checked = _context(systems, bound, steps) | texts(systems, bound, steps)
    orderings = {name: ordering(steps, name) for name in checked}
    script = (Path(__file__).parent / "checker.py").read_text(encoding="utf-8")
    script = script.replace("FILES: dict[str, int] = {}", f"FILES = {json.dumps(orderings, indent=4)}")
    script = script.replace('BOUND = "1"', f'BOUND = "{bound}"')
    files = {"bound.txt": f"{bound}\n", "axioms.txt": _statement(systems, bound, steps), "check.py": script, **checked}
    return {f"{FOLDER}/{name}": text for name, text in files.items()}


def _statement(systems: Sequence[System], bound: Fraction, steps: Sequence[Mapping[str, JSON]]) -> str:
    lines = [
        f"In every game the algorithm ends with regrets of at most {bound}, if the following holds in every game.",
        "",
        "Notation: U1(x,y) is the payoff of player 1 at (x, y), M1(y) its best payoff against y, and",
        "f1(x,y) = M1(y) - U1(x,y) its regret. All of these lie in [0, 1], and U <= M; that is not repeated below.",
    ]
    for number, system in enumerate(as_proved(systems, steps), 1):
        step = next(step for step in steps if step["case"] == number)
        used = set(step["lines"])
        lines += ["", f"Case {number} of {len(systems)}", "", "Axioms:"]
        label = ""
        for axiom in system.axioms:
            if axiom.label == "best response":
                continue
            if axiom.label != label:
                label = axiom.label
                lines.append(f"  {label or 'definition of a computed value'}")
            lines.append(f"    {axiom}")
        if system.lemmas:
            lines += ["", f"Lemmas (case{number}-lemma*.smt2), which the simpler definitions above rest on:"]
            lines += [f"  {label}" for label in labels(system)]
        if step.get("reduced"):
            lines += ["", f"Variables are eliminated first; every step is proved by itself (case{number}-step*.smt2)."]
        lines += ["", "The algorithm's result is no worse than t if t <= each of some line's rows, where 0 <= q <= 1:"]
        for line in system.lines:
            if line.label in used:
                lines.append(f"  {line.label}")
                lines += [f"    t <= {row}" for row in line.rows]
    return "\n".join(lines) + "\n"
