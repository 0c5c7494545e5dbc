"""Confirmation of a finalist: its bound is proved again, from the source alone, with more work and from both sides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from discovery.model import Evidence
from discovery.tasks.nash.certificate import recipe
from discovery.tasks.nash.compiler.system import System
from discovery.tasks.nash.language import NashLanguage
from discovery.tasks.nash.proof.cover import Patience
from discovery.tasks.nash.proof.prove import CHECK, Outcome, prove
from discovery.tasks.nash.reduce import reduced
from discovery.tasks.nash.stages import Judge, sharp

__all__ = ["confirm"]


#: Questions to Z3 for a proof in boxes.
_BOXES = Patience(questions=4000)


def confirm(language: NashLanguage, source: str, tell: Callable[[str], None]) -> Evidence:
    """What can be proved of the program. A bound that stays unproved is not confirmed; nothing is claimed then.
    `tell` gets lines about the progress."""
    judge = Judge(language, tell)
    try:
        outcome, systems = _proved(judge, source)
    finally:
        judge.solver.close()
    if outcome.bound is None:
        claim = f"no bound was proved ({outcome.status}); nothing is claimed"
        return Evidence(False, claim, None, -1.0, (-1.0, 0.0), data={"outcome": outcome.status})
    bound = float(outcome.bound)
    low = 0.0 if outcome.refuted is None else float(outcome.refuted)
    claim = f"in every game the algorithm ends with regrets of at most {outcome.bound} = {bound:.6f}, proved by Z3"
    data = {
        "outcome": outcome.status,
        "bound": str(outcome.bound),
        "refuted": None if outcome.refuted is None else str(outcome.refuted),
        "counterexample": None if outcome.counterexample is None else outcome.counterexample.to_json(),
        "proof": recipe(outcome.pieces, systems),
        "proof_seconds": outcome.proof_seconds,
    }
    return Evidence(True, claim, None, -bound, (-bound, -low), data=data)


def _proved(judge: Judge, source: str) -> tuple[Outcome, list[System]]:
    """The outcome, and the systems that its proof is about: never worse than what search finds of the same source."""
    if judge.language.players > 2:
        form = judge.language.lower(source)
        systems = judge.systems(form)
        found = judge.course.boxes(reduced(form, judge.language.words), systems, _BOXES)
        if found.bound is not None:
            return found, systems
        return prove(systems, judge.solver, replace(CHECK, tighten=False)), systems
    searched, systems = judge.proved(source)
    if searched.status == "vacuous" or sharp(searched):
        return searched, systems
    found = prove(systems, judge.solver, CHECK, below=searched.bound)
    if searched.bound is None or found.bound is not None or found.status == "vacuous":
        return found, systems
    if searched.counterexample is None:
        searched.refuted, searched.counterexample = found.refuted, found.counterexample
    return searched, systems
