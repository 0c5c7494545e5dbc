"""Proofs in boxes: no state is lost to a box, a mixture or a product's limits, and no box can be left out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from nash_bundles import CONTEXT, document, files, task_of

from discovery.tasks.nash import zoo
from discovery.tasks.nash.certificate import recipe, texts
from discovery.tasks.nash.compiler.symmetry import symmetric
from discovery.tasks.nash.compiler.system import System, compile_program
from discovery.tasks.nash.language import NashLanguage
from discovery.tasks.nash.proof.counterexample import Counterexample, from_model, violations
from discovery.tasks.nash.proof.cover import Cover, Patience, covered
from discovery.tasks.nash.proof.prove import Piece
from discovery.tasks.nash.solvers.encoding import target_problem
from discovery.tasks.nash.solvers.process import Solver
from discovery.tasks.nash.solvers.relaxation import Mixture, Relaxation, branching
from discovery.tasks.nash.solvers.smtlib import smtlib

LIMITS = Patience(questions=200)
BOUND = Fraction(2, 5)
#: Bound, boxes and a state for `zoo/joint3.py`, as `proof.descent` found them; axioms by what they say.
JOINT3 = json.loads((Path(__file__).parent / "joint3_proof.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def solver() -> Iterator[Solver]:
    with Solver() as made:
        yield made


@cache
def system(name: str) -> System:
    (found,) = compile_program(NashLanguage(zoo.KNOWN[name].players).algorithm(zoo.source(name)))
    return found


@cache
def proof() -> Cover:
    with Solver() as made:
        return covered(1, system("ts"), BOUND, made, LIMITS)


def steps(found: Cover, name: str = "ts") -> list[dict[str, Any]]:
    lines = tuple(line.label for line in system(name).lines)
    return recipe([Piece(1, "", 4, lines, tuple(found.parts))], [system(name)])


def answers(recipe_: list[dict[str, Any]], solver: Solver, name: str = "ts", bound: Fraction = BOUND) -> dict[str, str]:
    """What both solvers say of every text: one word where they agree."""
    found = {}
    for file, text in texts([system(name)], bound, recipe_).items():
        first = solver.decide(text, ordering=4, work=10**8, seconds=60)["answer"]
        second = solver.second(text, work=10**7, seconds=60)["answer"]
        found[file] = first if first == second else f"{first}, {second}"
    return found


def test_boxes_prove_a_bound_and_both_solvers_agree(solver: Solver) -> None:
    assert proof().answer == "unsat" and len(proof().parts) > 3
    assert set(answers(steps(proof()), solver).values()) == {"unsat"}


def test_no_box_can_be_left_out_or_shrunk(solver: Solver) -> None:
    whole = steps(proof())
    for index in range(len(whole[0]["parts"])):
        fewer = [{**whole[0], "parts": whole[0]["parts"][:index] + whole[0]["parts"][index + 1 :]}]
        text = texts([system("ts")], BOUND, fewer)["case1-cover.smt2"]
        assert solver.decide(text, ordering=4, work=10**7, seconds=30)["answer"] == "sat"
    smaller = json.loads(json.dumps(whole))
    (name, (low, high)), *_ = smaller[0]["parts"][0]["box"].items()
    smaller[0]["parts"][0]["box"][name] = [low, str((Fraction(low) + 9 * Fraction(high)) / 10)]
    assert answers(smaller, solver)["case1-cover.smt2"] == "sat"


@pytest.mark.parametrize("lost", [False, True])
def test_a_bundle_without_one_of_its_boxes_is_refused(lost: bool) -> None:
    """The search's verdict does not come out again either way: this bound is not what the stages find."""
    parts = steps(proof())
    if lost:
        parts[0]["parts"] = parts[0]["parts"][1:]
    told = document("ts")
    told["search"]["verdicts"][-1]["evidence"] |= {"bound": str(BOUND), "proof": parts}
    result = task_of("ts").verify(files("ts", told), told, CONTEXT)
    failing = {name: detail for name, holds, detail in result.checks if not holds}
    boxes = [detail for name, _, detail in result.checks if "boxes" in detail]
    assert failing.keys() == ({"Z3", "cvc5"} if lost else {"search"}), failing
    assert len(boxes) == 2 and f"boxes: {len(parts[0]['parts'])}, all unsatisfiable" in boxes[0]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda part: part["mixtures"].append([part["mixtures"][0][0], ["1/2", "1/3"]]),
        lambda part: part["mixtures"].append([part["mixtures"][0][0], ["3/2", "-1/2"]]),
        lambda part: part["mixtures"].append([part["mixtures"][0][0], ["1"]]),
        lambda part: part["mixtures"].append(["line of player 1 at nothing", ["1"]]),
        lambda part: part["axioms"].append(len(system("ts").axioms)),
        lambda part: part["axioms"].append(-1),
        lambda part: part["box"].clear(),
        lambda part: part["box"].update({"U1(x,y)": ["0", "1/2"]}),
        lambda part: part["box"].update({name: ["0", "2"] for name in part["box"]}),
    ],
)
def test_nothing_but_axioms_and_mixtures_can_be_asked_of_a_state(spoil: Any) -> None:
    """A row that is no axiom of the program, or weights that are no mixture, would prove anything."""
    parts = steps(proof())
    spoil(next(part for part in parts[0]["parts"] if part["mixtures"]))
    with pytest.raises((ValueError, KeyError)):
        texts([system("ts")], BOUND, parts)


@cache
def worst(name: str, target: str) -> dict[str, str]:
    """An exact state of a program in which every line is above `target`."""
    problem = target_problem(system(name), Fraction(target), regrets=True)
    with Solver() as made:
        model = made.decide(smtlib(problem), ordering=4, work=10**8, seconds=60)["model"]
    return {key: value for key, value in model.items() if key in system(name).state.variables}


@settings(max_examples=30, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(st.data())
def test_no_state_above_the_target_is_lost(solver: Solver, data: st.DataObject) -> None:
    """Whatever box around it, and whatever axioms and mixtures are asked for: the state meets the text."""
    target = Fraction(33, 100)
    values = worst("ts", "0.33")
    relaxation = Relaxation(system("ts"), target)
    box = {}
    for name in branching(system("ts")):
        share = st.fractions(0, 1, max_denominator=50)
        value = Fraction(values[name])
        box[name] = (value * data.draw(share), value + (1 - value) * data.draw(share))
    mixtures = []
    for index, line in enumerate(system("ts").lines):
        parts = data.draw(st.lists(st.integers(0, 9), min_size=len(line.points), max_size=len(line.points)))
        if sum(parts):
            mixtures.append(Mixture(index, tuple(Fraction(part, sum(parts)) for part in parts)))
    usable = [index for index in range(len(system("ts").axioms)) if relaxation.usable(index)]
    axioms = data.draw(st.sets(st.sampled_from(usable)))
    text = relaxation.text(box, axioms, mixtures)
    known = {name: value for name, value in values.items() if f"(declare-const |{name}| Real)" in text}
    pinned = "".join(
        f"(assert (= |{name}| (/ {Fraction(v).numerator} {Fraction(v).denominator})))\n" for name, v in known.items()
    )
    found = solver.decide(text.replace("(check-sat)", f"{pinned}(check-sat)"), ordering=4, work=10**7, seconds=30)
    assert found["answer"] == "sat"


@pytest.mark.parametrize(("name", "target"), [("ts", "0.33"), ("dmp", "0.4"), ("dfm", "0.33"), ("extension3", "0.59")])
def test_what_a_state_refutes_boxes_do_not_prove(solver: Solver, name: str, target: str) -> None:
    found = covered(1, system(name), Fraction(target), solver, LIMITS)
    assert found.answer != "unsat"
    if found.counterexample is not None:
        assert found.counterexample.exact and found.counterexample.value > Fraction(target)


def test_a_limit_of_questions_leaves_a_bound_unproved(solver: Solver) -> None:
    found = covered(1, system("ts"), Fraction("0.34"), solver, Patience(questions=5))
    assert found.answer == "unknown" and "5 questions" in found.reason


def test_the_bound_of_joint3_is_proved_again(solver: Solver) -> None:
    """Three players below 3/5: every box, and that there is no other; that the players are alike is checked."""
    bound = Fraction(JOINT3["bound"])
    assert bound <= zoo.KNOWN["joint3"].bound < Fraction(3, 5)
    alike = symmetric(system("joint3"), JOINT3["symmetries"], branching(system("joint3")))
    places = {f"{axiom.label}: {axiom}": index for index, axiom in enumerate(alike.axioms)}
    axioms = [places[each] for each in JOINT3["axioms"]]
    parts = [part | {"axioms": [axioms[index] for index in part["axioms"]]} for part in JOINT3["parts"]]
    step = {"case": 1, "ordering": 4, "regrets": False, "lines": [], "simpler": [], "parts": parts}
    found = texts([system("joint3")], bound, [step | {"symmetries": JOINT3["symmetries"]}])
    told = {name: solver.decide(text, ordering=4, work=10**8, seconds=60)["answer"] for name, text in found.items()}
    assert set(told.values()) == {"unsat"} and "case1-cover.smt2" in told
    with pytest.raises(ValueError, match="does not exist"):
        texts([system("joint3")], bound, [step])  # the boxes leave out what the symmetries make superfluous


def test_a_state_of_joint3_is_just_below() -> None:
    """1 / sqrt 3 = 0.57735 is what this program guarantees at best, as far as its axioms say."""
    values = from_model(JOINT3["state"])
    assert violations(system("joint3"), values) == []
    found = Counterexample.at(1, system("joint3"), values)
    assert found.exact and zoo.KNOWN["joint3"].below < found.value < Fraction("0.5774")
